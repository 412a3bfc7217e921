//! How often the servers of a connection are checked because a call of one of its bindings failed.
//!
//! One check finds out for all bindings whether the servers are down. Where it finds them well although calls go on to
//! fail, another check would find the same: the time between such checks grows.

use std::time::{Duration, Instant};

use crate::plan::{Class, delay};

/// After this time without a report the next one counts as the first.
const FORGOTTEN: Duration = Duration::from_mins(10);

/// The bindings' reports of failed calls, which invalidate that the servers of a connection are well.
#[derive(Debug, Default)]
pub(super) struct Doubts {
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

impl Doubts {
    /// A call failed as it does when its server is down. Whether that is worth a check.
    pub(super) fn doubt(&mut self, at_least: Option<Duration>, now: Instant) -> bool {
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
            at_least,
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

    fn check(doubts: &mut Doubts, now: Instant) {
        doubts.begin();
        doubts.found_well(0, now);
    }

    /// Promise: a call that fails while the servers are well is no reason to check them for ever.
    #[test]
    fn checks_that_find_everything_well_become_rare() {
        let (mut doubts, start) = (Doubts::default(), Instant::now());
        let mut checks = 0;
        for second in 0..3600 {
            let now = start + second * SECOND;
            // Hundreds of bindings fail all the time.
            if doubts.doubt(None, now) {
                checks += 1;
                check(&mut doubts, now);
            }
        }
        assert!((10..25).contains(&checks), "{checks} checks in an hour");
        doubts.begin();
        doubts.found_trouble();
        assert!(doubts.doubt(None, start), "once a check finds something");
    }

    #[test]
    fn the_server_is_left_alone_for_as_long_as_it_asks() {
        let (mut doubts, now) = (Doubts::default(), Instant::now());
        assert!(doubts.doubt(Some(30 * SECOND), now));
        assert!(doubts.doubt(None, now), "of another binding");
        check(&mut doubts, now);
        assert!(!doubts.doubt(None, now + 29 * SECOND));
        assert!(doubts.doubt(None, now + 30 * SECOND));
        check(&mut doubts, now + 30 * SECOND);
        assert!(
            doubts.doubt(None, now + 32 * SECOND),
            "it asked for that once"
        );
    }

    #[test]
    fn only_a_check_that_a_doubt_asked_for_counts() {
        let (mut doubts, now) = (Doubts::default(), Instant::now());
        check(&mut doubts, now);
        assert!(doubts.doubt(None, now), "nothing was checked in vain");
        doubts.begin();
        assert!(doubts.doubt(None, now), "during the check");
        doubts.found_well(0, now);
        // The one that came meanwhile has its own check.
        check(&mut doubts, now);
        assert_eq!(doubts.in_vain, 2);
    }

    /// Promise: a report during a check that finds a failure has the servers checked once more.
    #[test]
    fn a_doubt_during_a_check_that_finds_trouble_is_kept() {
        let (mut doubts, now) = (Doubts::default(), Instant::now());
        doubts.begin();
        assert!(doubts.doubt(None, now));
        doubts.found_trouble();
        check(&mut doubts, now);
        assert_eq!(doubts.in_vain, 1);
    }

    #[test]
    fn a_doubt_after_a_long_time_is_checked_soon_again() {
        let (mut doubts, start) = (Doubts::default(), Instant::now());
        let mut now = start;
        for _ in 0..12 {
            assert!(doubts.doubt(None, now));
            check(&mut doubts, now);
            now += 300 * SECOND;
        }
        assert_eq!(doubts.in_vain, 12);
        now += 2 * FORGOTTEN;
        assert!(doubts.doubt(None, now));
        check(&mut doubts, now);
        assert!(doubts.doubt(None, now + SECOND));
    }
}
