//! Who waits for the next listing of a connection's servers, and when that may begin.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::fleet::ObjectName;
use crate::identity::Uid;

/// A listing that is no older replaces reading the servers.
const AS_GOOD_AS_A_LOOK: Duration = Duration::from_secs(10);

/// The shortest pause between two listings that are waited for.
const PAUSE: Duration = Duration::from_secs(2);

/// The pause is at least so many times as long as the listing took: listings take a share of the servers' time only.
const SHARE: u32 = 4;

/// Who waits for the next listing. Each object that waits is woken once: by a listing that began after it had begun to
/// wait, or by one that failed.
#[derive(Default)]
pub(crate) struct Listing {
    waiters: HashMap<Uid, Waiter>,
    written: HashMap<Uid, Written>,
    last: Option<Last>,
}

struct Waiter {
    name: ObjectName,
    since: Instant,
}

/// What an object wrote, and has not found in a listing yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// When its last write was answered: a listing that began later shows it.
    pub(crate) at: Instant,
    /// The generation of the object that was written.
    pub(crate) generation: Option<i64>,
}

/// The last listing.
struct Last {
    ended: Instant,
    took: Duration,
    has_failed: bool,
}

impl Last {
    fn pause(&self) -> Duration {
        PAUSE.max(self.took * SHARE)
    }
}

impl Listing {
    /// An object waits for a listing that begins from now on. Whether the connection has to be asked for one: for those
    /// who waited before, it was asked.
    pub(crate) fn wait(&mut self, object: Uid, name: ObjectName, now: Instant) -> bool {
        let is_first = self.waiters.is_empty();
        // Who waited before and comes again was not woken yet: it waits for the same listing.
        let waiter = Waiter { name, since: now };
        self.waiters.entry(object).or_insert(waiter);
        is_first
    }

    /// How long until the next listing may begin; `None` if no object waits for one.
    pub(crate) fn due_in(&self, now: Instant) -> Option<Duration> {
        if self.waiters.is_empty() {
            return None;
        }
        let last = self.last.as_ref();
        let may_begin = last.map_or(now, |last| last.ended + last.pause());
        Some(may_begin.saturating_duration_since(now))
    }

    /// A listing came to its end. Returns who has waited for it.
    #[must_use]
    pub(crate) fn listed(&mut self, began: Instant, now: Instant) -> Vec<ObjectName> {
        self.ended(began, now, false);
        let waiters = self.waiters.extract_if(|_, waiter| waiter.since <= began);
        waiters.map(|(_, waiter)| waiter.name).collect()
    }

    /// A listing failed. Returns who waits: they do not wait for the next one, but read what was written.
    #[must_use]
    pub(crate) fn failed(&mut self, began: Instant, now: Instant) -> Vec<ObjectName> {
        self.ended(began, now, true);
        self.abandon()
    }

    /// There will be no listing for now. Returns who waits for one.
    #[must_use]
    pub(crate) fn abandon(&mut self) -> Vec<ObjectName> {
        self.written.clear();
        let waiters = self.waiters.drain();
        waiters.map(|(_, waiter)| waiter.name).collect()
    }

    fn ended(&mut self, began: Instant, now: Instant, has_failed: bool) {
        self.last = Some(Last {
            ended: now,
            took: now.saturating_duration_since(began),
            has_failed,
        });
    }

    /// Whether to wait for a listing is worth it: not soon after one has failed.
    pub(crate) fn serves(&self, now: Instant) -> bool {
        let failed = self.last.as_ref().filter(|last| last.has_failed);
        failed.is_none_or(|last| now >= last.ended + last.pause().max(AS_GOOD_AS_A_LOOK))
    }

    /// Whether a listing that began then replaces reading the servers. If the pause is longer, a listing serves until
    /// the next.
    pub(crate) fn is_as_good_as_a_look(&self, began: Instant, now: Instant) -> bool {
        let last = self.last.as_ref();
        let until_the_next = last.map_or(PAUSE, |last| (last.pause() + last.took) * 2);
        now.saturating_duration_since(began) < AS_GOOD_AS_A_LOOK.max(until_the_next)
    }

    /// An object wrote something that the next listing is to show.
    pub(crate) fn wrote(&mut self, object: Uid, written: Written) {
        self.written.insert(object, written);
    }

    /// What an object wrote, and has not found in a listing yet.
    pub(crate) fn written(&self, object: &Uid) -> Option<Written> {
        self.written.get(object).copied()
    }

