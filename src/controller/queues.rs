//! What the operator keeps for each kind: the objects that the watch has shown, who asks for reconciles, and the workers.

use kube::core::DeserializeGuard;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{self, ObjectRef, Store};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use crate::crd::{self, Kind, for_each_kind};
use crate::fleet::{Object, ObjectName};
use crate::kubernetes::objects::Seen;

use super::share::Workers;

/// An object as the API server gave it, readable or not.
type Guarded<K> = DeserializeGuard<K>;

/// What the operator keeps for one kind.
#[derive(Clone)]
pub(crate) struct Queue<K: Kind> {
    pub(crate) store: Store<Guarded<K>>,
    pub(crate) workers: Workers,
    asking: UnboundedSender<ObjectRef<Guarded<K>>>,
}

/// The other ends of it.
pub(crate) struct Ends<K: Kind> {
    pub(crate) writer: Writer<Guarded<K>>,
    pub(crate) asked: UnboundedReceiver<ObjectRef<Guarded<K>>>,
    /// To be cancelled once the store holds every object.
    pub(crate) seen: CancellationToken,
}

impl<K: Kind> Queue<K> {
    fn new(concurrency: u16, seen: &mut Seen) -> (Self, Ends<K>) {
        let (store, writer) = reflector::store();
        let (asking, asked) = unbounded_channel();
        let queue = Self {
            store,
            workers: Workers::new(concurrency),
            asking,
        };
        let seen = seen.expect();
        let ends = Ends {
            writer,
            asked,
            seen,
        };
        (queue, ends)
    }

    /// Asks for a reconcile. A closed channel means that the operator is stopping.
    pub(crate) fn wake(&self, (namespace, name): &ObjectName) {
        let object = ObjectRef::new(name).within(namespace);
        self.asking.send(object).ok();
    }
}

/// A kind that has a queue.
pub(crate) trait Queued: Kind {
    /// The queue of this kind.
    fn queue(queues: &Queues) -> &Queue<Self>;
}

macro_rules! queues {
    ($($objects:ident: $kind:ident;)+) => {
        /// The queues of all kinds.
        #[derive(Clone)]
        pub(crate) struct Queues {
            $(pub(crate) $objects: Queue<crd::$kind>,)+
        }

        /// The other ends of them.
        pub(crate) struct AllEnds {
            $(pub(crate) $objects: Ends<crd::$kind>,)+
        }

        impl Queues {
            /// Queues with so many workers each.
            pub(crate) fn new(concurrency: u16, seen: &mut Seen) -> (Self, AllEnds) {
                $(let $objects = Queue::new(concurrency, seen);)+
                let ends = AllEnds { $($objects: $objects.1,)+ };
                (Self { $($objects: $objects.0,)+ }, ends)
            }

            /// Lets no reconcile begin any more.
            pub(crate) fn stop(&self) {
                $(self.$objects.workers.stop();)+
            }
        }

        $(impl Queued for crd::$kind {
            fn queue(queues: &Queues) -> &Queue<Self> {
                &queues.$objects
            }
        })+
    };
}
for_each_kind!(queues);

impl Queues {
    /// Asks for a reconcile of what waited for others.
    pub(crate) fn wake(&self, object: &Object) {
        match object {
            Object::Binding(name) => self.bindings.wake(name),
            Object::Connection(name) => self.connections.wake(name),
        }
    }
}
