//! Counts of objects, updated with each change, so that reporting them needs no scan of all objects.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::identity::Uid;

/// How many objects there are of which what is counted is the same.
#[derive(Default)]
pub(crate) struct Census(Mutex<State>);

#[derive(Default)]
struct State {
    objects: HashMap<Uid, Arc<Counted>>,
    /// No number is 0: a count is exported until the last object of it is gone.
    numbers: BTreeMap<Arc<Counted>, u64>,
}

/// What is counted of one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Counted {
    pub(crate) kind: &'static str,
    pub(crate) reported: Reported,
}

/// What an object says of itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reported {
    /// Nothing: it cannot be read.
    Unreadable,
    Status {
        /// Its condition `Ready`; none before the first reconcile.
        ready: Option<Said>,
        /// Its condition `DecorationReady`, if it has that.
        decoration: Option<Said>,
        /// The day on which its first token expires, as far as that is known: `2026-12-31`.
        token_expiry: Option<String>,
    },
}

/// Status and reason of a condition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Said {
    pub(crate) state: String,
    pub(crate) reason: String,
}

impl Census {
    /// An object appeared or changed.
    pub(crate) fn put(&self, object: Uid, counted: Counted) {
        let mut state = self.lock();
        state.remove(&object);
        let known = state.numbers.get_key_value(&counted);
        // Objects of which the same is counted share it.
        let counted = known.map_or_else(|| Arc::new(counted), |(known, _)| Arc::clone(known));
        *state.numbers.entry(Arc::clone(&counted)).or_default() += 1;
        state.objects.insert(object, counted);
    }

    /// An object is gone.
    pub(crate) fn remove(&self, object: &Uid) {
        self.lock().remove(object);
    }

    /// How many objects there are of each sort: as many entries as there are sorts, however many objects there are.
    pub(crate) fn numbers(&self) -> Vec<(Arc<Counted>, u64)> {
        let state = self.lock();
        let numbers = state.numbers.iter();
        numbers
            .map(|(counted, number)| (Arc::clone(counted), *number))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remove(&mut self, object: &Uid) {
        let Some(counted) = self.objects.remove(object) else {
            return;
        };
        if let Some(number) = self.numbers.get_mut(&counted) {
            *number -= 1;
            if *number == 0 {
                self.numbers.remove(&counted);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counted(sort: u8) -> Counted {
        let said = |reason: &str| Said {
            state: "True".to_owned(),
            reason: reason.to_owned(),
        };
        let reported = match sort {
            0 => Reported::Unreadable,
            sort => Reported::Status {
                ready: (sort > 1).then(|| said(&sort.to_string())),
                decoration: (sort > 2).then(|| said("Decorated")),
                token_expiry: None,
            },
        };
        Counted {
            kind: "ProjectBinding",
            reported,
        }
    }

    /// Objects by number, each with what is counted of it; `None`: it goes.
    fn changes() -> impl Strategy<Value = Vec<(u8, Option<u8>)>> {
        prop::collection::vec((0..8_u8, prop::option::weighted(0.8, 0..5_u8)), 0..80)
    }

    proptest! {
        /// Promise: the counts are those that a scan of all objects would find, after any changes.
        #[test]
        fn numbers_are_those_of_a_count_of_all_objects(changes in changes()) {
            let census = Census::default();
            let mut objects = BTreeMap::new();
            for (object, sort) in changes {
                let own = Uid::new(object.to_string());
                if let Some(sort) = sort {
                    census.put(own, counted(sort));
                    objects.insert(object, counted(sort));
                } else {
                    census.remove(&own);
                    objects.remove(&object);
                }
                let mut naive: BTreeMap<Arc<Counted>, u64> = BTreeMap::new();
                for counted in objects.values() {
                    *naive.entry(Arc::new(counted.clone())).or_default() += 1;
                }
                prop_assert_eq!(census.numbers(), naive.into_iter().collect::<Vec<_>>());
            }
        }
    }

    /// Promise: a scrape costs the same with ten objects and with ten thousand.
    #[test]
    fn many_objects_of_one_sort_are_one_entry() {
        let census = Census::default();
        for object in 0..10_000_u32 {
            census.put(Uid::new(object.to_string()), counted(2));
        }
        let numbers: Vec<u64> = census.numbers().iter().map(|(_, number)| *number).collect();
        assert_eq!(numbers, [10_000]);
        // They share what is counted: one in the count, one in hand, one for each object.
        let (counted, _) = &census.numbers()[0];
        assert_eq!(Arc::strong_count(counted), 10_002);
    }
}
