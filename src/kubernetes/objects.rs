//! The watches of the kinds: each fills a store, says when it has seen everything once, and lets through
//! only what needs a reconcile.

use std::collections::HashSet;
use std::fmt::Debug;
use std::mem;
use std::sync::Arc;

use futures::{Stream, StreamExt as _, stream};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::crd::Kind;
use crate::metrics::Metrics;

use super::error::Error;
use super::own_writes::{Name, OwnWrites};
use super::uid;

/// How long a watch may be silent, in seconds: a dead connection is noticed no later.
const WATCH_TIMEOUT: u32 = 60;

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

/// Watches a kind, and returns the objects that appeared or ask for something else. A change of the status alone triggers
/// nothing: reconciles write it.
pub(crate) fn watch<K: Kind>(
    (client, metrics): (&kube::Client, &Arc<Metrics>),
    (store, writer): Filled<K>,
    (seen, own): (CancellationToken, Arc<OwnWrites>),
    follower: Arc<impl Follower<K>>,
) -> impl Stream<Item = Arc<DeserializeGuard<K>>> + Send {
    let mut missing = Missing::of(store.clone());
    let mut filling = Filling::new(store, writer, |before, now| {
        before.generation != now.generation
            || before.annotations != now.annotations
            || before.finalizers != now.finalizers
    });
    let all = Api::<DeserializeGuard<K>>::all(client.clone());
    let events = events(all, metrics, K::NAME);
    let changed = events.map(move |event| {
        let changed = filling.take(&event);
        match &event {
            Event::InitDone => {
                let objects = missing.listed(|object| follower.gone(object));
                follower.listed(&objects);
                seen.cancel();
            }
            Event::Apply(object) => follower.shown(object),
            Event::Delete(object) => follower.gone(object),
            Event::Init => missing.begin(),
            Event::InitApply(_) => {}
        }
        for name in own.follow(&event) {
            follower.caught_up(&name);
        }
        for object in changed.iter().filter_map(|object| object.0.as_ref().ok()) {
            follower.changed(object);
        }
        stream::iter(changed)
    });
    changed.flatten()
}

/// Watches the labels and annotations of all namespaces; other changes trigger nothing. `listed` is called once the store
/// holds all of them.
pub(crate) fn namespaces(
    (client, metrics): (&kube::Client, &Arc<Metrics>),
    writer: reflector::store::Writer<PartialObjectMeta<Namespace>>,
    listed: impl Fn() + Send,
) -> impl Stream<Item = Arc<PartialObjectMeta<Namespace>>> + Send {
    let mut filling = Filling::new(writer.as_reader(), writer, |before, now| {
        before.labels != now.labels || before.annotations != now.annotations
    });
    let all = Api::<PartialObjectMeta<Namespace>>::all(client.clone());
    let events = events(all, metrics, "Namespace");
    let changed = events.map(move |event| {
        let changed = filling.take(&event);
        if matches!(event, Event::InitDone) {
            listed();
        }
        stream::iter(changed)
    });
    changed.flatten()
}

/// What a watch shows. A watch that failed is tried again.
fn events<R>(
    all: Api<R>,
    metrics: &Arc<Metrics>,
    kind: &'static str,
) -> impl Stream<Item = Event<R>> + Send
where
    R: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let metrics = Arc::clone(metrics);
    let events = watcher(all, config()).default_backoff().modify(prune);
    events.filter_map(move |event| {
        let event = event.inspect_err(|error| {
            metrics.watch_restarted(kind);
            tracing::warn!(%error, kind, "a watch failed; it is tried again");
        });
        std::future::ready(event.ok())
    })
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

/// A store as a watch fills it, and what is news in that.
struct Filling<R: Resource<DynamicType = ()> + Clone + 'static> {
    store: Store<R>,
    writer: reflector::store::Writer<R>,
    differs: fn(&ObjectMeta, &ObjectMeta) -> bool,
    /// What is news, until the store shows it.
    news: Vec<ObjectRef<R>>,
}

