//! What the operator keeps for each kind: the objects that the watch has shown, who asks for reconciles, and the workers.

use std::sync::Arc;
use std::time::Instant;

use kube::ResourceExt as _;
use kube::core::DeserializeGuard;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use crate::crd::{self, Kind, for_each_kind};
use crate::fleet::{Object, ObjectName};
use crate::kubernetes::objects::Seen;
use crate::kubernetes::{OwnWrites, Store, uid};

use super::share::Workers;

/// An object as the API server gave it, readable or not.
type Guarded<K> = DeserializeGuard<K>;

/// What the operator keeps for one kind.
#[derive(Clone)]
pub(crate) struct Queue<K: Kind> {
    pub(crate) store: Store<Guarded<K>>,
    pub(crate) workers: Workers,
    /// What was written last, until the store shows it.
    pub(crate) writes: Arc<OwnWrites>,
    asking: UnboundedSender<Asked>,
}

/// A reconcile that is asked for.
pub(crate) struct Asked {
    pub(crate) name: ObjectName,
    pub(crate) when: When,
}

/// When it is to begin.
#[derive(Clone, Copy)]
pub(crate) enum When {
    /// As soon as it can.
    Now,
    /// At this time, unless it is before.
    At(Instant),
}

/// What the watch shows of an object.
pub(crate) enum Newest<K: Kind> {
    /// This, and nothing that we wrote is newer.
    Shown(Arc<Guarded<K>>),
    /// Less than we wrote: the object is reconciled once the watch shows that.
    Awaited,
    /// It is gone.
    Gone,
}

/// The other ends of it.
pub(crate) struct Ends {
    pub(crate) asked: UnboundedReceiver<Asked>,
    /// To be cancelled once the store holds every object.
    pub(crate) seen: CancellationToken,
}

impl<K: Kind> Queue<K> {
    fn new(concurrency: u16, seen: &mut Seen) -> (Self, Ends) {
        let (asking, asked) = unbounded_channel();
        let queue = Self {
            store: Store::default(),
            workers: Workers::new(concurrency),
            writes: Arc::default(),
            asking,
        };
        let seen = seen.expect();
        let ends = Ends { asked, seen };
        (queue, ends)
    }

    /// An object as the watch shows it by now.
    pub(crate) fn newest(&self, object: &Guarded<K>) -> Newest<K> {
        let own = uid(object);
        // Asked before the store: what is not expected any more is in it.
        let Some(expected) = self.writes.expected(&own) else {
            return self.shown(object, |_| true);
        };
        let is_new = |shown: &Guarded<K>| uid(shown) != own || expected.is_shown_by(shown);
        match self.shown(object, is_new) {
            Newest::Awaited => {}
            newest @ (Newest::Shown(_) | Newest::Gone) => return newest,
        }
        let name = (object.namespace().unwrap_or_default(), object.name_any());
        self.writes.wake_when_shown(&own, name);
        // It may have been shown a moment ago.
        self.shown(object, is_new)
    }

    /// What the store shows of an object by now is not expected any more.
    pub(crate) fn forget_what_is_shown(&self, object: &Guarded<K>) {
        if let Some(shown) = self.store.named_like(object) {
            self.writes.forget_what_is_shown(&*shown);
        }
    }

    fn shown(&self, object: &Guarded<K>, is_new: impl Fn(&Guarded<K>) -> bool) -> Newest<K> {
        match self.store.named_like(object) {
            Some(shown) if is_new(&shown) => Newest::Shown(shown),
            Some(_) => Newest::Awaited,
            None => Newest::Gone,
        }
    }

    /// Asks for a reconcile. A closed channel means that the operator is stopping.
    pub(crate) fn wake(&self, name: &ObjectName) {
        self.ask(name.clone(), When::Now);
    }

    /// Asks for a reconcile at this time, unless there is one before.
    pub(crate) fn wake_at(&self, name: ObjectName, due: Instant) {
        self.ask(name, When::At(due));
    }

    fn ask(&self, name: ObjectName, when: When) {
        self.asking.send(Asked { name, when }).ok();
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
            $(pub(crate) $objects: Ends,)+
        }

        impl Queues {
            /// Queues with so many workers each.
            pub(crate) fn new(concurrency: u16, seen: &mut Seen) -> (Self, AllEnds) {
                $(let $objects = Queue::<crd::$kind>::new(concurrency, seen);)+
                let ends = AllEnds { $($objects: $objects.1,)+ };
                (Self { $($objects: $objects.0,)+ }, ends)
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
