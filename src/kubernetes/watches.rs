//! One watch for each Secret and ConfigMap that a connection refers to: by name, metadata only.
//!
//! A watch by field selector needs no more than a Role with `resourceNames`; no token is ever in a cache.

mod anew;

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{Config, Event};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, timeout_at};

use crate::crd::CaBundleKind;
use crate::metrics::Metrics;

use super::secrets::Unread;
use anew::{Delays, Ended, begins_anew};

/// An object that is watched for the sake of connections in its namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Watched {
    pub(crate) kind: CaBundleKind,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// How long further changes of an object are collected after one was forwarded. The first is passed on at once, the
/// last is never lost; what lies between costs no rotation of its own.
const COLLECTED: Duration = Duration::from_secs(5);

/// The version of an object: its uid and its resourceVersion.
type Version = (Option<String>, Option<String>);

/// All watches of this process.
pub(crate) struct Watches {
    client: kube::Client,
    metrics: Arc<Metrics>,
    wake: Wake,
    open: Mutex<Open>,
}

/// Has the connection of this namespace and name reconciled.
type Wake = Arc<dyn Fn(&str, &str) + Send + Sync>;

#[derive(Default)]
struct Open {
    watches: HashMap<Watched, Watch>,
    tasks: JoinSet<()>,
}

/// A watch, and the names of the connections that it triggers.
struct Watch {
    shared: Arc<Mutex<Shared>>,
    /// Notified when a connection was not allowed to read the object.
    forbidden: watch::Sender<()>,
    task: AbortHandle,
}

/// The connections of a watch by name, each with the version that its last reconcile read: its echo is no reason for
/// another one. `None`: it could not read the object.
type Shared = HashMap<String, Option<Version>>;

impl Watches {
    /// No watch so far. `wake` is given the namespace and the name of a connection when an object changed that it
    /// follows.
    pub(crate) fn new(
        client: kube::Client,
        metrics: Arc<Metrics>,
        wake: impl Fn(&str, &str) + Send + Sync + 'static,
    ) -> Self {
        Self {
            client,
            metrics,
            wake: Arc::new(wake),
            open: Mutex::default(),
        }
    }

    /// Makes a connection follow exactly these objects.
    pub(crate) fn follow(&self, connection: &str, references: &[Watched]) {
        let mut open = self.lock();
        let Open { watches, tasks } = &mut *open;
        while tasks.try_join_next().is_some() {}
        for watched in references {
            let watch = watches.entry(watched.clone()).or_insert_with(|| {
                let shared = Arc::default();
                let (forbidden, is_forbidden) = watch::channel(());
                let task = tasks.spawn(run(
                    watched.clone(),
                    self.client.clone(),
                    Follower {
                        shared: Arc::clone(&shared),
                        wake: Arc::clone(&self.wake),
                        metrics: Arc::clone(&self.metrics),
                    },
                    is_forbidden,
                ));
                Watch {
                    shared,
                    forbidden,
                    task,
                }
            });
            lock(&watch.shared)
                .entry(connection.to_owned())
                .or_default();
        }
        let namespace = references.first().map(|watched| watched.namespace.clone());
        watches.retain(|watched, watch| {
            let kept =
                references.contains(watched) || Some(&watched.namespace) != namespace.as_ref();
            kept || watch.drop_connection(connection)
        });
    }

    /// Ends what was watched for a connection that is gone.
    pub(crate) fn forget(&self, namespace: &str, connection: &str) {
        self.lock().watches.retain(|watched, watch| {
            watched.namespace != namespace || watch.drop_connection(connection)
        });
    }

