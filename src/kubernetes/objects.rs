//! The watches of the kinds: each fills a store, says when it has seen everything once, and lets through
//! only what needs a reconcile.

use std::collections::HashSet;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::reflector::{self, Store};
use kube::runtime::watcher::{self, Event, watcher};
use kube::runtime::{Predicate as _, PredicateConfig, WatchStreamExt as _, predicates};
use kube::{Api, Resource};
use tokio_util::sync::CancellationToken;

use crate::crd::Kind;
use crate::metrics::Metrics;

use super::error::Error;
use super::own_writes::{Name, OwnWrites};
use super::uid;

/// How long a watch may be silent, in seconds: a dead connection is noticed no later.
const WATCH_TIMEOUT: u32 = 60;

/// How long it is remembered which change of an object was let through: a change of its status alone is to be known as
/// such for longer than any object is quiet.
const REMEMBERED: Duration = Duration::from_hours(30 * 24);

/// How every kind is watched.
fn config() -> watcher::Config {
    watcher::Config::default().timeout(WATCH_TIMEOUT)
}

/// Which watches have seen everything once. Until all have, absence means nothing.
#[derive(Clone, Default)]
pub(crate) struct Seen(Vec<CancellationToken>);

impl Seen {
    /// One more watch, which cancels this token once it has seen everything.
    pub(crate) fn expect(&mut self) -> CancellationToken {
        let token = CancellationToken::new();
        self.0.push(token.clone());
        token
    }

    /// Waits until nothing is missing from the stores.
    ///
    /// Not `Store::wait_until_ready`: it wakes one waiter only, and the queue waits as well.
    pub(crate) async fn everything(&self) {
        for token in &self.0 {
            token.cancelled().await;
        }
    }
}

/// Reads an object by its name.
pub(crate) async fn read<K: Kind>(
    client: &kube::Client,
    namespace: &str,
    name: &str,
) -> Result<Option<K>, Error> {
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    let read = api.get_opt(name).await;
    read.map_err(Error::when("read the object"))
}

/// Objects as a controller is to be triggered by them.
pub(crate) type Objects<K> =
    std::pin::Pin<Box<dyn Stream<Item = Result<DeserializeGuard<K>, watcher::Error>> + Send>>;

/// Follows what the watch of a kind shows, once its store shows it.
pub(crate) trait Follower<K: Kind>: Send + Sync + 'static {
    /// Everything was listed. Nothing goes by the store before this has returned.
    fn listed(&self, _objects: &[Arc<DeserializeGuard<K>>]) {}
    /// An object appeared or changed, its status included.
    fn shown(&self, _object: &DeserializeGuard<K>) {}
    /// An object appeared, or what it asks for changed.
    fn changed(&self, _object: &K) {}
    /// An object is gone.
    fn gone(&self, _object: &DeserializeGuard<K>) {}
    /// The store has what was written of this object, and a reconcile waits for that.
    fn caught_up(&self, _name: &Name) {}
}

/// A store, and the end that fills it.
pub(crate) type Filled<K> = (
    Store<DeserializeGuard<K>>,
    reflector::store::Writer<DeserializeGuard<K>>,
);

