//! Events: what a person watching `kubectl get events` wants to know, on transitions only.
//!
//! The name of an event is made from what it says. The same text about the same object is the same event, whose series
//! counts on; another text is another event, because the API server rejects a change of the text of one. So nothing
//! about events is kept in memory, and the API server forgets them by itself.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event as StoredEvent;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition as Stored, ObjectMeta};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Resource};
use serde_json::json;

use crate::metrics::Metrics;
use crate::plan::condition::{Condition, ConditionType, State, cut};
use crate::plan::decoration::is_news;
use crate::plan::{Reason, vocabulary};

use super::clock;

/// Something worth telling, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) kind: EventReason,
    pub(crate) note: String,
}

vocabulary! {
    /// What occurred: the reason of an event.
    pub enum EventReason {
        /// A project was created from a repository. If the object became ready with that, this event says so, and
        /// `Ready` is not published.
        Imported,
        /// A project or a configuration that was there was taken over.
        Adopted,
        /// An existing project was bound.
        Bound,
        /// A configuration was created in SonarQube.
        Created,
        /// Something that differed was made equal again.
        DriftCorrected,
        /// Something differs from what is declared, and `managementPolicy: Observe` only reports it.
        DriftDetected,
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
        /// The operator gave its own SonarQube user permissions on a project.
        PermissionsGranted,
        /// A pull request is decorated, the first one or again.
        Decorated,
        /// Pull requests are not decorated: the note says why.
        NotDecorated,
        /// The object became ready, or ready again.
        Ready,
        /// The object is not ready any more: the note says why.
        NotReady,
    }
}

impl EventReason {
    /// Whether a person may have to do something about it.
    #[must_use]
    pub fn is_warning(self) -> bool {
        matches!(
            self,
            Self::DriftDetected | Self::Orphaned | Self::NotDecorated | Self::NotReady
        )
    }
}

impl Event {
    pub(crate) fn new(kind: EventReason, note: impl Into<String>) -> Self {
        Self {
            kind,
            note: note.into(),
        }
    }
}

