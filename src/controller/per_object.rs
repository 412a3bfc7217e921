//! What a process remembers of objects, by uid. None of it outlives its object.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::identity::Uid;

/// One thing for each object that there is something to remember of.
pub(crate) struct PerObject<T>(Mutex<HashMap<Uid, T>>);

impl<T> Default for PerObject<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> PerObject<T> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, HashMap<Uid, T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets one object.
    pub(crate) fn forget(&self, object: &Uid) {
        self.lock().remove(object);
    }

    /// Forgets all objects but these: whoever goes without a finalizer has no last pass.
    pub(crate) fn keep_only(&self, objects: &HashSet<Uid>) {
        self.lock().retain(|object, _| objects.contains(object));
    }
}
