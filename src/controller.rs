//! The imperative shell: watches, queues, and the stories of both kinds.
//!
//! It gathers what the core wants to know, does what the core says, and reports. It decides nothing about
//! what was found on the servers.

mod access;
mod binding;
mod census;
mod connection;
mod context;
mod counts;
mod error;
mod lifecycle;
mod pass;
mod per_object;
mod register;
mod share;
mod triggers;

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Namespace;
use kube::core::{DeserializeGuard, NamespaceResourceScope, PartialObjectMeta};
use kube::runtime::controller::{self, Controller};
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::watcher::{Event, watcher};
use kube::runtime::{WatchStreamExt as _, predicates};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::crd::{BitbucketConnection, ProjectBinding};
use crate::kubernetes::objects::{self, Seen};
use crate::metrics::Metrics;
use crate::server::Readiness;

pub(crate) use context::Context;
use context::Watched;
pub use context::{SecretHosts, Settings};
use register::{Register, Stores};
use share::{Share, Workers};
use triggers::Triggers;

/// How long passes that are under way have to come to their end: less than a pod has.
const DRAIN: Duration = Duration::from_secs(10);

/// Runs both controllers until told to stop, and lets the passes that are under way come to their end.
///
/// # Errors
/// When a part of it ended before it was told to: what is left would look alive, and do half of the work.
pub async fn run(
    client: Client,
    settings: Settings,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    stop: CancellationToken,
) -> Result<(), EndedEarly> {
    let seen = Seen::default();
    let (triggers, asked) = Triggers::new();
    let (connections, bindings) = (reflector::store(), reflector::store());
    let (namespaces, namespaces_writer) = reflector::store();
    let stores = Stores {
        connections: connections.0.clone(),
        bindings: bindings.0.clone(),
        namespaces,
    };
    let register = Register::new(stores.clone(), triggers.clone());
    let by = (&client, &metrics);
    let (connections, connection_changes) = {
        let follower = register::Connections(Arc::clone(&register));
        objects::watch(by, connections, seen.connections.clone(), follower)
    };
    let (bindings, binding_changes) = {
        let follower = register::Bindings(Arc::clone(&register));
        objects::watch(by, bindings, seen.bindings.clone(), follower)
    };
    for kind in [BitbucketConnection::kind(&()), ProjectBinding::kind(&())] {
        metrics.may_run(&kind, settings.concurrency);
    }
    // Without a bound: reconciles that wait for a server or for each other hold no worker, see `share`.
    let passes = controller::Config::default().concurrency(0);
    let connection_queue =
        Controller::for_stream(connection_changes, connections).with_config(passes.clone());
    let binding_queue = Controller::for_stream(binding_changes, bindings).with_config(passes);
    let watched = Watched {
        stores,
        seen,
        register,
        triggers,
    };
    let context = Context::new(client, settings, Arc::clone(&metrics), watched);
    let counted = Arc::clone(&context);
    metrics.take_census_by(move || census::take(&counted));

    let mut tasks = JoinSet::new();
    let (shared, stopping) = (|| Arc::clone(&context), || stop.clone());
    tasks.spawn(follow_namespaces(namespaces_writer, shared(), stopping()));
    tasks.spawn(counts::keep(shared(), stopping()));
    tasks.spawn(stop_workers(shared(), stopping()));
    tasks.spawn(work(
        connection_queue,
        asked.connections,
        shared(),
        stopping(),
        (|context| &context.connection_workers, connection::reconcile),
    ));
    tasks.spawn(work(
        binding_queue,
        asked.bindings,
        shared(),
        stopping(),
        (|context| &context.binding_workers, binding::reconcile),
    ));
    let announced = announce(shared(), readiness, stopping());
    let ((), ended) = tokio::join!(announced, drain(tasks, &stop));
    ended
}

/// A part of the operator ended by itself: a defect, which a new process gets over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a part of the operator ended by itself, which is a defect: please report it with the log")]
pub struct EndedEarly;

/// Waits for the tasks, and after the word to stop no longer than a pod has. The first that ends without that word has
/// all others stopped.
async fn drain(mut tasks: JoinSet<()>, stop: &CancellationToken) -> Result<(), EndedEarly> {
    let mut result = Ok(());
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
        () = given_up => tracing::warn!("some passes did not end in time and are given up: the next operator goes on"),
    }
    result
}

/// The queue of one kind.
async fn work<K, Story, Pass>(
    controller: Controller<DeserializeGuard<K>>,
    asked: UnboundedReceiver<ObjectRef<DeserializeGuard<K>>>,
    context: Arc<Context>,
    stop: CancellationToken,
    (workers, story): (fn(&Context) -> &Workers, Story),
) where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Debug
        + Send
        + Sync
        + 'static,
    Story: Fn(Arc<K>, Arc<Context>, Share) -> Pass + Copy + Send + Sync + 'static,
    Pass: Future<Output = Result<pass::Next, error::Error>> + Send + 'static,
{
    controller
        .reconcile_on(received(asked))
        .graceful_shutdown_on(stop.cancelled_owned())
        .run(
            move |object, context| pass::run(object, context, workers, story),
            // Never called: a pass turns every failure into an action by itself.
            |_, never, _| match *never {},
            context,
        )
        .for_each(|ended| async move {
            if let Err(error) = ended {
                tracing::debug!(%error, kind = %K::kind(&()), "the queue reports");
            }
        })
        .await;
}

/// Keeps the labels of all namespaces, which `access` selects by, and has the bindings of a changed one looked at.
async fn follow_namespaces(
    writer: reflector::store::Writer<PartialObjectMeta<Namespace>>,
    context: Arc<Context>,
    stop: CancellationToken,
) {
    let (seen, register) = (
        context.seen.namespaces.clone(),
        Arc::clone(&context.register),
    );
    let all = Api::<PartialObjectMeta<Namespace>>::all(context.client.clone());
    let events = watcher(all, objects::config())
        .default_backoff()
        .modify(objects::prune)
        .reflect(writer);
    let namespaces = events.inspect_ok(move |event| {
        if matches!(event, Event::InitDone) {
            register.listed();
            seen.cancel();
        }
    });
    // Whatever else changes would only cut short the pauses of bindings that failed.
    let namespaces =
        objects::shown(namespaces).predicate_filter(predicates::labels, objects::remembering());
    let mut namespaces = std::pin::pin!(namespaces.take_until(stop.cancelled_owned()));
    while let Some(namespace) = namespaces.next().await {
        match namespace {
            Ok(namespace) => {
                context.register.namespace_changed(&namespace.name_any());
            }
            Err(error) => {
                context.metrics.watch_restarted("Namespace");
                tracing::warn!(%error, "the watch of namespaces failed; it is tried again");
            }
        }
    }
}

/// Lets no reconcile begin any more once the operator is to stop.
async fn stop_workers(context: Arc<Context>, stop: CancellationToken) {
    stop.cancelled().await;
    context.connection_workers.stop();
    context.binding_workers.stop();
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

fn received<T: Send>(receiver: UnboundedReceiver<T>) -> impl Stream<Item = T> + Send {
    futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|item| (item, receiver))
    })
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
    async fn parts_that_end_when_told_to_are_no_failure() {
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(stop.clone().cancelled_owned());
        stop.cancel();
        assert_eq!(drain(tasks, &stop).await, Ok(()));
    }
}
