//! The fields, and how a change of each ends.

use serde_json::{Value, json};

/// What to write into the spec of the object of a name.
type Change = fn(&str) -> Value;

/// How a change of a field ends.
#[derive(Clone, Copy)]
pub(super) enum Ends {
    /// As a fresh object with the new spec does.
    AsFresh(Change),
    /// As an object that was never changed: only a creation uses it.
    AtCreation(Change),
    /// With words, at admission: the named test shows it.
    Refused(&'static str),
    /// As a test shows that has more to say of it.
    ShownBy(&'static str),
    /// There is no other value.
    OnlyValue,
}

pub(super) struct Row {
    pub(super) field: &'static str,
    pub(super) ends: Ends,
}

impl Row {
    pub(super) fn change(&self) -> Option<Change> {
        match self.ends {
            Ends::AsFresh(change) | Ends::AtCreation(change) => Some(change),
            Ends::Refused(_) | Ends::ShownBy(_) | Ends::OnlyValue => None,
        }
    }
}

const fn row(field: &'static str, ends: Ends) -> Row {
    Row { field, ends }
}

use Ends::{AsFresh, AtCreation, OnlyValue, Refused, ShownBy};

#[rustfmt::skip] // a table
pub(super) const BINDING: &[Row] = &[
    row("connectionRef.kind", OnlyValue),
    row("connectionRef.name", ShownBy("a_binding_moves_to_a_connection_of_the_same_configuration")),
    row("connectionRef.namespace", ShownBy("a_connection_that_admits_no_other_namespace_is_reported_as_missing")),
    row("deletionPolicy", AsFresh(|_| json!({"deletionPolicy": "Orphan"}))),
    row("managementPolicy", ShownBy("an_observing_binding_reports_and_writes_nothing")),
    row("mode", AsFresh(|_| json!({"mode": "Import"}))),
    row("monorepo", AsFresh(|_| json!({"monorepo": true}))),
    row("onRepositoryMoved", AsFresh(|_| json!({"onRepositoryMoved": "Follow"}))),
    row("repository.project", AsFresh(|_| json!({"repository": {"project": "OPS"}}))),
    row("repository.slug", AsFresh(|name| json!({"repository": {"slug": format!("{name}-moved")}}))),
    row("sonarqubeProject.key", Refused("a_project_key_is_immutable_during_a_creation")),
    row("sonarqubeProject.name", AtCreation(|_| json!({"sonarqubeProject": {"name": "Another"}}))),
    row("sonarqubeProject.newCodeDefinition.branch", AsFresh(|_| json!({
        "sonarqubeProject": {"newCodeDefinition": {"type": "ReferenceBranch", "branch": "main", "days": null}},
    }))),
    row("sonarqubeProject.newCodeDefinition.days", AsFresh(|_| json!({
        "sonarqubeProject": {"newCodeDefinition": {"days": 30}},
    }))),
    row("sonarqubeProject.newCodeDefinition.type", AsFresh(|_| json!({
        "sonarqubeProject": {"newCodeDefinition": {"type": "PreviousVersion", "days": null}},
    }))),
    row("sonarqubeProject.visibility", AsFresh(|_| json!({"sonarqubeProject": {"visibility": "Public"}}))),
    row("sonarqubeProject.visibilityPolicy", AsFresh(|_| json!({"sonarqubeProject": {"visibilityPolicy": "Always"}}))),
    row("suspend", ShownBy("a_suspended_binding_is_left_alone_until_it_is_resumed")),
];

/// No certificate is in it.
const NO_BUNDLE: &str = "sonarqube-token";

#[rustfmt::skip] // a table
pub(super) const CONNECTION: &[Row] = &[
    row("access[].name", AsFresh(|_| access(&json!({"name": "another"})))),
    row("access[].namespaceSelector.matchExpressions[].key", AsFresh(|_| expression("Exists", &json!(null)))),
    row("access[].namespaceSelector.matchExpressions[].operator", AsFresh(|_| expression("DoesNotExist", &json!(null)))),
    row("access[].namespaceSelector.matchExpressions[].values[]", AsFresh(|_| expression("In", &json!(["b", "c"])))),
    row("access[].namespaceSelector.matchLabels", AsFresh(|_| access(&json!({
        "namespaceSelector": {"matchLabels": {"team": "another"}},
    })))),
    row("access[].repositories[]", AsFresh(|_| access(&json!({"repositories": ["OPS/*"]})))),
    row("access[].repositoriesFrom.namespaceAnnotation", ShownBy("a_binding_waits_until_its_namespace_lists_its_repository")),
    row("access[].sonarqubeProjects[]", AsFresh(|_| access(&json!({"sonarqubeProjects": ["pay_*"]})))),
    row("adoptionPolicy", AsFresh(|_| json!({"adoptionPolicy": "Never"}))),
    row("bitbucket.caBundleRef.key", AsFresh(|_| bundle("bitbucket", "token"))),
    row("bitbucket.caBundleRef.kind", AsFresh(|_| bundle("bitbucket", "token"))),
    row("bitbucket.caBundleRef.name", AsFresh(|_| bundle("bitbucket", "absent"))),
    row("bitbucket.importTokenSecretRef.key", AsFresh(|_| json!({"bitbucket": {"importTokenSecretRef": {"name": "bitbucket-token", "key": "another"}}}))),
    row("bitbucket.importTokenSecretRef.name", AsFresh(|_| json!({"bitbucket": {"importTokenSecretRef": {"name": "second-token"}}}))),
    row("bitbucket.tokenSecretRef.key", AsFresh(|_| json!({"bitbucket": {"tokenSecretRef": {"key": "another"}}}))),
    row("bitbucket.tokenSecretRef.name", AsFresh(|_| json!({"bitbucket": {"tokenSecretRef": {"name": "second-token"}}}))),
    row("bitbucket.url", ShownBy("each_error_of_a_connection_is_named_and_can_be_corrected")),
    row("configurationName", AsFresh(|name| json!({"configurationName": format!("renamed-{name}")}))),
    row("configurationPolicy", ShownBy("a_change_of_the_policy_begins_anew")),
    row("deletionPolicy", AsFresh(|_| json!({"deletionPolicy": "Delete"}))),
    row("interval", AsFresh(|_| json!({"interval": "20m"}))),
    row("managementPolicy", ShownBy("differences_under_an_observing_connection_are_reported_and_corrected_later")),
    row("sonarqube.caBundleRef.key", AsFresh(|_| bundle("sonarqube", "token"))),
    row("sonarqube.caBundleRef.kind", AsFresh(|_| bundle("sonarqube", "token"))),
    row("sonarqube.caBundleRef.name", AsFresh(|_| bundle("sonarqube", "absent"))),
    row("sonarqube.serverBaseURL", ShownBy("of_two_base_urls_for_one_server_the_older_is_kept")),
    row("sonarqube.tokenSecretRef.key", AsFresh(|_| json!({"sonarqube": {"tokenSecretRef": {"key": "another"}}}))),
    row("sonarqube.tokenSecretRef.name", ShownBy("a_new_sonarqube_token_is_used_at_once")),
    row("sonarqube.url", ShownBy("each_error_of_a_connection_is_named_and_can_be_corrected")),
    row("suspend", ShownBy("under_a_suspended_connection_nothing_is_written_and_everything_later")),
];

fn access(entry: &Value) -> Value {
    let mut entries = json!({
        "name": "payments",
        "namespaceSelector": {"matchLabels": {"team": "payments"}},
        "repositories": ["PAY/*"],
    });
    super::merge(&mut entries, entry.clone());
    json!({"access": [entries]})
}

fn expression(operator: &str, values: &Value) -> Value {
    let mut expression = json!({"key": "team", "operator": operator});
    super::merge(&mut expression, json!({"values": values}));
    access(&json!({"namespaceSelector": {"matchLabels": null, "matchExpressions": [expression]}}))
}

fn bundle(server: &str, key: &str) -> Value {
    json!({server: {"caBundleRef": {"kind": "Secret", "name": NO_BUNDLE, "key": key}}})
}
