//! Keeps the ledger and the roster by what the watches show, and has those reconciled that a change concerns.

mod counted;
mod facts;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::Namespace;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::{Resource, ResourceExt as _};

use crate::crd::{BitbucketConnection, ProjectBinding, ProjectBindingSet};
use crate::declared::{self, connection};
use crate::fleet::ledger::Ledger;
use crate::fleet::sets::Sets;
use crate::fleet::{Census, ObjectName, Roster};
use crate::identity::Uid;
use crate::kubernetes::Store;
use crate::kubernetes::objects::Follower;
use crate::kubernetes::uid;

use super::access;
use super::queues::Queues;

/// What the watches show, by what it means to others.
pub(crate) struct Register {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) roster: Roster,
    pub(crate) sets: Sets,
    /// How many objects there are of each sort.
    pub(crate) census: Census,
    queues: Queues,
    namespaces: Store<PartialObjectMeta<Namespace>>,
    /// The connections as they were taken note of. Locked while anything is noted: what was read first is noted first.
    noted: Mutex<HashMap<ObjectName, Noted>>,
}

/// What the claims of its bindings depend on: the spec of a connection, and the server that it was seen to reach.
type Noted = (Uid, Option<i64>, Option<String>);

impl Register {
    pub(crate) fn new(
        queues: Queues,
        namespaces: Store<PartialObjectMeta<Namespace>>,
    ) -> Arc<Self> {
        let waking = queues.clone();
        let ledger = Ledger::new(move |object| waking.wake(&object));
        Arc::new(Self {
            ledger,
            roster: Roster::default(),
            sets: Sets::default(),
            census: Census::default(),
            queues,
            namespaces,
            noted: Mutex::default(),
        })
    }

    /// Has all bindings and sets of a connection reconciled, whether or not it is there.
    pub(crate) fn wake_all_of(&self, connection: &ObjectName) {
        self.wake(&self.roster.of(connection));
        self.wake_sets_of(connection);
    }

    /// Has the sets of a connection reconciled: there is a new listing.
    pub(crate) fn wake_sets_of(&self, connection: &ObjectName) {
        self.wake_sets(&self.sets.of(connection));
    }

    fn wake_sets(&self, sets: &[ObjectName]) {
        for set in sets {
            self.queues.sets.wake(set);
        }
    }

    /// A namespace has other labels or annotations: `access` selects by labels, and reads patterns from annotations.
    pub(crate) fn namespace_changed(&self, name: &str) {
        let within = self.roster.within(name);
        {
            let _noting = self.noting();
            self.note(&within);
        }
        self.wake(&within);
        self.wake_sets(&self.sets.within(name));
    }

    /// Takes note of all bindings: what they depend on was listed.
    pub(crate) fn note_all(&self) {
        let _noting = self.noting();
        for guarded in self.queues.bindings.store.state() {
            self.note_binding(&guarded);
        }
    }

    fn wake(&self, bindings: &[Arc<ObjectName>]) {
        for binding in bindings {
            self.queues.bindings.wake(binding);
        }
    }

    /// Has a connection reconciled that is being deleted, and waits for the bindings that need it.
    fn wake_leaving(&self, connection: &ObjectName) {
        let found = self.connection(connection);
        if found.is_some_and(|found| found.meta().deletion_timestamp.is_some()) {
            self.queues.connections.wake(connection);
        }
    }

    fn note(&self, bindings: &[Arc<ObjectName>]) {
        for binding in bindings {
            let (namespace, name) = &**binding;
            if let Some(guarded) = self.queues.bindings.store.get(namespace, name) {
                self.note_binding(&guarded);
            }
        }
    }

    fn note_binding(&self, guarded: &DeserializeGuard<ProjectBinding>) {
        // All who keep it share it.
        let own = uid(guarded);
        self.census.put(own.clone(), counted::of(guarded));
        let Ok(binding) = &guarded.0 else {
            // It is unknown what it wants.
            return self.disregard(&own);
        };
        let found = self.connection(&declared::connection_of(binding));
        let connection = found.as_ref().and_then(|found| found.0.as_ref().ok());
        let is_admitted = connection.is_some_and(|connection| {
            let namespace = binding.namespace().unwrap_or_default();
            let namespace = self.namespaces.get("", &namespace);
            let namespace = namespace.as_deref().map(|it| &it.metadata);
            access::is_admitted(binding, connection, namespace)
        });
        let row = facts::row((binding, own.clone()), connection, is_admitted);
        if let Some(left) = self.roster.put(row) {
            self.wake_leaving(&left);
        }
        self.ledger
            .put(facts::of_binding((binding, own), connection, is_admitted));
    }

