//! What the operator reported about an object, beside its status.

use kube::Resource;
use serde_json::Value;

use super::TestEnvironment;

/// One event as a person sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reported {
    pub(crate) kind: String,
    pub(crate) reason: String,
    pub(crate) note: String,
    /// How often: Kubernetes folds equal events into one.
    pub(crate) times: u64,
}

impl TestEnvironment {
    /// What kubectl prints. It must not fail.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        self.servers.kubectl(arguments).unwrap()
    }

    /// All events about this very object, also when it is gone; the oldest first.
    pub(crate) fn reported(&self, object: &impl Resource) -> Vec<Reported> {
        self.operator.until_events_are_published();
        let namespace = object.meta().namespace.as_deref().unwrap();
        let uid = object.meta().uid.as_deref().unwrap();
        let only = format!("involvedObject.uid={uid}");
        let arguments = [
            "get",
            "events",
            "--namespace",
            namespace,
            "--field-selector",
            &only,
            "--sort-by",
            "{.eventTime}",
            "--output",
            "json",
        ];
        let list = self.kubectl(&arguments);
        let list: Value = serde_json::from_str(&list).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let events = list["items"].as_array().unwrap().iter();
        events
            .map(|event| Reported {
                kind: text(&event["type"]),
                reason: text(&event["reason"]),
                note: text(&event["message"]),
                times: event["series"]["count"].as_u64().unwrap_or(1),
            })
            .collect()
    }

    /// The reasons of these events, as often as they were published.
    pub(crate) fn reasons(&self, object: &impl Resource) -> Vec<String> {
        let reported = self.reported(object).into_iter();
        reported
            .flat_map(|reported| vec![reported.reason; usize::try_from(reported.times).unwrap()])
            .collect()
    }

    /// The note of the only event of this reason.
    pub(crate) fn reported_once(&self, object: &impl Resource, reason: &str) -> String {
        let reported = self.reported(object);
        let fitting: Vec<_> = reported
            .iter()
            .filter(|reported| reported.reason == reason)
            .collect();
        match fitting.as_slice() {
            [only] if only.times == 1 => only.note.clone(),
            _ => panic!("expected one {reason}, was reported {reported:?}"),
        }
    }
}
