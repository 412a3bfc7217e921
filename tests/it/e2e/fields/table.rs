//! The fields, and how a change of each ends.

use serde_json::{Value, json};

/// What a change is made from.
pub(crate) struct Given<'a> {
    /// The name of the object.
    pub(crate) name: &'a str,
    pub(crate) bitbucket: &'a str,
    pub(crate) sonarqube: &'a str,
}

/// What to write into the spec of an object.
pub(crate) type Change = fn(&Given<'_>) -> Value;

/// How a change of a field ends.
#[derive(Clone, Copy)]
pub(crate) enum Ends {
    /// As a fresh object with the new spec does.
    AsFresh(Change),
    /// The same, as a test shows that has more to say of it.
    ShownBy(&'static str),
    /// As an object that was never changed: only a creation uses it. The guide lists it.
    AtCreation(Change),
    /// Otherwise than a fresh object, or with words: the guide lists it, and the named test shows it.
    Otherwise(&'static str),
    /// There is no other value.
    OnlyValue,
}

pub(crate) struct Row {
    pub(crate) field: &'static str,
    pub(crate) ends: Ends,
}

impl Row {
    pub(crate) fn change(&self) -> Option<Change> {
        match self.ends {
            Ends::AsFresh(change) | Ends::AtCreation(change) => Some(change),
            Ends::Otherwise(_) | Ends::ShownBy(_) | Ends::OnlyValue => None,
        }
    }
}

const fn row(field: &'static str, ends: Ends) -> Row {
    Row { field, ends }
}

use Ends::{AsFresh, AtCreation, OnlyValue, Otherwise, ShownBy};

#[rustfmt::skip] // a table
pub(crate) const BINDING: &[Row] = &[
    row("connectionRef.kind", OnlyValue),
    row("connectionRef.name", Otherwise("a_binding_moves_to_a_connection_of_the_same_configuration")),
    row("connectionRef.namespace", Otherwise("a_binding_does_not_move_to_another_configuration")),
    row("deletionPolicy", AsFresh(|_| json!({"deletionPolicy": "Orphan"}))),
    row("managementPolicy", Otherwise("an_observing_binding_reports_and_writes_nothing")),
    row("mode", AsFresh(|_| json!({"mode": "Import"}))),
    row("monorepo", AsFresh(|_| json!({"monorepo": true}))),
    row("onRepositoryMoved", AsFresh(|_| json!({"onRepositoryMoved": "Follow"}))),
    row("repository.project", AsFresh(|_| json!({"repository": {"project": "OPS"}}))),
    row("repository.slug", AsFresh(|given| json!({"repository": {"slug": format!("{}-moved", given.name)}}))),
    row("sonarqubeProject.key", Otherwise("a_project_key_in_use_is_neither_changed_nor_removed")),
    row("sonarqubeProject.name", AtCreation(|_| json!({"sonarqubeProject": {"name": "Another"}}))),
    row("sonarqubeProject.newCodeDefinition.branch", AsFresh(|_| new_code(&json!({"type": "ReferenceBranch", "branch": "main", "days": null})))),
    row("sonarqubeProject.newCodeDefinition.days", AsFresh(|_| new_code(&json!({"days": 30})))),
    row("sonarqubeProject.newCodeDefinition.type", AsFresh(|_| new_code(&json!({"type": "PreviousVersion", "days": null})))),
    row("sonarqubeProject.visibility", AsFresh(|_| json!({"sonarqubeProject": {"visibility": "Public"}}))),
    row("sonarqubeProject.visibilityPolicy", AsFresh(|_| json!({"sonarqubeProject": {"visibilityPolicy": "Always"}}))),
    row("suspend", Otherwise("a_suspended_binding_is_left_alone_until_it_is_resumed")),
];

fn new_code(definition: &Value) -> Value {
    json!({"sonarqubeProject": {"newCodeDefinition": definition}})
}

const DEFAULTS: &str = "defaults_are_recorded_and_a_later_change_is_for_new_bindings_only";

#[rustfmt::skip] // a table
pub(crate) const CONNECTION: &[Row] = &[
    row("access[].name", AsFresh(|_| access(json!({"name": "another"})))),
    row("access[].namespaceSelector.matchExpressions[].key", AsFresh(|_| expression("Exists", &json!(null)))),
    row("access[].namespaceSelector.matchExpressions[].operator", AsFresh(|_| expression("DoesNotExist", &json!(null)))),
    row("access[].namespaceSelector.matchExpressions[].values[]", AsFresh(|_| expression("In", &json!(["b", "c"])))),
    row("access[].namespaceSelector.matchLabels", AsFresh(|_| access(json!({
        "namespaceSelector": {"matchLabels": {"team": "another"}},
    })))),
    row("access[].repositories[]", AsFresh(|_| access(json!({"repositories": ["OPS/*"]})))),
    row("access[].repositoriesFrom.namespaceAnnotation", AsFresh(|_| access(json!({
        "repositories": null, "repositoriesFrom": {"namespaceAnnotation": "example.com/repositories"},
    })))),
    row("access[].sonarqubeProjects[]", AsFresh(|_| access(json!({"sonarqubeProjects": ["pay_*"]})))),
    row("adoptionPolicy", AsFresh(|_| json!({"adoptionPolicy": "Never"}))),
    row("bindingDefaults.deletionPolicy", Otherwise(DEFAULTS)),
    row("bindingDefaults.sonarqubeProject.keyTemplate", Otherwise(DEFAULTS)),
    row("bindingDefaults.sonarqubeProject.newCodeDefinition.branch", Otherwise(DEFAULTS)),
    row("bindingDefaults.sonarqubeProject.newCodeDefinition.days", Otherwise(DEFAULTS)),
    row("bindingDefaults.sonarqubeProject.newCodeDefinition.type", Otherwise(DEFAULTS)),
    row("bindingDefaults.sonarqubeProject.visibility", Otherwise(DEFAULTS)),
    row("bitbucket.caBundleRef.key", AsFresh(|_| bundle("bitbucket", "second-token", "another"))),
    row("bitbucket.caBundleRef.kind", AsFresh(|_| bundle("bitbucket", "second-token", "token"))),
    row("bitbucket.caBundleRef.name", AsFresh(|_| bundle("bitbucket", "bitbucket-token", "token"))),
    row("bitbucket.importTokenSecretRef.key", AsFresh(|_| json!({"bitbucket": {"importTokenSecretRef": {"name": "bitbucket-token", "key": "another"}}}))),
    row("bitbucket.importTokenSecretRef.name", AsFresh(|_| json!({"bitbucket": {"importTokenSecretRef": {"name": "second-token"}}}))),
    row("bitbucket.tokenSecretRef.key", AsFresh(|_| json!({"bitbucket": {"tokenSecretRef": {"key": "another"}}}))),
    row("bitbucket.tokenSecretRef.name", AsFresh(|_| json!({"bitbucket": {"tokenSecretRef": {"name": "second-token"}}}))),
    row("bitbucket.url", AsFresh(|given| json!({"bitbucket": {"url": by_name(given.bitbucket)}}))),
    row("configurationName", AsFresh(|given| json!({"configurationName": format!("renamed-{}", given.name)}))),
    row("configurationPolicy", ShownBy("a_change_of_the_policy_begins_anew")),
    row("deletionPolicy", AsFresh(|_| json!({"deletionPolicy": "Delete"}))),
    row("interval", AsFresh(|_| json!({"interval": "20m"}))),
    row("managementPolicy", Otherwise("differences_under_an_observing_connection_are_reported_and_corrected_later")),
    row("sonarqube.caBundleRef.key", AsFresh(|_| bundle("sonarqube", "second-token", "another"))),
    row("sonarqube.caBundleRef.kind", AsFresh(|_| bundle("sonarqube", "second-token", "token"))),
    row("sonarqube.caBundleRef.name", AsFresh(|_| bundle("sonarqube", "bitbucket-token", "token"))),
    row("sonarqube.serverBaseURL", ShownBy("of_two_base_urls_for_one_server_the_older_is_kept")),
    row("sonarqube.tokenSecretRef.key", AsFresh(|_| json!({"sonarqube": {"tokenSecretRef": {"key": "another"}}}))),
    row("sonarqube.tokenSecretRef.name", ShownBy("a_new_sonarqube_token_is_used_at_once")),
    row("sonarqube.url", AsFresh(|given| json!({"sonarqube": {"url": by_name(given.sonarqube)}}))),
    row("suspend", Otherwise("under_a_suspended_connection_nothing_is_written_and_everything_later")),
];

const SELECTED: &str = "a_change_of_what_a_set_selects_takes_no_binding_away";

#[rustfmt::skip] // a table
pub(crate) const SET: &[Row] = &[
    row("connectionRef.kind", OnlyValue),
    row("connectionRef.name", AsFresh(|_| json!({"connectionRef": {"name": "second"}}))),
    row("connectionRef.namespace", ShownBy("the_template_identifies_what_is_applied_and_not_the_names")),
    row("deletionPolicy", ShownBy(SELECTED)),
    row("limits.deletedPerInterval", ShownBy(SELECTED)),
    row("limits.newPerInterval", ShownBy("no_more_is_created_in_an_interval_than_the_limit")),
    row("onRepositoryGone", ShownBy("the_bindings_of_deleted_repositories_are_kept_by_default")),
    row("select[].exclude[]", Otherwise(SELECTED)),
    row("select[].include[]", Otherwise(SELECTED)),
    row("select[].project", Otherwise(SELECTED)),
    row("select[].skip[]", Otherwise(SELECTED)),
    row("suspend", Otherwise(SELECTED)),
    row("template.metadata.annotations", AsFresh(|_| json!({"template": {"metadata": {"annotations": {"example.com/team": "payments"}}}}))),
    row("template.metadata.labels", AsFresh(|_| json!({"template": {"metadata": {"labels": {"team": "payments"}}}}))),
    row("template.nameTemplate", Otherwise(SELECTED)),
    row("template.spec.deletionPolicy", AsFresh(|_| of_each(&json!({"deletionPolicy": "Orphan"})))),
    row("template.spec.managementPolicy", AsFresh(|_| of_each(&json!({"managementPolicy": "Observe"})))),
    row("template.spec.mode", AsFresh(|_| of_each(&json!({"mode": "Import"})))),
    row("template.spec.onRepositoryMoved", AsFresh(|_| of_each(&json!({"onRepositoryMoved": "Follow"})))),
    row("template.spec.sonarqubeProject.newCodeDefinition.branch", AsFresh(|_| of_each(&new_code(&json!({"type": "ReferenceBranch", "branch": "main"}))))),
    row("template.spec.sonarqubeProject.newCodeDefinition.days", AsFresh(|_| of_each(&new_code(&json!({"type": "NumberOfDays", "days": 30}))))),
    row("template.spec.sonarqubeProject.newCodeDefinition.type", AsFresh(|_| of_each(&new_code(&json!({"type": "PreviousVersion"}))))),
    row("template.spec.sonarqubeProject.visibility", AsFresh(|_| of_each(&json!({"sonarqubeProject": {"visibility": "Public"}})))),
    row("template.spec.sonarqubeProject.visibilityPolicy", AsFresh(|_| of_each(&json!({"sonarqubeProject": {"visibilityPolicy": "Always"}})))),
];

fn of_each(spec: &Value) -> Value {
    json!({"template": {"spec": spec}})
}

fn access(entry: Value) -> Value {
    let mut entries = json!({
        "name": "payments",
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "payments"}},
        "repositories": ["PAY/*"],
    });
    super::merge(&mut entries, entry);
    json!({"access": [entries]})
}

fn expression(operator: &str, values: &Value) -> Value {
    let mut expression = json!({"key": "team", "operator": operator});
    super::merge(&mut expression, json!({"values": values}));
    access(json!({"namespaceSelector": {"matchLabels": null, "matchExpressions": [expression]}}))
}

/// A Secret without a certificate.
fn bundle(server: &str, name: &str, key: &str) -> Value {
    json!({server: {"caBundleRef": {"kind": "Secret", "name": name, "key": key}}})
}

/// The same server under its name.
fn by_name(url: &str) -> String {
    url.replace("127.0.0.1", "localhost")
}
