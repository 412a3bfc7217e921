//! A token bucket: so many calls a second, and so many at once after a pause.

use std::time::Duration;

use tokio::time::Instant;

/// Kept as one moment: when it would be full again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    interval: Duration,
    /// How long it takes to fill all but one of its tokens.
    slack: Duration,
    full_at: Instant,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(rate: u32, burst: u32, now: Instant) -> Self {
        let interval = Duration::from_secs(1) / rate.max(1);
        Self {
            interval,
            slack: interval * burst.saturating_sub(1),
            full_at: now,
        }
    }

    /// From when on a call may be made.
    pub(super) fn ready_at(&self) -> Instant {
        // A process does not run for so long that this cannot be expressed, and then a call may be made.
        self.full_at.checked_sub(self.slack).unwrap_or(self.full_at)
    }

    /// A call is made.
    pub(super) fn take(&mut self, now: Instant) {
        self.full_at = self.full_at.max(now) + self.interval;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Promise: as many at once as the bucket holds, and so many a second after that.
    #[test]
    fn a_burst_is_followed_by_the_rate() {
        let start = Instant::now() + Duration::from_hours(1);
        let mut bucket = Bucket::new(5, 60, start);
        let mut now = start;
        let mut made = 0;
        while now < start + Duration::from_secs(10) {
            if now >= bucket.ready_at() {
                bucket.take(now);
                made += 1;
            } else {
                now = bucket.ready_at();
            }
        }
        assert_eq!(made, 60 + 10 * 5 - 1);
    }

    /// Promise: an idle hour is worth no more than one bucket.
    #[test]
    fn it_does_not_overflow() {
        let start = Instant::now() + Duration::from_hours(1);
        let mut bucket = Bucket::new(1, 3, start);
        let later = start + Duration::from_hours(1);
        let mut made = 0;
        while later >= bucket.ready_at() {
            bucket.take(later);
            made += 1;
        }
        assert_eq!(made, 3);
    }
}
