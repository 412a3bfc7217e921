use std::cell::Cell;

use futures::{FutureExt as _, stream};
use kube::runtime::utils::Backoff as _;
use tokio::sync::mpsc::unbounded_channel;

use super::*;

fn secret(version: &str) -> PartialObjectMeta<Secret> {
    PartialObjectMeta {
        metadata: ObjectMeta {
            resource_version: Some(version.to_owned()),
            ..ObjectMeta::default()
        },
        ..PartialObjectMeta::default()
    }
}

/// Promise: a Secret that is written all the time is no rotation each time, and its last version is never lost.
#[tokio::test]
async fn of_many_edits_the_first_and_the_last_are_reported() {
    let (woken, mut asked) = unbounded_channel();
    let shared: Arc<Mutex<Shared>> = Arc::default();
    lock(&shared).insert("bitbucket".to_owned(), None);
    let follower = Follower {
        shared: Arc::clone(&shared),
        wake: Arc::new(move |_, name| woken.send(name.to_owned()).unwrap()),
        metrics: Arc::default(),
    };
    let edits = (1..=100).map(|edit| Ok(Event::Apply(secret(&edit.to_string()))));
    follower
        .follow(futures::stream::iter(edits), "platform")
        .await;
    assert_eq!(std::iter::from_fn(|| asked.try_recv().ok()).count(), 2);
    let last = Some(version(&secret("100").metadata));
    assert_eq!(lock(&shared)["bitbucket"], last);
}

/// A watch that was away begins with a list.
#[tokio::test]
async fn a_change_or_deletion_during_a_gap_of_the_watch_triggers_a_reconcile() {
    let (woken, mut asked) = unbounded_channel();
    let wake = move |namespace: &str, name: &str| {
        woken.send((namespace.to_owned(), name.to_owned())).unwrap();
    };
    let read = |name: &str, as_of: &str| {
        let seen = Some(version(&secret(as_of).metadata));
        (name.to_owned(), seen)
    };
    let shared = Shared::from([read("bitbucket", "1"), read("late", "0")]);
    let follower = Follower {
        shared: Arc::new(Mutex::new(shared)),
        wake: Arc::new(wake),
        metrics: Arc::default(),
    };
    let mut reconciles_after = async |events: Vec<Event<PartialObjectMeta<Secret>>>| {
        let events = futures::stream::iter(events.into_iter().map(Ok));
        follower.follow(events, "platform").await;
        std::iter::from_fn(|| asked.try_recv().ok()).count()
    };
    let list = |found: Option<&str>| {
        let found = found.map(|version| Event::InitApply(secret(version)));
        let events = [Some(Event::Init), found, Some(Event::InitDone)];
        events.into_iter().flatten().collect::<Vec<_>>()
    };
    assert_eq!(
        reconciles_after(list(Some("1"))).await,
        1,
        "as one has read it"
    );
    assert_eq!(
        reconciles_after(list(Some("1"))).await,
        0,
        "as both know it"
    );
    assert_eq!(reconciles_after(list(Some("2"))).await, 2, "changed");
    assert_eq!(reconciles_after(list(None)).await, 2, "gone");
    assert_eq!(reconciles_after(list(None)).await, 0, "still gone");
}

/// What a watch says first.
fn list() -> impl Iterator<Item = watcher::Result<Event<PartialObjectMeta<Secret>>>> {
    [Event::Init, Event::InitApply(secret("1")), Event::InitDone]
        .map(Ok)
        .into_iter()
}

fn name<K>(event: &Result<Event<K>, Ended>) -> &'static str {
    match event {
        Ok(Event::InitApply(_)) => "object",
        Ok(Event::InitDone) => "listed",
        Ok(_) => "begun",
        Err(Ended::Failed(_)) => "failed",
        Err(Ended::Forbidden) => "forbidden",
    }
}

