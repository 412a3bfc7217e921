//! Whom a connection admits.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt as _;
use kube::core::{Selector, SelectorExt as _};

use crate::crd::{AccessEntry, BitbucketConnection, ProjectBinding};
use crate::declared;
use crate::plan::{Access, AccessRule};

/// Whether a connection admits a binding with the key that it holds or wants. `labels` are those of its namespace.
pub(crate) fn is_admitted(
    binding: &ProjectBinding,
    connection: &BitbucketConnection,
    labels: Option<&BTreeMap<String, String>>,
) -> bool {
    let held = declared::record(binding).accepted;
    let key = held.map(|accepted| accepted.key);
    let key = key.or_else(|| declared::wanted_key(binding));
    let repository = declared::repository(&binding.spec).ok();
    let access = of(binding, connection, labels);
    key.zip(repository)
        .zip(access)
        .is_some_and(|((key, repository), access)| access.admits(&repository, &key))
}

/// What a connection admits for the namespace of a binding, which has these labels. `None`: nothing at all.
pub(crate) fn of(
    binding: &ProjectBinding,
    connection: &BitbucketConnection,
    labels: Option<&BTreeMap<String, String>>,
) -> Option<Access> {
    if connection.namespace() == binding.namespace() {
        return Some(Access::Own);
    }
    let labels = labels?;
    let rules: Vec<_> = connection
        .spec
        .access
        .iter()
        .filter(|entry| selects(&entry.namespace_selector, labels))
        .map(
            |AccessEntry {
                 repositories,
                 sonarqube_projects,
                 ..
             }| AccessRule {
                repositories: repositories.clone(),
                projects: sonarqube_projects.clone(),
            },
        )
        .collect();
    (!rules.is_empty()).then_some(Access::Admitted(rules))
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

    #[test]
    fn a_selector_that_cannot_be_read_selects_nothing() {
        let odd = serde_json::json!({"matchExpressions": [{"key": "team", "operator": "Near"}]});
        assert!(!selects(&selector(odd), &BTreeMap::new()));
    }
}
