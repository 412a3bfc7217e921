//! Who waits for the next listing of a connection's servers, and when that may begin.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::fleet::ObjectName;
use crate::identity::Uid;
use crate::plan::binding::FEW;

/// A listing that is no older replaces reading the servers.
const REPLACES_READS: Duration = Duration::from_secs(10);

/// The shortest pause between two listings that are waited for.
const PAUSE: Duration = Duration::from_secs(2);

/// The pause is at least so many times as long as the listing took: listings take a share of the servers' time only.
const SHARE: u32 = 4;

/// Who waits for the next listing. Each object that waits is woken once, when a listing has ended or failed.
#[derive(Default)]
pub(crate) struct Listing {
    waiters: HashMap<Uid, ObjectName>,
    /// The new bindings that came last, the newest at the end, and when each was reconciled last.
    newest: VecDeque<(Uid, Instant)>,
    /// So many objects were read alone since the last listing, which began before they were there.
    reads: usize,
    /// The last listing is in use, and soon too old.
    is_aging: bool,
    last: Option<Last>,
}

/// The last listing.
struct Last {
    began: Instant,
    ended: Instant,
    /// What it took.
    calls: usize,
    has_failed: bool,
}

impl Last {
    fn took(&self) -> Duration {
        self.ended.saturating_duration_since(self.began)
    }

    fn pause(&self) -> Duration {
        PAUSE.max(self.took() * SHARE)
    }

    /// How long a listing replaces reads. If the pause is longer, it serves until the next. How long one took that failed
    /// says nothing of the one before.
    fn serves(&self) -> Duration {
        if self.has_failed {
            return REPLACES_READS;
        }
        REPLACES_READS.max((self.pause() + self.took()) * 2)
    }

    /// Whether another one that began then is older than this one, and in use no more.
    fn replaces(&self, began: Instant) -> bool {
        !self.has_failed && began < self.began
    }
}

impl Listing {
    /// An object waits for the next listing. Whether the connection has to be asked for one: for those who waited before, it
    /// was asked.
    pub(crate) fn wait(&mut self, object: Uid, name: ObjectName) -> bool {
        let is_first = self.waiters.is_empty();
        self.waiters.insert(object, name);
        is_first
    }

    /// An object that the last listing began before is read alone. Whether a listing has become the cheaper one: then the
    /// connection is to be asked for it.
    pub(crate) fn reads_alone(&mut self) -> bool {
        self.reads += 1;
        self.last
            .as_ref()
            .is_some_and(|last| last.calls.max(1) == self.reads)
    }

    /// A new object goes by the listing that began then. Whether the next one is to be asked for: early enough that it has
    /// ended when this one is too old. Otherwise all that come meanwhile would wait.
    pub(crate) fn goes_by(&mut self, began: Instant, now: Instant) -> bool {
        let last = self.last.as_ref().filter(|_| !self.is_aging);
        let Some(last) = last.filter(|last| !last.replaces(began)) else {
            return false;
        };
        let lead = PAUSE.max(last.took() * 2);
        self.is_aging = now.saturating_duration_since(began) + lead >= last.serves();
        self.is_aging
    }

    fn is_cheaper(&self) -> bool {
        self.last
            .as_ref()
            .is_some_and(|last| last.calls.max(1) <= self.reads)
    }

