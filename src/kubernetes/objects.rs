//! The watches of the kinds: each fills a store, says when it has seen everything once, and lets through
//! only what needs a reconcile.

mod filling;
mod namespace;

use std::fmt::Debug;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _, stream};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::crd::{Kind, SET};
use crate::metrics::Metrics;

use super::error::Error;
use super::own_writes::{Name, OwnWrites};
use super::scope::{Namespaces, Scope};
use super::store::Store;
use filling::{Changed, Filling, shared};

/// How long a watch may be silent, in seconds: a dead connection is noticed no later.
const WATCH_TIMEOUT: u32 = 60;

/// How many objects a page of a list has. A page is held in full, with what is dropped of each object, while it is read.
const PAGE: u32 = 100;

/// How every kind is watched.
fn config() -> watcher::Config {
    watcher::Config::default()
        .timeout(WATCH_TIMEOUT)
        .page_size(PAGE)
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

/// What a kind is watched for.
pub(crate) struct Watching<K: Kind, F> {
    /// What the watches show.
    pub(crate) store: Store<DeserializeGuard<K>>,
    /// To be cancelled once the store holds every object.
    pub(crate) seen: CancellationToken,
    /// What was written, until a watch shows it.
    pub(crate) own: Arc<OwnWrites>,
    pub(crate) follower: Arc<F>,
}

impl<K: Kind, F: Follower<K>> Watching<K, F> {
    /// Takes note of what an event shows. Returns the objects that need a reconcile.
    fn take(
        &self,
        filling: &mut Filling<DeserializeGuard<K>>,
        event: &Event<Arc<DeserializeGuard<K>>>,
    ) -> Vec<Arc<DeserializeGuard<K>>> {
        let Changed { news, gone } = filling.take(event);
        for object in gone {
            self.follower.gone(&object);
        }
        match event {
            Event::InitDone => self.follower.listed(&self.store.state()),
            Event::Apply(object) => self.follower.shown(object),
            Event::Init | Event::InitApply(_) | Event::Delete(_) => {}
        }
        for name in self.own.follow(filling.scope(), event) {
            self.follower.caught_up(&name);
        }
        for object in news.iter().filter_map(|object| object.0.as_ref().ok()) {
            self.follower.changed(object);
        }
        news
    }
}

/// Watches a kind in each scope, and returns the objects that appeared or ask for something else. A change of the status
/// alone triggers nothing: reconciles write it.
pub(crate) fn watch<K: Kind>(
    (client, metrics): (&kube::Client, &Arc<Metrics>),
    scopes: Vec<Scope>,
    watching: Watching<K, impl Follower<K>>,
) -> impl Stream<Item = Arc<DeserializeGuard<K>>> + Send {
    let (watching, unlisted) = (Arc::new(watching), Arc::new(AtomicUsize::new(scopes.len())));
    let watches = scopes.into_iter().map(|scope| {
        let objects = (scope.api::<DeserializeGuard<K>>(client), K::NAME);
        let events = events(objects, metrics, |object| {
            prune(object);
            keep_own_label(object.meta_mut());
            // Lists that were read have room for more; those of a copy have none.
            *object = object.clone();
        });
        let mut filling = Filling::new(watching.store.clone(), scope, |before, now| {
            before.generation != now.generation
                || before.annotations != now.annotations
                || before.finalizers != now.finalizers
        });
        let (watching, unlisted) = (Arc::clone(&watching), Arc::clone(&unlisted));
        let mut is_listed = false;
        let changed = events.map(move |event| {
            let event = shared(event);
            let news = watching.take(&mut filling, &event);
            let is_first = matches!(event, Event::InitDone) && !mem::replace(&mut is_listed, true);
            if is_first && unlisted.fetch_sub(1, Ordering::AcqRel) == 1 {
                watching.seen.cancel();
            }
            stream::iter(news)
        });
        changed.flatten().boxed()
    });
    stream::select_all(watches)
}

/// Follows the labels and annotations of all namespaces; other changes trigger nothing. `listed` is called once the store
/// holds all of them.
pub(crate) fn namespaces(
    (client, metrics): (&kube::Client, &Arc<Metrics>),
    namespaces: &Namespaces,
    store: Store<PartialObjectMeta<Namespace>>,
    listed: impl Fn() + Send + 'static,
) -> BoxStream<'static, Arc<PartialObjectMeta<Namespace>>> {
    let all = Api::<PartialObjectMeta<Namespace>>::all(client.clone());
    let events = match namespaces {
        Namespaces::All => events((all, "Namespace"), metrics, prune).boxed(),
        Namespaces::Only(names) => namespace::read_each(client, names, namespace::AGAIN).boxed(),
    };
    let mut filling = Filling::new(store, Scope::Cluster, |before, now| {
        before.labels != now.labels || before.annotations != now.annotations
    });
    let changed = events.map(move |event| {
        let is_listed = matches!(event, Event::InitDone);
        let changed = filling.take(&shared(event));
        if is_listed {
            listed();
        }
        stream::iter(changed.news)
    });
    changed.flatten().boxed()
}

