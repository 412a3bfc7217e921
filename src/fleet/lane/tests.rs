//! Lanes by example, and against a naive model under random operations.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, channel};

use proptest::prelude::*;

use super::*;

/// Lanes, mostly of two places, and what they wake.
struct Bench {
    lanes: Arc<Lanes>,
    woken: Receiver<Object>,
}

impl Bench {
    fn new() -> Self {
        Self::of(2)
    }

    fn of(places: usize) -> Self {
        let (send, woken) = channel();
        // A test that fails drops its places after the receiver is gone, and is to say why it failed.
        let lanes = Lanes::new(places, move |wake| drop(send.send(wake)));
        Self { lanes, woken }
    }

    fn enter(&self, connection: &str, object: &str, urgency: Urgency) -> Option<Place> {
        let connection = Uid::new(connection);
        match self.lanes.enter(&connection, visitor(object, urgency)) {
            Enter::Place(place) => Some(place),
            Enter::Queued => None,
        }
    }

    /// The names of what was woken since the last time.
    fn woken(&self) -> Vec<String> {
        let woken = self.woken.try_iter();
        let name = |wake| match wake {
            Object::Binding((_, name)) => name,
            Object::Connection((_, name)) => format!("connection {name}"),
        };
        woken.map(name).collect()
    }
}

fn visitor(object: &str, urgency: Urgency) -> Visitor {
    Visitor {
        object: Uid::new(object),
        name: ("team".to_owned(), object.to_owned()),
        urgency,
    }
}

#[test]
fn a_free_place_goes_to_the_most_urgent_then_to_the_oldest() {
    let bench = Bench::new();
    let first = bench.enter("slow", "first", Urgency::New);
    let second = bench.enter("slow", "second", Urgency::New);
    assert!(first.is_some() && second.is_some());
    let third = bench.enter("slow", "third", Urgency::Asked);
    assert!(third.is_some(), "one place is for what a person asked for");
    for (object, urgency) in [
        ("drift", Urgency::Drift),
        ("new", Urgency::New),
        ("leaving", Urgency::Leaving),
        ("asked", Urgency::Asked),
        ("asked-later", Urgency::Asked),
    ] {
        assert!(bench.enter("slow", object, urgency).is_none(), "{object}");
    }
    assert!(
        bench.enter("other", "else", Urgency::Drift).is_some(),
        "another lane"
    );
    assert_eq!(bench.woken(), [""; 0]);
    let mut taken = vec![first, second, third];
    for next in ["asked", "asked-later"] {
        drop(taken.remove(0));
        assert_eq!(bench.woken(), [next]);
        taken.push(bench.enter("slow", next, Urgency::Drift));
        assert!(taken[2].is_some(), "{next}");
    }
    drop(taken.remove(0));
    assert_eq!(bench.woken(), [""; 0], "that place is for people");
    for next in ["leaving", "new", "drift"] {
        drop(taken.remove(0));
        assert_eq!(bench.woken(), [next]);
        taken.push(bench.enter("slow", next, Urgency::Drift));
        assert!(taken[1].is_some(), "{next}");
    }
}

/// Promise: an object that was woken, and needs no place any more, does not keep it from the next one.
#[test]
fn the_next_are_those_that_wait_in_their_order() {
    let bench = Bench::of(1);
    let at_work = bench.enter("slow", "at-work", Urgency::New);
    for (object, urgency) in [
        ("second", Urgency::New),
        ("first", Urgency::Leaving),
        ("third", Urgency::New),
    ] {
        assert!(bench.enter("slow", object, urgency).is_none());
    }
    let next = |connection, count| {
        let next = bench.lanes.next(&Uid::new(connection), count).into_iter();
        next.map(|(_, name)| name).collect::<Vec<_>>()
    };
    assert_eq!(next("slow", 2), ["first", "second"]);
    assert_eq!(next("slow", 9), ["first", "second", "third"]);
    assert!(next("other", 9).is_empty());
    drop(at_work);
}

