//! When to try again: the only place that defines back-off.

use std::time::Duration;

/// What kind of failure a reconcile ended in: who has to act before another attempt can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It may end by itself: tried again soon, then with growing back-off.
    Transient,
    /// It waits for another object, whose change triggers a reconcile; the retry is a safety net.
    Waiting,
    /// A person must change the object, a Secret or a server; checked again at the interval, or in ten minutes.
    Invalid,
    /// The server refuses the token. Tried rarely: hammering may lock the account.
    Denied,
    /// A defect of ours.
    Bug,
}

/// What is known of when another attempt helps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Not before: what the server asked for (`Retry-After`).
    pub at_least: Option<Duration>,
    /// Then surely: what the object waits for has ended by then.
    pub at_most: Option<Duration>,
}

/// Often enough for a user who has just corrected something, and too seldom to lock an account.
const RARELY: Duration = Duration::from_mins(10);
const FIRST: Duration = Duration::from_millis(750);
/// A server that came back is noticed no later.
const LONGEST: Duration = Duration::from_mins(5);
/// The longest wish of a server that is heard.
const LONGEST_WISH: Duration = Duration::from_mins(15);

/// The pause before the next try.
///
/// `failures` counts those in a row, this one included. `seed` spreads objects that failed together, by up
/// to a fifth: also those whose delay is bounded, by one moment for all of them.
#[must_use]
pub fn delay(
    class: Class,
    failures: u32,
    interval: Duration,
    seed: u16,
    bounds: Bounds,
) -> Duration {
    let pause = match class {
        Class::Transient | Class::Bug => FIRST
            .saturating_mul(1 << failures.saturating_sub(1).min(16))
            .min(LONGEST),
        Class::Waiting => interval,
        // No event reports a correction made at a server.
        Class::Invalid => interval.min(RARELY),
        Class::Denied => RARELY,
    };
    let wish = bounds.at_least.unwrap_or_default().min(LONGEST_WISH);
    let pause = pause.max(wish);
    let pause = bounds.at_most.map_or(pause, |most| pause.min(most));
    pause + pause.mul_f64(f64::from(seed.min(999)) / 5000.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INTERVAL: Duration = Duration::from_mins(10);

    const FREE: Bounds = Bounds {
        at_least: None,
        at_most: None,
    };

    #[test]
    fn pauses_double_up_to_five_minutes() {
        let pauses: Vec<u128> = (1..=13)
            .map(|failures| delay(Class::Transient, failures, INTERVAL, 0, FREE).as_millis())
            .collect();
        assert_eq!(pauses[..4], [750, 1500, 3000, 6000]);
        assert_eq!(pauses[12], 300_000);
        assert_eq!(
            delay(Class::Transient, u32::MAX, INTERVAL, 0, FREE),
            LONGEST
        );
    }

    #[test]
    fn objects_that_fail_together_come_back_apart() {
        let one = delay(Class::Transient, 4, INTERVAL, 1, FREE);
        let other = delay(Class::Transient, 4, INTERVAL, 999, FREE);
        assert_ne!(one, other);
        assert!(
            one > delay(Class::Transient, 4, INTERVAL, 0, FREE),
            "never sooner"
        );
        assert!(other <= delay(Class::Transient, 4, INTERVAL, 0, FREE).mul_f64(1.2));
    }

    #[test]
    fn the_servers_own_wish_is_heard_but_an_absurd_one_is_capped() {
        let wish = |seconds| {
            delay(
                Class::Transient,
                1,
                INTERVAL,
                0,
                Bounds {
                    at_least: Some(Duration::from_secs(seconds)),
                    ..FREE
                },
            )
        };
        assert_eq!(wish(30), Duration::from_secs(30));
        assert_eq!(wish(1_000_000_000), LONGEST_WISH);
    }

    /// Promise: a back-off of minutes does not outlast what the object waits for.
    #[test]
    fn an_object_is_tried_again_when_what_it_waits_for_has_ended() {
        let most = Duration::from_secs(9);
        let bounds = Bounds {
            at_most: Some(most),
            ..FREE
        };
        let after = |failures| delay(Class::Transient, failures, INTERVAL, 0, bounds);
        assert_eq!(after(9), most);
        assert!(after(1) < most, "it may end before");
    }

    proptest! {
        /// Promise: objects that fail in one moment do not come back in one moment, also if a bound ends their delays.
        /// The bound is exceeded by a fifth at most.
        #[test]
        fn objects_that_wait_for_the_same_end_come_back_apart(
            failures in 1..20_u32,
            (least, most) in (proptest::option::of(0..1000_u64), proptest::option::of(1..300_u64)),
            one in 0..999_u16,
            later in 1..=999_u16,
        ) {
            let bounds = Bounds {
                at_least: least.map(Duration::from_secs),
                at_most: most.map(Duration::from_secs),
            };
            let after = |seed| delay(Class::Transient, failures, INTERVAL, seed, bounds);
            let other = one.saturating_add(later).min(999);
            prop_assert!(after(0) <= after(one) && after(one) < after(other));
            prop_assert!(after(other) <= after(0).mul_f64(1.2));
            if let Some(most) = bounds.at_most {
                prop_assert!(after(0) <= most);
            }
        }
    }

    #[test]
    fn a_refused_token_is_tried_every_ten_minutes_at_any_interval() {
        for interval in [Duration::from_secs(10), Duration::from_hours(24)] {
            assert_eq!(delay(Class::Denied, 1, interval, 0, FREE), RARELY);
        }
    }

    #[test]
    fn a_correction_by_a_user_is_noticed_within_ten_minutes_at_any_interval() {
        let after = |interval| delay(Class::Invalid, 1, interval, 0, FREE);
        assert_eq!(after(Duration::from_hours(24)), RARELY);
        assert_eq!(after(Duration::from_mins(1)), Duration::from_mins(1));
    }
}
