//! What surrounds every pass: a malformed object, a panic or a pass that hangs stops its own object only.

use std::any::Any;
use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use kube::{Api, Resource, ResourceExt as _};
use tracing::Instrument as _;

use crate::crd::{FORCE_ORPHAN, Kind};
use crate::fleet::Failure;
use crate::kubernetes::event::{Occurred, Occurrence};
use crate::kubernetes::finalizer;
use crate::kubernetes::uid;
use crate::metrics::Ended;
use crate::plan::Class;
use crate::plan::verdict::Outcome;

use super::context::Context;
use super::error::Error;
use super::queues::Queued;
use super::share::Share;

/// When an object is looked at again.
#[derive(Debug)]
pub(crate) enum Next {
    /// Nothing is left to do: at the interval.
    Settled(Duration),
    /// At once: something changed while it was looked at.
    AtOnce,
    /// When it is woken: it waits for a place, or for others that have one.
    Queued,
    /// When it is woken: another object is being reconciled for what it needs.
    Waits,
    /// Something stopped the pass, and its status says so: as the class of the error wants it.
    Failed { error: Error, interval: Duration },
    /// Never: the object is gone.
    Gone,
}

/// How a failed pass counts for the summary conditions.
pub(crate) fn outcome(error: &Error) -> Outcome {
    let refusal = error.refusal();
    match error.class() {
        Class::Transient | Class::Waiting | Class::Bug => Outcome::Retrying(refusal),
        Class::Invalid | Class::Denied => Outcome::Stalled(refusal),
    }
}

/// A kind with a story: how its objects are reconciled.
pub(crate) trait Reconcile: Kind {
    /// Brings one object to its desired state, and reports what was found and done.
    fn reconcile(
        self: Arc<Self>,
        context: Arc<Context>,
        share: Share,
    ) -> impl Future<Output = Result<Next, Error>> + Send;
}

/// Runs the story of one object, whatever happens in it.
pub(crate) async fn run<K: Reconcile + Queued>(
    object: Arc<DeserializeGuard<K>>,
    context: Arc<Context>,
) -> Result<Action, Infallible> {
    let kind = K::NAME;
    let own = uid(&*object);
    let span = tracing::info_span!(
        "pass",
        kind,
        namespace = object.namespace().unwrap_or_default(),
        name = object.name_any()
    );
    let object = match &object.0 {
        Ok(object) => Arc::new(object.clone()),
        Err(malformed) => {
            let error = &malformed.error;
            return Ok(unreadable(&object, error, &context).instrument(span).await);
        }
    };
    context.seen.everything().await;
    context.agenda.waits(&own, Instant::now());
    let Some(share) = K::queue(&context.queues).workers.begin().await else {
        return Ok(Action::await_change());
    };
    let started = Instant::now();
    let _under_way = context.metrics.pass_begins(kind);
    let deadline = context.settings.deadline;
    // On the heap: while it waits for a worker it needs no room.
    let pass = Box::pin(object.reconcile(Arc::clone(&context), share));
    let pass = AssertUnwindSafe(pass).catch_unwind();
    let ended = tokio::time::timeout(deadline, pass.instrument(span.clone())).await;
    let next = match ended {
        Ok(Ok(Ok(next))) => next,
        Ok(Ok(Err(error))) => Next::Failed {
            error,
            interval: deadline,
        },
        Ok(Err(panic)) => {
            span.in_scope(|| tracing::error!(panic = text(&*panic), "the pass panicked"));
            context.metrics.panicked(kind);
            Next::Failed {
                error: Error::Panicked,
                interval: deadline,
            }
        }
        Err(_) => {
            context.metrics.timed_out(kind);
            Next::Failed {
                error: Error::Deadline { after: deadline },
                interval: deadline,
            }
        }
    };
    let action = span.in_scope(|| schedule(&own, kind, next, &context, started.elapsed()));
    Ok(action)
}

/// An object of which no more than the metadata can be read. Admission makes that rare: a newer operator's object
/// after a rollback. It is left alone, and let go when somebody says that everything may stay as it is.
async fn unreadable<K: Kind>(
    object: &DeserializeGuard<K>,
    error: &str,
    context: &Context,
) -> Action {
    let metrics = &context.metrics;
    metrics.pass_ended(K::NAME, Ended::Undecodable, Duration::ZERO);
    tracing::error!(
        error,
        "the object cannot be read by this version and is left alone"
    );
    let is_leaving = object.meta().deletion_timestamp.is_some() && finalizer::is_set(object);
    if !is_leaving || !object.annotations().contains_key(FORCE_ORPHAN) {
        return Action::await_change();
    }
    let namespace = object.namespace().unwrap_or_default();
    let api = Api::namespaced(context.client.clone(), &namespace);
    match finalizer::remove(&api, object).await {
        Ok(()) => {
            let note = "left everything as it is: this version cannot read the object";
            let orphaned = Occurrence::new(Occurred::Orphaned, note);
            context.events.publish(object, &[orphaned]).await;
            Action::await_change()
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
) -> Action {
    let now = Instant::now();
    if !matches!(next, Next::Queued) {
        context.lanes.withdraw(own);
    }
    match next {
        Next::Settled(interval) => {
            context.metrics.pass_ended(kind, Ended::Well, elapsed);
            Action::requeue(context.agenda.settled(own, interval, now))
        }
        Next::AtOnce => {
            context.metrics.pass_ended(kind, Ended::Well, elapsed);
            context.agenda.waits(own, now);
            Action::requeue(Duration::ZERO)
        }
        Next::Queued | Next::Waits => {
            context.metrics.pass_ended(kind, Ended::Well, elapsed);
            context.agenda.waits(own, now);
            Action::await_change()
        }
        Next::Failed { error, interval } => {
            let class = error.class();
            let failure = Failure {
                class,
                interval,
                at_least: error.retry_after(),
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
            context.metrics.pass_ended(kind, ended, elapsed);
            Action::requeue(pause)
        }
        Next::Gone => {
            context.agenda.forget(own);
            context.metrics.pass_ended(kind, Ended::Gone, elapsed);
            Action::await_change()
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