    /// When the next listing may begin, which is not before now; `None` if no object waits for one, none is cheaper than
    /// what is read alone, and none is needed soon.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        if self.waiters.is_empty() && !self.is_cheaper() && !self.is_aging {
            return None;
        }
        let last = self.last.as_ref();
        let may_begin = last.map_or(now, |last| last.ended + last.pause());
        Some(may_begin.max(now))
    }

    /// How long until then.
    pub(crate) fn due_in(&self, now: Instant) -> Option<Duration> {
        self.due(now).map(|due| due.saturating_duration_since(now))
    }

    /// A listing of so many calls came to its end. Returns who has waited for it.
    #[must_use]
    pub(crate) fn listed(
        &mut self,
        (began, ended): (Instant, Instant),
        calls: usize,
    ) -> Vec<ObjectName> {
        self.last = Some(Last {
            began,
            ended,
            calls,
            has_failed: false,
        });
        self.abandon()
    }

    /// A listing failed. Returns who waits: they do not wait for the next one.
    #[must_use]
    pub(crate) fn failed(&mut self, began: Instant, now: Instant) -> Vec<ObjectName> {
        let calls = self.last.as_ref().map_or(1, |last| last.calls);
        self.last = Some(Last {
            began,
            ended: now,
            calls,
            has_failed: true,
        });
        self.abandon()
    }

    /// There will be no listing for now. Returns who waits for one.
    #[must_use]
    pub(crate) fn abandon(&mut self) -> Vec<ObjectName> {
        self.reads = 0;
        self.is_aging = false;
        self.waiters.drain().map(|(_, name)| name).collect()
    }

    /// Whether to wait for a listing is worth it: not soon after one has failed.
    pub(crate) fn serves(&self, now: Instant) -> bool {
        let failed = self.last.as_ref().filter(|last| last.has_failed);
        failed.is_none_or(|last| now >= last.ended + last.pause().max(REPLACES_READS))
    }

    /// Whether a listing that began then replaces reading the servers.
    pub(crate) fn replaces_a_read(&self, began: Instant, now: Instant) -> bool {
        let serves = self.last.as_ref().map_or(REPLACES_READS, Last::serves);
        now.saturating_duration_since(began) < serves
    }

    /// A new binding is reconciled. Returns how many others were in the last seconds; no more are counted than are few.
    pub(crate) fn comes(&mut self, object: &Uid, now: Instant) -> usize {
        self.newest.retain(|(other, _)| other != object);
        let is_recent = |at: Instant| now.saturating_duration_since(at) < REPLACES_READS;
        let recent = self.newest.iter().filter(|(_, at)| is_recent(*at));
        let others = recent.count().min(FEW);
        self.newest.push_back((object.clone(), now));
        // One more than are few: this one may be among them.
        if self.newest.len() > FEW + 1 {
            self.newest.pop_front();
        }
        others
    }

    /// An object waits for no listing any more.
    pub(crate) fn forget(&mut self, object: &Uid) {
        self.waiters.remove(object);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn wait(listing: &mut Listing, object: u8) -> bool {
        let name = (String::new(), object.to_string());
        listing.wait(Uid::new(object.to_string()), name)
    }

    fn reported(names: Vec<ObjectName>) -> Vec<String> {
        let mut reported: Vec<_> = names.into_iter().map(|(_, name)| name).collect();
        reported.sort();
        reported
    }

    /// Promise: one listing serves all who wait for it, also those who came while it was read.
    #[test]
    fn a_listing_is_asked_for_once_and_serves_all_that_wait() {
        let (mut listing, start) = (Listing::default(), Instant::now());
        assert_eq!(listing.due_in(start), None);
        assert!(wait(&mut listing, 1));
        assert!(!wait(&mut listing, 2));
        assert_eq!(listing.due_in(start), Some(Duration::ZERO));
        assert_eq!(
            reported(listing.listed((start, start + SECOND), 1)),
            ["1", "2"]
        );
        assert_eq!(listing.due_in(start + SECOND), None);
        assert!(wait(&mut listing, 1), "asked for again");
        // A listing of one second, then four of pause.
        assert_eq!(listing.due_in(start + SECOND), Some(SECOND * 4));
        assert_eq!(
            reported(listing.listed((start, start + SECOND * 6), 1)),
            ["1"]
        );
    }

    #[test]
    fn a_failed_listing_keeps_no_binding_waiting() {
        let (mut listing, start) = (Listing::default(), Instant::now());
        assert!(listing.serves(start));
        wait(&mut listing, 1);
        assert_eq!(reported(listing.failed(start, start + SECOND)), ["1"]);
        assert!(!listing.serves(start + SECOND * 5));
        assert!(listing.serves(start + SECOND * 11));
        assert!(
            listing
                .listed((start + SECOND * 5, start + SECOND * 5), 1)
                .is_empty()
        );
        assert!(listing.serves(start + SECOND * 5));
    }

    #[test]
    fn a_listing_replaces_reads_for_some_seconds_or_until_the_next_one() {
        let (mut listing, start) = (Listing::default(), Instant::now());
        assert!(listing.replaces_a_read(start, start + SECOND * 9));
        assert!(!listing.replaces_a_read(start, start + SECOND * 10));
        assert!(listing.listed((start, start + SECOND * 5), 1).is_empty());
        assert!(listing.replaces_a_read(start, start + SECOND * 30));
    }

    /// Promise: while new objects go by a listing, the next one ends before it is too old: none of them waits.
    #[test]
    fn the_next_listing_is_asked_for_before_the_last_is_too_old() {
        let (mut listing, start) = (Listing::default(), Instant::now());
        assert!(!listing.goes_by(start, start), "there was no listing");
        let ended = start + SECOND * 2;
        assert!(listing.listed((start, ended), 9).is_empty());
        // It serves for twenty seconds, and the next one takes two, or as many again.
        assert!(!listing.goes_by(start, start + SECOND * 15));
        assert_eq!(listing.due_in(start + SECOND * 15), None);
        let early = start + SECOND * 16;
        assert!(listing.goes_by(start, early));
        assert!(!listing.goes_by(start, early), "it is asked for once");
        assert_eq!(listing.due_in(early), Some(Duration::ZERO));
        let next = (early, early + SECOND * 4);
        assert!(listing.replaces_a_read(start, early + SECOND * 3));
        assert!(listing.listed(next, 9).is_empty());
        assert_eq!(listing.due_in(next.1), None);
        // A listing that takes no time is asked for two seconds before the last is too old.
        assert!(listing.listed((next.1, next.1), 1).is_empty());
        assert!(!listing.goes_by(next.1, next.1 + SECOND * 7));
        assert!(listing.goes_by(next.1, next.1 + SECOND * 8));
    }

    /// A binding may have read when the listing before began: that one is not what it goes by next.
    #[test]
    fn a_listing_that_was_replaced_asks_for_no_other() {
        let (mut listing, start) = (Listing::default(), Instant::now());
        assert!(listing.listed((start, start), 9).is_empty());
        let next = start + SECOND * 9;
        assert!(listing.listed((next, next), 9).is_empty());
        assert!(!listing.goes_by(start, next));
        assert_eq!(listing.due_in(next), None);
        assert!(listing.goes_by(next, next + SECOND * 9));
        // One that failed replaces none, and its time lengthens none.
        assert!(
            listing
                .failed(next + SECOND * 9, next + SECOND * 59)
                .is_empty()
        );
        assert!(!listing.replaces_a_read(next, next + SECOND * 59));
        assert!(listing.goes_by(next, next + SECOND * 60));
    }

    /// Promise: objects that are newer than the listing are read alone until that has cost as much as a listing.
    #[test]
    fn a_listing_is_made_once_it_is_cheaper_than_what_is_read_alone() {
        let (mut listing, start) = (Listing::default(), Instant::now());
        assert!(!listing.reads_alone(), "there was no listing");
        let listed = |listing: &mut Listing, at| listing.listed((at, at), 3).is_empty();
        assert!(listed(&mut listing, start));
        let asks = [(); 4].map(|()| listing.reads_alone());
        assert_eq!(asks, [false, false, true, false], "it is asked for once");
        assert_eq!(listing.due_in(start), Some(PAUSE));
        assert!(listed(&mut listing, start + PAUSE));
        assert_eq!(listing.due_in(start + PAUSE), None);
        // Nor is a listing made of a connection that has failed.
        assert!([(); 3].map(|()| listing.reads_alone())[2]);
        assert!(listing.abandon().is_empty());
        assert_eq!(listing.due_in(start + PAUSE), None);
    }

    /// Promise: how many are created is counted over seconds, and no object counts twice.
    #[test]
    fn those_are_counted_that_came_in_the_last_seconds() {
        let (mut listing, start) = (Listing::default(), Instant::now());
        let object = |number: u64| Uid::new(number.to_string());
        for number in 0..9 {
            let now = start + SECOND * u32::try_from(number).unwrap();
            let before = FEW.min(usize::try_from(number).unwrap());
            assert_eq!(listing.comes(&object(number), now), before);
            let again = listing.comes(&object(number), now);
            assert_eq!(again, before, "itself is no other");
        }
        // Those of seconds 6 to 8 are recent.
        assert_eq!(listing.comes(&object(9), start + SECOND * 15), 3);
        assert_eq!(listing.comes(&object(6), start + SECOND * 15), 3);
        assert_eq!(listing.comes(&object(10), start + SECOND * 60), 0);
    }

    /// Promise: an object that was reconciled without the listing is not woken by it, and does not ask for one.
    #[test]
    fn an_object_that_is_forgotten_waits_for_nothing() {
        let (mut listing, start) = (Listing::default(), Instant::now());
        for object in [1, 2] {
            wait(&mut listing, object);
        }
        listing.forget(&Uid::new("1"));
        assert_eq!(reported(listing.listed((start, start), 1)), ["2"]);
        listing.forget(&Uid::new("2"));
        assert_eq!(listing.due_in(start), None);
    }

    #[derive(Clone, Copy, Debug)]
    enum Event {
        Wait(u8),
        Forget(u8),
        End,
        Fail,
    }

    fn events() -> impl Strategy<Value = Event> {
        prop_oneof![
            4 => (0..5_u8).prop_map(Event::Wait),
            1 => (0..5_u8).prop_map(Event::Forget),
            2 => Just(Event::End),
            1 => Just(Event::Fail),
        ]
    }

    proptest! {
        /// Promise: an object that waits is woken once, by the next listing that ends or fails; the connection knows of a
        /// listing to make while any object waits.
        #[test]
        fn each_waiting_binding_is_woken_exactly_once(events in prop::collection::vec(events(), 0..60)) {
            let (mut listing, now) = (Listing::default(), Instant::now());
            let mut naive = BTreeSet::new();
            for event in events {
                let names = match event {
                    Event::Wait(object) => {
                        let is_first = naive.is_empty();
                        prop_assert_eq!(wait(&mut listing, object), is_first);
                        naive.insert(object.to_string());
                        continue;
                    }
                    Event::Forget(object) => {
                        listing.forget(&Uid::new(object.to_string()));
                        naive.remove(&object.to_string());
                        continue;
                    }
                    Event::End => listing.listed((now, now), 1),
                    Event::Fail => listing.failed(now, now),
                };
                let expected: Vec<_> = std::mem::take(&mut naive).into_iter().collect();
                prop_assert_eq!(reported(names), expected);
                prop_assert_eq!(listing.due_in(now), None);
            }
            prop_assert_eq!(listing.due_in(now).is_some(), !naive.is_empty());
        }
    }
}
