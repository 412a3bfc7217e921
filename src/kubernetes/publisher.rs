//! Publishes events beside the reconciles: none of them waits for an event, and none fails for one.
//!
//! The name of an event is made from what it says. The same text about the same object is the same event, whose series
//! counts on; another text is another event, because the API server rejects a change of the text of one. So nothing
//! about published events is kept in memory, and the API server forgets them by itself.

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event as StoredEvent;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource};
use serde_json::json;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::metrics::Metrics;
use crate::plan::condition::cut;

use super::clock;
use super::event::{Event, EventReason};

/// Who reports: the controller and, as there is one, the instance.
const REPORTER: &str = "bindery.dev/operator";

/// The longest name of an object.
const LONGEST_NAME: usize = 253;

/// So many events are published at once, as many as there are workers: fewer would fall behind thousands of deletions,
/// each of which costs one write and one event. All events of one object are published one after the other.
const AT_ONCE: usize = 16;

/// So many events wait in each of these queues. One more is lost: the API server is too slow, and no reconcile waits.
const ROOM: usize = 500;

/// Publishes events, and counts those that metrics count.
pub(crate) struct Publisher {
    queues: Vec<mpsc::Sender<Job>>,
    metrics: Arc<Metrics>,
    _tasks: JoinSet<()>,
}

/// What the task of a queue does.
enum Job {
    Publish(Box<StoredEvent>),
    /// Reports that all before it were published, or lost.
    Report(oneshot::Sender<()>),
}

impl Publisher {
    /// Publishes by tasks of its own, which end with it.
    pub(crate) fn new(client: &Client, metrics: &Arc<Metrics>) -> Self {
        let mut tasks = JoinSet::new();
        let mut queue = || {
            let (sender, jobs) = mpsc::channel(ROOM);
            tasks.spawn(work(client.clone(), Arc::clone(metrics), jobs));
            sender
        };
        Self {
            queues: (0..AT_ONCE).map(|_| queue()).collect(),
            metrics: Arc::clone(metrics),
            _tasks: tasks,
        }
    }

