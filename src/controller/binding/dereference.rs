//! The connection of a binding, and what it admits.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt as _;
use kube::core::error_boundary::InvalidObject;
use kube::core::{PartialObjectMeta, Selector, SelectorExt as _};
use kube::runtime::reflector::ObjectRef;

use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::crd::{AccessEntry, BitbucketConnection, ProjectBinding};
use crate::declared::{self, connection_of};
use crate::identity::ProjectKey;
use crate::kubernetes::status;
use crate::plan::{Access, AccessRule, Reason, Refusal};

/// The connection of a binding, if it admits the binding's namespace.
pub(super) struct Reference {
    pub(super) connection: Arc<BitbucketConnection>,
    pub(super) access: Access,
}

/// Finds the connection. One answer for "does not exist" and "does not admit you": a tenant learns nothing
/// of other namespaces. `None`: it cannot be read, and nothing is said of what is settled.
pub(super) fn reference(
    binding: &ProjectBinding,
    context: &Context,
) -> Result<Option<Reference>, Error> {
    let (namespace, name) = connection_of(binding);
    let key = ObjectRef::new(&name).within(&namespace);
    let guarded = context.connections.get(&key);
    let connection = match guarded.as_ref().map(|guarded| &guarded.0) {
        Some(Ok(connection)) => Some(Arc::new(connection.clone())),
        Some(Err(_)) if status::is_settled(binding) => return Ok(None),
        Some(Err(unread)) if is_known(unread, binding) => {
            return Err(unreadable(&namespace, &name));
        }
        // Nobody can tell whom it admits.
        Some(Err(_)) | None => None,
    };
    let admitted = connection.and_then(|connection| {
        let access = access(&connection, binding, context)?;
        Some(Reference { connection, access })
    });
    admitted.map(Some).ok_or_else(|| {
        Error::Waiting(Refusal::new(
            Reason::ConnectionNotFound,
            format!(
                "there is no BitbucketConnection {namespace}/{name} that admits namespace {}: create it, or ask its owner for an entry in its spec.access",
                binding.namespace().unwrap_or_default()
            ),
        ))
    })
}

/// Whether a binding may know that this connection is there: a neighbour, or one that it has accepted.
fn is_known(connection: &InvalidObject, binding: &ProjectBinding) -> bool {
    let status = binding.status.as_ref();
    let accepted_by = status.and_then(|status| status.connection.as_ref());
    connection.metadata.namespace == binding.namespace()
        || accepted_by.is_some_and(|by| Some(&by.uid) == connection.metadata.uid.as_ref())
}

/// A connection of which no more than the metadata can be read: its words may be none of the reader's business.
pub(super) fn unreadable(namespace: &str, name: &str) -> Error {
    Error::Waiting(Refusal::new(
        Reason::ConnectionNotReady,
        format!(
            "BitbucketConnection {namespace}/{name} cannot be read by this version of the operator, as after a rollback: a newer one can"
        ),
    ))
}

/// Whether the connection of a binding admits it with this key.
pub(crate) fn admits(binding: &ProjectBinding, key: &ProjectKey, context: &Context) -> bool {
    let repository = declared::repository(&binding.spec);
    let reference = reference(binding, context).ok().flatten();
    reference
        .is_some_and(|reference| repository.is_ok_and(|path| reference.access.admits(&path, key)))
}

/// Whether the connection of a binding admits it with the key that it holds or wants.
pub(crate) fn is_admitted(binding: &ProjectBinding, context: &Context) -> bool {
    let held = declared::record(binding).accepted;
    let key = held.map(|accepted| accepted.key);
    let key = key.or_else(|| declared::wanted_key(binding));
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
