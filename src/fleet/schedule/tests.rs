//! The schedule by example, and against a naive model under random operations.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn name(object: &str) -> ObjectName {
    ("team".to_owned(), object.to_owned())
}

fn begin(schedule: &mut Schedule) -> Option<String> {
    schedule.begin().map(|name| name.1.clone())
}

#[test]
fn the_most_urgent_begins_first_and_among_equals_the_one_that_waits_longest() {
    let mut schedule = Schedule::default();
    for (object, urgency) in [
        ("first", Urgency::New),
        ("drift", Urgency::Drift),
        ("second", Urgency::New),
        ("edited", Urgency::New),
        ("first", Urgency::New),
    ] {
        schedule.ask(name(object), urgency);
    }
    schedule.ask(name("edited"), Urgency::Asked);
    schedule.ask(name("edited"), Urgency::Drift);
    assert_eq!(schedule.first(), Some(Urgency::Asked));
    for next in ["edited", "first", "second", "drift"] {
        assert_eq!(begin(&mut schedule).as_deref(), Some(next));
    }
    assert_eq!((begin(&mut schedule), schedule.first()), (None, None));
}

/// Promise: no object is reconciled twice at once, and what is asked for meanwhile is not lost.
#[test]
fn a_request_during_a_reconcile_begins_after_its_end() {
    let mut schedule = Schedule::default();
    schedule.ask(name("one"), Urgency::New);
    let one = schedule.begin().unwrap();
    schedule.ask(name("one"), Urgency::Drift);
    schedule.ask(name("one"), Urgency::Asked);
    assert_eq!(begin(&mut schedule), None);
    let later = Instant::now() + Duration::from_mins(1);
    assert!(schedule.end(&one, Some(later)));
    assert_eq!(schedule.first(), Some(Urgency::Asked));
    let one = schedule.begin().unwrap();
    assert!(!schedule.end(&one, None));
    assert!(schedule.objects.is_empty(), "{schedule:?}");
}

#[test]
fn a_delayed_reconcile_begins_at_its_time_or_on_request() {
    let (mut schedule, now) = (Schedule::default(), Instant::now());
    let due = now + Duration::from_mins(1);
    for object in ["one", "two", "gone"] {
        schedule.ask(name(object), Urgency::New);
        let begun = schedule.begin().unwrap();
        assert!(!schedule.end(&begun, Some(due)));
    }
    schedule.ask(name("two"), Urgency::Asked);
    assert_eq!(begin(&mut schedule).as_deref(), Some("two"));
    let urgency = |name: &ObjectName| (name.1 != "gone").then_some(Urgency::Drift);
    schedule.come_due(now, urgency);
    assert_eq!((schedule.first(), schedule.first_due()), (None, Some(due)));
    schedule.come_due(due, urgency);
    assert_eq!(begin(&mut schedule).as_deref(), Some("one"));
    assert_eq!((begin(&mut schedule), schedule.first_due()), (None, None));
}

/// Promise: what is asked for at a time begins then, also if it is being reconciled, and no earlier request comes later.
#[test]
fn an_object_that_is_asked_for_at_a_time_begins_then() {
    let (mut schedule, now) = (Schedule::default(), Instant::now());
    let after = |seconds| now + Duration::from_secs(seconds);
    let urgency = |_: &ObjectName| Some(Urgency::Drift);
    schedule.ask_at(name("one"), after(9));
    schedule.ask_at(name("one"), after(3));
    schedule.ask_at(name("one"), after(6));
    assert_eq!(schedule.first_due(), Some(after(3)));
    schedule.come_due(after(3), urgency);
    let one = schedule.begin().unwrap();
    assert_eq!((schedule.first(), schedule.first_due()), (None, None));
    schedule.ask_at(name("one"), after(8));
    schedule.ask_at(name("one"), after(5));
    assert!(!schedule.end(&one, Some(after(60))));
    assert_eq!(schedule.first_due(), Some(after(5)));
    schedule.ask(name("one"), Urgency::New);
    schedule.ask_at(name("one"), after(4));
    assert_eq!(
        (begin(&mut schedule).as_deref(), schedule.first_due()),
        (Some("one"), None)
    );
}

/// Promise: what waits costs its name once, and no future and no copy of the object.
#[test]
fn an_object_that_waits_takes_few_bytes() {
    let position = size_of::<(Position, Arc<ObjectName>)>();
    let row = size_of::<(Arc<ObjectName>, When)>();
    let shared = size_of::<ObjectName>() + 2 * size_of::<usize>();
    assert!(position + row + shared <= 136, "{position} {row} {shared}");
}