/// Promise: a Secret that could not be read for a while is noticed as soon as it can be, also if it did not change.
#[tokio::test]
async fn a_watch_that_has_failed_begins_with_a_list() {
    let mut watches = 0;
    let watch = || {
        watches += 1;
        let failed = Err(watcher::Error::NoResourceVersion);
        // It would go on silently.
        stream::iter(list().chain([failed])).chain(stream::pending())
    };
    let (_forbidden, is_forbidden) = watch::channel(());
    let events = begins_anew(watch, async || true, &is_forbidden).take(8);
    let names: Vec<_> = events.map(|event| name(&event)).collect().await;
    assert_eq!(names, ["begun", "object", "listed", "failed"].repeat(2));
    assert_eq!(watches, 2);
}

/// Promise: a grant that is taken and given back while one watch goes on is noticed. What was forbidden before a list
/// does not end the watch that began with it.
#[tokio::test]
async fn a_watch_of_what_may_not_be_read_begins_with_a_list() {
    let (forbidden, is_forbidden) = watch::channel(());
    forbidden.send_replace(());
    let watch = || stream::iter(list()).chain(stream::pending());
    let mut events =
        std::pin::pin!(begins_anew(watch, async || true, &is_forbidden).map(|event| name(&event)));
    for began in [None, Some("forbidden")] {
        let said = ["begun", "object", "listed"];
        for expected in began.into_iter().chain(said) {
            assert_eq!(events.next().now_or_never().flatten(), Some(expected));
        }
        assert_eq!(events.next().now_or_never(), None, "it goes on");
        forbidden.send_replace(());
    }
}

/// Promise: a Role that allows to list an object, and not to read it, costs no reconcile again and again. The object is
/// noticed as soon as it can be read.
#[tokio::test]
async fn a_watch_of_what_may_be_listed_but_not_read_does_not_list_it() {
    let (forbidden, is_forbidden) = watch::channel(());
    let may_be_read = Cell::new(false);
    let watch = || stream::iter(list()).chain(stream::pending());
    let events = begins_anew(watch, async || may_be_read.get(), &is_forbidden);
    let mut events = std::pin::pin!(events.map(|event| name(&event)).skip(3));
    assert_eq!(events.next().now_or_never(), None, "it goes on");
    forbidden.send_replace(());
    for _ in 0..3 {
        assert_eq!(events.next().now_or_never().flatten(), Some("forbidden"));
    }
    may_be_read.set(true);
    for expected in ["begun", "object", "listed"] {
        assert_eq!(events.next().now_or_never().flatten(), Some(expected));
    }
    assert_eq!(events.next().now_or_never(), None, "it goes on");
}

/// Promise: the same holds for a Role that allows to list alone. Its watch is refused before a connection finds that it may
/// not read.
#[tokio::test]
async fn what_was_forbidden_after_a_watch_has_failed_is_asked_for_first() {
    let (forbidden, is_forbidden) = watch::channel(());
    let may_be_read = Cell::new(false);
    let watch = || stream::iter(list().chain([Err(watcher::Error::NoResourceVersion)]));
    let events = begins_anew(watch, async || may_be_read.get(), &is_forbidden);
    let mut events = std::pin::pin!(events.map(|event| name(&event)));
    for expected in ["begun", "object", "listed", "failed"] {
        assert_eq!(events.next().now_or_never().flatten(), Some(expected));
    }
    forbidden.send_replace(());
    for _ in 0..3 {
        assert_eq!(events.next().now_or_never().flatten(), Some("forbidden"));
    }
    may_be_read.set(true);
    assert_eq!(events.next().now_or_never().flatten(), Some("begun"));
}

/// Promise: an operator that may list an object but not watch it asks ever less often.
#[test]
fn a_list_does_not_shorten_the_delays() {
    let mut delays = Delays::default();
    let mut longest = Duration::ZERO;
    for _ in 0..20 {
        delays.reset();
        longest = longest.max(delays.next().unwrap());
    }
    assert!(longest >= Duration::from_secs(20), "{longest:?}");
}
