//! The sets of each connection, and what the process remembers of each: what the last listings and calls showed, and
//! how much was done in the current interval. None of it is stored: after a restart nothing is deleted before two more
//! listings.

use std::collections::{HashMap, HashSet};
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::identity::Uid;
use crate::plan::set::{Absence, Left, Shown};

use super::object::ObjectName;

/// The sets, by uid.
#[derive(Default)]
pub(crate) struct Sets(Mutex<HashMap<Uid, Entry>>);

struct Entry {
    name: ObjectName,
    connection: ObjectName,
    memory: Memory,
}

/// What is remembered of one set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    /// When the listing began that was taken into account last.
    listing: Option<Instant>,
    /// The bindings whose repositories the last listings do not show, by name.
    absences: HashMap<String, Absence>,
    /// Whether repositories are empty, by id.
    empty: HashMap<i64, bool>,
    /// Bindings that were created and that the watch may not show yet, by name.
    made: HashSet<String>,
    /// What was done, and when.
    done: Vec<(Doing, Instant)>,
}

/// The memory of a set while it is reconciled. It is kept however the reconcile ends, by a deadline or a panic too: what
/// was done counts for the limits.
pub(crate) struct Remembered<'a> {
    sets: &'a Sets,
    set: Uid,
    memory: Memory,
}

impl Deref for Remembered<'_> {
    type Target = Memory;

    fn deref(&self) -> &Memory {
        &self.memory
    }
}

impl DerefMut for Remembered<'_> {
    fn deref_mut(&mut self) -> &mut Memory {
        &mut self.memory
    }
}

impl Drop for Remembered<'_> {
    fn drop(&mut self) {
        // A set that is gone is forgotten.
        if let Some(entry) = self.sets.lock().get_mut(&self.set) {
            entry.memory = std::mem::take(&mut self.memory);
        }
    }
}

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    Create,
    Delete,
    AskGone,
    AskEmpty,
}

/// What a set may do in an interval.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) new: usize,
    pub(crate) deleted: usize,
    pub(crate) interval: Duration,
}

impl Sets {
    /// Takes note of a set.
    pub(crate) fn put(&self, set: Uid, name: ObjectName, connection: ObjectName) {
        let mut sets = self.lock();
        let memory = sets.remove(&set).map(|before| before.memory);
        let entry = Entry {
            name,
            connection,
            memory: memory.unwrap_or_default(),
        };
        sets.insert(set, entry);
    }

    /// Forgets a set that is gone.
    pub(crate) fn remove(&self, set: &Uid) {
        self.lock().remove(set);
    }

    /// The sets of a connection.
    pub(crate) fn of(&self, connection: &ObjectName) -> Vec<ObjectName> {
        self.names(|entry| entry.connection == *connection)
    }

    /// The sets in a namespace.
    pub(crate) fn within(&self, namespace: &str) -> Vec<ObjectName> {
        self.names(|entry| entry.name.0 == namespace)
    }