#[test]
fn a_waiter_that_gives_up_wakes_the_next() {
    let bench = Bench::new();
    let taken = [1, 2].map(|number| bench.enter("slow", &number.to_string(), Urgency::New));
    for object in ["third", "fourth", "gone", "fifth"] {
        assert!(bench.enter("slow", object, Urgency::New).is_none());
    }
    let [first, second] = taken;
    drop(first);
    assert_eq!(bench.woken(), ["third"]);
    assert!(
        bench.enter("slow", "late", Urgency::New).is_none(),
        "behind those that wait"
    );
    bench.lanes.withdraw(&Uid::new("third"));
    assert_eq!(bench.woken(), ["fourth"]);
    // It goes to another connection instead.
    assert!(bench.enter("other", "fourth", Urgency::New).is_some());
    assert_eq!(bench.woken(), ["gone"]);
    bench.lanes.withdraw(&Uid::new("gone"));
    assert_eq!(bench.woken(), ["fifth"]);
    drop(second);
    assert_eq!(bench.woken(), ["late"]);
}

#[test]
fn a_connection_is_woken_when_the_last_call_to_its_servers_ends() {
    let (bench, own) = (Bench::new(), Uid::new("slow"));
    let is_busy = || {
        let name = ("platform".to_owned(), "slow".to_owned());
        bench.lanes.is_busy(&own, name)
    };
    assert!(!is_busy());
    let places = [1, 2].map(|number| bench.enter("slow", &number.to_string(), Urgency::New));
    assert!(is_busy() && is_busy());
    let [first, second] = places;
    drop(first);
    assert_eq!(bench.woken(), [""; 0]);
    drop(second);
    assert_eq!(bench.woken(), ["connection slow"], "once");
    assert!(!is_busy());
    assert!(
        bench.lanes.lock().lanes.is_empty(),
        "nothing is kept of an empty lane"
    );
    let places = [1, 2].map(|number| bench.enter("slow", &number.to_string(), Urgency::New));
    assert!(bench.enter("slow", "queued", Urgency::New).is_none());
    drop(places);
    assert!(!is_busy(), "one that waits makes no calls yet");
}

/// Promise: each one that waits gets a place, however few places there are.
#[test]
fn a_lane_has_one_place_at_least() {
    let bench = Bench::of(0);
    let first = bench.enter("slow", "first", Urgency::New);
    assert!(first.is_some());
    assert!(bench.enter("slow", "second", Urgency::New).is_none());
    drop(first);
    assert_eq!(bench.woken(), ["second"]);
    assert!(bench.enter("slow", "second", Urgency::New).is_some());
}

/// What may happen.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// An object is reconciled, and wants a place in the lane of a connection, at once or after a first read of it.
    Arrive(usize, usize, Urgency),
    /// The so-manieth of those with a place is done.
    Finish(usize),
    /// The reconcile of an object ends without a place.
    Withdraw(usize),
    /// An object that was woken is reconciled.
    Deliver,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let urgency = prop_oneof![
        Just(Urgency::Asked),
        Just(Urgency::Leaving),
        Just(Urgency::New),
        Just(Urgency::Drift),
    ];
    let event = prop_oneof![
        4 => (0..9_usize, 0..2_usize, urgency)
            .prop_map(|(object, lane, urgency)| Event::Arrive(object, lane, urgency)),
        3 => (0..9_usize).prop_map(Event::Finish),
        1 => (0..9_usize).prop_map(Event::Withdraw),
        3 => Just(Event::Deliver),
    ];
    prop::collection::vec(event, 0..80)
}

/// One that waits, in the naive model.
#[derive(Clone, Debug, PartialEq)]
struct Waits {
    object: usize,
    lane: usize,
    urgency: Urgency,
    arrival: usize,
}

/// A list of all that wait, searched from its beginning for everything.
struct Model {
    bench: Bench,
    waiting: Vec<Waits>,
    inside: Vec<(usize, usize, Place)>,
    on_their_way: VecDeque<usize>,
    arrivals: usize,
}

