//! Lists in numbered pages, with their total.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, Hash, RandomState};

use super::Error;
use crate::http::{Failure, Operation, Problem};

/// The largest page that both APIs serve.
pub(super) const PAGE_SIZE: u32 = 500;

/// Half a million rows; a server that claims more never ends.
const MOST_PAGES: u32 = 1000;

/// How often a list is read that changes while it is read, as it does while projects are deleted.
const MOST_READINGS: u32 = 4;

/// Hands the rows of pages on, until the server's number of rows is read.
///
/// A row that is added meanwhile moves later rows to the next page: they are shown twice, and the new row perhaps not at
/// all. Every row that was there from the start is shown, so such a list is taken. A row that is removed meanwhile moves
/// later rows to a page that was read: they are not shown. The total shows that, and the list is read again from its start,
/// and in the end is an error: what it lacks must never be taken for absent.
pub(super) struct Pages<R> {
    operation: Operation,
    rows: R,
    /// A hash of each row. Of two rows with the same one, the list does not add up, and the next reading hashes anew.
    seen: HashSet<u64>,
    hash: RandomState,
    next: Option<u32>,
    /// How many rows were shown so far, those that were shown twice included.
    shown: usize,
    /// What the first page of this reading said, and what the last one said.
    totals: Option<Totals>,
    readings: u32,
}

/// How many rows the server says that the list has.
#[derive(Clone, Copy)]
struct Totals {
    first: usize,
    last: usize,
    has_fallen: bool,
}

impl Totals {
    fn and_then(before: Option<Self>, total: usize) -> Self {
        let before = before.unwrap_or(Self {
            first: total,
            last: total,
            has_fallen: false,
        });
        Self {
            last: total,
            has_fallen: before.has_fallen || total < before.last,
            ..before
        }
    }
}

impl<R: Default> Pages<R> {
    pub(super) fn of(operation: Operation) -> Self {
        Self {
            operation,
            rows: R::default(),
            seen: HashSet::new(),
            hash: RandomState::new(),
            next: Some(1),
            shown: 0,
            totals: None,
            readings: 1,
        }
    }

    /// The number of the page to ask for next, from 1.
    pub(super) fn next(&self) -> Option<u32> {
        self.next
    }

    /// Takes the page that was asked for. A row that moved to a later page meanwhile is taken once.
    pub(super) fn add<B, T, I>(&mut self, page: Vec<B>, total: usize, identity: impl Fn(&B) -> &I)
    where
        R: Extend<T>,
        B: Into<T>,
        I: Hash + ?Sized,
    {
        self.totals = Some(Totals::and_then(self.totals, total));
        self.shown += page.len();
        let ended = page.is_empty() || self.shown >= total;
        let Self {
            rows, seen, hash, ..
        } = self;
        let page = page.into_iter();
        let new = page.filter(|row| seen.insert(hash.hash_one(identity(row))));
        rows.extend(new.map(Into::into));
        let number = self.next.unwrap_or(MOST_PAGES);
        let wanted = !ended && number < MOST_PAGES;
        self.next = wanted.then_some(number + 1);
        let may_start_over = self.readings < MOST_READINGS && number < MOST_PAGES;
        if !wanted && !self.adds_up() && may_start_over {
            self.start_over();
        }
    }

    /// Whether every row is here that was in the list all the time.
    fn adds_up(&self) -> bool {
        let Some(totals) = self.totals else {
            return false;
        };
        let seen = self.seen.len();
        let is_all = seen == totals.last;
        let is_all_but_new = self.shown == totals.last && seen >= totals.first;
        !totals.has_fallen && (is_all || is_all_but_new)
    }

    fn start_over(&mut self) {
        self.rows = R::default();
        self.seen.clear();
        self.hash = RandomState::new();
        self.next = Some(1);
        self.shown = 0;
        self.totals = None;
        self.readings += 1;
    }

