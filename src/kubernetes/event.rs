//! Events: what a person watching `kubectl get events` wants to know, on transitions only.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Resource;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};

use crate::metrics::Metrics;
use crate::plan::verdict::{Aspect, State, cut};
use crate::plan::vocabulary;

/// Something worth telling, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Occurrence {
    pub(crate) kind: Occurred,
    pub(crate) note: String,
}

vocabulary! {
    /// What occurred: the reason of an event.
    pub enum Occurred {
        /// A project was created from a repository.
        Imported,
        /// A project or a configuration that was there was taken over.
        Adopted,
        /// An existing project was bound.
        Bound,
        /// A configuration was created in SonarQube.
        Created,
        /// Something that differed was made equal again.
        DriftCorrected,
        /// Something was changed as a new spec asks for.
        Changed,
        /// A rotated token was given to SonarQube.
        CredentialsRotated,
        /// A project was deleted.
        ProjectDeleted,
        /// The binding of a SonarQube project was removed.
        Unbound,
        /// A configuration was deleted.
        ConfigurationDeleted,
        /// Something outside the cluster was left as it is.
        Orphaned,
        /// The object became ready, or ready again.
        Ready,
        /// The object is not ready any more: the note tells why.
        NotReady,
    }
}

impl Occurred {
    /// Whether a person may have to do something about it.
    #[must_use]
    pub fn is_warning(self) -> bool {
        matches!(self, Self::Orphaned | Self::NotReady)
    }
}

impl Occurrence {
    pub(crate) fn new(kind: Occurred, note: impl Into<String>) -> Self {
        Self {
            kind,
            note: note.into(),
        }
    }
}

/// What the change of `Ready` is worth telling; nothing while an object works towards its first readiness.
pub(crate) fn transition(before: &[Condition], after: &[Condition]) -> Option<Occurrence> {
    let ready = |conditions: &[Condition]| {
        conditions
            .iter()
            .find(|condition| condition.type_ == Aspect::Ready.as_str())
            .cloned()
    };
    let (before, after) = (ready(before), ready(after)?);
    let is_ready = after.status == State::True.as_str();
    let was_ready = before
        .as_ref()
        .is_some_and(|before| before.status == State::True.as_str());
    let reason_changed = before
        .as_ref()
        .is_none_or(|before| before.reason != after.reason);
    if is_ready && !was_ready {
        Some(Occurrence::new(Occurred::Ready, after.message))
    } else if !is_ready && reason_changed {
        Some(Occurrence::new(
            Occurred::NotReady,
            format!("{}: {}", after.reason, after.message),
        ))
    } else {
        None
    }
}

/// Publishes events, and counts those that metrics count.
pub(crate) struct Publisher {
    recorder: Recorder,
    metrics: Arc<Metrics>,
}

impl Publisher {
    pub(crate) fn new(client: kube::Client, metrics: Arc<Metrics>) -> Self {
        let reporter = Reporter {
            controller: "bindery.dev/operator".to_owned(),
            instance: None,
        };
        let recorder = Recorder::new(client, reporter);
        Self { recorder, metrics }
    }

    /// Publishes events. One that cannot be published is logged, and never fails a pass.
    pub(crate) async fn publish<K>(&self, object: &K, occurrences: &[Occurrence])
    where
        K: Resource<DynamicType = ()>,
    {
        for Occurrence { kind, note } in occurrences {
            let type_ = if kind.is_warning() {
                EventType::Warning
            } else {
                EventType::Normal
            };
            let event = Event {
                type_,
                reason: kind.as_str().to_owned(),
                note: Some(cut(note)),
                action: "Reconcile".to_owned(),
                secondary: None,
            };
            match kind {
                Occurred::Adopted => self.metrics.adopted(&K::kind(&())),
                Occurred::DriftCorrected => self.metrics.corrected(&K::kind(&())),
                Occurred::Imported
                | Occurred::Bound
                | Occurred::Created
                | Occurred::Changed
                | Occurred::CredentialsRotated
                | Occurred::ProjectDeleted
                | Occurred::Unbound
                | Occurred::ConfigurationDeleted
                | Occurred::Orphaned
                | Occurred::Ready
                | Occurred::NotReady => {}
            }
            let reference = object.object_ref(&());
            tracing::info!(
                kind = %K::kind(&()),
                namespace = object.meta().namespace,
                name = object.meta().name,
                event = kind.as_str(),
                "{note}"
            );
            if let Err(error) = self.recorder.publish(&event, &reference).await {
                tracing::warn!(%error, event = kind.as_str(), "an event could not be published");
            }
        }
    }
}
