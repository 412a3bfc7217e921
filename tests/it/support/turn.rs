//! Who may use the real parts at a time: an end-to-end test has them to itself, since its operator acts on
//! every object of the cluster, and plain Community takes one Bitbucket configuration.

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

static PARTS: RwLock<()> = RwLock::const_new(());

/// Beside other tests that share.
pub(crate) async fn shared() -> RwLockReadGuard<'static, ()> {
    PARTS.read().await
}

/// Alone.
pub(crate) async fn exclusive() -> RwLockWriteGuard<'static, ()> {
    PARTS.write().await
}
