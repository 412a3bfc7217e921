//! The imperative shell: watches, queues, and the stories of both kinds.
//!
//! It gathers what the core wants to know, does what the core says, and reports. It decides nothing about
//! what was found on the servers.

mod binding;
mod claims;
mod clock;
mod connection;
mod context;
mod counts;
mod error;
mod event;
mod finalizer;
mod lifecycle;
mod pass;
mod session;
mod status;
mod watches;

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::Namespace;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::controller::{self, Controller};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::crd::{BitbucketConnection, ProjectBinding};
use crate::metrics::Metrics;
use crate::server::Readiness;

pub(crate) use context::Context;
use context::Stores;
pub use context::{SecretHosts, Settings};
pub use event::Occurred;

/// How long a watch may be silent, in seconds: a dead connection is noticed no later.
const WATCH_TIMEOUT: u32 = 60;

/// How long passes that are under way have to come to their end: less than a pod has.
const DRAIN: Duration = Duration::from_secs(10);

/// Runs both controllers until told to stop, and lets the passes that are under way come to their end.
pub async fn run(
    client: Client,
    settings: Settings,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    stop: CancellationToken,
) {
    let draining = stop.clone();
    let watching = watcher::Config::default().timeout(WATCH_TIMEOUT);
    let passes = controller::Config::default().concurrency(settings.concurrency);
    let connections =
        Controller::new(Api::all(client.clone()), watching.clone()).with_config(passes.clone());
    let bindings = Controller::new(Api::all(client.clone()), watching.clone()).with_config(passes);
    let (namespaces, namespaces_writer) = reflector::store();
    let stores = Stores {
        connections: connections.store(),
        bindings: bindings.store(),
        namespaces,
    };
    let (context, asked) = Context::new(client.clone(), settings, metrics, stores);
    // The spec of a connection decides about its bindings: `access`, `suspend`, `managementPolicy`.
    let connections_of_bindings = Api::<DeserializeGuard<BitbucketConnection>>::all(client);
    let bindings = bindings.watches(
        connections_of_bindings,
        watching.clone(),
        bindings_of(context.bindings.clone()),
    );

    let mut tasks = JoinSet::new();
    tasks.spawn(follow_namespaces(
        watching,
        namespaces_writer,
        Arc::clone(&context),
        stop.clone(),
    ));
    tasks.spawn(counts::keep(Arc::clone(&context), stop.clone()));
    tasks.spawn(announce(Arc::clone(&context), readiness, stop.clone()));
    tasks.spawn(work(
        connections,
        asked.connections,
        Arc::clone(&context),
        stop.clone(),
        connection::reconcile,
    ));
    tasks.spawn(work(
        bindings,
        asked.bindings,
        context,
        stop,
        binding::reconcile,
    ));
    let given_up = async {
        draining.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    let ended = async {
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a task of the operator panicked");
            }
        }
    };
    tokio::select! {
        () = ended => {}
        () = given_up => tracing::warn!("some passes did not end in time and are given up: the next operator goes on"),
    }
}

/// The queue of one kind.
async fn work<K, Story, Pass>(
    controller: Controller<DeserializeGuard<K>>,
    asked: UnboundedReceiver<ObjectRef<DeserializeGuard<K>>>,
    context: Arc<Context>,
    stop: CancellationToken,
    story: Story,
) where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    Story: Fn(Arc<K>, Arc<Context>) -> Pass + Copy + Send + Sync + 'static,
    Pass: Future<Output = Result<pass::Next, error::Error>> + Send + 'static,
{
    controller
        .reconcile_on(received(asked))
        .graceful_shutdown_on(stop.cancelled_owned())
        .run(
            move |object, context| pass::run(object, context, story),
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

/// The bindings of a connection that changed.
fn bindings_of(
    bindings: Store<DeserializeGuard<ProjectBinding>>,
) -> impl Fn(DeserializeGuard<BitbucketConnection>) -> Vec<ObjectRef<DeserializeGuard<ProjectBinding>>>
{
    move |connection| {
        let reference = (
            connection.namespace().unwrap_or_default(),
            connection.name_any(),
        );
        let state = bindings.state();
        let bindings = state.iter().filter_map(|guarded| guarded.0.as_ref().ok());
        bindings
            .filter(|binding| binding::validate::connection_of(binding) == reference)
            .map(|binding| {
                ObjectRef::new(&binding.name_any()).within(&binding.namespace().unwrap_or_default())
            })
            .collect()
    }
}

/// Keeps the labels of all namespaces, which `access` selects by, and has the bindings of a changed one looked at.
async fn follow_namespaces(
    config: watcher::Config,
    writer: reflector::store::Writer<PartialObjectMeta<Namespace>>,
    context: Arc<Context>,
    stop: CancellationToken,
) {
    let events = watcher(
        Api::<PartialObjectMeta<Namespace>>::all(context.client.clone()),
        config,
    )
    .default_backoff();
    let namespaces = reflector::reflector(writer, events).applied_objects();
    let mut namespaces = std::pin::pin!(namespaces.take_until(stop.cancelled_owned()));
    while let Some(namespace) = namespaces.next().await {
        match namespace {
            Ok(namespace) => {
                let name = namespace.name_any();
                for guarded in context.bindings.state() {
                    if guarded.namespace().as_ref() == Some(&name) {
                        context.triggers.binding(&name, &guarded.name_any());
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the watch of namespaces failed; it is tried again");
            }
        }
    }
}

/// Says that the operator is ready once it has seen every object.
async fn announce(context: Arc<Context>, readiness: Readiness, stop: CancellationToken) {
    let Context {
        connections,
        bindings,
        namespaces,
        ..
    } = &*context;
    let seen = async {
        connections.wait_until_ready().await.is_ok()
            && bindings.wait_until_ready().await.is_ok()
            && namespaces.wait_until_ready().await.is_ok()
    };
    if stop.run_until_cancelled(seen).await == Some(true) {
        readiness.reached();
    }
}

fn received<T: Send>(receiver: UnboundedReceiver<T>) -> impl Stream<Item = T> + Send {
    futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|item| (item, receiver))
    })
}
