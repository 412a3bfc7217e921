//! What reconciles of bindings found out that the next check of their connection is to look at again.
//!
//! It is kept apart from what the connection remembers: the connection may be in the middle of a reconcile, and a doubt
//! that comes meanwhile holds for the next one.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::identity::Uid;
use crate::plan::{Class, delay};

use super::agenda::spread;

/// The doubts about all connections.
#[derive(Default)]
pub(crate) struct Doubts(Mutex<HashMap<Uid, Record>>);

/// What is to be looked at again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Doubt {
    /// Both servers, and what they can do.
    pub(crate) servers: bool,
    /// Whether SonarQube has the import token that it was given.
    pub(crate) import_token: bool,
}

#[derive(Default)]
struct Record {
    pending: Doubt,
    /// Checks in a row that were asked for by a doubt and found everything well.
    in_vain: u32,
    /// What a server asked for (`Retry-After`) in the last doubt.
    at_least: Option<Duration>,
    /// Until then the servers are not doubted again: they were found well a moment ago.
    trusted_until: Option<Instant>,
}

impl Doubts {
    /// A call failed for what seems to be an outage. Whether the connection is to be checked for it.
    ///
    /// Where one call fails for long while all checks succeed, the pauses between checks become longer and longer.
    pub(crate) fn servers(&self, connection: &Uid, at_least: Option<Duration>, now: Instant) -> bool {
        let mut records = self.lock();
        let record = records.entry(connection.clone()).or_default();
        if record.trusted_until.is_some_and(|until| now < until) {
            return false;
        }
        record.pending.servers = true;
        record.at_least = at_least;
        true
    }

    /// SonarQube says that it has no import token.
    pub(crate) fn import_token(&self, connection: &Uid) {
        let mut records = self.lock();
        records.entry(connection.clone()).or_default().pending.import_token = true;
    }

    /// What a check that begins now has to look at. A doubt that comes from now on is for the next check.
    pub(crate) fn take(&self, connection: &Uid) -> Doubt {
        let mut records = self.lock();
        let record = records.get_mut(connection);
        record.map(|record| std::mem::take(&mut record.pending)).unwrap_or_default()
    }

    /// How a check ended that was asked for by a doubt.
    pub(crate) fn checked(&self, connection: &Uid, all_well: bool, now: Instant) {
        let mut records = self.lock();
        let record = records.entry(connection.clone()).or_default();
        if !all_well {
            *record = Record {
                pending: record.pending,
                ..Record::default()
            };
            return;
        }
        let wish = record.at_least.take();
        let is_new = |until: Instant| now.saturating_duration_since(until) > FORGIVEN;
        if record.trusted_until.is_none_or(is_new) {
            record.in_vain = 0;
        }
        record.in_vain = record.in_vain.saturating_add(1);
        let seed = spread(connection);
        let pause = delay(Class::Transient, record.in_vain, Duration::ZERO, seed, wish);
        record.trusted_until = now.checked_add(pause);
    }

    /// Forgets all connections but these.
    pub(crate) fn keep_only(&self, connections: &HashSet<Uid>) {
        self.lock().retain(|connection, _| connections.contains(connection));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uid, Record>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// After such a time without a doubt the next one is checked soon again.
const FORGIVEN: Duration = Duration::from_mins(10);

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Promise: a doubt that comes during a check is not lost.
    #[test]
    fn a_doubt_during_a_check_is_for_the_next_one() {
        let (doubts, own, now) = (Doubts::default(), Uid::new("own"), Instant::now());
        assert!(doubts.servers(&own, None, now));
        let first = doubts.take(&own);
        assert!(first.servers && !first.import_token);
        doubts.import_token(&own);
        assert!(doubts.servers(&own, None, now));
        doubts.checked(&own, true, now);
        let both = Doubt {
            servers: true,
            import_token: true,
        };
        assert_eq!(doubts.take(&own), both);
        assert_eq!(doubts.take(&own), Doubt::default());
    }

    /// Promise: a call that fails while the servers are found well is no reason to check them for ever.
    #[test]
    fn checks_that_find_everything_well_become_rare() {
        let (doubts, own, start) = (Doubts::default(), Uid::new("own"), Instant::now());
        let mut checks = 0;
        for second in 0..3600 {
            let now = start + second * SECOND;
            // Two hundred bindings fail all the time.
            if doubts.servers(&own, None, now) {
                checks += 1;
                assert!(doubts.take(&own).servers);
                doubts.checked(&own, true, now);
            }
        }
        assert!((10..25).contains(&checks), "{checks} checks in an hour");
        // Once a check finds something, the next doubt counts at once.
        doubts.checked(&own, false, start);
        assert!(doubts.servers(&own, None, start));
    }

    #[test]
    fn the_server_is_left_alone_for_as_long_as_it_asks() {
        let (doubts, own, now) = (Doubts::default(), Uid::new("own"), Instant::now());
        assert!(doubts.servers(&own, Some(30 * SECOND), now));
        doubts.take(&own);
        doubts.checked(&own, true, now);
        assert!(!doubts.servers(&own, None, now + 29 * SECOND));
        assert!(doubts.servers(&own, None, now + 40 * SECOND));
    }

    #[test]
    fn a_connection_that_is_gone_is_forgotten() {
        let (doubts, own) = (Doubts::default(), Uid::new("own"));
        doubts.import_token(&own);
        doubts.keep_only(&HashSet::new());
        assert_eq!(doubts.take(&own), Doubt::default());
    }
}
