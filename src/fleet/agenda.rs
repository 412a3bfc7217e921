//! When each object is reconciled next, and how often it has failed: one record per object.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::identity::Uid;
use crate::plan::binding::fight::Writes;
use crate::plan::{Class, delay};

/// One record per object. Nothing of it outlives its object.
#[derive(Default)]
pub(crate) struct Agenda(Mutex<HashMap<Uid, Record>>);

struct Record {
    /// The time of the next reconcile. It lies in the past while the object waits for a worker or for a place.
    due: Instant,
    failed: Option<Failed>,
    /// What was written to servers by the last reconciles.
    writes: Writes,
}

/// The last reconcile failed.
struct Failed {
    /// Failures in a row that may pass by themselves; 0: it failed otherwise.
    in_a_row: u32,
}

impl Record {
    fn due(due: Instant) -> Self {
        Self {
            due,
            failed: None,
            writes: Writes::default(),
        }
    }
}

/// How a reconcile failed.
pub(crate) struct Failure {
    pub(crate) class: Class,
    pub(crate) interval: Duration,
    /// `Retry-After` of the server.
    pub(crate) at_least: Option<Duration>,
}

impl Agenda {
    /// An object without a reconcile so far is due from when it is noticed first.
    pub(crate) fn notice(&self, object: &Uid, now: Instant) {
        self.lock()
            .entry(object.clone())
            .or_insert_with(|| Record::due(now));
    }

    /// Nothing is left to do. The pause until the next reconcile, spread over a twentieth of the interval: objects of
    /// one age do not come back together.
    pub(crate) fn settled(&self, object: &Uid, interval: Duration, now: Instant) -> Duration {
        let pause = interval + interval.mul_f64(f64::from(spread(object)) / 20_000.0);
        let mut records = self.lock();
        let record = records
            .entry(object.clone())
            .or_insert_with(|| Record::due(now));
        (record.due, record.failed) = (after(now, pause), None);
        pause
    }

    /// The reconcile failed. The pause until the next one.
    pub(crate) fn failed(&self, object: &Uid, failure: &Failure, now: Instant) -> Duration {
        let mut records = self.lock();
        let record = records
            .entry(object.clone())
            .or_insert_with(|| Record::due(now));
        let before = record.failed.as_ref();
        let in_a_row = match failure.class {
            Class::Transient | Class::Bug => {
                before.map_or(0, |failed| failed.in_a_row).saturating_add(1)
            }
            // An object that waited for something else begins anew once that is there.
            Class::Waiting | Class::Invalid | Class::Denied => 0,
        };
        let Failure {
            class,
            interval,
            at_least,
        } = *failure;
        let pause = delay(class, in_a_row, interval, spread(object), at_least);
        (record.due, record.failed) = (after(now, pause), Some(Failed { in_a_row }));
        pause
    }

    /// The object is reconciled as soon as it can be: it is due from now on, or still.
    pub(crate) fn waits(&self, object: &Uid, now: Instant) {
        let mut records = self.lock();
        let record = records
            .entry(object.clone())
            .or_insert_with(|| Record::due(now));
        record.due = record.due.min(now);
    }

    /// What the last reconciles of an object wrote to servers.
    pub(crate) fn writes(&self, object: &Uid) -> Writes {
        let records = self.lock();
        let record = records.get(object);
        record
            .map(|record| record.writes.clone())
            .unwrap_or_default()
    }

    /// A reconcile ended, and this is to be remembered of what it wrote to servers.
    pub(crate) fn wrote(&self, object: &Uid, writes: Writes) {
        if let Some(record) = self.lock().get_mut(object) {
            record.writes = writes;
        }
    }

    /// The inventory shows that nothing is to be written for an object.
    pub(crate) fn rests(&self, object: &Uid) {
        if let Some(record) = self.lock().get_mut(object) {
            record.writes = std::mem::take(&mut record.writes).at_rest();
        }
    }

    /// Whether the last reconcile of an object failed.
    pub(crate) fn is_failing(&self, object: &Uid) -> bool {
        let records = self.lock();
        records
            .get(object)
            .is_some_and(|record| record.failed.is_some())
    }

    /// How long the next reconcile of an object is overdue.
    pub(crate) fn overdue(&self, object: &Uid, now: Instant) -> Duration {
        let records = self.lock();
        let due = records.get(object).map(|record| record.due);
        due.map(|due| now.saturating_duration_since(due))
            .unwrap_or_default()
    }