impl Model {
    fn free(&self, lane: usize, urgency: Urgency) -> usize {
        let inside = self.inside.iter();
        let taken = inside.filter(|(_, inside, _)| *inside == lane).count();
        let places = if urgency == Urgency::Asked {
            3
        } else {
            2_usize
        };
        places.saturating_sub(taken)
    }

    fn arrive(&mut self, object: usize, lane: usize, urgency: Urgency) {
        if self.inside.iter().any(|(inside, _, _)| *inside == object) {
            // No object is reconciled twice at once.
            return;
        }
        self.arrivals += 1;
        let mut own = Waits {
            object,
            lane,
            urgency,
            arrival: self.arrivals,
        };
        if let Some(index) = self.waiting.iter().position(|waits| waits.object == object) {
            let before = self.waiting.remove(index);
            if before.lane == lane {
                own.arrival = before.arrival;
                own.urgency = urgency.min(before.urgency);
            }
        }
        let key = |waits: &Waits| (waits.urgency, waits.arrival);
        let ahead = self
            .waiting
            .iter()
            .filter(|waits| waits.lane == lane && key(waits) < key(&own));
        let expected = ahead.count() < self.free(lane, own.urgency);
        let (name, connection) = (object.to_string(), lane.to_string());
        let place = self.bench.enter(&connection, &name, urgency);
        assert_eq!(place.is_some(), expected, "{own:?}");
        match place {
            Some(place) => self.inside.push((object, lane, place)),
            None => self.waiting.push(own),
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive(object, lane, urgency) => {
                self.arrive(object, lane, urgency);
            }
            Event::Finish(which) => {
                if !self.inside.is_empty() {
                    let which = which % self.inside.len();
                    drop(self.inside.remove(which));
                }
            }
            Event::Withdraw(object) => {
                self.waiting.retain(|waits| waits.object != object);
                self.bench.lanes.withdraw(&Uid::new(object.to_string()));
            }
            Event::Deliver => self.deliver(),
        }
        let woken = self.bench.woken();
        self.on_their_way
            .extend(woken.iter().map(|name| name.parse::<usize>().unwrap()));
        self.assert_no_waiter_is_lost();
    }

    /// The reconcile that a wake-up asked for. One that waits no more is up to date by now.
    fn deliver(&mut self) {
        let Some(object) = self.on_their_way.pop_front() else {
            return;
        };
        let waits = self
            .waiting
            .iter()
            .find(|waits| waits.object == object)
            .cloned();
        if let Some(Waits {
            object,
            lane,
            urgency,
            ..
        }) = waits
        {
            self.arrive(object, lane, urgency);
        }
    }

    /// As many as there are free places are woken: the first ones.
    fn assert_no_waiter_is_lost(&self) {
        for lane in 0..2 {
            let mut queue: Vec<_> = self
                .waiting
                .iter()
                .filter(|waits| waits.lane == lane)
                .collect();
            queue.sort_by_key(|waits| (waits.urgency, waits.arrival));
            for (nth, waits) in queue.into_iter().enumerate() {
                let has_place = nth < self.free(lane, waits.urgency);
                assert!(
                    !has_place || self.on_their_way.contains(&waits.object),
                    "{waits:?} is not woken"
                );
            }
        }
    }
}

proptest! {
    /// Promise: the order is kept, no wake-up is lost, nothing waits for ever, nothing is left behind.
    #[test]
    fn lanes_do_what_a_naive_list_does(events in events()) {
        let mut model = Model {
            bench: Bench::new(),
            waiting: Vec::new(),
            inside: Vec::new(),
            on_their_way: VecDeque::new(),
            arrivals: 0,
        };
        for event in events {
            model.happen(event);
        }
        // No other one comes: all that wait get a place.
        for _ in 0..100 {
            model.happen(Event::Finish(0));
            model.happen(Event::Deliver);
        }
        prop_assert_eq!(&model.waiting, &Vec::new());
        model.inside.clear();
        let state = model.bench.lanes.lock();
        prop_assert!(state.lanes.is_empty() && state.waiting.is_empty());
    }
}
