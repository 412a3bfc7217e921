//! When a candidate may take the lease, and until when it then leads. Pure: the clock and the lease are arguments.
//!
//! The times of a lease are those of another machine's clock and are never read. What counts is for how long this process
//! saw the lease unchanged.

use std::time::{Duration, Instant};

use crate::kubernetes::lease::{Lease, RELEASED, Version};

/// The three times of an election, in the proportions of Kubernetes' own components: 15 s, 10 s and 2 s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// For how long the lease must be unchanged before another candidate takes it.
    pub lasts: Duration,
    /// For how long a holder leads after the start of its last renewal that succeeded.
    pub leads: Duration,
    /// Between two renewals of a holder, and between two reads of a candidate.
    pub retry: Duration,
}

impl Terms {
    /// The times of a lease that lasts so long.
    #[must_use]
    pub fn of(lasts: Duration) -> Self {
        Self {
            lasts,
            leads: lasts * 2 / 3,
            retry: lasts * 2 / 15,
        }
    }
}

/// What a candidate does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// Makes the lease.
    Create,
    /// Writes itself over this version.
    Replace(Version),
    /// Nothing: another process may be at work.
    Wait,
}

/// What a candidate saw of the lease, and since when.
#[derive(Debug)]
pub(super) struct Candidate {
    terms: Terms,
    seen: Option<Sighting>,
}

#[derive(Debug)]
struct Sighting {
    version: Option<Version>,
    lasts: Duration,
    since: Instant,
}

impl Candidate {
    /// A candidate that has seen nothing.
    #[must_use]
    pub(super) fn new(terms: Terms) -> Self {
        Self { terms, seen: None }
    }

    /// What to do after a read.
    ///
    /// A lease that vanishes, or that loses its holder by other hands, is no proof that its holder has ended: it is taken
    /// once it has been so for as long as it lasts.
    pub(super) fn saw(&mut self, found: Option<&Lease>, now: Instant) -> Attempt {
        let version = found.map(|lease| lease.version.clone());
        match (found, &mut self.seen) {
            (None, None) => return Attempt::Create,
            (Some(lease), _) if lease.holder.is_none() && lease.lasts <= RELEASED => {
                return Attempt::Replace(lease.version.clone());
            }
            (_, Some(seen)) if seen.version == version => {
                if now.saturating_duration_since(seen.since) < seen.lasts {
                    return Attempt::Wait;
                }
                return version.map_or(Attempt::Create, Attempt::Replace);
            }
            (None | Some(_), _) => {}
        }
        // What is gone lasts as long as it said.
        let said = found.map_or_else(
            || self.seen.as_ref().map(|seen| seen.lasts),
            |lease| Some(lease.lasts),
        );
        self.seen = Some(Sighting {
            version,
            lasts: said.unwrap_or_default().max(self.terms.lasts),
            since: now,
        });
        Attempt::Wait
    }
}

#[cfg(test)]
mod interleavings;

#[cfg(test)]
const TERMS: Terms = Terms {
    lasts: Duration::from_secs(15),
    leads: Duration::from_secs(10),
    retry: Duration::from_secs(2),
};

#[cfg(test)]
mod tests {
    use super::*;

    fn version(resource: &str) -> Version {
        Version {
            uid: "one".to_owned(),
            resource: resource.to_owned(),
        }
    }

    fn held(resource: &str, holder: Option<&str>, seconds: u64) -> Lease {
        Lease {
            holder: holder.map(str::to_owned),
            lasts: Duration::from_secs(seconds),
            version: version(resource),
        }
    }

    /// What a candidate does after each look: seconds, and the lease that it finds.
    fn attempts<const READS: usize>(attempts: [(u64, Option<Lease>); READS]) -> [Attempt; READS] {
        let (mut candidate, start) = (Candidate::new(TERMS), Instant::now());
        attempts.map(|(at, found)| candidate.saw(found.as_ref(), start + Duration::from_secs(at)))
    }

    #[test]
    fn the_times_have_the_proportions_of_kubernetes() {
        assert_eq!(Terms::of(Duration::from_secs(15)), TERMS);
    }

    #[test]
    fn a_lease_that_never_was_or_is_released_is_taken_at_once() {
        assert_eq!(attempts([(0, None)]), [Attempt::Create]);
        let released = Some(held("7", None, 1));
        assert_eq!(attempts([(0, released)]), [Attempt::Replace(version("7"))]);
    }

    #[test]
    fn a_lease_is_taken_once_it_was_unchanged_for_as_long_as_it_lasts() {
        let (old, new) = (
            Some(held("7", Some("a"), 15)),
            Some(held("8", Some("a"), 15)),
        );
        let tried = attempts([
            (0, old.clone()),
            (14, old),
            (15, new.clone()),
            (29, new.clone()),
            (30, new),
        ]);
        let wait = Attempt::Wait;
        let taken = Attempt::Replace(version("8"));
        assert_eq!(
            tried,
            [wait.clone(), wait.clone(), wait.clone(), wait, taken]
        );
    }

    /// Promise: who takes the holder out of a lease, or deletes it, does not make two operators write at once.
    #[test]
    fn a_lease_that_other_hands_emptied_or_deleted_is_waited_for_all_the_same() {
        let before = || Some(held("7", Some("a"), 15));
        for (after, taken) in [
            (Some(held("8", None, 15)), Attempt::Replace(version("8"))),
            (None, Attempt::Create),
        ] {
            let tried = attempts([
                (0, before()),
                (14, after.clone()),
                (28, after.clone()),
                (29, after),
            ]);
            assert_eq!(tried, [Attempt::Wait, Attempt::Wait, Attempt::Wait, taken]);
        }
    }

    /// Promise: a holder with longer times is waited for as long as it leads.
    #[test]
    fn the_longer_of_both_times_counts() {
        let long = || Some(held("7", Some("a"), 60));
        let tried = attempts([(0, long()), (59, long()), (60, long())]);
        assert_eq!(tried[..2], [Attempt::Wait, Attempt::Wait]);
        assert_eq!(tried[2], Attempt::Replace(version("7")));
        let short = || Some(held("7", Some("a"), 2));
        assert_eq!(
            attempts([(0, short()), (14, short())]),
            [Attempt::Wait, Attempt::Wait]
        );
    }
}