/// What the change of `Ready` is worth telling; nothing while an object works towards its first readiness.
pub(crate) fn transition(before: &[Stored], after: &[Stored]) -> Option<Event> {
    let ready = |conditions: &[Stored]| {
        conditions
            .iter()
            .find(|condition| condition.type_ == ConditionType::Ready.as_str())
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
    if is_ready && after.reason == Reason::DriftDetected.as_str() {
        let is_news = reason_changed || !was_ready;
        is_news.then(|| Event::new(EventReason::DriftDetected, after.message))
    } else if is_ready && (!was_ready || reason_changed) {
        Some(Event::new(EventReason::Ready, after.message))
    } else if !is_ready && reason_changed {
        Some(Event::new(
            EventReason::NotReady,
            format!("{}: {}", after.reason, after.message),
        ))
    } else {
        None
    }
}

/// An object that is ready as soon as its project was imported says so once: the event of the import covers both.
/// Returns what is published about what was done, and the change of `Ready` if that has an event of its own.
pub(crate) fn with_readiness(
    mut done: Vec<Event>,
    transition: Option<Event>,
) -> (Vec<Event>, Option<Event>) {
    let mut imports = done
        .iter_mut()
        .filter(|done| done.kind == EventReason::Imported);
    match (imports.next_back(), transition) {
        (Some(import), Some(ready)) if ready.kind == EventReason::Ready => {
            import.note = format!("{}; {}", import.note, ready.note);
            (done, None)
        }
        (_, transition) => (done, transition),
    }
}

/// Who reports: the controller and, as there is one, the instance.
const REPORTER: &str = "bindery.dev/operator";

/// The longest name of an object.
const LONGEST_NAME: usize = 253;

/// What a change of `DecorationReady` is worth telling.
pub(crate) fn decoration(before: Option<&Condition>, after: Option<&Condition>) -> Option<Event> {
    let after = after.filter(|after| is_news(before, after))?;
    let note = format!("{}: {}", after.reason.as_str(), after.message);
    Some(match after.state {
        State::True => Event::new(EventReason::Decorated, &*after.message),
        State::False | State::Unknown => Event::new(EventReason::NotDecorated, note),
    })
}

/// Publishes events, and counts those that metrics count.
pub(crate) struct Publisher {
    client: kube::Client,
    metrics: Arc<Metrics>,
}

impl Publisher {
    pub(crate) fn new(client: kube::Client, metrics: Arc<Metrics>) -> Self {
        Self { client, metrics }
    }

    /// Publishes events about an object. One that cannot be published is logged, and never fails a reconcile.
    pub(crate) async fn publish<K>(&self, object: &K, events: &[Event])
    where
        K: Resource<DynamicType = ()>,
    {
        for event in events {
            let Event { kind, note } = event;
            self.count::<K>(*kind);
            tracing::info!(
                kind = %K::kind(&()),
                namespace = object.meta().namespace,
                name = object.meta().name,
                event = kind.as_str(),
                "{note}"
            );
            if let Err(error) = self.send(object.object_ref(&()), event).await {
                tracing::warn!(%error, event = kind.as_str(), "an event could not be published");
            }
        }
    }

    async fn send(&self, regarding: ObjectReference, event: &Event) -> kube::Result<()> {
        let namespace = regarding.namespace.clone().unwrap_or_default();
        let events: Api<StoredEvent> = Api::namespaced(self.client.clone(), &namespace);
        let event = stored_event(regarding, event);
        let name = event.metadata.name.clone().unwrap_or_default();
        match events.create(&PostParams::default(), &event).await {
            Err(kube::Error::Api(status)) if status.code == 409 => repeat(&events, &name).await,
            answer => answer.map(drop),
        }
    }

    fn count<K: Resource<DynamicType = ()>>(&self, kind: EventReason) {
        match kind {
            EventReason::Adopted => self.metrics.adopted(&K::kind(&())),
            EventReason::DriftCorrected => self.metrics.corrected(&K::kind(&())),
            EventReason::Imported
            | EventReason::DriftDetected
            | EventReason::Bound
            | EventReason::PermissionsGranted
            | EventReason::Decorated
            | EventReason::NotDecorated
            | EventReason::Created
            | EventReason::Changed
            | EventReason::CredentialsRotated
            | EventReason::ProjectDeleted
            | EventReason::Unbound
            | EventReason::ConfigurationDeleted
            | EventReason::Orphaned
            | EventReason::Ready
            | EventReason::NotReady => {}
        }
    }
}

/// Counts an existing event once more. An empty patch reads it: the operator may create and patch events,
/// not get them.
async fn repeat(events: &Api<StoredEvent>, name: &str) -> kube::Result<()> {
    let patched = async |change| {
        let change = Patch::Merge(change);
        events.patch(name, &PatchParams::default(), &change).await
    };
    let known = patched(json!({})).await?;
    let count = known.series.map_or(1, |series| series.count);
    let series = json!({"count": count.saturating_add(1), "lastObservedTime": clock::precisely()});
    patched(json!({"series": series})).await?;
    Ok(())
}

fn stored_event(regarding: ObjectReference, Event { kind, note }: &Event) -> StoredEvent {
    let type_ = if kind.is_warning() {
        "Warning"
    } else {
        "Normal"
    };
    let note = cut(note);
    StoredEvent {
        metadata: ObjectMeta {
            namespace: regarding.namespace.clone(),
            name: Some(name(&regarding, *kind, &note)),
            ..ObjectMeta::default()
        },
        action: Some("Reconcile".to_owned()),
        event_time: Some(clock::precisely()),
        note: Some(note),
        reason: Some(kind.as_str().to_owned()),
        regarding: Some(regarding),
        reporting_controller: Some(REPORTER.to_owned()),
        reporting_instance: Some(REPORTER.to_owned()),
        type_: Some(type_.to_owned()),
        ..StoredEvent::default()
    }
}

/// The name of an event: that of its object, as far as there is room, and a hash of what it says about which object.
fn name(regarding: &ObjectReference, kind: EventReason, note: &str) -> String {
    let mut hasher = DefaultHasher::new();
    (&regarding.uid, kind.as_str(), note).hash(&mut hasher);
    let suffix = format!("{:016x}", hasher.finish());
    let mut prefix = regarding.name.clone().unwrap_or_default();
    prefix.truncate(LONGEST_NAME - 1 - suffix.len());
    let prefix = prefix.trim_end_matches(['.', '-']);
    format!("{prefix}.{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(object: &str, uid: &str, note: &str) -> String {
        let regarding = ObjectReference {
            name: Some(object.to_owned()),
            uid: Some(uid.to_owned()),
            ..ObjectReference::default()
        };
        name(&regarding, EventReason::NotReady, note)
    }

    /// Promise: a create costs one event.
    #[test]
    fn an_import_that_makes_the_object_ready_is_one_event_about_both() {
        let of = |kind, note: &str| Event::new(kind, note);
        let import = || of(EventReason::Imported, "imported");
        let ready = || Some(of(EventReason::Ready, "as declared"));
        let both = of(EventReason::Imported, "imported; as declared");
        assert_eq!(with_readiness(vec![import()], ready()), (vec![both], None));
        let refused = || Some(of(EventReason::NotReady, "Timeout"));
        let apart = with_readiness(vec![import()], refused());
        assert_eq!(apart, (vec![import()], refused()));
        let bound = || vec![of(EventReason::Bound, "bound")];
        assert_eq!(with_readiness(bound(), ready()), (bound(), ready()));
        assert_eq!(with_readiness(Vec::new(), ready()), (Vec::new(), ready()));
    }

    #[test]
    fn an_event_is_named_by_its_content() {
        let first = named("checkout", "1", "Timeout");
        assert!(first.starts_with("checkout."), "{first}");
        assert_eq!(first, named("checkout", "1", "Timeout"));
        for other in [
            named("checkout", "1", "DNSFailed"),
            named("checkout", "2", "Timeout"),
            named("ledger", "1", "Timeout"),
        ] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn the_name_of_an_event_is_no_longer_than_names_may_be() {
        let long = format!("{}-{}", "a".repeat(235), "b".repeat(17));
        let name = named(&long, "1", "Timeout");
        assert!(name.len() <= LONGEST_NAME, "{name}");
        assert!(!name.contains("-."), "{name}");
    }
}