    /// What an object wrote was found, or is not looked for any more.
    pub(crate) fn forget(&mut self, object: &Uid) {
        self.written.remove(object);
        self.waiters.remove(object);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn wait(listing: &mut Listing, object: u8, now: Instant) -> bool {
        let name = (String::new(), object.to_string());
        listing.wait(Uid::new(object.to_string()), name, now)
    }

    fn told(names: Vec<ObjectName>) -> Vec<String> {
        let mut told: Vec<_> = names.into_iter().map(|(_, name)| name).collect();
        told.sort();
        told
    }

    /// Promise: one listing serves all who wait for it, and none that began before an object has written.
    #[test]
    fn a_listing_is_asked_for_once_and_serves_those_that_waited_when_it_began() {
        let (mut listing, start) = (Listing::default(), Instant::now());
        assert_eq!(listing.due_in(start), None);
        assert!(wait(&mut listing, 1, start));
        assert!(!wait(&mut listing, 2, start));
        assert_eq!(listing.due_in(start), Some(Duration::ZERO));
        let began = start + SECOND;
        assert!(
            !wait(&mut listing, 3, began + SECOND / 2),
            "it is in progress"
        );
        assert_eq!(told(listing.listed(began, began + SECOND)), ["1", "2"]);
        // A listing of one second, then four of pause.
        assert_eq!(listing.due_in(began + SECOND), Some(SECOND * 4));
        assert_eq!(
            told(listing.listed(began + SECOND * 5, began + SECOND * 6)),
            ["3"]
        );
        assert_eq!(listing.due_in(began + SECOND * 6), None);
        assert!(wait(&mut listing, 1, began + SECOND * 6), "asked for again");
    }

    #[test]
    fn a_listing_that_failed_is_waited_for_by_nobody() {
        let (mut listing, start) = (Listing::default(), Instant::now());
        assert!(listing.serves(start));
        wait(&mut listing, 1, start);
        let written = Written {
            at: start,
            generation: Some(1),
        };
        listing.wrote(Uid::new("1"), written);
        assert_eq!(listing.written(&Uid::new("1")), Some(written));
        assert_eq!(told(listing.failed(start, start + SECOND)), ["1"]);
        assert_eq!(listing.written(&Uid::new("1")), None);
        assert!(!listing.serves(start + SECOND * 5));
        assert!(listing.serves(start + SECOND * 11));
        assert!(
            listing
                .listed(start + SECOND * 5, start + SECOND * 5)
                .is_empty()
        );
        assert!(listing.serves(start + SECOND * 5));
    }

    #[test]
    fn a_listing_is_as_good_as_a_look_for_some_seconds_or_until_the_next_one() {
        let (mut listing, start) = (Listing::default(), Instant::now());
        assert!(listing.is_as_good_as_a_look(start, start + SECOND * 9));
        assert!(!listing.is_as_good_as_a_look(start, start + SECOND * 10));
        assert!(listing.listed(start, start + SECOND * 5).is_empty());
        assert!(listing.is_as_good_as_a_look(start, start + SECOND * 30));
    }

    /// Promise: an object that was reconciled without the listing is not woken by it, and does not ask for one.
    #[test]
    fn an_object_that_is_forgotten_waits_for_nothing() {
        let (mut listing, start) = (Listing::default(), Instant::now());
        let written = Written {
            at: start,
            generation: None,
        };
        for object in [1, 2] {
            wait(&mut listing, object, start);
            listing.wrote(Uid::new(object.to_string()), written);
        }
        listing.forget(&Uid::new("1"));
        assert_eq!(listing.written(&Uid::new("1")), None);
        assert_eq!(listing.written(&Uid::new("2")), Some(written));
        assert_eq!(told(listing.listed(start, start)), ["2"]);
        listing.forget(&Uid::new("2"));
        assert_eq!(listing.due_in(start), None);
    }

    #[derive(Clone, Copy, Debug)]
    enum Event {
        Wait(u8),
        Begin,
        End,
        Fail,
        /// The reconcile of the connection is cut short.
        Cut,
    }

    fn events() -> impl Strategy<Value = Event> {
        prop_oneof![
            4 => (0..5_u8).prop_map(Event::Wait),
            2 => Just(Event::Begin),
            2 => Just(Event::End),
            1 => Just(Event::Fail),
            1 => Just(Event::Cut),
        ]
    }

    proptest! {
        /// Promise: an object that waits is woken by the first listing that began or failed since; the connection knows
        /// of a listing to make while any object waits.
        #[test]
        fn nobody_waits_for_ever_and_nobody_is_told_too_early(events in prop::collection::vec(events(), 0..60)) {
            let (mut listing, start) = (Listing::default(), Instant::now());
            let mut naive: HashMap<u8, Instant> = HashMap::new();
            let mut under_way: Option<Instant> = None;
            for (step, event) in events.into_iter().enumerate() {
                let now = start + SECOND * u32::try_from(step).unwrap();
                let (names, expected) = match event {
                    Event::Wait(object) => {
                        let is_first = naive.is_empty();
                        prop_assert_eq!(wait(&mut listing, object, now), is_first);
                        naive.entry(object).or_insert(now);
                        (Vec::new(), Vec::new())
                    }
                    Event::Begin => {
                        under_way = Some(now);
                        (Vec::new(), Vec::new())
                    }
                    Event::End => match under_way.take() {
                        Some(began) => {
                            let gone = naive.extract_if(|_, since| *since <= began);
                            let gone = gone.map(|(object, _)| object.to_string()).collect();
                            (listing.listed(began, now), gone)
                        }
                        None => (Vec::new(), Vec::new()),
                    },
                    Event::Fail => match under_way.take() {
                        Some(began) => {
                            let gone = naive.drain().map(|(object, _)| object.to_string()).collect();
                            (listing.failed(began, now), gone)
                        }
                        None => (Vec::new(), Vec::new()),
                    },
                    Event::Cut => {
                        under_way = None;
                        (Vec::new(), Vec::new())
                    }
                };
                let mut expected: Vec<String> = expected;
                expected.sort();
                prop_assert_eq!(told(names), expected);
                prop_assert_eq!(listing.due_in(now).is_some(), !naive.is_empty());
            }
        }
    }
}