    /// Forgets an object that is gone.
    pub(crate) fn forget(&self, object: &Uid) {
        self.lock().remove(object);
    }

    /// Forgets all objects but these: an object without a finalizer has no last reconcile.
    pub(crate) fn keep_only(&self, objects: &HashSet<Uid>) {
        self.lock().retain(|object, _| objects.contains(object));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uid, Record>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A pause that no clock can express ends never; then the object is due in a day, and comes back at the pause anyway.
fn after(now: Instant, pause: Duration) -> Instant {
    let latest = || now + Duration::from_hours(24);
    now.checked_add(pause).unwrap_or_else(latest)
}

/// Spreads objects in time, the same after every restart: 0 to 999.
pub(super) fn spread(object: &Uid) -> u16 {
    let mut hasher = DefaultHasher::new();
    object.hash(&mut hasher);
    u16::try_from(hasher.finish() % 1000).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn failure(class: Class) -> Failure {
        Failure {
            class,
            interval: MINUTE,
            at_least: None,
        }
    }

    #[test]
    fn an_object_is_due_from_when_it_is_noticed_until_it_is_reconciled() {
        let (agenda, own, now) = (Agenda::default(), Uid::new("own"), Instant::now());
        agenda.notice(&own, now);
        agenda.notice(&own, now + MINUTE);
        assert_eq!(agenda.overdue(&own, now + 5 * MINUTE), 5 * MINUTE);
        let pause = agenda.settled(&own, MINUTE, now + 5 * MINUTE);
        assert!((MINUTE..=MINUTE.mul_f64(1.05)).contains(&pause));
        agenda.notice(&own, now);
        assert_eq!(agenda.overdue(&own, now + 6 * MINUTE), Duration::ZERO);
    }

    /// Promise: an object that waits for a place is overdue since it was due, or since it began to wait.
    #[test]
    fn an_object_that_waits_for_a_place_is_overdue() {
        let (agenda, own, now) = (Agenda::default(), Uid::new("own"), Instant::now());
        agenda.settled(&own, MINUTE, now);
        agenda.waits(&own, now + Duration::from_secs(30));
        agenda.waits(&own, now + 2 * MINUTE);
        let overdue = agenda.overdue(&own, now + 2 * MINUTE);
        assert_eq!(overdue, Duration::from_secs(90));
    }

    /// Promise: an object that waited long, or was wrong long, is retried soon after a failure that may pass.
    #[test]
    fn only_what_may_pass_by_itself_lengthens_the_pause() {
        let (agenda, own, now) = (Agenda::default(), Uid::new("own"), Instant::now());
        let pause = |class| agenda.failed(&own, &failure(class), now);
        let first = pause(Class::Transient);
        agenda.waits(&own, now);
        assert!(
            pause(Class::Transient) > first,
            "waiting in between is no success"
        );
        for class in [Class::Waiting, Class::Invalid, Class::Denied] {
            pause(class);
            assert!(agenda.is_failing(&own));
            assert_eq!(pause(Class::Transient), first);
        }
        agenda.settled(&own, MINUTE, now);
        assert!(!agenda.is_failing(&own));
        assert_eq!(pause(Class::Transient), first);
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let (agenda, now) = (Agenda::default(), Instant::now());
        let [gone, here] = ["gone", "here"].map(Uid::new);
        for object in [&gone, &here] {
            agenda.failed(object, &failure(Class::Transient), now);
        }
        agenda.keep_only(&HashSet::from([here.clone()]));
        assert!(!agenda.is_failing(&gone) && agenda.is_failing(&here));
        agenda.forget(&here);
        assert!(!agenda.is_failing(&here));
    }

    #[test]
    fn a_pause_beyond_every_clock_does_not_stop_the_operator() {
        let (agenda, own, now) = (Agenda::default(), Uid::new("own"), Instant::now());
        agenda.failed(
            &own,
            &Failure {
                interval: Duration::from_secs(1 << 63),
                ..failure(Class::Waiting)
            },
            now,
        );
        let hours = |hours| now + Duration::from_hours(hours);
        assert_eq!(agenda.overdue(&own, hours(23)), Duration::ZERO);
        assert_eq!(agenda.overdue(&own, hours(25)), Duration::from_hours(1));
    }
}
