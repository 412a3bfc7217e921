//! Until when this process may begin a write. Two operators never write at once: each stops before the other may begin.
//!
//! The clock is monotonic and local. It goes on while the process is stopped, so that a process that is resumed too late
//! finds the fence closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Until when this process may begin a write. Cheap to clone; clones share the time.
#[derive(Clone, Debug)]
pub struct Fence(Arc<State>);

#[derive(Debug)]
struct State {
    created: Instant,
    /// Nanoseconds after `created`; 0: closed.
    until: AtomicU64,
}

/// The write was not begun: this process does not hold the lease, or could not renew it in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not written: this operator does not hold the lease")]
pub struct Closed;

impl Fence {
    /// A fence that is never closed: for a command that writes without a lease, and for tests.
    #[must_use]
    pub fn open() -> Self {
        Self::new(u64::MAX)
    }

    /// A fence that is closed until [`Fence::open_until`] opens it.
    #[must_use]
    pub fn closed() -> Self {
        Self::new(0)
    }

    fn new(until: u64) -> Self {
        Self(Arc::new(State {
            created: Instant::now(),
            until: AtomicU64::new(until),
        }))
    }

    /// Lets writes begin until then.
    pub fn open_until(&self, until: Instant) {
        let after = until.saturating_duration_since(self.0.created).as_nanos();
        let after = u64::try_from(after).unwrap_or(u64::MAX);
        self.0.until.store(after, Ordering::SeqCst);
    }

    /// Lets no write begin.
    pub fn close(&self) {
        self.0.until.store(0, Ordering::SeqCst);
    }

    /// Whether a write may begin now.
    ///
    /// # Errors
    /// When it may not.
    pub fn check(&self) -> Result<(), Closed> {
        self.check_at(Instant::now())
    }

    pub(crate) fn check_at(&self, now: Instant) -> Result<(), Closed> {
        let until = self.0.until.load(Ordering::SeqCst);
        let is_open = now.saturating_duration_since(self.0.created) < Duration::from_nanos(until);
        if is_open { Ok(()) } else { Err(Closed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_begins_before_the_time_and_not_at_it() {
        let (fence, now) = (Fence::closed(), Instant::now());
        assert_eq!(fence.check_at(now), Err(Closed));
        fence.open_until(now + Duration::from_secs(10));
        assert_eq!(fence.check_at(now + Duration::from_millis(9_999)), Ok(()));
        assert_eq!(fence.check_at(now + Duration::from_secs(10)), Err(Closed));
        fence.close();
        assert_eq!(fence.check_at(now), Err(Closed));
    }

    #[test]
    fn a_fence_without_a_lease_is_never_closed() {
        let in_a_century = Instant::now() + Duration::from_hours(24 * 36_500);
        assert_eq!(Fence::open().check_at(in_a_century), Ok(()));
    }
}
