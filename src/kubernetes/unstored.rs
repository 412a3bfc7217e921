//! What reconciles have done and not stored in a status yet, by the uid of the object.
//!
//! A write that is confirmed a moment later needs no status of its own: it goes into the status that follows. Until
//! then every reconcile of the object begins with what is kept here. After a crash the intent in the status finds what
//! was done.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::identity::Uid;

use super::event::Event;

/// What is to be stored with the next status of each object.
pub(crate) struct Unstored<S>(Mutex<HashMap<Uid, Pending<S>>>);

/// The status that would be stored now, and the events that were not published yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pending<S> {
    pub(crate) status: S,
    pub(crate) events: Vec<Event>,
}

impl<S> Default for Unstored<S> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<S: Clone> Unstored<S> {
    /// Keeps what is stored later.
    pub(crate) fn keep(&self, object: Uid, pending: Pending<S>) {
        self.lock().insert(object, pending);
    }

    /// What is not stored yet.
    pub(crate) fn of(&self, object: &Uid) -> Option<Pending<S>> {
        self.lock().get(object).cloned()
    }

    /// The events were published: they are published once.
    pub(crate) fn published(&self, object: &Uid) {
        if let Some(pending) = self.lock().get_mut(object) {
            pending.events.clear();
        }
    }

    /// All of it was stored, or the object is gone.
    pub(crate) fn forget(&self, object: &Uid) {
        self.lock().remove(object);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uid, Pending<S>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::EventReason;

    /// Promise: what was done is kept until it is stored, and reported once.
    #[test]
    fn an_unstored_status_is_kept_and_its_events_are_published_once() {
        let (unstored, own) = (Unstored::default(), Uid::new("own"));
        let imported = Event::new(EventReason::Imported, "imported");
        let pending = |events| Pending {
            status: "accepted",
            events,
        };
        unstored.keep(own.clone(), pending(vec![imported.clone()]));
        assert_eq!(unstored.of(&own), Some(pending(vec![imported])));
        unstored.published(&own);
        assert_eq!(unstored.of(&own), Some(pending(Vec::new())));
        unstored.forget(&own);
        assert_eq!(unstored.of(&own), None);
    }
}
