//! What a reconcile holds of the operator: a worker while it calls Kubernetes alone, a place in the lane of its
//! connection while it calls servers.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::fleet::Place;

/// The workers of one kind: so many reconciles do what calls no server at once. Some more are kept for what a person
/// asked for: an edit does not wait for a worker behind thousands of new objects.
#[derive(Clone)]
pub(crate) struct Workers {
    all: Arc<Semaphore>,
    for_people: Arc<Semaphore>,
}

/// Workers for what a person asked for, beside the others.
const FOR_PEOPLE: usize = 2;

/// What a reconcile holds.
pub(crate) enum Share {
    /// It calls Kubernetes alone, which takes no time.
    Worker { _permit: OwnedSemaphorePermit },
    /// It may call the servers of its connection.
    Place { _place: Place },
}

impl Workers {
    pub(crate) fn new(concurrency: u16) -> Self {
        Self {
            all: Arc::new(Semaphore::new(usize::from(concurrency))),
            for_people: Arc::new(Semaphore::new(FOR_PEOPLE)),
        }
    }

    /// Waits for a worker. `None`: the operator is stopping.
    pub(crate) async fn begin(&self, is_asked: bool) -> Option<Share> {
        let all = Arc::clone(&self.all).acquire_owned();
        let permit = if is_asked {
            tokio::select! {
                biased;
                permit = all => permit,
                permit = Arc::clone(&self.for_people).acquire_owned() => permit,
            }
        } else {
            all.await
        };
        permit.ok().map(|permit| Share::Worker { _permit: permit })
    }

    /// No work begins any more.
    pub(crate) fn stop(&self) {
        self.all.close();
        self.for_people.close();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    /// Promise: what a person asked for begins while every other reconcile waits for a worker.
    #[test]
    fn an_edit_does_not_wait_behind_others_for_a_worker() {
        let workers = Workers::new(1);
        let begin = |is_asked| workers.begin(is_asked).now_or_never().flatten();
        let first = begin(false);
        assert!(first.is_some() && begin(false).is_none());
        let edits = [begin(true), begin(true)];
        assert!(edits.iter().all(Option::is_some));
        assert!(begin(true).is_none(), "two are kept for edits");
        drop(first);
        assert!(
            begin(true).is_some(),
            "an edit takes any worker that is free"
        );
    }

    #[test]
    fn no_reconcile_begins_once_the_operator_stops() {
        let workers = Workers::new(1);
        workers.stop();
        for is_asked in [false, true] {
            let begun = workers.begin(is_asked).now_or_never();
            assert!(begun.is_some_and(|share| share.is_none()));
        }
    }
}
