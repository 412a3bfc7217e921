//! A binding that is about to call the servers of its connection.

use std::sync::Arc;

use kube::ResourceExt as _;

use crate::controller::share::Share;
use crate::crd::{BitbucketConnection, ProjectBinding};
use crate::fleet::link::ServerAccess;
use crate::fleet::{Enter, Lanes, Visitor};
use crate::http::Urgency;
use crate::identity::Uid;
use crate::kubernetes::{status, uid};

/// How one binding enters the lane of its connection.
pub(super) struct Visit<'a> {
    visitor: Visitor,
    connection: Uid,
    share: &'a mut Share,
    lanes: &'a Arc<Lanes>,
}

impl<'a> Visit<'a> {
    pub(super) fn of(
        binding: &ProjectBinding,
        connection: &BitbucketConnection,
        share: &'a mut Share,
        lanes: &'a Arc<Lanes>,
    ) -> Self {
        let namespace = binding.namespace().unwrap_or_default();
        Self {
            visitor: Visitor {
                object: uid(binding),
                name: (namespace, binding.name_any()),
                urgency: urgency(binding),
            },
            connection: uid(connection),
            share,
            lanes,
        }
    }

    /// Takes a place until the end of the reconcile. `false`: the reconcile has to end, and the binding is woken when
    /// there is one.
    pub(super) fn enter(&mut self) -> bool {
        if matches!(self.share, Share::Place { .. }) {
            return true;
        }
        match self.lanes.enter(&self.connection, self.visitor.clone()) {
            Enter::Place(place) => {
                *self.share = Share::Place { _place: place };
                true
            }
            Enter::Queued => false,
        }
    }

    /// The servers, called with the urgency of the visit.
    pub(super) fn by(&self, access: &ServerAccess) -> Arc<ServerAccess> {
        Arc::new(access.at(self.visitor.urgency))
    }
}

/// Whether there is a run-now request that no reconcile has seen.
pub(super) fn is_asked(binding: &ProjectBinding) -> bool {
    let handled = binding.status.as_ref();
    let handled = handled.and_then(|status| status.last_handled_reconcile_at.as_ref());
    status::requested(binding).as_ref() != handled
}

/// What a person changed comes first.
pub(super) fn urgency(binding: &ProjectBinding) -> Urgency {
    let status = binding.status.as_ref();
    // The API server gives every new object a status that has observed generation -1: no user has edited that object.
    let observed = status.and_then(|status| status.observed_generation);
    let observed = observed.filter(|generation| *generation > 0);
    if binding.metadata.deletion_timestamp.is_some() {
        Urgency::Leaving
    } else if is_asked(binding) || (observed.is_some() && observed != binding.metadata.generation) {
        Urgency::Asked
    } else if status.is_none_or(|status| status.sonarqube_project.is_none()) {
        Urgency::New
    } else {
        Urgency::Drift
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(metadata: &Value, status: &Value) -> Urgency {
        let mut binding = json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding", "metadata": metadata,
            "spec": {"connectionRef": {"name": "c"}, "repository": {"project": "PAY", "slug": "one"}},
        });
        if !status.is_null() {
            binding["status"] = status.clone();
        }
        urgency(&serde_json::from_value(binding).unwrap())
    }

    #[test]
    fn a_change_of_a_person_comes_first() {
        let held = json!({
            "observedGeneration": 1,
            "sonarqubeProject": {"key": "PAY:one", "serverId": "server", "url": ""},
        });
        assert_eq!(of(&json!({"generation": 1}), &Value::Null), Urgency::New);
        let created = json!({"observedGeneration": -1});
        assert_eq!(of(&json!({"generation": 1}), &created), Urgency::New);
        assert_eq!(of(&json!({"generation": 1}), &held), Urgency::Drift);
        assert_eq!(of(&json!({"generation": 2}), &held), Urgency::Asked);
        let annotations = json!({"bindery.dev/reconcile-requested-at": "now"});
        let asking = json!({"generation": 1, "annotations": annotations});
        assert_eq!(of(&asking, &held), Urgency::Asked);
        let leaving = json!({"generation": 2, "deletionTimestamp": "2026-11-27T10:00:00Z"});
        assert_eq!(of(&leaving, &held), Urgency::Leaving);
    }
}
