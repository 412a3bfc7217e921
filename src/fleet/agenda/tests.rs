//! When objects are reconciled, by example and compared with a scan of all records.

use proptest::prelude::*;

use super::*;

const MINUTE: Duration = Duration::from_mins(1);
const KIND: &str = "ProjectBinding";

fn agenda() -> Agenda {
    Agenda::new(SpreadReads::by_the_clock(
        Instant::now(),
        MINUTE * 1_234_567,
    ))
}

/// An agenda with one object that was noticed now, of an operator that leads.
fn noticed() -> (Agenda, Uid, Instant) {
    let (agenda, own, now) = (agenda(), Uid::new("own"), Instant::now());
    agenda.begin(now);
    agenda.notice(KIND, &own, now);
    (agenda, own, now)
}

fn failure(class: Class) -> Failure {
    Failure {
        class,
        interval: MINUTE,
        bounds: Bounds::default(),
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

/// Promise: what an operator that stands by sees is overdue from when it leads.
#[test]
fn nothing_is_overdue_where_another_operator_leads() {
    let (agenda, own, now) = (agenda(), Uid::new("own"), Instant::now());
    agenda.notice(KIND, &own, now);
    assert_eq!(agenda.overdue(KIND, now + 60 * MINUTE), Duration::ZERO);
    assert!(!agenda.stands_still(MINUTE, now + 60 * MINUTE));
    agenda.begin(now + 60 * MINUTE);
    agenda.begin(now + 61 * MINUTE);
    assert_eq!(agenda.overdue(KIND, now + 62 * MINUTE), 2 * MINUTE);
    assert!(!agenda.stands_still(3 * MINUTE, now + 62 * MINUTE));
    assert!(agenda.stands_still(3 * MINUTE, now + 63 * MINUTE));
}

/// Promise: an operator of which no reconcile ends is noticed, and one that has nothing to do is not.
#[test]
fn an_operator_stands_still_when_something_is_due_and_nothing_ends() {
    let (agenda, own, now) = noticed();
    assert!(agenda.stands_still(MINUTE, now + MINUTE));
    agenda.ended(now + MINUTE);
    assert!(!agenda.stands_still(MINUTE, now + MINUTE));
    assert!(agenda.stands_still(MINUTE, now + 2 * MINUTE));
    agenda.settled(&own, 60 * MINUTE, now + 2 * MINUTE);
    assert!(!agenda.stands_still(MINUTE, now + 50 * MINUTE));
}

/// Promise: whether a listing began after an object was there is judged by our own clock alone: that of the API server,
/// which made the object's creation time, may be minutes off in either direction.
#[test]
fn an_object_was_there_when_it_was_noticed_first() {
    let (agenda, own, now) = noticed();
    agenda.notice(KIND, &own, now + MINUTE);
    agenda.leave_alone(&own);
    agenda.waits(&own, now + MINUTE);
    assert_eq!(agenda.noticed(&own), Some(now));
    agenda.forget(&own);
    assert_eq!(agenda.noticed(&own), None);
    agenda.notice(KIND, &own, now + 2 * MINUTE);
    assert_eq!(agenda.noticed(&own), Some(now + 2 * MINUTE));
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

/// Promise: an object that waited long, or was wrong long, is retried soon after a temporary failure.
#[test]
fn only_transient_failures_lengthen_the_pause() {
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
fn deleted_objects_are_forgotten() {
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

/// Promise: an object that is up to date comes back at its spread read, and one that missed it waits for the next
/// cycle.
#[test]
fn an_object_at_rest_has_one_spread_read_in_a_cycle() {
    let (agenda, own, now) = noticed();
    let cycle = MINUTE * SPREAD;
    assert!(!agenda.spread_read_is_due(&own, cycle, now));
    let pause = agenda.at_rest(&own, MINUTE, now);
    assert!(pause <= cycle);
    let spread_read = now + pause;
    assert!(!agenda.spread_read_is_due(&own, cycle, now + pause.mul_f64(0.99)));
    assert!(agenda.spread_read_is_due(&own, cycle, spread_read));
    assert!(
        agenda.spread_read_is_due(&own, cycle, spread_read),
        "it was not taken yet"
    );
    agenda.spread_read_done(&own, spread_read);
    assert!(!agenda.spread_read_is_due(&own, cycle, spread_read));
    assert_eq!(agenda.at_rest(&own, MINUTE, spread_read), cycle);
    let missed = spread_read + cycle + MINUTE;
    assert!(!agenda.spread_read_is_due(&own, cycle, missed));
    assert_eq!(agenda.at_rest(&own, MINUTE, missed), MINUTE * (SPREAD - 1));
    // Another interval has other spread reads.
    assert!(!agenda.spread_read_is_due(&own, cycle * 10, spread_read + cycle));
    assert!(agenda.at_rest(&own, MINUTE, spread_read + cycle) <= LONGEST_REST);
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
    /// Promise: what is reported of all objects is what a scan of each of them would find.
    #[test]
    fn counts_equal_a_count_of_all_records(events in events()) {
        let (agenda, start) = (agenda(), Instant::now());
        agenda.begin(start);
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
