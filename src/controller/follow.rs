//! Takes note of what the watches show, and forgets what is gone.

use std::sync::Arc;
use std::time::Instant;

use kube::core::DeserializeGuard;
use kube::{Resource, ResourceExt as _};

use crate::crd::Kind;
use crate::fleet::ObjectName;
use crate::kubernetes::objects::Follower;
use crate::kubernetes::uid;

use super::context::Context;
use super::queues::Queued;
use super::register::Register;

impl<K: Queued> Follower<K> for Context
where
    Register: Follower<K>,
{
    fn listed(&self, objects: &[Arc<DeserializeGuard<K>>]) {
        self.register.listed(objects);
        for object in objects {
            self.note(object);
        }
    }

    fn shown(&self, object: &DeserializeGuard<K>) {
        self.register.shown(object);
        self.note(object);
    }

    fn changed(&self, object: &K) {
        self.register.changed(object);
    }

    fn gone(&self, object: &DeserializeGuard<K>) {
        self.register.gone(object);
        self.forget(object);
    }

    fn caught_up(&self, name: &ObjectName) {
        K::queue(&self.queues).wake(name);
    }
}

impl Context {
    fn note<K: Kind>(&self, object: &DeserializeGuard<K>) {
        let own = uid(object);
        match &object.0 {
            Ok(_) if object.meta().deletion_timestamp.is_none() => {
                self.agenda.notice(K::NAME, &own, Instant::now());
            }
            Ok(_) => self.agenda.notice_leaving(K::NAME, &own),
            Err(_) => self.agenda.leave_alone(&own),
        }
    }

    /// Forgets what this process knows of an object that is gone. Where its last reconcile was still in progress, what
    /// that learned is forgotten at its end.
    pub(crate) fn forget<K: Queued>(&self, object: &DeserializeGuard<K>) {
        let own = uid(object);
        self.agenda.forget(&own);
        self.decorations.forget(&own);
        self.unstored.forget(&own);
        self.unreported.forget(&own);
        K::queue(&self.queues).writes.gone(&own);
        self.lanes.withdraw(&own);
        self.links.forget(&own);
        self.links.forget_binding(&own);
        let namespace = object.namespace().unwrap_or_default();
        // A connection that was made anew under the name may have its watches already.
        let name = object.name_any();
        if self
            .queues
            .connections
            .store
            .get(&namespace, &name)
            .is_none()
        {
            self.watches.forget(&namespace, &name);
        }
    }
}
