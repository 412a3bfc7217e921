//! Random operations against a naive model.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::identity::{ProjectKey, ServerId, ServerUrl};

const OBJECTS: usize = 5;
const THINGS: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Operation {
    Put {
        object: usize,
        life: Life,
        claim: Option<(usize, bool)>,
    },
    Remove(usize),
    Accept(usize, usize),
    GiveUp(usize),
    Begin(usize),
    Contend(usize, usize),
    Reserve(usize, usize, usize),
    Release(usize),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Life {
    #[default]
    Rightful,
    Passive,
    Leaving,
}

fn operation() -> impl Strategy<Value = Operation> {
    let (object, thing) = (0..OBJECTS, 0..THINGS);
    let claim = prop::option::of((thing.clone(), any::<bool>()));
    let life =
        prop_oneof![6 => Just(Life::Rightful), 1 => Just(Life::Passive), 1 => Just(Life::Leaving)];
    let put = (object.clone(), life, claim);
    let one = || (object.clone(), thing.clone());
    prop_oneof![
        4 => put.prop_map(|(object, life, claim)| Operation::Put { object, life, claim }),
        1 => object.clone().prop_map(Operation::Remove),
        2 => one().prop_map(|(object, thing)| Operation::Accept(object, thing)),
        1 => object.clone().prop_map(Operation::GiveUp),
        2 => object.clone().prop_map(Operation::Begin),
        4 => one().prop_map(|(object, thing)| Operation::Contend(object, thing)),
        4 => (object.clone(), thing.clone(), thing.clone())
            .prop_map(|(object, first, second)| Operation::Reserve(object, first, second)),
        3 => object.clone().prop_map(Operation::Release),
    ]
}

/// One object as the model knows it.
#[derive(Clone, Default)]
struct Known {
    life: Life,
    shown: Option<(usize, bool)>,
    fresh: Option<usize>,
    waits: Option<(usize, For)>,
}

impl Known {
    fn claim(&self) -> Option<(usize, bool)> {
        let claim = self.fresh.map(|thing| (thing, true)).or(self.shown);
        claim.filter(|_| self.life == Life::Rightful)
    }
}

struct World {
    ledger: Arc<Ledger>,
    woken: Arc<Mutex<Vec<usize>>>,
    known: BTreeMap<usize, Known>,
    held: BTreeMap<usize, (Vec<usize>, Reservation)>,
    /// Woken, and not reconciled since.
    due: BTreeSet<usize>,
}

fn thing(index: usize) -> Thing {
    let url = ServerUrl::parse("https://sonarqube.example.com").unwrap();
    let place = Server::new(&url, ServerId::new("server"));
    place.project(&ProjectKey::reported(format!("project-{index}")))
}

fn uid(index: usize) -> Uid {
    Uid::new(index.to_string())
}

/// Two objects of the same age: the uid distinguishes them.
fn created(index: usize) -> i64 {
    [3, 1, 2, 2, 0][index]
}

fn claim(index: usize, accepted: bool) -> Claim {
    Claim {
        thing: thing(index),
        accepted,
        terms: Terms::None,
    }
}

impl World {
    fn new() -> Self {
        let woken = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&woken);
        let ledger = Ledger::new(move |object| {
            let (Object::Binding((_, name)) | Object::Connection((_, name))) = object;
            let index = name.parse().unwrap();
            seen.lock().unwrap().push(index);
        });
        Self {
            ledger,
            woken,
            known: BTreeMap::new(),
            held: BTreeMap::new(),
            due: BTreeSet::new(),
        }
    }

    fn winner(&self, thing: usize) -> Option<usize> {
        let claims = self.known.iter().filter_map(|(index, known)| {
            let (on, accepted) = known.claim()?;
            (on == thing).then(|| (!accepted, created(*index), *index))
        });
        claims.min().map(|(_, _, index)| index)
    }

    /// Who is being deleted, with what it leaves.
    fn leaving(&self) -> impl Iterator<Item = (usize, usize)> {
        let leaving = self
            .known
            .iter()
            .filter(|(_, known)| known.life == Life::Leaving);
        let left = leaving.flat_map(|(index, known)| {
            let shown = known.shown.map(|(thing, _)| thing);
            known
                .fresh
                .into_iter()
                .chain(shown)
                .map(|thing| (*index, thing))
        });
        left.collect::<Vec<_>>().into_iter()
    }

    fn winners(&self) -> [Option<usize>; THINGS] {
        std::array::from_fn(|thing| self.winner(thing))
    }

    fn reserved(&self, thing: usize) -> Option<usize> {
        let mut held = self.held.iter();
        let by = held.find(|(_, (things, _))| things.contains(&thing));
        by.map(|(index, _)| *index)
    }

    fn queue(&self, thing: usize) -> BTreeSet<(i64, usize)> {
        let waits = |known: &Known| known.waits == Some((thing, For::Reservation));
        let queue = self.known.iter().filter(|(_, known)| waits(known));
        queue.map(|(index, _)| (created(*index), *index)).collect()
    }

    fn begin(&mut self, index: usize) {
        self.due.remove(&index);
        if let Some(known) = self.known.get_mut(&index) {
            known.waits = None;
        }
        self.ledger.begin(&uid(index));
    }

    fn apply(&mut self, operation: Operation) {
        match operation {
            Operation::Put {
                object,
                life,
                claim: shown,
            } => {
                let known = self.known.entry(object).or_default();
                (known.life, known.shown) = (life, shown);
                if shown == known.fresh.map(|thing| (thing, true)) {
                    known.fresh = None;
                }
                let claims = shown.map(|(thing, accepted)| claim(thing, accepted));
                self.ledger.put(Facts {
                    uid: uid(object),
                    object: Object::Binding(("payments".to_owned(), object.to_string())),
                    created: created(object),
                    has_right: life == Life::Rightful,
                    is_leaving: life == Life::Leaving,
                    claims: claims.into_iter().collect(),
                });
            }
            Operation::Remove(object) => {
                self.known.remove(&object);
                self.due.remove(&object);
                self.ledger.remove(&uid(object));
            }
            Operation::Accept(object, thing) => {
                if let Some(known) = self.known.get_mut(&object) {
                    known.fresh = (known.shown != Some((thing, true))).then_some(thing);
                }
                self.ledger.accept(&uid(object), vec![claim(thing, true)]);
            }
            Operation::GiveUp(object) => {
                if let Some(known) = self.known.get_mut(&object) {
                    known.fresh = None;
                }
                self.ledger.give_up(&uid(object));
            }
            Operation::Begin(object) => self.begin(object),
            Operation::Contend(object, on) => self.contend(object, on),
            Operation::Reserve(object, first, second) => self.reserve(object, &[first, second]),
            Operation::Release(object) => {
                self.held.remove(&object);
            }
        }
        let woken = std::mem::take(&mut *self.woken.lock().unwrap());
        self.due.extend(woken);
    }

    fn contend(&mut self, object: usize, on: usize) {
        self.begin(object);
        let lost = self.ledger.contend(&uid(object), &[thing(on)]);
        let own = self
            .known
            .get(&object)
            .filter(|known| known.life == Life::Rightful);
        let own = own.map(|known| {
            let accepted = known.claim() == Some((on, true));
            (!accepted, created(object), object)
        });
        let winner = self.winner(on);
        let first = winner.map(|index| {
            let accepted = self.known[&index].claim() == Some((on, true));
            (!accepted, created(index), index)
        });
        let expected =
            first.filter(|first| first.2 != object && own.is_none_or(|own| *first < own));
        assert_eq!(
            lost.map(|winner| winner.uid),
            expected.map(|(_, _, index)| uid(index)),
        );
        if let (Some(_), Some(known)) = (expected, self.known.get_mut(&object)) {
            known.waits = Some((on, For::Change));
        }
    }

    fn reserve(&mut self, object: usize, things: &[usize]) {
        // One reconcile of an object at a time.
        if self.held.contains_key(&object) {
            return;
        }
        self.begin(object);
        let wanted: Vec<_> = things.iter().map(|index| thing(*index)).collect();
        let taken = things.iter().find(|thing| self.reserved(**thing).is_some());
        let reservation = self.ledger.reserve(&uid(object), &wanted);
        assert_eq!(reservation.is_none(), taken.is_some());
        match (reservation, taken) {
            (Some(reservation), _) => {
                self.held.insert(object, (things.to_vec(), reservation));
            }
            (None, Some(taken)) => {
                if let Some(known) = self.known.get_mut(&object) {
                    known.waits = Some((*taken, For::Reservation));
                }
            }
            (None, None) => {}
        }
    }

    /// Applies an operation, and checks that none who waits for what it changed was forgotten.
    fn checked(&mut self, operation: Operation) {
        let before = self.winners();
        let waited: Vec<_> = self
            .known
            .iter()
            .map(|(index, known)| (*index, known.waits))
            .collect();
        let leaving: Vec<_> = self.leaving().collect();
        let reserved: [Option<usize>; THINGS] = std::array::from_fn(|thing| self.reserved(thing));
        self.apply(operation);
        let after = self.winners();
        for (index, waits) in waited {
            let Some((on, For::Change)) = waits else {
                continue;
            };
            let still = self
                .known
                .get(&index)
                .is_some_and(|known| known.waits == waits);
            let actor = matches!(operation, Operation::Put { object, .. }
                | Operation::Accept(object, _) | Operation::GiveUp(object) if object == index);
            // Who leaves has something to undo first.
            let later = matches!(
                operation,
                Operation::Put {
                    life: Life::Leaving,
                    ..
                }
            );
            let now: Vec<_> = self.leaving().collect();
            let mut left = leaving.iter().filter(|one| !now.contains(one));
            let is_left = left.any(|(_, thing)| *thing == on);
            if still && !actor && (before[on] != after[on] && !later || is_left) {
                assert!(self.due.contains(&index), "{index} lost its wake-up");
            }
        }
        for (on, by) in reserved.into_iter().enumerate() {
            let queue = self.queue(on);
            let Some((_, first)) = queue.first() else {
                continue;
            };
            if self.reserved(on).is_none() {
                let any = queue.iter().any(|(_, index)| self.due.contains(index));
                assert!(any, "no object comes for {on}");
                if by.is_some() {
                    assert!(self.due.contains(first), "not the oldest is woken");
                }
            }
        }
    }

    /// All objects that are due come, and do what they have to do at once.
    fn settle(&mut self) {
        self.held.clear();
        let woken = std::mem::take(&mut *self.woken.lock().unwrap());
        self.due.extend(woken);
        for _ in 0..100 {
            let Some(index) = self.due.first().copied() else {
                break;
            };
            let waits = self.known.get(&index).and_then(|known| known.waits);
            self.begin(index);
            if let Some((on, For::Reservation)) = waits {
                self.reserve(index, &[on]);
                self.held.clear();
            }
            let woken = std::mem::take(&mut *self.woken.lock().unwrap());
            self.due.extend(woken);
        }
        for on in 0..THINGS {
            assert!(
                self.queue(on).is_empty(),
                "an object waits for ever for {on}"
            );
        }
    }
}

proptest! {
    /// Promise: the order is kept, no wake-up is lost, nothing waits for ever, nothing is left behind.
    #[test]
    fn the_ledger_does_what_a_naive_model_does(
        operations in prop::collection::vec(operation(), 1..80),
    ) {
        let mut world = World::new();
        for operation in operations {
            world.checked(operation);
        }
        world.settle();
        for object in 0..OBJECTS {
            world.apply(Operation::Remove(object));
        }
        assert!(world.ledger.lock().things.is_empty());
        assert!(world.ledger.lock().objects.is_empty());
    }
}
