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

    /// Waits for a worker.
    pub(crate) async fn begin(&self, is_asked: bool) -> Share {
        let all = Arc::clone(&self.all).acquire_owned();
        let for_people = async {
            if !is_asked {
                std::future::pending::<()>().await;
            }
            Arc::clone(&self.for_people).acquire_owned().await
        };
        let permit = tokio::select! {
            biased;
            permit = all => permit,
            permit = for_people => permit,
        };
        match permit {
            Ok(permit) => Share::Worker { _permit: permit },
            // They are never closed.
            Err(_) => std::future::pending().await,
        }
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
        let begin = |is_asked| workers.begin(is_asked).now_or_never();
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
}
