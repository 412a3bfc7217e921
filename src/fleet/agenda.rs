//! When each object is reconciled next, and how often it has failed: one record per object.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::identity::Uid;
use crate::plan::binding::Step;
use crate::plan::fight::Writes;
use crate::plan::{Class, delay};

/// One record for each object that the watch shows. Nothing of it outlives its object.
#[derive(Default)]
pub(crate) struct Agenda(Mutex<State>);

#[derive(Default)]
struct State {
    records: HashMap<Uid, Record>,
    /// The objects of each kind that are due at some time, the first first.
    due: BTreeMap<&'static str, BTreeSet<(Instant, Uid)>>,
    /// How many objects failed in their last reconcile.
    failing: usize,
}

struct Record {
    kind: &'static str,
    /// The time of the next reconcile. It lies in the past while the object waits for a worker or for a place. `None`: there
    /// is none until the object changes.
    due: Option<Instant>,
    failed: Option<Failed>,
    /// What was written to servers for a binding by its last reconciles; of a connection its link tells that.
    writes: Writes<Step>,
}

/// The last reconcile failed.
#[derive(Clone, Copy)]
struct Failed {
    /// Failures in a row that may pass by themselves; 0: it failed otherwise.
    in_a_row: u32,
}

impl Record {
    fn of(kind: &'static str) -> Self {
        Self {
            kind,
            due: None,
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
    /// The watch shows an object. One without a reconcile so far is due from when it is noticed first.
    pub(crate) fn notice(&self, kind: &'static str, object: &Uid, now: Instant) {
        let mut state = self.lock();
        if state.add(kind, object) {
            state.change(object, |record| record.due = Some(now));
        }
    }

    /// The watch shows an object that waits for nothing: what is on its way out has had its reconcile.
    pub(crate) fn notice_leaving(&self, kind: &'static str, object: &Uid) {
        self.lock().add(kind, object);
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

    /// The reconcile failed. The pause until the next one.
    pub(crate) fn failed(&self, object: &Uid, failure: &Failure, now: Instant) -> Duration {
        let mut state = self.lock();
        let record = state.records.get(object);
        let before = record.and_then(|record| record.failed);
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
        self.lock()
            .change(object, |record| *record = Record::of(record.kind));
    }

    /// What the last reconciles of an object wrote to servers.
    pub(crate) fn writes(&self, object: &Uid) -> Writes<Step> {
        let state = self.lock();
        let record = state.records.get(object);
        record
            .map(|record| record.writes.clone())
            .unwrap_or_default()
    }

    /// A reconcile ended, and this is to be remembered of what it wrote to servers.
    pub(crate) fn wrote(&self, object: &Uid, writes: Writes<Step>) {
        if let Some(record) = self.lock().records.get_mut(object) {
            record.writes = writes;
        }
    }

    /// The inventory shows that nothing is to be written for an object.
    pub(crate) fn rests(&self, object: &Uid) {
        if let Some(record) = self.lock().records.get_mut(object) {
            record.writes = std::mem::take(&mut record.writes).at_rest();
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
        first
            .map(|(due, _)| now.saturating_duration_since(*due))
            .unwrap_or_default()
    }

    /// Forgets an object that is gone.
    pub(crate) fn forget(&self, object: &Uid) {
        let mut state = self.lock();
        state.change(object, |record| *record = Record::of(record.kind));
        state.records.remove(object);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Adds an object. Whether it was not there.
    fn add(&mut self, kind: &'static str, object: &Uid) -> bool {
        let is_new = !self.records.contains_key(object);
        if is_new {
            self.records.insert(object.clone(), Record::of(kind));
        }
        is_new
    }

    /// Changes the record of an object that is there, and what is counted of it.
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
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);
    const KIND: &str = "ProjectBinding";

    /// An agenda with one object that was noticed now.
    fn noticed() -> (Agenda, Uid, Instant) {
        let (agenda, own, now) = (Agenda::default(), Uid::new("own"), Instant::now());
        agenda.notice(KIND, &own, now);
        (agenda, own, now)
    }

    fn failure(class: Class) -> Failure {
        Failure {
            class,
            interval: MINUTE,
            at_least: None,
        }
    }

    #[test]
    fn an_object_is_due_from_when_it_is_noticed_until_it_is_reconciled() {
        let (agenda, own, now) = noticed();
        agenda.notice(KIND, &own, now + MINUTE);
        assert_eq!(agenda.overdue(KIND, now + 5 * MINUTE), 5 * MINUTE);
        let pause = agenda.settled(&own, MINUTE, now + 5 * MINUTE);
        assert!((MINUTE..=MINUTE.mul_f64(1.05)).contains(&pause));
        agenda.notice(KIND, &own, now);
        assert_eq!(agenda.overdue(KIND, now + 6 * MINUTE), Duration::ZERO);
    }

    /// Promise: an object that waits for a place is overdue since it was due, or since it began to wait.
    #[test]
    fn an_object_that_waits_for_a_place_is_overdue() {
        let (agenda, own, now) = noticed();
        agenda.settled(&own, MINUTE, now);
        agenda.waits(&own, now + Duration::from_secs(30));
        agenda.waits(&own, now + 2 * MINUTE);
        let overdue = agenda.overdue(KIND, now + 2 * MINUTE);
        assert_eq!(overdue, Duration::from_secs(90));
    }

    /// Promise: an object that waited long, or was wrong long, is retried soon after a failure that may pass.
    #[test]
    fn only_what_may_pass_by_itself_lengthens_the_pause() {
        let (agenda, own, now) = noticed();
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

    /// Promise: an object that is gone leaves nothing behind, also where its last reconcile ends later.
    #[test]
    fn what_is_gone_is_forgotten() {
        let (agenda, own, now) = noticed();
        agenda.failed(&own, &failure(Class::Transient), now);
        assert_eq!((agenda.is_failing(&own), agenda.failing()), (true, 1));
        agenda.forget(&own);
        agenda.failed(&own, &failure(Class::Transient), now);
        assert_eq!((agenda.is_failing(&own), agenda.failing()), (false, 0));
        assert_eq!(agenda.overdue(KIND, now + 60 * MINUTE), Duration::ZERO);
    }

    #[test]
    fn a_pause_beyond_every_clock_does_not_stop_the_operator() {
        let (agenda, own, now) = noticed();
        agenda.failed(
            &own,
            &Failure {
                interval: Duration::from_secs(1 << 63),
                ..failure(Class::Waiting)
            },
            now,
        );
        let hours = |hours| now + Duration::from_hours(hours);
        assert_eq!(agenda.overdue(KIND, hours(23)), Duration::ZERO);
        assert_eq!(agenda.overdue(KIND, hours(25)), Duration::from_hours(1));
    }

    #[derive(Clone, Copy, Debug)]
    enum Event {
        Notice,
        NoticeLeaving,
        Settled,
        Failed(Class),
        Waits,
        LeftAlone,
        Forget,
    }

    fn events() -> impl Strategy<Value = Vec<(u8, Event)>> {
        let class = prop_oneof![
            Just(Class::Transient),
            Just(Class::Waiting),
            Just(Class::Denied)
        ];
        let event = prop_oneof![
            3 => Just(Event::Notice),
            1 => Just(Event::NoticeLeaving),
            2 => Just(Event::Settled),
            2 => class.prop_map(Event::Failed),
            2 => Just(Event::Waits),
            1 => Just(Event::LeftAlone),
            1 => Just(Event::Forget),
        ];
        prop::collection::vec((0..6_u8, event), 0..80)
    }

    proptest! {
        /// Promise: what is told of all objects is what a look at each of them would find.
        #[test]
        fn what_is_counted_is_what_a_look_at_all_records_finds(events in events()) {
            let (agenda, start) = (Agenda::default(), Instant::now());
            for (step, (object, event)) in events.into_iter().enumerate() {
                let now = start + Duration::from_secs(20) * u32::try_from(step).unwrap();
                let own = Uid::new(object.to_string());
                let kind = if object < 3 { KIND } else { "BitbucketConnection" };
                match event {
                    Event::Notice => agenda.notice(kind, &own, now),
                    Event::NoticeLeaving => agenda.notice_leaving(kind, &own),
                    Event::Settled => { agenda.settled(&own, MINUTE, now); }
                    Event::Failed(class) => { agenda.failed(&own, &failure(class), now); }
                    Event::Waits => agenda.waits(&own, now),
                    Event::LeftAlone => agenda.leave_alone(&own),
                    Event::Forget => agenda.forget(&own),
                }
                let (mut failing, mut overdue) = (0, BTreeMap::new());
                for record in agenda.lock().records.values() {
                    failing += usize::from(record.failed.is_some());
                    let own = record.due.map(|due| now.saturating_duration_since(due));
                    let longest: &mut Duration = overdue.entry(record.kind).or_default();
                    *longest = (*longest).max(own.unwrap_or_default());
                }
                prop_assert_eq!(agenda.failing(), failing);
                for kind in [KIND, "BitbucketConnection"] {
                    let naive = overdue.get(kind).copied().unwrap_or_default();
                    prop_assert_eq!(agenda.overdue(kind, now), naive);
                }
                let due = agenda.lock().due.values().map(BTreeSet::len).sum::<usize>();
                let with_due = agenda.lock().records.values().filter(|record| record.due.is_some()).count();
                prop_assert_eq!(due, with_due);
            }
        }
    }
}
