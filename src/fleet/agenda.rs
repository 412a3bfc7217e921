//! When each object is reconciled next, and how often it has failed: one record per object.

mod spread_reads;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::identity::Uid;
use crate::plan::binding::Step;
use crate::plan::fight::Writes;
use crate::plan::{Bounds, Class, delay};

pub(crate) use spread_reads::{SPREAD, SpreadReads};
use spread_reads::{after, hash};

/// An object that is up to date is reconciled at its spread read, and at least this often or once in its interval: all
/// that concerns it wakes it, so this is a net that should catch nothing.
const LONGEST_REST: Duration = Duration::from_hours(1);

/// One record for each object that the watch shows. Nothing of it outlives its object.
pub(crate) struct Agenda {
    spread_reads: SpreadReads,
    /// Since when this operator reconciles. Before that nothing is overdue.
    begun: OnceLock<Instant>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    records: HashMap<Uid, Record>,
    /// The objects of each kind that are due at some time, the first first.
    due: BTreeMap<&'static str, BTreeSet<(Instant, Uid)>>,
    /// How many objects failed in their last reconcile.
    failing: usize,
    /// When the last reconcile ended, or the first one could begin; `None` while this operator does not lead.
    ended: Option<Instant>,
}

struct Record {
    kind: &'static str,
    /// When the watch showed it first. It was there before that.
    noticed: Option<Instant>,
    /// The time of the next reconcile. It lies in the past while the object waits for a worker or for a place. `None`:
    /// there is none until the object changes.
    due: Option<Instant>,
    failed: Option<Failed>,
    /// When its next spread read is due, if it has any, and in which cycle they are due.
    spread_read: Option<(Instant, Duration)>,
    /// What was written to servers for a binding by its last reconciles; the link of a connection has that.
    writes: Option<Box<Writes<Step>>>,
}

/// The last reconcile failed.
#[derive(Clone, Copy)]
struct Failed {
    /// Temporary failures in a row; 0: it failed for another reason.
    in_a_row: u32,
}

impl Record {
    fn of(kind: &'static str, noticed: Option<Instant>) -> Self {
        Self {
            kind,
            noticed,
            due: None,
            failed: None,
            spread_read: None,
            writes: None,
        }
    }

    /// Nothing is kept of an object that has written nothing.
    fn remember(&mut self, writes: Writes<Step>) {
        self.writes = (writes != Writes::default()).then(|| writes.into());
    }
}

/// How a reconcile failed.
pub(crate) struct Failure {
    pub(crate) class: Class,
    pub(crate) interval: Duration,
    pub(crate) bounds: Bounds,
}

impl Agenda {
    /// An agenda without objects.
    pub(crate) fn new(spread_reads: SpreadReads) -> Self {
        Self {
            spread_reads,
            begun: OnceLock::new(),
            state: Mutex::default(),
        }
    }

    /// This operator reconciles from now on: it leads.
    pub(crate) fn begin(&self, now: Instant) {
        if self.begun.set(now).is_ok() {
            self.lock().ended = Some(now);
        }
    }

    /// A reconcile ended, however it did.
    pub(crate) fn ended(&self, now: Instant) {
        self.lock().ended = Some(now);
    }

    /// Whether no reconcile ended for so long, though an object was due all the time.
    pub(crate) fn stands_still(&self, limit: Duration, now: Instant) -> bool {
        let state = self.lock();
        let mut first = state.due.values().filter_map(BTreeSet::first);
        let is_long_ago = |then: Instant| now.saturating_duration_since(then) >= limit;
        state.ended.is_some_and(is_long_ago) && first.any(|(due, _)| is_long_ago(*due))
    }

    /// The watch shows an object. One without a reconcile so far is due from when it is noticed first.
    pub(crate) fn notice(&self, kind: &'static str, object: &Uid, now: Instant) {
        let mut state = self.lock();
        if state.add(kind, object, Some(now)) {
            state.change(object, |record| record.due = Some(now));
        }
    }

    /// The watch shows an object that waits for nothing: one that is being deleted was reconciled already.
    pub(crate) fn notice_leaving(&self, kind: &'static str, object: &Uid) {
        self.lock().add(kind, object, None);
    }

    /// When the watch showed an object first, by our own clock: that of the API server may be minutes off.
    pub(crate) fn noticed(&self, object: &Uid) -> Option<Instant> {
        self.lock().records.get(object)?.noticed
    }

    /// Nothing is left to do. The pause until the next reconcile, spread over a twentieth of the interval: objects of
    /// one age do not come back together.
    pub(crate) fn settled(&self, object: &Uid, interval: Duration, now: Instant) -> Duration {
        let pause = interval + interval.mul_f64(f64::from(spread(object)) / 20_000.0);
        self.lock().change(object, |record| {
            (record.due, record.failed) = (Some(after(now, pause)), None);
        });
        pause
    }

    /// The inventory shows that nothing is to be done, and each change of that wakes the object. The time until the
    /// next reconcile: its spread read.
    pub(crate) fn at_rest(&self, object: &Uid, interval: Duration, now: Instant) -> Duration {
        let mut state = self.lock();
        let spread_read = state
            .records
            .get(object)
            .and_then(|record| record.spread_read);
        let Some((spread_read, _)) = spread_read else {
            drop(state);
            return self.settled(object, interval, now);
        };
        let longest = LONGEST_REST.max(interval);
        let pause = spread_read.saturating_duration_since(now).min(longest);
        state.change(object, |record| {
            (record.due, record.failed) = (Some(after(now, pause)), None);
        });
        pause
    }

