//! The imperative shell: watches, queues, and the stories of both kinds.
//!
//! It gathers what the core wants to know, does what the core says, and reports. It decides nothing about
//! what was found on the servers.

mod binding;
mod census;
mod claims;
mod connection;
mod context;
mod counts;
mod error;
mod lifecycle;
mod pass;
mod per_object;
mod session;
mod share;

use std::collections::BTreeSet;
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
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::crd::{BitbucketConnection, ProjectBinding};
use crate::declared;
use crate::kubernetes::objects::{self, Objects, Seen};
use crate::metrics::Metrics;
use crate::server::Readiness;

pub(crate) use context::Context;
use context::Stores;
pub use context::{SecretHosts, Settings};
use share::{Share, Workers};

/// How long passes that are under way have to come to their end: less than a pod has.
const DRAIN: Duration = Duration::from_secs(10);

/// How many notices are taken at once.
const NOTICES: usize = 4096;

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
    let Kinds {
        connections: (connections, connection_changes),
        bindings: (bindings, binding_changes),
        noticed,
    } = watch(&client, &metrics, &seen);
    let (namespaces, namespaces_writer) = reflector::store();
    for kind in [BitbucketConnection::kind(&()), ProjectBinding::kind(&())] {
        metrics.may_run(&kind, settings.concurrency);
    }
    // Without a bound: reconciles that wait for a server or for each other hold no worker, see `share`.
    let passes = controller::Config::default().concurrency(0);
    let connection_queue =
        Controller::for_stream(connection_changes, connections.clone()).with_config(passes.clone());
    let binding_queue =
        Controller::for_stream(binding_changes, bindings.clone()).with_config(passes);
    let stores = Stores {
        connections,
        bindings,
        namespaces,
        seen,
    };
    let (context, asked) = Context::new(client, settings, Arc::clone(&metrics), stores);
    let counted = Arc::clone(&context);
    metrics.take_census_by(move || census::take(&counted));

    let mut tasks = JoinSet::new();
    let (shared, stopping) = (|| Arc::clone(&context), || stop.clone());
    tasks.spawn(follow_namespaces(namespaces_writer, shared(), stopping()));
    tasks.spawn(follow_notices(noticed, shared(), stopping()));
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

/// The watches of both kinds.
struct Kinds {
    connections: Objects<BitbucketConnection>,
    bindings: Objects<ProjectBinding>,
    noticed: UnboundedReceiver<Noticed>,
}

fn watch(client: &Client, metrics: &Arc<Metrics>, seen: &Seen) -> Kinds {
    let (notice, noticed) = unbounded_channel();
    let connections = {
        let notice = notice.clone();
        let changed = move |connection: &BitbucketConnection| {
            notice
                .send(Noticed::Connection(connection::reference_to(connection)))
                .ok();
        };
        let gone = changed.clone();
        let seen = seen.connections.clone();
        objects::watch((client, metrics), seen, changed, gone)
    };
    let left = move |binding: &ProjectBinding| {
        let connection = declared::connection_of(binding);
        notice.send(Noticed::BindingLeft(connection)).ok();
    };
    let changed = {
        let left = left.clone();
        move |binding: &ProjectBinding| {
            if binding::trigger::makes_room(binding) {
                left(binding);
            }
        }
    };
    let bindings = objects::watch((client, metrics), seen.bindings.clone(), changed, left);
    Kinds {
        connections,
        bindings,
        noticed,
    }
}

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

/// What a watch saw that concerns other objects than the one it saw.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Noticed {
    /// A connection is gone or has another spec: `access`, `suspend` and `managementPolicy` decide about its bindings, and
    /// about who else may have what it managed.
    Connection((String, String)),
    /// A binding of this connection is gone, or gave up its claim or its need of the connection.
    BindingLeft((String, String)),
}

/// Has those objects looked at that the change of another one concerns.
async fn follow_notices(
    mut noticed: UnboundedReceiver<Noticed>,
    context: Arc<Context>,
    stop: CancellationToken,
) {
    let mut batch = Vec::new();
    loop {
        let some = noticed.recv_many(&mut batch, NOTICES);
        if !matches!(stop.run_until_cancelled(some).await, Some(1..)) {
            return;
        }
        // Thousands of one connection come together, when all are listed or a namespace goes: each looks at all objects.
        let told: BTreeSet<_> = batch.drain(..).collect();
        let is_left = |notice: &Noticed| matches!(notice, Noticed::BindingLeft(_));
        if told.iter().any(is_left) {
            binding::trigger::waiting_for_a_claim(&context);
        }
        for notice in told {
            match notice {
                Noticed::Connection(reference) => {
                    binding::trigger::all_of(&reference, &context);
                    connection::trigger::waiting(&context);
                }
                Noticed::BindingLeft((namespace, name)) => {
                    connection::trigger::leaving((&namespace, &name), &context);
                }
            }
        }
    }
}

/// Keeps the labels of all namespaces, which `access` selects by, and has the bindings of a changed one looked at.
async fn follow_namespaces(
    writer: reflector::store::Writer<PartialObjectMeta<Namespace>>,
    context: Arc<Context>,
    stop: CancellationToken,
) {
    let seen = context.seen.namespaces.clone();
    let all = Api::<PartialObjectMeta<Namespace>>::all(context.client.clone());
    let events = watcher(all, objects::config())
        .default_backoff()
        .modify(objects::prune)
        .reflect(writer);
    let namespaces = events.inspect_ok(move |event| {
        if matches!(event, Event::InitDone) {
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
                let name = namespace.name_any();
                for guarded in context.bindings.state() {
                    if guarded.namespace().as_ref() == Some(&name) {
                        context.triggers.binding(&name, &guarded.name_any());
                    }
                }
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