    /// Remembers which version a reconcile of a connection has read, or that it could not read the object. If it was not
    /// allowed to, the watch begins anew once it is: one that goes on says nothing of a grant that is given back before
    /// it ends.
    pub(crate) fn seen(
        &self,
        connection: &str,
        watched: &Watched,
        read: Result<&ObjectMeta, &Unread>,
    ) {
        if let Some(watch) = self.lock().watches.get(watched)
            && let Some(seen) = lock(&watch.shared).get_mut(connection)
        {
            *seen = read.ok().map(version);
            if matches!(read, Err(Unread::Forbidden)) {
                watch.forbidden.send_replace(());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// Returns whether another connection still needs the watch.
    fn drop_connection(&self, connection: &str) -> bool {
        let mut shared = lock(&self.shared);
        shared.remove(connection);
        let needed = !shared.is_empty();
        if !needed {
            self.task.abort();
        }
        needed
    }
}

/// What a watch needs to forward what it sees.
struct Follower {
    shared: Arc<Mutex<Shared>>,
    wake: Wake,
    metrics: Arc<Metrics>,
}

async fn run(
    watched: Watched,
    client: kube::Client,
    follower: Follower,
    forbidden: watch::Receiver<()>,
) {
    let Watched {
        kind, namespace, ..
    } = &watched;
    match kind {
        CaBundleKind::Secret => {
            let api = Api::<PartialObjectMeta<Secret>>::namespaced(client, namespace);
            follower.watch(&api, &watched, &forbidden).await;
        }
        CaBundleKind::ConfigMap => {
            let api = Api::<PartialObjectMeta<ConfigMap>>::namespaced(client, namespace);
            follower.watch(&api, &watched, &forbidden).await;
        }
    }
}

impl Follower {
    async fn watch<K>(
        &self,
        api: &Api<PartialObjectMeta<K>>,
        Watched {
            namespace, name, ..
        }: &Watched,
        forbidden: &watch::Receiver<()>,
    ) where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
    {
        let only = Config::default()
            .fields(&format!("metadata.name={name}"))
            .timeout(60);
        let events = begins_anew(
            || watcher(api.clone(), only.clone()),
            || anew::may_be_read(api, name),
            forbidden,
        );
        self.follow(events, namespace).await;
    }

    async fn follow<K: Resource<DynamicType = ()>>(
        &self,
        events: impl Stream<Item = Result<Event<PartialObjectMeta<K>>, Ended>> + Send,
        namespace: &str,
    ) {
        let mut events = std::pin::pin!(events.backoff(Delays::default()));
        let mut listed = None;
        let mut collecting = Collecting::default();
        loop {
            let next = events.next();
            let event = match collecting.until() {
                None => next.await,
                Some(until) => {
                    let Ok(event) = timeout_at(until, next).await else {
                        self.forward_latest(&mut collecting, namespace);
                        continue;
                    };
                    event
                }
            };
            let Some(event) = event else {
                return self.forward_latest(&mut collecting, namespace);
            };
            let now = match &event {
                Ok(Event::Apply(object)) => Some(version(&object.metadata)),
                Ok(Event::Delete(_)) => None,
                // What was deleted while no watch ran is missing in the new list.
                Ok(Event::InitDone) => listed.take(),
                Ok(Event::InitApply(object)) => {
                    listed = Some(version(&object.metadata));
                    continue;
                }
                Ok(Event::Init) => {
                    listed = None;
                    continue;
                }
                Err(ended) => {
                    listed = None;
                    self.count::<K>(ended, namespace);
                    continue;
                }
            };
            let change = Change(now);
            if collecting.takes(&change) {
                continue;
            }
            if self.forward(&change, namespace) {
                collecting.begin();
            }
        }
    }

    /// Counts a watch that failed, also while the grant is missing: the connection's condition reports it.
    fn count<K: Resource<DynamicType = ()>>(&self, ended: &Ended, namespace: &str) {
        if let Ended::Failed(error) = ended {
            self.metrics.watch_restarted(&K::kind(&()));
            tracing::debug!(%namespace, %error, "a watch of a referenced object failed; it is tried again");
        }
    }

    /// Forwards the last of the collected changes, and goes on collecting if it was new.
    fn forward_latest(&self, collecting: &mut Collecting, namespace: &str) {
        if let Some(change) = collecting.end()
            && self.forward(&change, namespace)
        {
            collecting.begin();
        }
    }

    /// Has those connections reconciled that know another version. Returns whether there are any.
    fn forward(&self, Change(now): &Change, namespace: &str) -> bool {
        let mut reported = false;
        for (connection, seen) in &mut *lock(&self.shared) {
            if seen != now {
                seen.clone_from(now);
                (self.wake)(namespace, connection);
                reported = true;
            }
        }
        reported
    }
}

/// What a watched object is now; nothing when it is gone.
#[derive(Clone)]
struct Change(Option<Version>);

/// Changes that come soon after one was forwarded.
#[derive(Default)]
struct Collecting {
    until: Option<Instant>,
    /// The last of them.
    latest: Option<Change>,
}

impl Collecting {
    fn begin(&mut self) {
        self.until = Some(Instant::now() + COLLECTED);
    }

    fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Keeps a change for later, unless it is to be forwarded now. Returns whether it was kept.
    fn takes(&mut self, change: &Change) -> bool {
        if self.until.is_some() {
            self.latest = Some(change.clone());
        }
        self.until.is_some()
    }

    /// Ends collecting, and returns what is to be forwarded.
    fn end(&mut self) -> Option<Change> {
        self.until = None;
        self.latest.take()
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn version(metadata: &ObjectMeta) -> Version {
    (metadata.uid.clone(), metadata.resource_version.clone())
}

#[cfg(test)]
mod tests;
