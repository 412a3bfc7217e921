//! Whom a connection admits.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use kube::ResourceExt as _;
use kube::core::{Selector, SelectorExt as _};

use crate::crd::{AccessEntry, BitbucketConnection, ProjectBinding};
use crate::declared;
use crate::identity::KeyTemplate;
use crate::plan::{Access, AccessRule, AdmittedKeys, patterns};

/// Whether a connection admits a binding with the key that it holds or wants. `namespace` is that of the binding.
pub(crate) fn is_admitted(
    binding: &ProjectBinding,
    connection: &BitbucketConnection,
    namespace: Option<&ObjectMeta>,
) -> bool {
    let held = declared::record(binding).accepted;
    let key = held.map(|accepted| accepted.key);
    let key = key.or_else(|| declared::wanted_key(binding, Some(connection)));
    let repository = declared::repository(&binding.spec).ok();
    let access = of(binding, connection, namespace);
    key.zip(repository)
        .zip(access)
        .is_some_and(|((key, repository), access)| access.admits(&repository, &key))
}

/// What a connection admits for the namespace of a binding. `None`: nothing at all.
pub(crate) fn of(
    binding: &ProjectBinding,
    connection: &BitbucketConnection,
    namespace: Option<&ObjectMeta>,
) -> Option<Access> {
    let own = binding.namespace().unwrap_or_default();
    let keys = declared::resolved(binding, Some(connection)).keys.ok()?;
    within(&own, (connection, &keys), namespace)
}

/// What a connection admits for a namespace whose bindings have their keys by this template. `None`: nothing at all.
pub(crate) fn within(
    own: &str,
    (connection, keys): (&BitbucketConnection, &KeyTemplate),
    namespace: Option<&ObjectMeta>,
) -> Option<Access> {
    if connection.namespace().as_deref() == Some(own) {
        return Some(Access::Own);
    }
    let namespace = namespace?;
    let unlabelled = BTreeMap::new();
    let labels = namespace.labels.as_ref().unwrap_or(&unlabelled);
    let rules: Vec<_> = connection
        .spec
        .access
        .iter()
        .filter(|entry| selects(&entry.namespace_selector, labels))
        .map(|entry| AccessRule {
            repositories: repositories(entry, namespace),
            projects: match &entry.sonarqube_projects {
                None => AdmittedKeys::Default(keys.clone()),
                Some(patterns) => AdmittedKeys::Matching(patterns.clone()),
            },
        })
        .collect();
    (!rules.is_empty()).then_some(Access::Admitted(rules))
}

/// The patterns of an entry: its own, or those that the namespace lists.
fn repositories(entry: &AccessEntry, namespace: &ObjectMeta) -> Vec<String> {
    let Some(source) = &entry.repositories_from else {
        return entry.repositories.clone().unwrap_or_default();
    };
    let annotations = namespace.annotations.as_ref();
    let list = annotations.and_then(|annotations| annotations.get(&source.namespace_annotation));
    list.map_or_else(Vec::new, |list| patterns(list))
}

/// Whether a selector selects a namespace with these labels. An empty selector selects every namespace; an invalid one
/// selects none.
fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    Selector::try_from(selector.clone()).is_ok_and(|selector| selector.matches(labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(json: serde_json::Value) -> LabelSelector {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn an_empty_selector_selects_every_namespace() {
        let labels = BTreeMap::from([("team".to_owned(), "payments".to_owned())]);
        assert!(selects(&selector(serde_json::json!({})), &labels));
        let payments = selector(serde_json::json!({"matchLabels": {"team": "payments"}}));
        assert!(selects(&payments, &labels));
        assert!(!selects(&payments, &BTreeMap::new()));
    }

    /// Promise: one entry serves all labelled namespaces, each with the repositories that it lists itself.
    #[test]
    fn a_namespace_lists_its_own_repositories() {
        let entry: AccessEntry = serde_json::from_value(serde_json::json!({
            "name": "teams", "namespaceSelector": {},
            "repositoriesFrom": {"namespaceAnnotation": "bindery.dev/repositories"},
        }))
        .unwrap();
        let listing = |list: &str| ObjectMeta {
            annotations: Some([("bindery.dev/repositories".to_owned(), list.to_owned())].into()),
            ..ObjectMeta::default()
        };
        assert_eq!(
            repositories(&entry, &listing("PAY/*, OPS/deploy")),
            ["PAY/*", "OPS/deploy"]
        );
        assert!(repositories(&entry, &ObjectMeta::default()).is_empty());
    }

    #[test]
    fn a_selector_that_cannot_be_read_selects_nothing() {
        let odd = serde_json::json!({"matchExpressions": [{"key": "team", "operator": "Near"}]});
        assert!(!selects(&selector(odd), &BTreeMap::new()));
    }
}
