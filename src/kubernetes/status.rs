//! Writes statuses: only when something changed, and only what is ours.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource, ResourceExt as _};
use serde::Serialize;

use crate::crd::{Condition as Stored, Kind, RECONCILE_REQUESTED_AT};
use crate::plan::Reason;
use crate::plan::condition::{Condition, ConditionType, State};

use super::Place;
use super::clock;
use super::error::Error;

/// A text of a server, no longer than its field in the status may be: one that is too long would make every write fail.
pub(crate) fn clip(text: &str, longest: usize) -> String {
    text.chars().take(longest).collect()
}

/// The field manager of everything that the operator writes.
pub(crate) const MANAGER: &str = "bindery";

/// Whether a condition holds for the generation that the object has now.
pub(crate) fn holds(object: &impl Kind, condition_type: ConditionType) -> bool {
    let generation = object.meta().generation;
    object.observed_generation() == generation
        && object.conditions().iter().any(|condition| {
            condition.type_ == condition_type.as_str()
                && condition.status == State::True.as_str()
                && condition.observed_generation == generation
        })
}

/// Whether an object was brought to its generation and left alone since.
pub(crate) fn is_settled(object: &impl Kind) -> bool {
    holds(object, ConditionType::Ready)
}

/// Whether an object waits for a person.
pub(crate) fn is_stalled(object: &impl Kind) -> bool {
    holds(object, ConditionType::Stalled)
}

/// The run-now request that an object carries.
pub(crate) fn requested(object: &impl Resource) -> Option<String> {
    let value = object.annotations().get(RECONCILE_REQUESTED_AT);
    value.map(|value| value.chars().take(256).collect())
}

/// Whether a user asks for a reconcile: by a change of the spec, or by a run-now request.
pub(crate) fn is_asked(
    object: &impl Resource,
    observed: Option<i64>,
    handled: Option<&String>,
) -> bool {
    observed != object.meta().generation || requested(object).as_ref() != handled
}

/// Whether an object says that it waits for this reason.
pub(crate) fn waits_for(object: &impl Kind, reason: Reason) -> bool {
    let mut conditions = object.conditions().iter();
    conditions.any(|condition| condition.reason == reason.as_str())
}

/// What the status says in a condition.
pub(crate) fn said(conditions: &[Stored], kind: ConditionType) -> Option<Condition> {
    let mut conditions = conditions.iter();
    let found = conditions.find(|condition| condition.type_ == kind.as_str())?;
    let mut states = [State::True, State::False, State::Unknown].into_iter();
    let state = states.find(|state| state.as_str() == found.status)?;
    let mut reasons = Reason::ALL.iter();
    let reason = reasons.find(|reason| reason.as_str() == found.reason)?;
    Some(Condition::new(kind, state, *reason, found.message.as_str()))
}

/// The conditions to write: a transition time changes only with the status of its condition.
pub(crate) fn conditions(
    before: &[Stored],
    conditions: &[Condition],
    generation: Option<i64>,
    now: &Time,
) -> Vec<Stored> {
    conditions
        .iter()
        .map(|condition| {
            let status = condition.state.as_str();
            let last_transition_time = before
                .iter()
                .find(|old| old.type_ == condition.condition_type.as_str() && old.status == status)
                .map_or_else(|| now.clone(), |old| old.last_transition_time.clone());
            Stored {
                type_: condition.condition_type.as_str().into(),
                status: status.into(),
                reason: condition.reason.as_str().into(),
                message: condition.message.as_str().into(),
                observed_generation: generation,
                last_transition_time,
            }
        })
        .collect()
}

/// Whether a write must find the object as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precondition {
    /// A conflict is an error: what depends on the write must not happen.
    Unchanged,
    /// In any state of the object.
    None,
}

/// Writes a whole status by server-side apply, and returns the object as it is then.
pub(crate) async fn write<K: Kind>(
    place: Place<'_>,
    object: &K,
    status: &impl Serialize,
    precondition: Precondition,
) -> Result<K, Error> {
    let mut patch = patch(object, status);
    if precondition == Precondition::Unchanged {
        patch["metadata"]["resourceVersion"] = object.resource_version().into();
    }
    let written = send(place, object, MANAGER, &patch).await?;
    if let (Some(since), None) = (unready_since(object), unready_since(&written)) {
        place.metrics.became_ready(K::NAME, clock::since(since));
    }
    Ok(written)
}