    /// All rows, but perhaps for those that were added while the list was read.
    pub(super) fn finish(self) -> Result<R, Error> {
        if self.adds_up() {
            return Ok(self.rows);
        }
        Err(Error::Transport(Failure {
            operation: self.operation,
            problem: Problem::InconsistentPages,
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Serves these pages one after the other, again and again.
    fn collect(pages: &[(&[u32], usize)]) -> Result<Vec<u32>, Error> {
        let mut collected = Pages::of(Operation::get("api/list"));
        let mut served = pages.iter().cycle();
        while collected.next().is_some() {
            let (rows, total) = served.next().copied().unwrap_or((&[], 0));
            collected.add::<u32, u32, u32>(rows.to_vec(), total, |row| row);
        }
        collected.finish()
    }

    #[test]
    fn pages_are_asked_for_until_the_total_is_reached() {
        assert_eq!(collect(&[(&[1, 2], 3), (&[3], 3)]).unwrap(), [1, 2, 3]);
        assert_eq!(collect(&[(&[], 0)]).unwrap(), [0; 0]);
    }

    #[test]
    fn a_row_that_moved_between_pages_is_taken_once() {
        let pages: &[(&[u32], usize)] = &[(&[1, 2], 3), (&[2, 3], 3)];
        assert_eq!(collect(pages).unwrap(), [1, 2, 3]);
    }

    /// A project is created while the list is read: the last row of the first page moves to the second.
    #[test]
    fn a_list_that_grows_while_it_is_read_has_all_that_were_there_before() {
        let pages: &[(&[u32], usize)] = &[(&[1, 3], 3), (&[3, 4], 4), (&[], 4)];
        assert_eq!(collect(pages).unwrap(), [1, 3, 4]);
    }

    /// A project is deleted while the list is read: the first row of the second page moves to the first.
    #[test]
    fn a_list_that_shrinks_while_it_is_read_is_read_again() {
        let pages: &[(&[u32], usize)] = &[(&[1, 2], 4), (&[4], 3), (&[2, 3], 3), (&[4], 3)];
        assert_eq!(collect(pages).unwrap(), [2, 3, 4]);
        // Neither does a row that is added afterwards hide it.
        let pages: &[(&[u32], usize)] = &[
            (&[1, 2], 6),
            (&[4, 5], 5),
            (&[5, 6], 6),
            (&[0, 2], 6),
            (&[3, 4], 6),
            (&[5, 6], 6),
        ];
        assert_eq!(collect(pages).unwrap(), [0, 2, 3, 4, 5, 6]);
    }

    /// What happens to a list between two of its pages.
    #[derive(Clone, Copy, Debug)]
    enum Change {
        Add(u8),
        Remove(u8),
    }

    /// Reads a list in pages of three rows, while it changes before each page but the first one of all.
    fn read(
        rows: &BTreeSet<u8>,
        changes: &[Vec<Change>],
    ) -> (Result<Vec<u8>, Error>, BTreeSet<u8>, u32) {
        let (mut now, mut always) = (rows.clone(), rows.clone());
        let mut pages = Pages::<Vec<u8>>::of(Operation::get("api/list"));
        let mut changes = changes.iter();
        while let Some(number) = pages.next() {
            let first = usize::try_from(number - 1).unwrap() * 3;
            let page = now.iter().copied().skip(first).take(3).collect();
            pages.add::<u8, u8, u8>(page, now.len(), |row| row);
            for change in changes.next().into_iter().flatten() {
                match *change {
                    Change::Add(row) => _ = now.insert(row),
                    Change::Remove(row) => {
                        now.remove(&row);
                        always.remove(&row);
                    }
                }
            }
        }
        let readings = pages.readings;
        (pages.finish(), always, readings)
    }

    proptest! {
        /// Promise: a list to which rows are added while it is read is read once, and lacks none that was there before.
        #[test]
        fn rows_that_are_added_cost_no_second_reading(
            rows in prop::collection::btree_set(any::<u8>(), 0..20),
            changes in prop::collection::vec(prop::collection::vec(any::<u8>().prop_map(Change::Add), 0..3), 0..30),
        ) {
            let (read, before, readings) = read(&rows, &changes);
            prop_assert_eq!(readings, 1);
            let read: BTreeSet<_> = read.unwrap().into_iter().collect();
            prop_assert!(read.is_superset(&before), "{read:?} lacks some of {before:?}");
        }

        /// Promise: a list from which rows are removed while it is read lacks none that was there all the time.
        #[test]
        fn rows_that_are_removed_hide_no_others(
            rows in prop::collection::btree_set(any::<u8>(), 0..20),
            changes in prop::collection::vec(prop::collection::vec(any::<u8>().prop_map(Change::Remove), 0..3), 0..30),
        ) {
            let (read, always, _) = read(&rows, &changes);
            if let Ok(read) = read {
                let read: BTreeSet<_> = read.into_iter().collect();
                prop_assert!(read.is_superset(&always), "{read:?} lacks some of {always:?}");
            }
        }
    }

    #[test]
    fn a_list_that_never_adds_up_is_an_error() {
        for pages in [
            &[(&[1, 2][..], 3), (&[], 3)][..],
            &[(&[1, 2], 1)],
            &[(&[], 5)],
            &[(&[1], 2), (&[1], 2), (&[], 2)],
        ] {
            assert!(collect(pages).is_err(), "{pages:?} was taken");
        }
    }
}