/// Watches a kind. A change of the status alone triggers nothing: reconciles write it.
pub(crate) fn watch<K: Kind>(
    (client, metrics): (&kube::Client, &Arc<Metrics>),
    (store, writer): Filled<K>,
    (seen, own): (CancellationToken, Arc<OwnWrites>),
    follower: Arc<impl Follower<K>>,
) -> Objects<K> {
    let metrics = Arc::clone(metrics);
    let changed = Arc::clone(&follower);
    let mut missing = Missing::of(store);
    let events = watcher(Api::<DeserializeGuard<K>>::all(client.clone()), config())
        .default_backoff()
        .modify(prune)
        .reflect(writer)
        .inspect(move |event| {
            match event {
                Ok(Event::InitDone) => {
                    let objects = missing.listed(|object| follower.gone(object));
                    follower.listed(&objects);
                    seen.cancel();
                }
                Ok(Event::Apply(object)) => follower.shown(object),
                Ok(Event::Delete(object)) => follower.gone(object),
                Ok(Event::Init) => missing.begin(),
                Ok(Event::InitApply(_)) => {}
                Err(error) => {
                    metrics.watch_restarted(K::NAME);
                    tracing::warn!(%error, kind = K::NAME, "a watch failed; it is tried again");
                }
            }
            let woken = event.as_ref().map(|event| own.follow(event));
            for name in woken.unwrap_or_default() {
                follower.caught_up(&name);
            }
        });
    let wanted = predicates::generation
        .combine(predicates::annotations)
        .combine(predicates::finalizers);
    let objects = shown(events)
        .predicate_filter(wanted, remembering())
        .inspect_ok(move |DeserializeGuard(object)| {
            if let Ok(object) = object {
                changed.changed(object);
            }
        });
    objects.boxed()
}

/// Watches the labels and annotations of all namespaces; other changes trigger nothing. `listed` is called once the
/// store holds all of them.
pub(crate) fn namespaces(
    client: &kube::Client,
    writer: reflector::store::Writer<PartialObjectMeta<Namespace>>,
    listed: impl Fn() + Send,
) -> impl Stream<Item = Result<PartialObjectMeta<Namespace>, watcher::Error>> + Send {
    let all = Api::<PartialObjectMeta<Namespace>>::all(client.clone());
    let events = watcher(all, config())
        .default_backoff()
        .modify(prune)
        .reflect(writer)
        .inspect_ok(move |event| {
            if matches!(event, Event::InitDone) {
                listed();
            }
        });
    let wanted = predicates::labels.combine(predicates::annotations);
    shown(events).predicate_filter(wanted, remembering())
}

/// The annotation in which `kubectl apply` keeps a second copy of the object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Drops the fields that Bindery does not read before an object is stored: it is the larger part of many objects.
fn prune(object: &mut impl Resource) {
    let metadata = object.meta_mut();
    metadata.managed_fields = None;
    if let Some(annotations) = &mut metadata.annotations {
        annotations.remove(LAST_APPLIED);
    }
}

/// For how long changes are distinguished.
fn remembering() -> PredicateConfig {
    PredicateConfig::default().ttl(REMEMBERED)
}

/// Objects as they appear or change, each once its store shows it. A list that is taken anew fills the store when it is
/// complete: a reconcile that was triggered before would read an old state.
fn shown<K>(
    events: impl Stream<Item = Result<Event<K>, watcher::Error>>,
) -> impl Stream<Item = Result<K, watcher::Error>> {
    let mut listed = Vec::new();
    let objects = events.map(move |event| match event {
        Ok(Event::Init) => {
            listed.clear();
            Vec::new()
        }
        Ok(Event::InitApply(object)) => {
            listed.push(Ok(object));
            Vec::new()
        }
        Ok(Event::InitDone) => mem::take(&mut listed),
        Ok(Event::Apply(object)) => vec![Ok(object)],
        Ok(Event::Delete(_)) => Vec::new(),
        Err(error) => vec![Err(error)],
    });
    objects.flat_map(stream::iter)
}

/// What vanished while the watch was away: no event reports it.
struct Missing<K: Resource<DynamicType = ()> + Clone + 'static> {
    store: Store<DeserializeGuard<K>>,
    before: Vec<Arc<DeserializeGuard<K>>>,
}

