//! The imperative shell: watches, queues, and the story of each kind.
//!
//! It gathers what the core wants to know, does what the core says, and reports. It decides nothing about
//! what was found on the servers.

mod access;
mod binding;
mod census;
mod connection;
mod context;
mod counts;
mod credentials;
mod error;
mod follow;
mod foresee;
mod lifecycle;
mod queues;
mod reconcile;
mod register;
mod runner;
mod set;
mod share;
mod wake;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use kube::ResourceExt as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::crd::{self, for_each_kind};
use crate::kubernetes::Store;
use crate::kubernetes::objects::{self, Seen};
use crate::lease::{Drained, EndedEarly};
use crate::server::Readiness;

pub(crate) use context::Context;
use context::Watched;
pub use context::{ProjectDeletion, SecretHosts, Settings, Setup};
pub use foresee::{Forecast, IsWanted, Objects, Progress, World, forecasts};
use queues::Queues;
use register::Register;

/// How long reconciles in progress have to end: less than a pod has.
const DRAIN: Duration = Duration::from_secs(10);

/// How long the events of the last reconciles have after that.
const LAST_EVENTS: Duration = Duration::from_secs(5);

/// After how many intervals without the end of any reconcile the operator stands still, though one was due.
const STANDSTILL: u32 = 3;

/// The default interval of a connection.
const LONGEST_USUAL_INTERVAL: Duration = Duration::from_mins(10);

/// When the controllers begin, and when they end.
#[derive(Clone, Default)]
pub struct Signals {
    /// Cancelled once this operator leads. Until then it stands by: its watches run, and nothing is reconciled.
    pub leading: CancellationToken,
    /// Cancelled when the operator is to stop.
    pub stop: CancellationToken,
}

/// Runs the controllers of all kinds until the shutdown signal, and waits for the reconciles in progress.
///
/// # Errors
/// If a part ends before the signal: the rest would look alive, and do half of the work.
pub async fn run(
    setup: Setup,
    readiness: Readiness,
    signals: Signals,
) -> Result<Drained, EndedEarly> {
    let Signals { leading, stop } = signals;
    let metrics = Arc::clone(&setup.metrics);
    let mut seen = Seen::default();
    let (queues, ends) = Queues::new(setup.settings.concurrency, &mut seen);
    let namespaces = Store::default();
    let namespaces_seen = seen.expect();
    let register = Register::new(queues.clone(), namespaces.clone());
    let watched = Watched {
        queues,
        namespaces,
        seen,
        register,
    };
    let context = Context::new(setup, watched);
    let counted = Arc::clone(&context);
    metrics.take_census_by(move || census::take(&counted));

    let judged = Arc::clone(&context);
    let longest = STANDSTILL * context.settings.deadline.max(LONGEST_USUAL_INTERVAL);
    readiness.fails_at(move || judged.agenda.stands_still(longest, Instant::now()));

    let mut tasks = JoinSet::new();
    let (shared, stopping) = (|| Arc::clone(&context), || stop.clone());
    let signals = || Signals {
        leading: leading.clone(),
        stop: stop.clone(),
    };
    tasks.spawn(follow_namespaces(namespaces_seen, shared(), stopping()));
    tasks.spawn(counts::keep(shared(), stopping()));
    macro_rules! work {
        ($($objects:ident: $kind:ident;)+) => {
            $(tasks.spawn(runner::work::<crd::$kind>(ends.$objects, shared(), signals()));)+
        };
    }
    for_each_kind!(work);
    let announced = announce(shared(), readiness, stopping());
    let ((), ended) = tokio::join!(announced, drain(tasks, &stop));
    context.events.finish(LAST_EVENTS).await;
    ended
}

/// Waits for the tasks, and after the word to stop no longer than a pod has. The first that ends without that word has
/// all others stopped.
async fn drain(mut tasks: JoinSet<()>, stop: &CancellationToken) -> Result<Drained, EndedEarly> {
    let mut result = Ok(Drained::Whole);
    let given_up = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    let ended = async {
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a task of the operator panicked");
            }
            if !stop.is_cancelled() {
                result = Err(EndedEarly);
                stop.cancel();
            }
        }
    };
    tokio::select! {
        () = ended => {}
        () = given_up => {
            tracing::warn!("some reconciles did not end in time and are stopped: the next operator continues");
            return result.map(|_| Drained::GivenUp);
        }
    }
    result
}

/// Keeps the labels and annotations of all namespaces, which `access` reads, and has the bindings of a changed one
/// reconciled.
async fn follow_namespaces(
    seen: CancellationToken,
    context: Arc<Context>,
    stop: CancellationToken,
) {
    let (register, client) = (
        Arc::clone(&context.register),
        (&context.client, &context.metrics),
    );
    let (scope, store) = (&context.settings.namespaces, context.namespaces.clone());
    let namespaces = objects::namespaces(client, scope, store, move || {
        register.note_all();
        seen.cancel();
    });
    let mut namespaces = std::pin::pin!(namespaces.take_until(stop.cancelled_owned()));
    while let Some(namespace) = namespaces.next().await {
        context.register.namespace_changed(&namespace.name_any());
    }
}

/// Says that the operator is ready once it has seen every object.
async fn announce(context: Arc<Context>, readiness: Readiness, stop: CancellationToken) {
    if stop
        .run_until_cancelled(context.seen.everything())
        .await
        .is_some()
    {
        readiness.reached();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_ends_by_itself_takes_the_others_along() {
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(stop.clone().cancelled_owned());
        tasks.spawn(async { panic!("on purpose") });
        assert_eq!(drain(tasks, &stop).await, Err(EndedEarly));
        assert!(stop.is_cancelled());
    }

    #[tokio::test]
    async fn tasks_that_end_on_shutdown_are_no_failure() {
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(stop.clone().cancelled_owned());
        stop.cancel();
        assert_eq!(drain(tasks, &stop).await, Ok(Drained::Whole));
    }
}
