//! What surrounds every pass: a malformed object, a panic or a pass that hangs stops its own object only.

use std::any::Any;
use std::convert::Infallible;
use std::fmt::Debug;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use kube::core::{DeserializeGuard, NamespaceResourceScope};
use kube::runtime::controller::Action;
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::crd::FORCE_ORPHAN;
use crate::kubernetes::event::{Occurred, Occurrence};
use crate::kubernetes::finalizer;
use crate::kubernetes::uid;
use crate::metrics::Ended;
use crate::plan::Class;
use crate::plan::verdict::Outcome;

use super::context::{Context, seed};
use super::error::Error;

/// When an object is looked at again.
#[derive(Debug)]
pub(crate) enum Next {
    /// Nothing is left to do: at the interval.
    Settled(Duration),
    /// Nothing was done so far: after this pause.
    Later(Duration),
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

/// Runs the story of one object, whatever happens in it.
pub(crate) async fn run<K, Story, Pass>(
    object: Arc<DeserializeGuard<K>>,
    context: Arc<Context>,
    story: Story,
) -> Result<Action, Infallible>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned,
    Story: FnOnce(Arc<K>, Arc<Context>) -> Pass,
    Pass: Future<Output = Result<Next, Error>> + Send,
{
    let kind = K::kind(&()).into_owned();
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
    let started = Instant::now();
    let _under_way = context.metrics.pass_begins(&kind);
    let deadline = context.settings.deadline;
    let pass = AssertUnwindSafe(story(object, Arc::clone(&context))).catch_unwind();
    let ended = tokio::time::timeout(deadline, pass.instrument(span.clone())).await;
    let next = match ended {
        Ok(Ok(Ok(next))) => next,
        Ok(Ok(Err(error))) => Next::Failed {
            error,
            interval: deadline,
        },
        Ok(Err(panic)) => {
            span.in_scope(|| tracing::error!(panic = text(&*panic), "the pass panicked"));
            context.metrics.panicked(&kind);
            Next::Failed {
                error: Error::Panicked,
                interval: deadline,
            }
        }
        Err(_) => {
            context.metrics.timed_out(&kind);
            Next::Failed {
                error: Error::Deadline { after: deadline },
                interval: deadline,
            }
        }
    };
    let action = span.in_scope(|| schedule(&own, &kind, next, &context, started.elapsed()));
    Ok(action)
}

/// An object of which no more than the metadata can be read. Admission makes that rare: a newer operator's object
/// after a rollback. It is left alone, and let go when somebody says that everything may stay as it is.
async fn unreadable<K>(object: &DeserializeGuard<K>, error: &str, context: &Context) -> Action
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned,
{
    let metrics = &context.metrics;
    metrics.pass_ended(&K::kind(&()), Ended::Undecodable, Duration::ZERO);
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
            schedule(&uid(object), &K::kind(&()), next, context, Duration::ZERO)
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
    match next {
        Next::Settled(interval) => {
            context.failures.forget(own);
            context.metrics.pass_ended(kind, Ended::Well, elapsed);
            // Spread over a twentieth, so that objects of one age do not come back together.
            let jitter = interval.mul_f64(f64::from(seed(own)) / 20_000.0);
            let pause = interval + jitter;
            context.due.after(own, pause);
            Action::requeue(pause)
        }
        Next::Later(pause) => {
            context.metrics.pass_ended(kind, Ended::Well, elapsed);
            context.due.after(own, pause);
            Action::requeue(pause)
        }
        Next::Failed { error, interval } => {
            let class = error.class();
            let pause = context
                .failures
                .pause(own, class, interval, error.retry_after());
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
            context.due.after(own, pause);
            Action::requeue(pause)
        }
        Next::Gone => {
            context.failures.forget(own);
            context.due.forget(own);
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
