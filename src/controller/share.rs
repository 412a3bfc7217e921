//! What a reconcile holds of the operator: a worker while it calls Kubernetes alone, a place in the lane of its
//! connection while it calls servers.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::fleet::Place;

/// The workers of one kind: so many reconciles do what calls no server at once.
#[derive(Clone)]
pub(crate) struct Workers(Arc<Semaphore>);

/// What a reconcile holds.
pub(crate) enum Share {
    /// It calls Kubernetes alone, which takes no time.
    Worker { _permit: OwnedSemaphorePermit },
    /// It may call the servers of its connection.
    Place { _place: Place },
}

impl Workers {
    pub(crate) fn new(concurrency: u16) -> Self {
        Self(Arc::new(Semaphore::new(usize::from(concurrency))))
    }

    /// Waits for a worker. `None`: the operator is stopping.
    pub(crate) async fn begin(&self) -> Option<Share> {
        let permit = Arc::clone(&self.0).acquire_owned().await.ok()?;
        Some(Share::Worker { _permit: permit })
    }

    /// Nobody begins any more.
    pub(crate) fn stop(&self) {
        self.0.close();
    }
}
