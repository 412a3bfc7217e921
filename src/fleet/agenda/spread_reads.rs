//! When the spread reads of an object are due: evenly spread over all objects, and the same after a restart.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::{Duration, Instant};

use crate::identity::Uid;

/// What no listing has is read once in so many intervals; where no listing has bindings, once in each.
pub(crate) const SPREAD: u32 = 12;

/// The clock of spread reads: after a restart they are due at the same moments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpreadReads {
    start: Instant,
    /// What the clock showed then, since 1970.
    shown: Duration,
}

impl SpreadReads {
    /// Spread reads by a clock that shows this now, since 1970.
    pub(crate) fn by_the_clock(start: Instant, shown: Duration) -> Self {
        Self { start, shown }
    }

    /// The next spread read of an object, if each has one in a cycle.
    pub(super) fn next(&self, object: &Uid, cycle: Duration, now: Instant) -> Instant {
        let length = cycle.as_nanos().max(1);
        let shown = self.shown + now.saturating_duration_since(self.start);
        // The share of the cycle after which the spread read is due, as a fraction of 2 to the 64th.
        let share = (length * u128::from(hash(object))) >> 64;
        let wait = (share + length - shown.as_nanos() % length) % length;
        let wait = if wait == 0 { length } else { wait };
        let nanoseconds = u64::try_from(wait).unwrap_or(u64::MAX);
        after(now, Duration::from_nanos(nanoseconds))
    }
}

/// A pause that no clock can express ends never; then the object is due in a day, and comes back at the pause anyway.
pub(super) fn after(now: Instant, pause: Duration) -> Instant {
    let latest = || now + Duration::from_hours(24);
    now.checked_add(pause).unwrap_or_else(latest)
}

/// The same number for an object in every process.
pub(super) fn hash(object: &Uid) -> u64 {
    let mut hasher = DefaultHasher::new();
    object.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    /// Promise: spread reads are never a burst: of ten thousand objects no tenth of a cycle has many more than another.
    #[test]
    fn spread_reads_are_spread_evenly_over_the_cycle() {
        let spread_reads = SpreadReads::by_the_clock(Instant::now(), HOUR * 12_345_678);
        let mut tenths = [0_u32; 10];
        for object in 0..10_000_u32 {
            let own = Uid::new(object.to_string());
            let wait = spread_reads.next(&own, HOUR, spread_reads.start) - spread_reads.start;
            let tenth = usize::try_from(wait.as_nanos() * 10 / HOUR.as_nanos()).unwrap();
            tenths[tenth.min(9)] += 1;
        }
        assert!(
            tenths.iter().all(|tenth| (850..1150).contains(tenth)),
            "{tenths:?}"
        );
    }

    /// Promise: a process that is started again neither forgets nor repeats spread reads.
    #[test]
    fn a_spread_read_is_due_once_in_a_cycle_also_over_a_restart() {
        let (spread_reads, own) = (
            SpreadReads::by_the_clock(Instant::now(), HOUR * 12_345_678),
            Uid::new("own"),
        );
        let first = spread_reads.next(&own, HOUR, spread_reads.start);
        assert!(first > spread_reads.start && first <= spread_reads.start + HOUR);
        assert_eq!(spread_reads.next(&own, HOUR, first), first + HOUR);
        let later = spread_reads.start + HOUR / 7;
        let again = SpreadReads {
            start: later,
            shown: spread_reads.shown + HOUR / 7,
        };
        assert_eq!(
            again.next(&own, HOUR, later),
            spread_reads.next(&own, HOUR, later)
        );
    }
}
