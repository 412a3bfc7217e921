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

use futures::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::Namespace;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::controller::{self, Controller};
use kube::runtime::events::{Recorder, Reporter};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::crd::{BitbucketConnection, ProjectBinding};
use crate::metrics::Metrics;
use crate::server::Readiness;

pub(crate) use context::Context;
use context::Triggers;
pub use context::{SecretHosts, Settings};
pub use event::Occurred;

/// How long a watch may be silent, in seconds: a dead connection is noticed no later.
const WATCH_TIMEOUT: u32 = 60;

/// Runs both controllers until told to stop, and lets the passes that are under way come to their end.
pub async fn run(
    client: Client,
    settings: Settings,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    stop: CancellationToken,
) {
    let config = watcher::Config::default().timeout(WATCH_TIMEOUT);
    let (ask_connection, asked_connections) = unbounded_channel();
    let (ask_binding, asked_bindings) = unbounded_channel();
    let triggers = Triggers {
        connections: ask_connection,
        bindings: ask_binding,
    };
    let connections = Controller::<DeserializeGuard<BitbucketConnection>>::new(
        Api::all(client.clone()),
        config.clone(),
    );
    let bindings = Controller::<DeserializeGuard<ProjectBinding>>::new(
        Api::all(client.clone()),
        config.clone(),
    );
    let (namespaces, writer) = reflector::store();
    let reporter = Reporter {
        controller: "bindery.dev/operator".to_owned(),
        instance: None,
    };
    let context = Arc::new(Context {
        events: Recorder::new(client.clone(), reporter),
        settings: settings.clone(),
        connections: connections.store(),
        bindings: bindings.store(),
        namespaces,
        sessions: session::Sessions::default(),
        memories: connection::memory::Memories::default(),
        claims: claims::Claims::default(),
        watches: watches::Watches::default(),
        failures: context::Failures::default(),
        counts: counts::Counts::default(),
        triggers,
        metrics,
        client: client.clone(),
    });
    let config_bindings = controller::Config::default().concurrency(settings.concurrency);
    let bindings = bindings.with_config(config_bindings.clone()).watches(
        Api::<DeserializeGuard<BitbucketConnection>>::all(client.clone()),
        config.clone(),
        bindings_of(context.bindings.clone()),
    );
    let connections = connections.with_config(config_bindings);
    let mut tasks = JoinSet::new();
    tasks.spawn(follow_namespaces(
        client,
        config,
        writer,
        Arc::clone(&context),
        stop.clone(),
    ));
    tasks.spawn(counts::keep(Arc::clone(&context), stop.clone()));
    tasks.spawn(announce(Arc::clone(&context), readiness, stop.clone()));
    tasks.spawn(work(
        connections,
        asked_connections,
        Arc::clone(&context),
        stop.clone(),
        connection::reconcile,
    ));
    tasks.spawn(work(
        bindings,
        asked_bindings,
        context,
        stop,
        binding::reconcile,
    ));
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a task of the operator panicked");
        }
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
    client: Client,
    config: watcher::Config,
    writer: reflector::store::Writer<PartialObjectMeta<Namespace>>,
    context: Arc<Context>,
    stop: CancellationToken,
) {
    let events =
        watcher(Api::<PartialObjectMeta<Namespace>>::all(client), config).default_backoff();
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
                tracing::warn!(%error, "the watch of namespaces failed; it is tried again")
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
