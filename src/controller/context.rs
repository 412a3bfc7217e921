//! What every pass may reach.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Resource, ResourceExt as _};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

use crate::crd::{BitbucketConnection, ProjectBinding};
use crate::http::HostPolicy;
use crate::identity::Uid;
use crate::kubernetes::event::Publisher;
use crate::kubernetes::objects::Seen;
use crate::kubernetes::uid;
use crate::kubernetes::watches::Watches;
use crate::metrics::Metrics;
use crate::plan::{Class, delay};

use super::binding::decoration::Outcomes;
use super::bulkhead::Bulkheads;
use super::connection::memory::Memories;
use super::per_object::PerObject;
use super::register::{Register, Stores};
use super::session::Sessions;

/// How the operator was started.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where tokens may go.
    pub hosts: HostPolicy,
    /// Whether every Secret must name its hosts.
    pub secret_hosts: SecretHosts,
    /// Whether plain http is allowed.
    pub allow_http: bool,
    /// Whether `deletionPolicy: DeleteProject` deletes.
    pub allow_project_deletion: bool,
    /// The shortest interval of a connection.
    pub minimum_interval: Duration,
    /// Passes of one kind under way at once.
    pub concurrency: u16,
    /// The longest a pass may take.
    pub deadline: Duration,
    /// `namespace:name` of the operator's service account, for the commands in messages.
    pub service_account: String,
}

/// Whether a Secret must carry `bindery.dev/allowed-hosts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretHosts {
    /// It may.
    Optional,
    /// It must.
    Required,
}

/// What every pass may reach.
pub(crate) struct Context {
    pub(crate) client: kube::Client,
    pub(crate) settings: Settings,
    pub(crate) connections: Store<DeserializeGuard<BitbucketConnection>>,
    pub(crate) bindings: Store<DeserializeGuard<ProjectBinding>>,
    pub(crate) namespaces: Store<PartialObjectMeta<Namespace>>,
    pub(crate) seen: Seen,
    /// What the objects of others hold and want.
    pub(crate) register: Arc<Register>,
    pub(crate) sessions: Sessions,
    pub(crate) memories: Memories,
    /// What became of the latest pull requests.
    pub(crate) decorations: Outcomes,
    pub(crate) bulkheads: Bulkheads,
    pub(crate) watches: Watches,
    pub(crate) failures: Failures,
    pub(crate) due: Due,
    pub(crate) triggers: Triggers,
    pub(crate) events: Publisher,
    pub(crate) metrics: Arc<Metrics>,
}

/// What the watches have seen, and what becomes of it.
pub(crate) struct Watched {
    pub(crate) stores: Stores,
    pub(crate) seen: Seen,
    pub(crate) register: Arc<Register>,
    pub(crate) triggers: Triggers,
}

/// The other ends of the triggers.
pub(crate) struct Asked {
    pub(crate) connections: UnboundedReceiver<ObjectRef<DeserializeGuard<BitbucketConnection>>>,
    pub(crate) bindings: UnboundedReceiver<ObjectRef<DeserializeGuard<ProjectBinding>>>,
}

impl Context {
    pub(crate) fn new(
        client: kube::Client,
        settings: Settings,
        metrics: Arc<Metrics>,
        shown: Watched,
    ) -> Arc<Self> {
        let Watched {
            stores,
            seen,
            register,
            triggers,
        } = shown;
        let Stores {
            connections,
            bindings,
            namespaces,
        } = stores;
        let asked = triggers.clone();
        let watches = Watches::new(
            client.clone(),
            Arc::clone(&metrics),
            move |namespace, name| {
                asked.connection(namespace, name);
            },
        );
        let bulkheads = Bulkheads::new(settings.concurrency);
        Arc::new(Self {
            events: Publisher::new(client.clone(), Arc::clone(&metrics)),
            client,
            settings,
            connections,
            bindings,
            namespaces,
            seen,
            register,
            sessions: Sessions::default(),
            memories: Memories::default(),
            decorations: Outcomes::default(),
            bulkheads,
            watches,
            failures: Failures::default(),
            due: Due::default(),
            triggers,
            metrics,
        })
    }

    /// Forgets what is gone, and takes note of what waits for its first pass.
    pub(crate) fn keep_track(&self) {
        let mut present = HashSet::new();
        self.notice(&self.connections, &mut present);
        self.notice(&self.bindings, &mut present);
        self.failures.keep_only(&present);
        self.due.keep_only(&present);
        self.decorations.keep_only(&present);
        self.bulkheads.keep_only(&present);
        self.sessions.keep_only(&present);
        self.memories.keep_only(&present);
        let connections = self.connections.state();
        let places = connections.iter().map(|connection| {
            let namespace = connection.namespace().unwrap_or_default();
            (namespace, connection.name_any())
        });
        self.watches.keep_only(&places.collect());
    }

    fn notice<K>(&self, store: &Store<DeserializeGuard<K>>, present: &mut HashSet<Uid>)
    where
        K: Resource<DynamicType = ()> + Clone,
    {
        for guarded in store.state() {
            let own = uid(&*guarded);
            // What is on its way out has had its pass, and what cannot be read has none.
            let awaits_passes = guarded.meta().deletion_timestamp.is_none() && guarded.0.is_ok();
            if awaits_passes {
                self.due.notice(&own);
            }
            present.insert(own);
        }
    }