    /// Takes note of a connection. Returns its place, if what its bindings hold or want may be another thing by now.
    fn note_connection(
        &self,
        guarded: &DeserializeGuard<BitbucketConnection>,
        noted: &mut HashMap<ObjectName, Noted>,
    ) -> Option<ObjectName> {
        self.census
            .put(uid(guarded), counted::of_connection(guarded));
        let connection = guarded.0.as_ref().ok();
        match connection {
            Some(connection) => self.ledger.put(facts::of_connection(connection)),
            None => self.ledger.remove(&uid(guarded)),
        }
        let reached = connection.and_then(|connection| {
            let status = connection.status.as_ref()?;
            Some(status.sonarqube.as_ref()?.id.clone())
        });
        let place = (guarded.namespace().unwrap_or_default(), guarded.name_any());
        // It may report wrong counts: those of an earlier process, or of another client.
        self.roster.recount(place.clone());
        let now = (uid(guarded), guarded.meta().generation, reached);
        let before = noted.insert(place.clone(), now.clone());
        (before.as_ref() != Some(&now)).then_some(place)
    }

    fn disregard(&self, own: &Uid) {
        self.ledger.remove(own);
        if let Some(connection) = self.roster.remove(own) {
            self.wake_leaving(&connection);
        }
    }

    fn connection(
        &self,
        (namespace, name): &ObjectName,
    ) -> Option<Arc<DeserializeGuard<BitbucketConnection>>> {
        self.queues.connections.store.get(namespace, name)
    }

    fn noting(&self) -> MutexGuard<'_, HashMap<ObjectName, Noted>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Follower<ProjectBinding> for Register {
    fn listed(&self, bindings: &[Arc<DeserializeGuard<ProjectBinding>>]) {
        let _noting = self.noting();
        for binding in bindings {
            self.note_binding(binding);
        }
    }

    fn shown(&self, binding: &DeserializeGuard<ProjectBinding>) {
        let _noting = self.noting();
        self.note_binding(binding);
    }

    fn gone(&self, binding: &DeserializeGuard<ProjectBinding>) {
        let _noting = self.noting();
        self.census.remove(&uid(binding));
        self.disregard(&uid(binding));
    }
}

impl Follower<BitbucketConnection> for Register {
    fn listed(&self, connections: &[Arc<DeserializeGuard<BitbucketConnection>>]) {
        {
            let mut noted = self.noting();
            for connection in connections {
                self.note_connection(connection, &mut noted);
            }
        }
        self.note_all();
    }

    fn shown(&self, guarded: &DeserializeGuard<BitbucketConnection>) {
        let mut noted = self.noting();
        if let Some(place) = self.note_connection(guarded, &mut noted) {
            self.note(&self.roster.of(&place));
        }
    }

    /// `access`, `suspend` and `managementPolicy` decide about its bindings.
    fn changed(&self, connection: &BitbucketConnection) {
        self.wake_all_of(&connection::reference_to(connection));
    }

    fn gone(&self, guarded: &DeserializeGuard<BitbucketConnection>) {
        let (namespace, name) = (guarded.namespace().unwrap_or_default(), guarded.name_any());
        let place = (namespace, name);
        {
            let mut noted = self.noting();
            noted.remove(&place);
            self.census.remove(&uid(guarded));
            self.ledger.remove(&uid(guarded));
            self.note(&self.roster.of(&place));
        }
        self.wake_all_of(&place);
    }
}

impl Follower<ProjectBindingSet> for Register {
    fn listed(&self, sets: &[Arc<DeserializeGuard<ProjectBindingSet>>]) {
        for set in sets {
            Follower::<ProjectBindingSet>::shown(self, set);
        }
    }

    fn shown(&self, guarded: &DeserializeGuard<ProjectBindingSet>) {
        let own = uid(guarded);
        self.census.put(own.clone(), counted::of(guarded));
        match &guarded.0 {
            Ok(set) => {
                let name = (set.namespace().unwrap_or_default(), set.name_any());
                self.sets.put(own, name, declared::set::connection_of(set));
            }
            Err(_) => self.sets.remove(&own),
        }
    }

    fn gone(&self, set: &DeserializeGuard<ProjectBindingSet>) {
        self.census.remove(&uid(set));
        self.sets.remove(&uid(set));
    }
}
