//! The connection of a binding, and what it admits.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt as _;
use kube::core::{PartialObjectMeta, Selector, SelectorExt as _};
use kube::runtime::reflector::ObjectRef;

use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::crd::{AccessEntry, BitbucketConnection, ProjectBinding};
use crate::identity::ProjectKey;
use crate::plan::{Access, AccessRule, Reason, Refusal};

use super::validate::{self, connection_of};

/// The connection of a binding, if it admits the binding's namespace.
pub(super) struct Reference {
    pub(super) connection: Arc<BitbucketConnection>,
    pub(super) access: Access,
}

/// Finds the connection. One answer for "does not exist" and "does not admit you": a tenant learns nothing
/// of other namespaces.
pub(super) fn reference(binding: &ProjectBinding, context: &Context) -> Result<Reference, Error> {
    let (namespace, name) = connection_of(binding);
    let key = ObjectRef::new(&name).within(&namespace);
    let guarded = context.connections.get(&key);
    let connection = guarded.and_then(|guarded| guarded.0.as_ref().ok().cloned().map(Arc::new));
    let admitted = connection.and_then(|connection| {
        let access = access(&connection, binding, context)?;
        Some(Reference { connection, access })
    });
    admitted.ok_or_else(|| {
        Error::Waiting(Refusal::new(
            Reason::ConnectionNotFound,
            format!(
                "there is no BitbucketConnection {namespace}/{name} that admits namespace {}: create it, or ask its owner for an entry in its spec.access",
                binding.namespace().unwrap_or_default()
            ),
        ))
    })
}

/// Whether the connection of a binding admits it with this key.
pub(crate) fn admits(binding: &ProjectBinding, key: &ProjectKey, context: &Context) -> bool {
    let repository = validate::repository(&binding.spec);
    reference(binding, context)
        .is_ok_and(|reference| repository.is_ok_and(|path| reference.access.admits(&path, key)))
}

/// Whether the connection of a binding admits it with the key that it holds or wants.
pub(crate) fn is_admitted(binding: &ProjectBinding, context: &Context) -> bool {
    let held = validate::record(binding).accepted;
    let key = held.map(|accepted| accepted.key);
    let key = key.or_else(|| validate::wanted_key(binding));
    key.is_some_and(|key| admits(binding, &key, context))
}

/// What the connection admits for the binding's namespace; `None`: nothing at all.
fn access(
    connection: &BitbucketConnection,
    binding: &ProjectBinding,
    context: &Context,
) -> Option<Access> {
    if connection.namespace() == binding.namespace() {
        return Some(Access::Own);
    }
    let key: ObjectRef<PartialObjectMeta<Namespace>> = ObjectRef::new(&binding.namespace()?);
    let namespace = context.namespaces.get(&key)?;
    let rules: Vec<_> = connection
        .spec
        .access
        .iter()
        .filter(|entry| selects(entry.namespace_selector.as_ref(), namespace.labels()))
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

/// Absent selects nothing, an empty selector everything; one that cannot be read selects nothing.
fn selects(selector: Option<&LabelSelector>, labels: &BTreeMap<String, String>) -> bool {
    selector
        .cloned()
        .and_then(|selector| Selector::try_from(selector).ok())
        .is_some_and(|selector| selector.matches(labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(json: serde_json::Value) -> LabelSelector {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn an_absent_selector_selects_nothing_and_an_empty_one_everything() {
        let labels = BTreeMap::from([("team".to_owned(), "payments".to_owned())]);
        assert!(!selects(None, &labels));
        assert!(selects(Some(&selector(serde_json::json!({}))), &labels));
        let payments = selector(serde_json::json!({"matchLabels": {"team": "payments"}}));
        assert!(selects(Some(&payments), &labels));
        assert!(!selects(Some(&payments), &BTreeMap::new()));
    }

    #[test]
    fn a_selector_that_cannot_be_read_selects_nothing() {
        let odd = serde_json::json!({"matchExpressions": [{"key": "team", "operator": "Near"}]});
        assert!(!selects(Some(&selector(odd)), &BTreeMap::new()));
    }
}
