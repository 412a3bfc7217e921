//! What reconciles have done and not stored in a status yet, by the uid of the object.
//!
//! A write that is confirmed a moment later needs no status of its own: it goes into the status that follows. Until
//! then every reconcile of the object begins with what is kept here. An event about it is published once that status is
//! stored. After a crash the intent in the status finds what was done.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::identity::Uid;

use super::event::Event;

/// What is kept of each object until a status is stored.
pub(crate) struct Unstored<T>(Mutex<HashMap<Uid, T>>);

/// The events that belong to the next status of an object.
pub(crate) type Unreported = Unstored<Vec<Event>>;

impl<T> Default for Unstored<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Unstored<T> {
    /// Keeps what is stored later.
    pub(crate) fn keep(&self, object: Uid, kept: T) {
        self.lock().insert(object, kept);
    }

    /// What is not stored yet.
    pub(crate) fn of(&self, object: &Uid) -> Option<T> {
        self.lock().get(object).cloned()
    }

    /// All of it was stored, or the object is gone.
    pub(crate) fn forget(&self, object: &Uid) {
        self.lock().remove(object);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uid, T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Promise: what was done is kept until it is stored.
    #[test]
    fn what_is_not_stored_is_kept_for_its_object_until_it_is() {
        let (unstored, own) = (Unstored::default(), Uid::new("own"));
        unstored.keep(own.clone(), "accepted");
        unstored.keep(own.clone(), "bound");
        assert_eq!(unstored.of(&own), Some("bound"));
        assert_eq!(unstored.of(&Uid::new("other")), None);
        unstored.forget(&own);
        assert_eq!(unstored.of(&own), None);
    }
}
