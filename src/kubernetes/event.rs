//! Events: what a person watching `kubectl get events` wants to know, on transitions only.
//!
//! `publisher` publishes them.

use crate::crd::Condition as Stored;
use crate::plan::condition::{Condition, ConditionType, State};
use crate::plan::decoration::is_news;
use crate::plan::{Reason, vocabulary};

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
        /// A set created bindings.
        BindingsCreated,
        /// A set deleted bindings.
        BindingsDeleted,
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

/// What a change of `DecorationReady` is worth telling.
pub(crate) fn decoration(before: Option<&Condition>, after: Option<&Condition>) -> Option<Event> {
    let after = after.filter(|after| is_news(before, after))?;
    let note = format!("{}: {}", after.reason.as_str(), after.message);
    Some(match after.state {
        State::True => Event::new(EventReason::Decorated, &*after.message),
        State::False | State::Unknown => Event::new(EventReason::NotDecorated, note),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
