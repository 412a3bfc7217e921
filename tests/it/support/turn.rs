//! Who may use the Kubernetes API at a time: an end-to-end test has it to itself, since its operator acts on every
//! object of the cluster.

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

static CLUSTER: RwLock<()> = RwLock::const_new(());

/// Beside other tests that share.
pub(crate) async fn shared() -> RwLockReadGuard<'static, ()> {
    CLUSTER.read().await
}

/// Alone.
pub(crate) async fn exclusive() -> RwLockWriteGuard<'static, ()> {
    CLUSTER.write().await
}