impl<K> Missing<K>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    fn of(store: Store<DeserializeGuard<K>>) -> Self {
        let before = Vec::new();
        Self { store, before }
    }

    /// A list begins.
    fn begin(&mut self) {
        self.before = self.store.state();
    }

    /// Compares the store at the end of a list with what it held at the beginning. Returns what it holds.
    fn listed(&mut self, gone: impl Fn(&DeserializeGuard<K>)) -> Vec<Arc<DeserializeGuard<K>>> {
        let now = self.store.state();
        let there: HashSet<_> = now.iter().map(|object| uid(&**object)).collect();
        let before = mem::take(&mut self.before).into_iter();
        for object in before.filter(|object| !there.contains(&uid(&**object))) {
            gone(&object);
        }
        now
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use futures::channel::mpsc::unbounded;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
    use serde_json::json;

    use super::*;
    use crate::crd::ProjectBinding;

    type Guarded = DeserializeGuard<ProjectBinding>;

    fn binding(name: &str, generation: i64) -> Guarded {
        let binding = json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding",
            "metadata": {"name": name, "namespace": "payments", "uid": name, "generation": generation},
            "spec": {"connectionRef": {"name": "c"}, "repository": {"project": "PAY", "slug": name}},
        });
        DeserializeGuard(Ok(serde_json::from_value(binding).unwrap()))
    }

    /// Promise: no reconcile reads a store that does not show yet what the reconcile is for.
    #[test]
    fn what_a_new_list_brings_is_let_through_once_the_store_shows_it() {
        let (store, writer) = reflector::store::<Guarded>();
        let (send, events) = unbounded();
        let mut objects = std::pin::pin!(shown(events.reflect(writer)));
        let tell = |event| send.unbounded_send(Ok(event)).unwrap();
        let mut next = || {
            let object = objects.next().now_or_never()??;
            Some(object.unwrap().meta().generation)
        };
        tell(Event::Apply(binding("checkout", 1)));
        assert_eq!(next(), Some(Some(1)));
        tell(Event::Init);
        tell(Event::InitApply(binding("checkout", 2)));
        assert_eq!(next(), None, "the next page is being fetched");
        // It was not to be had: the list begins anew.
        for event in [
            Event::Init,
            Event::InitApply(binding("checkout", 3)),
            Event::InitDone,
        ] {
            tell(event);
        }
        assert_eq!(next(), Some(Some(3)));
        assert_eq!(store.state()[0].meta().generation, Some(3));
        assert_eq!(next(), None);
    }

    #[test]
    fn what_nobody_reads_is_not_stored() {
        let mut binding = binding("checkout", 1);
        let metadata = binding.meta_mut();
        metadata.managed_fields = Some(vec![ManagedFieldsEntry::default()]);
        let annotations = [(LAST_APPLIED, "{}"), (crate::crd::FORCE_ORPHAN, "true")];
        let annotations = annotations.map(|(name, value)| (name.to_owned(), value.to_owned()));
        metadata.annotations = Some(annotations.into());
        let (store, writer) = reflector::store::<Guarded>();
        let events = stream::iter([Ok(Event::Apply(binding))]).modify(prune);
        events.reflect(writer).collect::<Vec<_>>().now_or_never();
        let stored = &store.state()[0];
        assert_eq!(stored.meta().managed_fields, None);
        let left: Vec<_> = stored.meta().annotations.iter().flatten().collect();
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(left[0].0, crate::crd::FORCE_ORPHAN);
    }

    /// Promise: what was deleted while no watch ran is reported.
    #[test]
    fn what_a_new_list_does_not_bring_is_gone() {
        let (store, mut writer) = reflector::store::<Guarded>();
        let mut missing = Missing::of(store);
        let told = std::cell::RefCell::new(Vec::new());
        let events = [
            Event::Apply(binding("checkout", 1)),
            Event::Apply(binding("ledger", 1)),
            Event::Init,
            Event::InitApply(binding("ledger", 1)),
            Event::InitDone,
        ];
        for event in events {
            writer.apply_watcher_event(&event);
            if matches!(event, Event::Init) {
                missing.begin();
            }
        }
        let there = missing.listed(|object| {
            told.borrow_mut().push(object.meta().name.clone().unwrap());
        });
        assert_eq!(there.len(), 1);
        assert_eq!(told.into_inner(), ["checkout"]);
    }
}