/// After this time a watch begins again with a list. It shows what no event showed: after a restore of etcd, versions may
/// come again, and a watch that waits for later ones shows nothing.
const LIST_AGAIN: Duration = Duration::from_hours(6);

/// Begins a stream again after a time, or when it ends.
fn again_after<S: Stream>(time: Duration, begin: impl FnMut() -> S) -> impl Stream<Item = S::Item> {
    let streams = stream::repeat_with(begin);
    streams.flat_map(move |stream| stream.take_until(tokio::time::sleep(time)))
}

/// What a watch shows, without what `prune` drops. A watch that failed is tried again.
fn events<R>(
    (all, kind): (Api<R>, &'static str),
    metrics: &Arc<Metrics>,
    prune: fn(&mut R),
) -> impl Stream<Item = Event<R>> + Send + use<R>
where
    R: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let metrics = Arc::clone(metrics);
    let watch = move || {
        watcher(all.clone(), config())
            .default_backoff()
            .modify(prune)
    };
    let events = again_after(LIST_AGAIN, watch);
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

/// Drops the labels of an object of ours, but for the one that names its set.
fn keep_own_label(metadata: &mut ObjectMeta) {
    if let Some(labels) = &mut metadata.labels {
        labels.retain(|label, _| label == SET);
        if labels.is_empty() {
            metadata.labels = None;
        }
    }
}

/// Drops the fields that Bindery does not read before an object is stored: it is the larger part of many objects.
fn prune(object: &mut impl Resource) {
    let metadata = object.meta_mut();
    metadata.managed_fields = None;
    metadata.owner_references = None;
    if let Some(annotations) = &mut metadata.annotations {
        annotations.remove(LAST_APPLIED);
        if annotations.is_empty() {
            metadata.annotations = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
    use serde_json::json;

    use super::*;
    use crate::crd::ProjectBinding;

    pub(super) type Guarded = DeserializeGuard<ProjectBinding>;

    pub(super) fn binding(name: &str, generation: i64) -> Guarded {
        let binding = json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding",
            "metadata": {"name": name, "namespace": "payments", "uid": name, "generation": generation},
            "spec": {"connectionRef": {"name": "c"}, "repository": {"project": "PAY", "slug": name}},
        });
        DeserializeGuard(Ok(serde_json::from_value(binding).unwrap()))
    }

    #[test]
    fn fields_that_are_never_read_are_not_stored() {
        let mut binding = binding("checkout", 1);
        let metadata = binding.meta_mut();
        metadata.managed_fields = Some(vec![ManagedFieldsEntry::default()]);
        let annotations = [(LAST_APPLIED, "{}"), (crate::crd::FORCE_ORPHAN, "true")];
        let annotations = annotations.map(|(name, value)| (name.to_owned(), value.to_owned()));
        metadata.annotations = Some(annotations.into());
        prune(&mut binding);
        let metadata = binding.meta_mut();
        assert_eq!(metadata.managed_fields, None);
        let annotations = metadata.annotations.as_mut().unwrap();
        assert_eq!(
            annotations.remove(crate::crd::FORCE_ORPHAN).unwrap(),
            "true"
        );
        assert!(annotations.is_empty(), "{annotations:?}");
        prune(&mut binding);
        assert_eq!(binding.meta().annotations, None);
    }

    /// Promise: ten thousand bindings take 9 MB, their texts apart. A field that few bindings have belongs into a box.
    #[test]
    fn a_stored_binding_takes_few_bytes() {
        let bytes = size_of::<Guarded>();
        assert!(bytes <= 920, "{bytes} bytes");
    }

    /// Promise: what no event shows is seen with the next list, also where the watch never fails.
    #[tokio::test]
    async fn a_watch_that_stays_silent_begins_again() {
        let mut lists = 0;
        let silent = || {
            lists += 1;
            stream::iter([lists]).chain(stream::pending())
        };
        let again = again_after(Duration::from_millis(1), silent);
        assert_eq!(again.take(3).collect::<Vec<_>>().await, [1, 2, 3]);
    }
}