    /// Whether the spread read of an object is due: once in each cycle, at a moment of its own. One that was missed, by
    /// an outage for example, is not made up for: many would come at once.
    pub(crate) fn spread_read_is_due(&self, object: &Uid, cycle: Duration, now: Instant) -> bool {
        let mut state = self.lock();
        let Some(record) = state.records.get_mut(object) else {
            return false;
        };
        let still = cycle / SPREAD;
        let spread_read = record
            .spread_read
            .filter(|(at, of)| *of == cycle && now < after(*at, still));
        let next = || (self.spread_reads.next(object, cycle, now), cycle);
        let (at, _) = *record.spread_read.insert(spread_read.unwrap_or_else(next));
        now >= at
    }

    /// An object had its spread read.
    pub(crate) fn spread_read_done(&self, object: &Uid, now: Instant) {
        if let Some(record) = self.lock().records.get_mut(object)
            && let Some((at, cycle)) = &mut record.spread_read
        {
            *at = self.spread_reads.next(object, *cycle, now);
        }
    }

    /// The reconcile failed. The pause until the next one.
    pub(crate) fn failed(&self, object: &Uid, failure: &Failure, now: Instant) -> Duration {
        let mut state = self.lock();
        let record = state.records.get(object);
        let before = record.and_then(|record| record.failed);
        let in_a_row = match failure.class {
            Class::Transient | Class::Bug => {
                before.map_or(0, |failed| failed.in_a_row).saturating_add(1)
            }
            // An object that waited for something else starts again when that exists.
            Class::Waiting | Class::Invalid | Class::Denied => 0,
        };
        let Failure {
            class,
            interval,
            bounds,
        } = *failure;
        let pause = delay(class, in_a_row, interval, spread(object), bounds);
        state.change(object, |record| {
            record.due = Some(after(now, pause));
            record.failed = Some(Failed { in_a_row });
        });
        pause
    }

    /// The object is reconciled as soon as it can be: it is due from now on, or still.
    pub(crate) fn waits(&self, object: &Uid, now: Instant) {
        self.lock().change(object, |record| {
            record.due = Some(record.due.map_or(now, |due| due.min(now)));
        });
    }

    /// The object is left alone until it changes.
    pub(crate) fn leave_alone(&self, object: &Uid) {
        self.lock().change(object, |record| {
            *record = Record::of(record.kind, record.noticed);
        });
    }

    /// What the last reconciles of an object wrote to servers.
    pub(crate) fn writes(&self, object: &Uid) -> Writes<Step> {
        let state = self.lock();
        let record = state.records.get(object);
        record
            .and_then(|record| record.writes.as_deref().cloned())
            .unwrap_or_default()
    }

    /// A reconcile ended, and this is to be remembered of what it wrote to servers.
    pub(crate) fn wrote(&self, object: &Uid, writes: Writes<Step>) {
        if let Some(record) = self.lock().records.get_mut(object) {
            record.remember(writes);
        }
    }

    /// The inventory shows that nothing is to be written for an object.
    pub(crate) fn rests(&self, object: &Uid) {
        if let Some(record) = self.lock().records.get_mut(object) {
            let writes = record.writes.take().unwrap_or_default();
            record.remember(writes.at_rest());
        }
    }

    /// Whether the last reconcile of an object failed.
    pub(crate) fn is_failing(&self, object: &Uid) -> bool {
        let state = self.lock();
        let record = state.records.get(object);
        record.is_some_and(|record| record.failed.is_some())
    }

    /// How many objects failed in their last reconcile.
    pub(crate) fn failing(&self) -> usize {
        self.lock().failing
    }

    /// How long the next reconcile is overdue of the object of a kind that waits longest.
    pub(crate) fn overdue(&self, kind: &str, now: Instant) -> Duration {
        let state = self.lock();
        let first = state.due.get(kind).and_then(BTreeSet::first);
        let begun = self.begun.get();
        let since = first.zip(begun).map(|((due, _), begun)| *due.max(begun));
        since
            .map(|since| now.saturating_duration_since(since))
            .unwrap_or_default()
    }

    /// Forgets an object that is gone.
    pub(crate) fn forget(&self, object: &Uid) {
        let mut state = self.lock();
        state.change(object, |record| {
            *record = Record::of(record.kind, record.noticed);
        });
        state.records.remove(object);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Adds an object. Whether it was not there.
    fn add(&mut self, kind: &'static str, object: &Uid, noticed: Option<Instant>) -> bool {
        let is_new = !self.records.contains_key(object);
        if is_new {
            self.records
                .insert(object.clone(), Record::of(kind, noticed));
        }
        is_new
    }

    /// Changes the record of an existing object, and its counts.
    fn change(&mut self, object: &Uid, change: impl FnOnce(&mut Record)) {
        let Some(record) = self.records.get_mut(object) else {
            return;
        };
        let (due, has_failed) = (record.due, record.failed.is_some());
        change(record);
        self.failing += usize::from(record.failed.is_some());
        self.failing -= usize::from(has_failed);
        if record.due != due {
            let of_kind = self.due.entry(record.kind).or_default();
            if let Some(due) = due {
                of_kind.remove(&(due, object.clone()));
            }
            if let Some(due) = record.due {
                of_kind.insert((due, object.clone()));
            }
        }
    }
}

/// Spreads objects in time, the same after every restart: 0 to 999.
pub(super) fn spread(object: &Uid) -> u16 {
    u16::try_from(hash(object) % 1000).unwrap_or_default()
}

#[cfg(test)]
mod tests;