impl<R: Resource<DynamicType = ()> + Clone + 'static> Filling<R> {
    /// `differs` decides whether a change of an object is news.
    fn new(
        store: Store<R>,
        writer: reflector::store::Writer<R>,
        differs: fn(&ObjectMeta, &ObjectMeta) -> bool,
    ) -> Self {
        Self {
            store,
            writer,
            differs,
            news: Vec::new(),
        }
    }

    /// Objects as they appear or change, each once the store shows it. A list that is taken anew fills the store when it is
    /// complete: a reconcile that was triggered before would read an old state.
    fn take(&mut self, event: &Event<R>) -> Vec<Arc<R>> {
        match event {
            Event::Init => self.news.clear(),
            Event::InitApply(object) | Event::Apply(object) => self.note(object),
            Event::InitDone | Event::Delete(_) => {}
        }
        self.writer.apply_watcher_event(event);
        match event {
            Event::InitDone | Event::Apply(_) => {
                let news = mem::take(&mut self.news).into_iter();
                news.filter_map(|object| self.store.get(&object)).collect()
            }
            Event::Init | Event::InitApply(_) | Event::Delete(_) => Vec::new(),
        }
    }

    fn note(&mut self, object: &R) {
        let reference = ObjectRef::from_obj(object);
        let (before, now) = (self.store.get(&reference), object.meta());
        let is_known = before.is_some_and(|before| {
            let before = before.meta();
            before.uid == now.uid && !(self.differs)(before, now)
        });
        if !is_known {
            self.news.push(reference);
        }
    }
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

    fn filling() -> Filling<Guarded> {
        let (store, writer) = reflector::store();
        Filling::new(store, writer, |before, now| {
            before.generation != now.generation
        })
    }

    fn generations(objects: &[Arc<Guarded>]) -> Vec<Option<i64>> {
        let objects = objects.iter();
        objects.map(|object| object.meta().generation).collect()
    }

    /// Promise: no reconcile reads a store that does not show yet what the reconcile is for.
    #[test]
    fn what_a_new_list_brings_is_told_once_the_store_shows_it() {
        let mut filling = filling();
        let first = filling.take(&Event::Apply(binding("checkout", 1)));
        assert_eq!(generations(&first), [Some(1)]);
        assert!(filling.take(&Event::Init).is_empty());
        let page = Event::InitApply(binding("checkout", 2));
        assert!(filling.take(&page).is_empty());
        assert_eq!(generations(&filling.store.state()), [Some(1)]);
        // The next page was not to be had: the list begins anew.
        for event in [Event::Init, Event::InitApply(binding("checkout", 3))] {
            assert!(filling.take(&event).is_empty());
        }
        assert_eq!(generations(&filling.take(&Event::InitDone)), [Some(3)]);
        assert_eq!(generations(&filling.store.state()), [Some(3)]);
    }

    #[test]
    fn what_is_not_asked_for_is_no_news_and_another_object_of_the_name_is() {
        let mut filling = filling();
        let mut reported = |event| filling.take(&event).len();
        assert_eq!(reported(Event::Apply(binding("checkout", 1))), 1);
        assert_eq!(reported(Event::Apply(binding("checkout", 1))), 0);
        assert_eq!(reported(Event::Apply(binding("checkout", 2))), 1);
        let events = [Event::Init, Event::InitApply(binding("checkout", 2))];
        assert_eq!(events.map(&mut reported), [0, 0]);
        assert_eq!(reported(Event::InitDone), 0);
        let mut other = binding("checkout", 2);
        other.meta_mut().uid = Some("other".to_owned());
        assert_eq!(reported(Event::Apply(other.clone())), 1);
        assert_eq!(reported(Event::Delete(other.clone())), 0);
        assert_eq!(reported(Event::Apply(other)), 1);
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
        let reported = std::cell::RefCell::new(Vec::new());
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
            reported
                .borrow_mut()
                .push(object.meta().name.clone().unwrap());
        });
        assert_eq!(there.len(), 1);
        assert_eq!(reported.into_inner(), ["checkout"]);
    }
}
