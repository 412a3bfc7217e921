//! How often the servers of a connection are checked because a call of one of its bindings failed.
//!
//! One check finds out for all bindings whether the servers are down. Where it finds them well although calls go on to
//! fail, another check would find the same: the time between such checks grows.

use std::time::{Duration, Instant};

use crate::plan::{Bounds, Class, delay};

/// After this time without a report the next one counts as the first.
const FORGOTTEN: Duration = Duration::from_mins(10);

/// The bindings' reports of failed calls, which invalidate that the servers of a connection are well.
#[derive(Debug, Default)]
pub(super) struct Invalidations {
    /// A check is wanted.
    pending: bool,
    /// A check runs that a report asked for.
    under_check: bool,
    /// Checks in a row that a report asked for, and that found everything well.
    in_vain: u32,
    /// What the server asked for (`Retry-After`) in the calls that failed.
    at_least: Option<Duration>,
    /// Until then the servers count as well, even if single calls fail.
    trusted_until: Option<Instant>,
}

impl Invalidations {
    /// A call failed as it does when its server is down. Whether that is worth a check.
    pub(super) fn invalidate(&mut self, at_least: Option<Duration>, now: Instant) -> bool {
        if self.trusted_until.is_some_and(|until| now < until) {
            return false;
        }
        self.pending = true;
        self.at_least = self.at_least.max(at_least);
        true
    }

    /// A reconcile of the connection begins. A report from now on is for the next one.
    pub(super) fn begin(&mut self) {
        self.under_check |= std::mem::take(&mut self.pending);
    }

    /// The reconcile found everything well. `seed` spreads the connections.
    pub(super) fn found_well(&mut self, seed: u16, now: Instant) {
        if !std::mem::take(&mut self.under_check) {
            return;
        }
        let is_forgotten = |until: Instant| now.saturating_duration_since(until) > FORGOTTEN;
        if self.trusted_until.is_some_and(is_forgotten) {
            self.in_vain = 0;
        }
        self.in_vain = self.in_vain.saturating_add(1);
        let at_least = self.at_least.take();
        let pause = delay(
            Class::Transient,
            self.in_vain,
            Duration::ZERO,
            seed,
            Bounds {
                at_least,
                at_most: None,
            },
        );
        self.trusted_until = now.checked_add(pause);
    }

    /// The reconcile found a failure. The report was right, and so may be the next one.
    pub(super) fn found_trouble(&mut self) {
        *self = Self {
            pending: self.pending,
            ..Self::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn check(invalidations: &mut Invalidations, now: Instant) {
        invalidations.begin();
        invalidations.found_well(0, now);
    }

    /// Promise: a call that fails while the servers are well is no reason to check them for ever.
    #[test]
    fn checks_that_find_everything_well_become_rare() {
        let (mut invalidations, start) = (Invalidations::default(), Instant::now());
        let mut checks = 0;
        for second in 0..3600 {
            let now = start + second * SECOND;
            // Hundreds of bindings fail all the time.
            if invalidations.invalidate(None, now) {
                checks += 1;
                check(&mut invalidations, now);
            }
        }
        assert!((10..25).contains(&checks), "{checks} checks in an hour");
        invalidations.begin();
        invalidations.found_trouble();
        assert!(
            invalidations.invalidate(None, start),
            "once a check finds something"
        );
    }

    #[test]
    fn the_server_is_left_alone_for_as_long_as_it_asks() {
        let (mut invalidations, now) = (Invalidations::default(), Instant::now());
        assert!(invalidations.invalidate(Some(30 * SECOND), now));
        assert!(invalidations.invalidate(None, now), "of another binding");
        check(&mut invalidations, now);
        assert!(!invalidations.invalidate(None, now + 29 * SECOND));
        assert!(invalidations.invalidate(None, now + 30 * SECOND));
        check(&mut invalidations, now + 30 * SECOND);
        assert!(
            invalidations.invalidate(None, now + 32 * SECOND),
            "it asked for that once"
        );
    }

    #[test]
    fn only_a_check_after_an_invalidation_counts() {
        let (mut invalidations, now) = (Invalidations::default(), Instant::now());
        check(&mut invalidations, now);
        assert!(
            invalidations.invalidate(None, now),
            "nothing was checked in vain"
        );
        invalidations.begin();
        assert!(invalidations.invalidate(None, now), "during the check");
        invalidations.found_well(0, now);
        // The one that came meanwhile has its own check.
        check(&mut invalidations, now);
        assert_eq!(invalidations.in_vain, 2);
    }

    /// Promise: a report during a check that finds a failure has the servers checked once more.
    #[test]
    fn an_invalidation_during_a_failing_check_is_kept() {
        let (mut invalidations, now) = (Invalidations::default(), Instant::now());
        invalidations.begin();
        assert!(invalidations.invalidate(None, now));
        invalidations.found_trouble();
        check(&mut invalidations, now);
        assert_eq!(invalidations.in_vain, 1);
    }

    #[test]
    fn an_invalidation_after_a_long_time_is_checked_soon() {
        let (mut invalidations, start) = (Invalidations::default(), Instant::now());
        let mut now = start;
        for _ in 0..12 {
            assert!(invalidations.invalidate(None, now));
            check(&mut invalidations, now);
            now += 300 * SECOND;
        }
        assert_eq!(invalidations.in_vain, 12);
        now += 2 * FORGOTTEN;
        assert!(invalidations.invalidate(None, now));
        check(&mut invalidations, now);
        assert!(invalidations.invalidate(None, now + SECOND));
    }
}