    /// Has events about an object published. One that cannot be published is logged.
    pub(crate) fn publish<K>(&self, object: &K, events: &[Event])
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
            let regarding = object.object_ref(&());
            let queue = self.queue_of(&regarding);
            let job = Job::Publish(Box::new(stored_event(regarding, event)));
            self.metrics.event_waits();
            if let Err(TrySendError::Full(_) | TrySendError::Closed(_)) = queue.try_send(job) {
                self.metrics.event_is_lost();
                tracing::warn!(
                    event = kind.as_str(),
                    "an event was not published: too many wait"
                );
            }
        }
    }

    /// Waits until all events are published that are to be, and no longer than so.
    pub(crate) async fn finish(&self, at_most: Duration) {
        let finished = async {
            for queue in &self.queues {
                let (report, reported) = oneshot::channel();
                if queue.send(Job::Report(report)).await.is_ok() {
                    reported.await.ok();
                }
            }
        };
        if tokio::time::timeout(at_most, finished).await.is_err() {
            tracing::warn!("some events were not published in time");
        }
    }

    fn queue_of(&self, object: &ObjectReference) -> &mpsc::Sender<Job> {
        let mut hasher = DefaultHasher::new();
        object.uid.hash(&mut hasher);
        let queues = self.queues.len() as u64;
        let nth = usize::try_from(hasher.finish() % queues).unwrap_or_default();
        &self.queues[nth]
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
            | EventReason::BindingsCreated
            | EventReason::BindingsDeleted
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

/// Publishes what comes, in its order.
async fn work(client: Client, metrics: Arc<Metrics>, mut jobs: mpsc::Receiver<Job>) {
    while let Some(job) = jobs.recv().await {
        match job {
            Job::Publish(event) => match send(&client, &event).await {
                Ok(()) => metrics.event_is_published(),
                Err(error) => {
                    metrics.event_is_lost();
                    let event = event.reason.as_deref();
                    tracing::warn!(%error, event, "an event could not be published");
                }
            },
            // Who waited may have given up.
            Job::Report(report) => drop(report.send(())),
        }
    }
}

async fn send(client: &Client, event: &StoredEvent) -> kube::Result<()> {
    let namespace = event.metadata.namespace.as_deref().unwrap_or_default();
    let events: Api<StoredEvent> = Api::namespaced(client.clone(), namespace);
    match events.create(&PostParams::default(), event).await {
        Err(kube::Error::Api(status)) if status.code == 409 => {
            let name = event.metadata.name.as_deref().unwrap_or_default();
            repeat(&events, name).await
        }
        answer => answer.map(drop),
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
    use axum::Router;
    use axum::http::StatusCode;
    use serde_json::Value;
    use std::sync::Mutex;
    use tokio::net::TcpListener;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::crd::ProjectBinding;
    use crate::fence::Fence;

    /// An API server that answers as many calls as it is let, and what it was sent.
    struct Server {
        client: Client,
        answers: Arc<Semaphore>,
        notes: Arc<Mutex<Vec<String>>>,
        _tasks: JoinSet<()>,
    }

    impl Server {
        async fn silent() -> Self {
            let (answers, notes) = (Arc::new(Semaphore::new(0)), Arc::<Mutex<Vec<_>>>::default());
            let (may_answer, seen) = (Arc::clone(&answers), Arc::clone(&notes));
            let answer = move |axum::Json(event): axum::Json<Value>| async move {
                may_answer.acquire().await.unwrap().forget();
                let note = event["note"].as_str().unwrap().to_owned();
                let status = if note == "refused" {
                    StatusCode::FORBIDDEN
                } else {
                    seen.lock().unwrap().push(note);
                    StatusCode::CREATED
                };
                (status, axum::Json(event))
            };
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let mut tasks = JoinSet::new();
            let server = Router::new().fallback(answer);
            tasks.spawn(async move { axum::serve(listener, server).await.unwrap() });
            let config = kube::Config::new(url.parse().unwrap());
            let client = crate::kubernetes::client(config, &Arc::default(), Fence::open()).unwrap();
            Self {
                client,
                answers,
                notes,
                _tasks: tasks,
            }
        }

        fn notes(&self) -> Vec<String> {
            self.notes.lock().unwrap().clone()
        }
    }

    fn binding() -> ProjectBinding {
        serde_json::from_value(json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding",
            "metadata": {"name": "checkout", "namespace": "payments", "uid": "own"},
            "spec": {"connectionRef": {"name": "c"}, "repository": {"project": "PAY", "slug": "checkout"}},
        }))
        .unwrap()
    }

    fn noted(note: impl Into<String>) -> Event {
        Event::new(EventReason::Unbound, note)
    }

    fn value(metrics: &Metrics, name: &str) -> String {
        let text = metrics.text();
        let mut lines = text.lines();
        let line = lines.find(|line| line.starts_with(&format!("{name} ")));
        line.unwrap().rsplit_once(' ').unwrap().1.to_owned()
    }

    /// Promise: a reconcile does not wait for an API server that takes no events. All that there is room for is
    /// expected in its order once it answers; the rest is counted as lost.
    #[tokio::test]
    async fn nothing_waits_for_an_event_and_what_there_is_no_room_for_is_lost() {
        let (server, metrics) = (Server::silent().await, Arc::default());
        let publisher = Publisher::new(&server.client, &metrics);
        let events: Vec<_> = (0..=ROOM).map(|nth| noted(nth.to_string())).collect();
        publisher.publish(&binding(), &events);
        assert_eq!(value(&metrics, "bindery_events_lost_total"), "1");
        let waiting: f64 = value(&metrics, "bindery_events_waiting").parse().unwrap();
        assert_eq!(format!("{waiting}"), ROOM.to_string());
        publisher.finish(Duration::from_millis(10)).await;
        assert_eq!(server.notes(), [""; 0], "it ends without them");
        server.answers.add_permits(ROOM);
        publisher.finish(Duration::from_mins(1)).await;
        let expected: Vec<_> = (0..ROOM).map(|nth| nth.to_string()).collect();
        assert_eq!(server.notes(), expected);
        assert_eq!(value(&metrics, "bindery_events_waiting").parse(), Ok(0.0));
    }

    /// Promise: an event that is refused holds nothing up.
    #[tokio::test]
    async fn an_event_that_is_refused_is_lost_and_the_next_one_is_published() {
        let (server, metrics) = (Server::silent().await, Arc::default());
        server.answers.add_permits(2);
        let publisher = Publisher::new(&server.client, &metrics);
        publisher.publish(&binding(), &[noted("refused"), noted("next")]);
        publisher.finish(Duration::from_mins(1)).await;
        assert_eq!(server.notes(), ["next"]);
        assert_eq!(value(&metrics, "bindery_events_lost_total"), "1");
        assert_eq!(value(&metrics, "bindery_events_waiting").parse(), Ok(0.0));
    }

    fn named(object: &str, uid: &str, note: &str) -> String {
        let regarding = ObjectReference {
            name: Some(object.to_owned()),
            uid: Some(uid.to_owned()),
            ..ObjectReference::default()
        };
        name(&regarding, EventReason::NotReady, note)
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
