//! How many reconciles begin, and which ones.

use std::collections::HashMap;
use std::sync::Mutex;

use futures::FutureExt as _;
use futures::channel::mpsc::unbounded;
use tokio::sync::Notify;

use super::*;

/// Objects whose reconciles last until they are released.
#[derive(Clone, Default)]
struct Slow {
    urgency: Arc<Mutex<HashMap<String, Urgency>>>,
    begun: Arc<Mutex<Vec<String>>>,
    end: Arc<Notify>,
}

impl Slow {
    fn begun(&self) -> Vec<String> {
        self.begun.lock().unwrap().clone()
    }
}

impl Objects for Slow {
    fn urgency(&self, (_, name): &ObjectName) -> Option<Urgency> {
        let known = self.urgency.lock().unwrap().get(name).copied();
        Some(known.unwrap_or(Urgency::New))
    }

    fn waits(&self, _name: &ObjectName) {}

    fn reconcile(
        &self,
        (_, name): &ObjectName,
        share: Share,
    ) -> Option<impl Future<Output = Option<Duration>> + Send + 'static> {
        self.begun.lock().unwrap().push(name.clone());
        let end = Arc::clone(&self.end);
        Some(async move {
            end.notified().await;
            drop(share);
            None
        })
    }
}

/// Promise: at a start with thousands of objects, no more reconciles exist than there are workers. A user's change does
/// not wait for them.
#[tokio::test]
async fn no_more_reconciles_begin_than_there_are_workers() {
    const WORKERS: u16 = 4;
    let objects = Slow::default();
    let mut runner = Runner::new(objects.clone());
    let (workers, seen) = (Workers::new(WORKERS), Seen::default());
    let (ask, asked) = unbounded();
    let name = |name: &str| ("team".to_owned(), name.to_owned());
    for object in 0..1000 {
        ask.unbounded_send(asked_now(name(&object.to_string())))
            .unwrap();
    }
    let mut working = Box::pin(runner.work(asked, &workers, &seen));
    // Polled so often, it has done all that it can.
    let mut settle = async || {
        for _ in 0..5000 {
            assert!((&mut working).now_or_never().is_none());
            tokio::task::yield_now().await;
        }
    };
    settle().await;
    assert_eq!(objects.begun().len(), usize::from(WORKERS));
    let edited = "999".to_owned();
    let urgency = Urgency::Asked;
    objects
        .urgency
        .lock()
        .unwrap()
        .insert(edited.clone(), urgency);
    ask.unbounded_send(asked_now(name(&edited))).unwrap();
    settle().await;
    let begun = objects.begun();
    assert_eq!(begun.len(), usize::from(WORKERS) + 1);
    assert_eq!(begun.last(), Some(&edited));
    objects.end.notify_one();
    settle().await;
    assert_eq!(objects.begun().len(), usize::from(WORKERS) + 2);
    objects.end.notify_waiters();
    settle().await;
    assert_eq!(objects.begun().len(), 2 * usize::from(WORKERS) + 2);
}

#[tokio::test]
async fn nothing_begins_before_every_watch_has_seen_everything() {
    let objects = Slow::default();
    let mut runner = Runner::new(objects.clone());
    let (workers, mut seen) = (Workers::new(1), Seen::default());
    let watch = seen.expect();
    let (ask, asked) = unbounded();
    ask.unbounded_send(asked_now(("team".to_owned(), "one".to_owned())))
        .unwrap();
    let mut working = Box::pin(runner.work(asked, &workers, &seen));
    let mut settle = async || {
        for _ in 0..100 {
            assert!((&mut working).now_or_never().is_none());
            tokio::task::yield_now().await;
        }
    };
    settle().await;
    assert!(objects.begun().is_empty());
    watch.cancel();
    settle().await;
    assert_eq!(objects.begun(), ["one"]);
}
