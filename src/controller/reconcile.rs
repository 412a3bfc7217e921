//! What surrounds every reconcile: a malformed object, a panic or a reconcile that hangs stops its own object only.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use kube::core::DeserializeGuard;
use kube::{Resource, ResourceExt as _};
use tracing::Instrument as _;

use crate::crd::{FORCE_ORPHAN, Kind};
use crate::fleet::Failure;
use crate::http::Urgency;
use crate::kubernetes::event::{Event, EventReason};
use crate::kubernetes::finalizer;
use crate::kubernetes::uid;
use crate::metrics::{Ended, Metrics};
use crate::plan::Class;
use crate::plan::condition::Outcome;

use super::context::Context;
use super::error::{Doing, Error};
use super::queues::{Newest, Queued};
use super::share::Share;

/// When an object is reconciled again.
#[derive(Debug)]
pub(crate) enum Next {
    /// Nothing is left to do: at the interval.
    Settled(Duration),
    /// Nothing is to be done until something changes, or until its spread read.
    AtRest(Duration),
    /// At once: something changed during the reconcile.
    AtOnce,
    /// When it is woken: it waits for a place, or for others that have one.
    Queued,
    /// When it is woken: another object is being reconciled for what it needs.
    Waits,
    /// When it is woken: it waits for the next listing of the servers, or for the watch. At the latest after so long.
    Woken(Duration),
    /// Something stopped the reconcile, and its status says so: as the class of the error defines.
    Failed { error: Error, interval: Duration },
    /// Never: the object is gone.
    Gone,
}

/// How a failed reconcile counts for the summary conditions.
pub(crate) fn outcome(error: &Error) -> Outcome {
    let refusal = error.refusal();
    match error.class() {
        Class::Transient | Class::Waiting | Class::Bug => Outcome::Retrying(refusal),
        Class::Invalid | Class::Denied => Outcome::Stalled(refusal),
    }
}

/// A kind with a story: how its objects are reconciled.
pub(crate) trait Reconcile: Kind {
    /// How urgent its reconcile is.
    fn urgency(&self) -> Urgency;

    /// Brings one object to its desired state, and reports what was found and done. Its parts are on the heap, each while
    /// it runs: in one future together they would take the room of the largest all the time.
    fn reconcile(
        self: Arc<Self>,
        context: Arc<Context>,
        share: Share,
    ) -> impl Future<Output = Result<Next, Error>> + Send;
}

/// Longer than the API server takes to store a status, or to refuse it.
const WHILE_A_STATUS_IS_WRITTEN: Duration = Duration::from_mins(1);

/// Longer than a watch is silent before it is made anew: that wakes those that wait for it.
const WHILE_A_WATCH_IS_SILENT: Duration = Duration::from_mins(2);

/// What holds for a piece of work, however it ends.
pub(crate) struct Limits<'a> {
    kind: &'static str,
    deadline: Duration,
    metrics: &'a Metrics,
}

impl<'a> Limits<'a> {
    /// Those of what a reconcile does before it writes the status.
    pub(crate) fn of<K: Kind>(context: &'a Context) -> Self {
        Self {
            kind: K::NAME,
            deadline: context.settings.deadline,
            metrics: &context.metrics,
        }
    }

    /// Ends the work at its deadline, and makes an error of a panic: the caller learns of both.
    pub(crate) async fn keep<T>(
        self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let work = AssertUnwindSafe(work).catch_unwind();
        match tokio::time::timeout(self.deadline, work).await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => {
                tracing::error!(panic = text(&*panic), "the reconcile panicked");
                self.metrics.panicked(self.kind);
                Err(Error::Panicked)
            }
            Err(_) => {
                self.metrics.timed_out(self.kind);
                let (doing, after) = (Doing::default(), self.deadline);
                Err(Error::Deadline { doing, after })
            }
        }
    }
}

