//! The watches of the kinds: each fills a store, says when it has seen everything once, and lets through
//! only what a pass is for.

use std::fmt::Debug;
use std::sync::Arc;

use futures::{Stream, StreamExt as _, TryStreamExt as _};
use kube::core::DeserializeGuard;
use kube::runtime::reflector::{self, Store};
use kube::runtime::watcher::{self, Event, watcher};
use kube::runtime::{Predicate as _, PredicateConfig, WatchStreamExt as _, predicates};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

/// How long a watch may be silent, in seconds: a dead connection is noticed no later.
const WATCH_TIMEOUT: u32 = 60;

/// How every kind is watched.
pub(crate) fn config() -> watcher::Config {
    watcher::Config::default().timeout(WATCH_TIMEOUT)
}

/// Which watches have seen everything once. Until all have, absence means nothing.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    pub(crate) connections: CancellationToken,
    pub(crate) bindings: CancellationToken,
    pub(crate) namespaces: CancellationToken,
}

impl Seen {
    /// Waits until nothing is missing from the stores.
    ///
    /// Not `Store::wait_until_ready`: it wakes one waiter only, and the queue waits as well.
    pub(crate) async fn everything(&self) {
        let Self {
            connections,
            bindings,
            namespaces,
        } = self;
        connections.cancelled().await;
        bindings.cancelled().await;
        namespaces.cancelled().await;
    }
}

/// Objects as a controller is to be triggered by them.
pub(crate) type Objects<K> = (
    Store<DeserializeGuard<K>>,
    std::pin::Pin<Box<dyn Stream<Item = Result<DeserializeGuard<K>, watcher::Error>> + Send>>,
);

/// Watches a kind. A status alone triggers nothing: it is what passes write.
pub(crate) fn watch<K>(
    (client, metrics): (&kube::Client, &Arc<Metrics>),
    seen: CancellationToken,
    changed: impl Fn(&K) + Send + 'static,
    gone: impl Fn(&K) + Send + 'static,
) -> Objects<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    let (store, writer) = reflector::store();
    let metrics = Arc::clone(metrics);
    let events = watcher(Api::<DeserializeGuard<K>>::all(client.clone()), config())
        .default_backoff()
        .reflect(writer)
        .inspect(move |event| match event {
            Ok(Event::InitDone) => seen.cancel(),
            Ok(Event::Delete(DeserializeGuard(Ok(object)))) => gone(object),
            Ok(Event::Init | Event::InitApply(_) | Event::Apply(_) | Event::Delete(_)) => {}
            Err(error) => {
                metrics.watch_restarted(&K::kind(&()));
                tracing::warn!(%error, kind = %K::kind(&()), "a watch failed; it is tried again");
            }
        });
    let wanted = predicates::generation
        .combine(predicates::annotations)
        .combine(predicates::finalizers);
    let objects = events
        .applied_objects()
        .predicate_filter(wanted, PredicateConfig::default())
        .inspect_ok(move |DeserializeGuard(object)| {
            if let Ok(object) = object {
                changed(object);
            }
        });
    (store, objects.boxed())
}