/// What is to be done with one of six objects.
#[derive(Clone, Copy, Debug)]
enum Move {
    Ask(u8, Urgency),
    /// It is to be reconciled after so many seconds.
    AskAt(u8, u8),
    Begin,
    /// The reconcile that began first ends, and wants the next one after so many seconds.
    End(Option<u8>),
    Advance(u8),
}

fn moves() -> impl Strategy<Value = Move> {
    let urgency = prop::sample::select(vec![Urgency::Asked, Urgency::New, Urgency::Drift]);
    prop_oneof![
        (0..6_u8, urgency).prop_map(|(object, urgency)| Move::Ask(object, urgency)),
        (0..6_u8, 0..9_u8).prop_map(|(object, pause)| Move::AskAt(object, pause)),
        Just(Move::Begin),
        prop::option::of(0..9_u8).prop_map(Move::End),
        (0..9_u8).prop_map(Move::Advance),
    ]
}

/// The same by a search of all objects.
#[derive(Default)]
struct Naive {
    arrivals: usize,
    waiting: Vec<(Urgency, usize, String)>,
    later: Vec<(Instant, String)>,
    under_way: Vec<(String, Option<Urgency>, Option<Instant>)>,
}

impl Naive {
    fn ask(&mut self, object: String, urgency: Urgency) {
        if let Some((_, again, _)) = self.under_way.iter_mut().find(|(it, ..)| *it == object) {
            *again = Some(again.map_or(urgency, |before| before.min(urgency)));
        } else if let Some(waiting) = self.waiting.iter_mut().find(|(_, _, it)| *it == object) {
            waiting.0 = waiting.0.min(urgency);
        } else {
            self.later.retain(|(_, it)| *it != object);
            self.arrivals += 1;
            self.waiting.push((urgency, self.arrivals, object));
        }
    }

    fn ask_at(&mut self, object: String, due: Instant) {
        if let Some((_, _, by)) = self.under_way.iter_mut().find(|(it, ..)| *it == object) {
            *by = Some(by.map_or(due, |by| by.min(due)));
        } else if let Some(later) = self.later.iter_mut().find(|(_, it)| *it == object) {
            later.0 = later.0.min(due);
        } else if self.waiting.iter().all(|(_, _, it)| *it != object) {
            self.later.push((due, object));
        }
    }

    fn begin(&mut self) -> Option<String> {
        self.waiting.sort();
        let first = (!self.waiting.is_empty()).then(|| self.waiting.remove(0).2);
        self.under_way
            .extend(first.clone().map(|it| (it, None, None)));
        first
    }
}

proptest! {
    /// Promise: each object that is requested begins once more, in its order, and never while it is in progress.
    #[test]
    fn the_schedule_is_that_of_a_naive_model(moves in prop::collection::vec(moves(), 0..80)) {
        let (mut schedule, mut naive, mut now) = (Schedule::default(), Naive::default(), Instant::now());
        let mut under_way = Vec::new();
        for next in moves {
            match next {
                Move::Ask(object, urgency) => {
                    schedule.ask(name(&object.to_string()), urgency);
                    naive.ask(object.to_string(), urgency);
                }
                Move::AskAt(object, pause) => {
                    let due = now + Duration::from_secs(pause.into());
                    schedule.ask_at(name(&object.to_string()), due);
                    naive.ask_at(object.to_string(), due);
                }
                Move::Begin => {
                    let begun = schedule.begin();
                    prop_assert_eq!(begun.as_ref().map(|name| name.1.clone()), naive.begin());
                    under_way.extend(begun);
                }
                Move::End(pause) if !under_way.is_empty() => {
                    let due = pause.map(|pause| now + Duration::from_secs(pause.into()));
                    let is_again = schedule.end(&under_way.remove(0), due);
                    let (object, again, by) = naive.under_way.remove(0);
                    let due = due.into_iter().chain(by).min();
                    prop_assert_eq!(is_again, again.is_some());
                    match (again, due) {
                        (Some(urgency), _) => naive.ask(object, urgency),
                        (None, Some(due)) => naive.later.push((due, object)),
                        (None, None) => {}
                    }
                }
                Move::End(_) => {}
                Move::Advance(seconds) => {
                    now += Duration::from_secs(seconds.into());
                    schedule.come_due(now, |_| Some(Urgency::Drift));
                    naive.later.sort();
                    let (due, later) = naive.later.drain(..).partition(|(due, _)| *due <= now);
                    naive.later = later;
                    let due: Vec<(Instant, String)> = due;
                    for (_, object) in due {
                        naive.ask(object, Urgency::Drift);
                    }
                }
            }
            prop_assert_eq!(schedule.first_due(), naive.later.iter().map(|(due, _)| *due).min());
        }
    }
}