/// Runs the story of one object, however it ends. Returns the pause until the next reconcile; none: there is no
/// next one until the object is asked for.
pub(crate) async fn run<K: Reconcile + Queued>(
    object: Arc<DeserializeGuard<K>>,
    context: Arc<Context>,
    share: Share,
) -> Option<Duration> {
    let kind = K::NAME;
    let span = tracing::info_span!(
        "reconcile",
        kind,
        namespace = object.namespace().unwrap_or_default(),
        name = object.name_any()
    );
    if let Err(malformed) = &object.0 {
        let left_alone = unreadable(&object, &malformed.error, &context);
        return left_alone.instrument(span).await;
    }
    let started = Instant::now();
    let _under_way = context.metrics.reconcile_begins(kind);
    let limits = Limits {
        kind,
        // Its work has limits of its own, so that the status can say what it came to.
        deadline: context.settings.deadline + WHILE_A_STATUS_IS_WRITTEN,
        metrics: &context.metrics,
    };
    let ended = limits.keep(reconcile(&object, &context, share));
    let ended = ended.instrument(span.clone()).await;
    let next = ended.unwrap_or_else(|error| Next::Failed {
        error,
        interval: context.settings.deadline,
    });
    let own = uid(&*object);
    let pause = span.in_scope(|| schedule(&own, kind, next, &context, started.elapsed()));
    context.agenda.ended(Instant::now());
    let there = K::queue(&context.queues).store.named_like(&*object);
    if there.is_none_or(|there| uid(&*there) != own) {
        context.forget(&*object);
    }
    pause
}

/// Reconciles an object as the watch shows it by now: it may have changed a moment ago.
async fn reconcile<K: Reconcile + Queued>(
    object: &DeserializeGuard<K>,
    context: &Arc<Context>,
    share: Share,
) -> Result<Next, Error> {
    let queue = K::queue(&context.queues);
    let object = match queue.newest(object) {
        Newest::Shown(object) => object,
        Newest::Awaited => return Ok(Next::Woken(WHILE_A_WATCH_IS_SILENT)),
        Newest::Gone => return Ok(Next::Gone),
    };
    let Ok(readable) = &object.0 else {
        // That change has a reconcile of its own.
        return Ok(Next::Gone);
    };
    let readable = Arc::new(readable.clone());
    match readable.reconcile(Arc::clone(context), share).await {
        Err(error) if error.is_conflict() => {
            tracing::debug!(%error, "the object was written by another client meanwhile");
            queue.writes.was_overtaken(&*object);
            Ok(match queue.newest(&object) {
                Newest::Shown(_) => Next::AtOnce,
                Newest::Awaited => Next::Woken(WHILE_A_WATCH_IS_SILENT),
                Newest::Gone => Next::Gone,
            })
        }
        ended => {
            queue.forget_what_is_shown(&object);
            ended
        }
    }
}

/// An object of which no more than the metadata can be read. Admission makes that rare: a newer operator's object
/// after a rollback. It is left alone, and released when a user says that everything may stay as it is.
async fn unreadable<K: Queued>(
    object: &DeserializeGuard<K>,
    error: &str,
    context: &Context,
) -> Option<Duration> {
    let metrics = &context.metrics;
    metrics.reconcile_ended(K::NAME, Ended::Undecodable, Duration::ZERO);
    tracing::error!(
        error,
        "the object cannot be read by this version and is left alone"
    );
    let is_leaving = object.meta().deletion_timestamp.is_some() && finalizer::is_set(object);
    if !is_leaving || !object.annotations().contains_key(FORCE_ORPHAN) {
        return None;
    }
    match finalizer::remove(context.place::<K>(), object).await {
        Ok(()) => {
            let note = "left everything as it is: this version cannot read the object";
            let orphaned = Event::new(EventReason::Orphaned, note);
            context.events.publish(object, &[orphaned]);
            None
        }
        Err(error) => {
            let next = Next::Failed {
                error: error.into(),
                interval: context.settings.deadline,
            };
            schedule(&uid(object), K::NAME, next, context, Duration::ZERO)
        }
    }
}

