//! One slow server does not hold up the bindings of all others: those of one connection take half of the places at most.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::identity::Uid;

use super::context::seed;
use super::per_object::PerObject;

/// The places of each connection's bindings, by the uid of the connection.
pub(crate) struct Bulkheads {
    places: usize,
    taken: PerObject<Arc<Semaphore>>,
}

impl Bulkheads {
    /// `concurrency` is how many passes there may be at once, over whichever bindings.
    pub(crate) fn new(concurrency: u16) -> Self {
        Self {
            places: usize::from(concurrency / 2).max(1),
            taken: PerObject::default(),
        }
    }

    /// A place for one pass that calls servers. `None` while all are taken: whoever waited for one would hold up others.
    pub(crate) fn enter(&self, connection: &Uid) -> Option<OwnedSemaphorePermit> {
        let mut taken = self.taken.lock();
        let places = || Arc::new(Semaphore::new(self.places));
        let places = taken.entry(connection.clone()).or_insert_with(places);
        Arc::clone(places).try_acquire_owned().ok()
    }

    /// Whether a pass of a binding of this connection is calling servers.
    pub(crate) fn are_taken(&self, connection: &Uid) -> bool {
        let taken = self.taken.lock();
        let places = taken.get(connection);
        places.is_some_and(|places| places.available_permits() < self.places)
    }

    /// Forgets all connections but these.
    pub(crate) fn keep_only(&self, connections: &std::collections::HashSet<Uid>) {
        self.taken.keep_only(connections);
    }
}

/// When a binding that found no place looks again: one to two seconds, so that not all come back together.
pub(crate) fn pause(binding: &Uid) -> Duration {
    Duration::from_millis(1000 + u64::from(seed(binding)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bindings_of_one_connection_take_half_of_the_places_and_give_them_back() {
        let (slow, other) = (Uid::new("slow"), Uid::new("other"));
        let bulkheads = Bulkheads::new(5);
        let first = bulkheads.enter(&slow);
        let second = bulkheads.enter(&slow);
        assert!(first.is_some() && second.is_some());
        assert!(bulkheads.enter(&slow).is_none());
        assert!(bulkheads.enter(&other).is_some());
        drop(first);
        assert!(bulkheads.enter(&slow).is_some());
        assert!(bulkheads.are_taken(&slow));
        drop(second);
        assert!(!bulkheads.are_taken(&slow));
        assert!(Bulkheads::new(1).enter(&slow).is_some(), "one at least");
    }
}