/// Writes one field of a status under a field manager of its own.
pub(crate) async fn write_field<K: Kind>(
    place: Place<'_>,
    object: &K,
    manager: &str,
    status: &serde_json::Value,
) -> Result<(), Error> {
    send(place, object, manager, &patch(object, status)).await?;
    Ok(())
}

/// The patch that applies a status, or a part of it.
fn patch<K: Kind>(object: &K, status: &impl Serialize) -> serde_json::Value {
    serde_json::json!({
        "apiVersion": K::api_version(&()),
        "kind": K::NAME,
        "metadata": {"name": object.name_any(), "uid": object.uid()},
        "status": status,
    })
}

/// Sends the patch of a status, and notes what was written.
async fn send<K: Kind>(
    place: Place<'_>,
    object: &K,
    manager: &str,
    patch: &serde_json::Value,
) -> Result<K, Error> {
    let parameters = PatchParams::apply(manager).force();
    let namespace = object.namespace().unwrap_or_default();
    let api: Api<K> = Api::namespaced(place.client.clone(), &namespace);
    let written = api
        .patch_status(&object.name_any(), &parameters, &Patch::Apply(patch))
        .await
        .map_err(Error::when("write the status"))?;
    place.writes.wrote(&written);
    place.metrics.status_written(K::NAME);
    Ok(written)
}

/// Since when an object is not ready; from its creation, if nothing was reported yet.
fn unready_since(object: &impl Kind) -> Option<&Time> {
    let mut conditions = object.conditions().iter();
    match conditions.find(|condition| condition.type_ == ConditionType::Ready.as_str()) {
        Some(ready) if ready.status == State::True.as_str() => None,
        Some(ready) => Some(&ready.last_transition_time),
        None => object.meta().creation_timestamp.as_ref(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::ProjectBinding;
    use crate::plan::Reason;

    fn at(second: i64) -> Time {
        Time(k8s_openapi::jiff::Timestamp::from_second(second).unwrap())
    }

    #[test]
    fn an_object_is_unready_from_its_creation_until_it_says_otherwise() {
        let mut binding: ProjectBinding = serde_json::from_value(serde_json::json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding",
            "metadata": {"name": "checkout", "creationTimestamp": "1970-01-01T00:00:05Z"},
            "spec": {"connectionRef": {"name": "bitbucket"}, "repository": {"project": "PAY", "slug": "checkout"}},
        }))
        .unwrap();
        assert_eq!(unready_since(&binding), Some(&at(5)));
        for (state, since) in [(State::False, Some(at(10))), (State::True, None)] {
            let ready = [Condition::new(
                ConditionType::Ready,
                state,
                Reason::Timeout,
                "",
            )];
            let status = binding.status.get_or_insert_default();
            status.conditions = conditions(&[], &ready, Some(1), &at(10));
            assert_eq!(unready_since(&binding), since.as_ref());
        }
    }

    #[test]
    fn a_text_of_a_server_is_no_longer_than_its_field() {
        let long = "ä".repeat(300);
        assert_eq!(clip(&long, 255).chars().count(), 255);
        assert_eq!(clip("main", 255), "main");
    }

    #[test]
    fn a_transition_time_changes_only_with_the_status() {
        let condition =
            |state, reason| vec![Condition::new(ConditionType::Ready, state, reason, "")];
        let first = conditions(
            &[],
            &condition(State::False, Reason::Timeout),
            Some(1),
            &at(10),
        );
        let second = conditions(
            &first,
            &condition(State::False, Reason::DNSFailed),
            Some(2),
            &at(20),
        );
        assert_eq!(second[0].last_transition_time, at(10));
        assert_eq!(second[0].reason, "DNSFailed");
        let third = conditions(
            &second,
            &condition(State::True, Reason::Succeeded),
            Some(2),
            &at(30),
        );
        assert_eq!(third[0].last_transition_time, at(30));
    }
}
