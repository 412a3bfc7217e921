//! Something that was found out, what it was found out from, and when.

use std::time::{Duration, Instant};

/// A value that is good until it is too old, its inputs change, or something speaks against it.
///
/// It can be invalidated while it is being found out again. Then what is stored at the end is invalid as well: it is
/// not known whether it was read before or after the event that invalidated it.
#[derive(Debug)]
pub(crate) struct Cached<T, I> {
    kept: Option<Kept<T, I>>,
    /// How often it was invalidated.
    invalidations: u64,
}

#[derive(Debug)]
struct Kept<T, I> {
    value: T,
    inputs: I,
    /// When its reading began.
    at: Instant,
    is_valid: bool,
}

/// A value that is being found out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    began: Instant,
    invalidations: u64,
}

impl<T, I> Default for Cached<T, I> {
    fn default() -> Self {
        Self {
            kept: None,
            invalidations: 0,
        }
    }
}

impl<T, I: PartialEq> Cached<T, I> {
    /// Begins to find it out anew.
    pub(crate) fn begin(&self, now: Instant) -> Reading {
        Reading {
            began: now,
            invalidations: self.invalidations,
        }
    }

    /// Keeps what was found out.
    pub(crate) fn store(&mut self, reading: Reading, value: T, inputs: I) {
        self.kept = Some(Kept {
            value,
            inputs,
            at: reading.began,
            is_valid: reading.invalidations == self.invalidations,
        });
    }

    /// The value, if it is good: found out from these inputs, and less than `age` ago.
    pub(crate) fn good(&self, inputs: &I, age: Duration, now: Instant) -> Option<&T> {
        let kept = self.kept.as_ref().filter(|kept| kept.is_valid);
        kept.filter(|kept| kept.is_of(inputs, age, now))
            .map(|kept| &kept.value)
    }

    /// A value that is no older, even if something speaks against it.
    pub(crate) fn known(&self, inputs: &I, age: Duration, now: Instant) -> Option<&T> {
        let kept = self.kept.as_ref();
        kept.filter(|kept| kept.is_of(inputs, age, now))
            .map(|kept| &kept.value)
    }

    /// Whether it was found out less than `age` ago, from any inputs.
    pub(crate) fn is_younger(&self, age: Duration, now: Instant) -> bool {
        let kept = self.kept.as_ref();
        kept.is_some_and(|kept| now.saturating_duration_since(kept.at) < age)
    }

    /// The value, found out from any inputs.
    pub(crate) fn last(&self) -> Option<(&T, &I)> {
        self.kept.as_ref().map(|kept| (&kept.value, &kept.inputs))
    }

    /// Takes over something that was learned otherwise.
    pub(crate) fn amend(&mut self, amend: impl FnOnce(&mut T)) {
        if let Some(kept) = &mut self.kept {
            amend(&mut kept.value);
        }
    }

    /// It has to be found out again.
    pub(crate) fn invalidate(&mut self) {
        self.invalidations += 1;
        if let Some(kept) = &mut self.kept {
            kept.is_valid = false;
        }
    }
}

impl<T: Clone, I: PartialEq> Cached<T, I> {
    /// A good value, to be stored again: if that does not happen, because the reconcile is cut short, it has to be
    /// found out again.
    pub(crate) fn take_good(
        &mut self,
        inputs: &I,
        age: Duration,
        now: Instant,
    ) -> Option<(Reading, T)> {
        let value = self.good(inputs, age, now)?.clone();
        let kept = self.kept.as_mut()?;
        kept.is_valid = false;
        let reading = Reading {
            began: kept.at,
            invalidations: self.invalidations,
        };
        Some((reading, value))
    }
}

impl<T, I: PartialEq> Kept<T, I> {
    fn is_of(&self, inputs: &I, age: Duration, now: Instant) -> bool {
        self.inputs == *inputs && now.saturating_duration_since(self.at) < age
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_value_is_good_while_it_is_young_and_its_inputs_are_the_same() {
        let start = Instant::now();
        let mut cached = Cached::default();
        assert_eq!(cached.good(&"token", SECOND, start), None);
        let reading = cached.begin(start);
        cached.store(reading, 1, "token");
        // Its age is that of the reading, not that of the store.
        assert_eq!(cached.good(&"token", SECOND, start), Some(&1));
        assert_eq!(cached.good(&"token", SECOND, start + SECOND), None);
        assert_eq!(cached.good(&"other", SECOND, start), None);
        cached.amend(|value| *value = 2);
        cached.invalidate();
        assert_eq!(cached.good(&"token", SECOND, start), None);
        assert_eq!(cached.known(&"token", SECOND, start), Some(&2));
        assert_eq!(cached.last(), Some((&2, &"token")));
    }

    #[test]
    fn a_taken_value_that_is_not_returned_is_read_again() {
        let start = Instant::now();
        let mut cached = Cached::default();
        let reading = cached.begin(start);
        cached.store(reading, 1, ());
        let (reading, value) = cached.take_good(&(), SECOND, start).unwrap();
        assert!(cached.take_good(&(), SECOND, start).is_none());
        cached.store(reading, value, ());
        assert_eq!(cached.good(&(), SECOND, start), Some(&1));
    }

    /// What happens to a value.
    #[derive(Clone, Copy, Debug)]
    enum Event {
        Begin,
        /// A read that runs ends, and is stored.
        End,
        /// A read that runs ends, and stores nothing.
        Cut,
        TakeGood,
        Invalidate,
    }

    fn events() -> impl Strategy<Value = Event> {
        prop_oneof![
            3 => Just(Event::Begin),
            3 => Just(Event::End),
            1 => Just(Event::Cut),
            2 => Just(Event::TakeGood),
            2 => Just(Event::Invalidate),
        ]
    }

    proptest! {
        /// Promise: what was read before something spoke against it is never good, however the reconcile that reads it
        /// and the event come upon each other.
        #[test]
        fn nothing_that_was_invalidated_is_good(events in prop::collection::vec(events(), 0..40)) {
            let start = Instant::now();
            let mut cached: Cached<usize, ()> = Cached::default();
            // The value is the step at which its reading began.
            let mut under_way: Option<(Reading, usize)> = None;
            let mut invalidated = None;
            for (step, event) in events.into_iter().enumerate() {
                match event {
                    Event::Begin if under_way.is_none() => {
                        under_way = Some((cached.begin(start), step));
                    }
                    Event::End => if let Some((reading, value)) = under_way.take() {
                        cached.store(reading, value, ());
                        // What nothing speaks against is good: it is not found out for ever.
                        let is_newer = invalidated.is_none_or(|at| at < value);
                        let is_good = cached.good(&(), SECOND, start).is_some();
                        prop_assert_eq!(is_newer, is_good);
                    },
                    Event::Cut => under_way = None,
                    Event::TakeGood if under_way.is_none() => {
                        under_way = cached.take_good(&(), SECOND, start);
                    }
                    Event::Invalidate => {
                        cached.invalidate();
                        invalidated = Some(step);
                    }
                    Event::Begin | Event::TakeGood => {}
                }
                if let Some(value) = cached.good(&(), SECOND, start) {
                    prop_assert!(invalidated.is_none_or(|at| at < *value), "read at {}", value);
                }
            }
        }
    }
}