    /// What is remembered of a set, to be changed by its reconcile.
    pub(crate) fn memory(&self, set: Uid) -> Remembered<'_> {
        let entries = self.lock();
        let memory = entries.get(&set).map(|entry| entry.memory.clone());
        drop(entries);
        Remembered {
            sets: self,
            set,
            memory: memory.unwrap_or_default(),
        }
    }

    fn names(&self, is_wanted: impl Fn(&Entry) -> bool) -> Vec<ObjectName> {
        let sets = self.lock();
        let wanted = sets.values().filter(|entry| is_wanted(entry));
        wanted.map(|entry| entry.name.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uid, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// Takes a listing into account, once: what it shows of each binding of the set.
    pub(crate) fn listed<'a>(
        &mut self,
        began: Instant,
        members: impl Iterator<Item = (&'a str, Shown)>,
    ) {
        if self.listing == Some(began) {
            return;
        }
        self.listing = Some(began);
        self.made.clear();
        let absent = members.filter_map(|(name, shown)| {
            let absence = self.absence(name).after(shown);
            (absence != Absence::None).then(|| (name.to_owned(), absence))
        });
        self.absences = absent.collect();
    }

    /// What the listings show of the repository of a binding.
    pub(crate) fn absence(&self, binding: &str) -> Absence {
        self.absences.get(binding).copied().unwrap_or_default()
    }

    /// Bitbucket was asked for the repository of a binding.
    pub(crate) fn asked_gone(&mut self, binding: &str, is_gone: bool, now: Instant) {
        let absence = self.absence(binding).asked(is_gone);
        self.absences.insert(binding.to_owned(), absence);
        self.did(Doing::AskGone, now);
    }

    /// Whether a repository is empty, as it was asked.
    pub(crate) fn empty(&self, repository: i64) -> Option<bool> {
        self.empty.get(&repository).copied()
    }

    /// Bitbucket was asked whether a repository is empty.
    pub(crate) fn asked_empty(&mut self, repository: i64, is_empty: bool, now: Instant) {
        self.empty.insert(repository, is_empty);
        self.did(Doing::AskEmpty, now);
    }

    /// All repositories were asked: the empty ones are asked anew after the next listing.
    pub(crate) fn ask_empty_anew(&mut self) {
        self.empty.clear();
    }

    /// A binding was created.
    pub(crate) fn created(&mut self, binding: &str, now: Instant) {
        self.made.insert(binding.to_owned());
        self.did(Doing::Create, now);
    }

    /// Whether a binding was created since the last listing: one of this name that exists is the set's own.
    pub(crate) fn has_created(&self, binding: &str) -> bool {
        self.made.contains(binding)
    }

    /// One of what is limited was done.
    pub(crate) fn did(&mut self, doing: Doing, now: Instant) {
        self.done.push((doing, now));
    }

    /// What is left of the limits. The interval counts as over a little early, as for listings.
    pub(crate) fn left(&mut self, limits: Limits, now: Instant) -> Left {
        let interval = limits.interval.mul_f64(0.9);
        self.done
            .retain(|(_, at)| now.saturating_duration_since(*at) < interval);
        let left = |limit: usize, doing: Doing| {
            let done = self.done.iter().filter(|(it, _)| *it == doing).count();
            limit.saturating_sub(done)
        };
        Left {
            new: left(limits.new, Doing::Create),
            deleted: left(limits.deleted, Doing::Delete),
            gone_asked: left(limits.deleted, Doing::AskGone),
            empty_asked: left(limits.new, Doing::AskEmpty),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ObjectName {
        ("payments".to_owned(), text.to_owned())
    }

    #[test]
    fn a_set_is_found_by_its_connection_and_by_its_namespace() {
        let sets = Sets::default();
        let uid = Uid::new("one");
        sets.put(uid.clone(), name("all"), name("bitbucket"));
        assert_eq!(sets.of(&name("bitbucket")), [name("all")]);
        assert_eq!(sets.within("payments"), [name("all")]);
        assert!(sets.of(&name("other")).is_empty() && sets.within("other").is_empty());
        sets.memory(uid.clone())
            .asked_empty(1, true, Instant::now());
        sets.put(uid.clone(), name("all"), name("other"));
        assert_eq!(sets.memory(uid.clone()).empty(1), Some(true));
        assert!(sets.of(&name("bitbucket")).is_empty());
        sets.remove(&uid);
        assert_eq!(sets.memory(uid.clone()).empty(1), None);
    }

    /// Promise: a reconcile that is ended by its deadline does not give back what it has deleted.
    #[test]
    fn what_was_done_counts_however_the_reconcile_ends() {
        let sets = Sets::default();
        let uid = Uid::new("one");
        sets.put(uid.clone(), name("all"), name("bitbucket"));
        // A reconcile that its deadline ends drops what it has, and does nothing more.
        sets.memory(uid.clone()).did(Doing::Delete, Instant::now());
        let limits = Limits {
            new: 1,
            deleted: 1,
            interval: Duration::from_hours(1),
        };
        let left = sets.memory(uid).left(limits, Instant::now());
        assert_eq!((left.new, left.deleted), (1, 0));
    }

    /// Promise: one listing counts once, no matter how often the set is reconciled.
    #[test]
    fn a_listing_counts_once() {
        let (mut memory, first) = (Memory::default(), Instant::now());
        let missing = || [("a", Shown::Missing)].into_iter();
        memory.listed(first, missing());
        memory.listed(first, missing());
        assert_eq!(memory.absence("a"), Absence::Once);
        let second = first + Duration::from_secs(10);
        memory.listed(second, missing());
        assert_eq!(memory.absence("a"), Absence::Twice);
        memory.asked_gone("a", true, second);
        assert_eq!(memory.absence("a"), Absence::Confirmed);
        memory.listed(second + Duration::from_secs(10), std::iter::empty());
        assert_eq!(memory.absence("a"), Absence::None);
    }

    #[test]
    fn what_was_done_counts_for_an_interval() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        let limits = Limits {
            new: 2,
            deleted: 1,
            interval: Duration::from_secs(100),
        };
        memory.created("a", now);
        assert!(memory.has_created("a") && !memory.has_created("b"));
        memory.did(Doing::Delete, now);
        memory.did(Doing::Delete, now);
        let left = memory.left(limits, now + Duration::from_secs(89));
        assert_eq!((left.new, left.deleted, left.gone_asked), (1, 0, 1));
        let left = memory.left(limits, now + Duration::from_secs(90));
        assert_eq!((left.new, left.deleted), (2, 1));
    }
}