    /// Has the servers of a connection checked before anything else: one of its bindings met trouble.
    pub(crate) fn doubt(&self, connection: &BitbucketConnection) {
        self.memories.doubt(&uid(connection));
        self.triggers.connection(
            &connection.namespace().unwrap_or_default(),
            &connection.name_any(),
        );
    }
}

/// Asks for passes from outside the watches.
#[derive(Clone)]
pub(crate) struct Triggers {
    pub(crate) connections: UnboundedSender<ObjectRef<DeserializeGuard<BitbucketConnection>>>,
    pub(crate) bindings: UnboundedSender<ObjectRef<DeserializeGuard<ProjectBinding>>>,
}

impl Triggers {
    pub(crate) fn new() -> (Self, Asked) {
        let (connections, asked_connections) = unbounded_channel();
        let (bindings, asked_bindings) = unbounded_channel();
        let asked = Asked {
            connections: asked_connections,
            bindings: asked_bindings,
        };
        let triggers = Self {
            connections,
            bindings,
        };
        (triggers, asked)
    }

    /// Has a connection looked at. A closed channel means that the operator is stopping.
    pub(crate) fn connection(&self, namespace: &str, name: &str) {
        self.connections
            .send(ObjectRef::new(name).within(namespace))
            .ok();
    }

    /// Has a binding looked at.
    pub(crate) fn binding(&self, namespace: &str, name: &str) {
        self.bindings
            .send(ObjectRef::new(name).within(namespace))
            .ok();
    }
}

/// Failures in a row that may pass by themselves: kube's queue keeps no such count. 0: it failed otherwise.
pub(crate) type Failures = PerObject<u32>;

impl Failures {
    /// The pause after one more failure.
    pub(crate) fn pause(
        &self,
        uid: &Uid,
        class: Class,
        interval: Duration,
        at_least: Option<Duration>,
    ) -> Duration {
        let mut counts = self.lock();
        let count = counts.entry(uid.clone()).or_default();
        *count = match class {
            Class::Transient | Class::Bug => count.saturating_add(1),
            // Who waited for something else begins anew where that is there at last.
            Class::Waiting | Class::Invalid | Class::Denied => 0,
        };
        delay(class, *count, interval, seed(uid), at_least)
    }

    /// Whether an object failed in its last pass.
    pub(crate) fn holds(&self, uid: &Uid) -> bool {
        self.lock().contains_key(uid)
    }
}

/// When each object is to have its next pass: kube's queue does not tell whether it keeps to that.
pub(crate) type Due = PerObject<Instant>;

impl Due {
    /// The next pass comes after this pause, or before.
    pub(crate) fn after(&self, uid: &Uid, pause: Duration) {
        self.lock().insert(uid.clone(), Instant::now() + pause);
    }

    /// An object without a pass so far is due from when it is noticed first.
    pub(crate) fn notice(&self, uid: &Uid) {
        self.lock().entry(uid.clone()).or_insert_with(Instant::now);
    }

    /// How long the pass of an object is overdue.
    pub(crate) fn overdue(&self, uid: &Uid) -> Duration {
        self.lock()
            .get(uid)
            .map(Instant::elapsed)
            .unwrap_or_default()
    }
}

/// Spreads objects in time, the same after every restart: 0 to 999.
pub(crate) fn seed(uid: &Uid) -> u16 {
    let mut hasher = DefaultHasher::new();
    uid.hash(&mut hasher);
    u16::try_from(hasher.finish() % 1000).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_due_from_when_it_is_noticed_until_it_has_a_pass() {
        let (due, own) = (Due::default(), Uid::new("own"));
        let five_minutes = Duration::from_mins(5);
        due.notice(&own);
        let noticed = due.lock().remove(&own).unwrap();
        due.lock().insert(own.clone(), noticed - five_minutes);
        due.notice(&own);
        assert!(due.overdue(&own) >= five_minutes, "noticed once");
        due.after(&own, five_minutes);
        due.notice(&own);
        assert_eq!(due.overdue(&own), Duration::ZERO);
    }

    /// Promise: whoever waited for long, or was wrong for long, is tried again soon when what comes next may pass.
    #[test]
    fn only_what_may_pass_by_itself_lengthens_the_pause() {
        let (failures, own) = (Failures::default(), Uid::new("own"));
        let minute = Duration::from_mins(1);
        let pause = |class| failures.pause(&own, class, minute, None);
        let first = pause(Class::Transient);
        assert!(pause(Class::Transient) > first);
        for class in [Class::Waiting, Class::Invalid, Class::Denied] {
            pause(class);
            assert!(failures.holds(&own));
            assert_eq!(pause(Class::Transient), first);
        }
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let failures = Failures::default();
        let [gone, here] = ["gone", "here"].map(Uid::new);
        for object in [&gone, &here] {
            failures.pause(object, Class::Transient, Duration::ZERO, None);
        }
        failures.keep_only(&HashSet::from([here.clone()]));
        assert!(!failures.holds(&gone) && failures.holds(&here));
    }
}