fn schedule(
    own: &crate::identity::Uid,
    kind: &str,
    next: Next,
    context: &Context,
    elapsed: Duration,
) -> Option<Duration> {
    let now = Instant::now();
    if !matches!(next, Next::Queued) {
        context.lanes.withdraw(own);
    }
    match next {
        Next::Settled(interval) => {
            context.metrics.reconcile_ended(kind, Ended::Well, elapsed);
            Some(context.agenda.settled(own, interval, now))
        }
        Next::AtRest(interval) => {
            context.metrics.reconcile_ended(kind, Ended::Well, elapsed);
            Some(context.agenda.at_rest(own, interval, now))
        }
        Next::AtOnce => {
            context.metrics.reconcile_ended(kind, Ended::Well, elapsed);
            context.agenda.waits(own, now);
            Some(Duration::ZERO)
        }
        Next::Queued | Next::Waits => {
            context.metrics.reconcile_ended(kind, Ended::Well, elapsed);
            context.agenda.waits(own, now);
            None
        }
        Next::Woken(interval) => {
            context.metrics.reconcile_ended(kind, Ended::Well, elapsed);
            context.agenda.waits(own, now);
            Some(interval)
        }
        Next::Failed { error, interval } => {
            let class = error.class();
            let failure = Failure {
                class,
                interval,
                bounds: error.bounds(),
            };
            let pause = context.agenda.failed(own, &failure, now);
            let refusal = error.refusal();
            let (reason, message) = (refusal.reason.as_str(), refusal.message);
            match class {
                Class::Waiting => tracing::debug!(reason, ?pause, "{message}"),
                Class::Transient | Class::Invalid | Class::Denied => {
                    tracing::warn!(reason, ?pause, "{message}");
                }
                Class::Bug => tracing::error!(reason, ?pause, "{message}"),
            }
            let ended = match class {
                Class::Waiting | Class::Transient | Class::Bug => Ended::Failed,
                Class::Invalid | Class::Denied => Ended::Terminal,
            };
            context.metrics.reconcile_ended(kind, ended, elapsed);
            Some(pause)
        }
        Next::Gone => {
            context.agenda.leave_alone(own);
            context.metrics.reconcile_ended(kind, Ended::Gone, elapsed);
            None
        }
    }
}

/// The words of a panic. They are ours, and hold no token: tokens have no `Display`.
fn text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::context;
    use crate::crd::{BitbucketConnection, ProjectBinding};

    /// The size of the future that a function returns.
    fn of_future<K, F: Future>(
        _: impl Fn(Arc<DeserializeGuard<K>>, Arc<Context>, Share) -> F,
    ) -> usize {
        size_of::<F>()
    }

    /// Promise: a reconcile that waits for a server keeps little in memory: hundreds may wait at once.
    #[test]
    fn a_reconcile_takes_few_bytes() {
        let binding = of_future(run::<ProjectBinding>);
        let connection = of_future(run::<BitbucketConnection>);
        // Together they would be 35,000 bytes in one future: see `Reconcile::reconcile`.
        assert!(binding <= 10_000, "{binding} bytes");
        assert!(connection <= 10_000, "{connection} bytes");
    }

    /// Promise: an operator whose reconciles end does not stand still, though another object has been due all the time.
    #[tokio::test]
    async fn a_reconcile_that_ends_is_a_sign_of_life() {
        let context = context::tests::of_a_started_operator();
        let start = Instant::now();
        context.agenda.begin(start);
        let other = crate::identity::Uid::new("other");
        context.agenda.notice(ProjectBinding::NAME, &other, start);
        let stands_still = || {
            let now = Instant::now();
            context.agenda.stands_still(now - start, now)
        };
        assert!(stands_still());
        let binding: ProjectBinding = serde_json::from_value(serde_json::json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding",
            "metadata": {"name": "checkout", "namespace": "payments", "uid": "own"},
            "spec": {"connectionRef": {"name": "c"}, "repository": {"project": "PAY", "slug": "checkout"}},
        }))
        .unwrap();
        let object = Arc::new(DeserializeGuard(Ok(binding)));
        let share = context.queues.bindings.workers.begin(false).await;
        run(object, Arc::clone(&context), share).await;
        assert!(!stands_still());
    }

    async fn kept(work: impl Future<Output = Result<(), Error>>) -> Error {
        let metrics = Metrics::default();
        let limits = Limits {
            kind: "ProjectBinding",
            deadline: Duration::from_millis(10),
            metrics: &metrics,
        };
        limits.keep(work).await.unwrap_err()
    }

    /// Promise: the report contains a deadline and of a panic as of any other failure.
    #[tokio::test]
    async fn a_reconcile_past_the_deadline_or_in_panic_is_a_described_failure() {
        let late = kept(std::future::pending()).await.during(Doing::Importing);
        let message = late.refusal().message;
        assert!(
            message.starts_with("the import into SonarQube did not end within"),
            "{message}"
        );
        let broken = kept(async { panic!("a defect") }).await;
        assert!(matches!(broken, Error::Panicked), "{broken}");
    }
}
