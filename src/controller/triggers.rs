//! Asks for reconciles from outside the watches.

use kube::core::DeserializeGuard;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::crd::{BitbucketConnection, ProjectBinding};
use crate::fleet::Object;

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

    /// Has an object looked at.
    pub(crate) fn wake(&self, object: Object) {
        match object {
            Object::Binding((namespace, name)) => self.binding(&namespace, &name),
            Object::Connection((namespace, name)) => self.connection(&namespace, &name),
        }
    }
}

/// The other ends of the triggers.
pub(crate) struct Asked {
    pub(crate) connections: UnboundedReceiver<ObjectRef<DeserializeGuard<BitbucketConnection>>>,
    pub(crate) bindings: UnboundedReceiver<ObjectRef<DeserializeGuard<ProjectBinding>>>,
}
