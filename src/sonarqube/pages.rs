//! Lists in numbered pages, with their total.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, Hash, RandomState};

use super::Error;
use crate::http::{Failure, Operation, Problem};

/// The largest page that both APIs serve.
pub(super) const PAGE_SIZE: u32 = 500;

/// Half a million rows; a server that claims more never ends.
const MOST_PAGES: u32 = 1000;

/// How often a list is read that changes while it is read, as it does while projects are imported.
const MOST_READINGS: u32 = 4;

/// Hands the rows of pages on, until they are as many as the server said.
///
/// A list that does not add up is read again from its start, and in the end an error: what it lacks must never be taken
/// for absent.
pub(super) struct Pages<R> {
    operation: Operation,
    rows: R,
    /// A hash of each row. Of two rows with the same one, the list does not add up, and the next reading hashes anew.
    seen: HashSet<u64>,
    hash: RandomState,
    next: Option<u32>,
    total: usize,
    readings: u32,
}

impl<R: Default> Pages<R> {
    pub(super) fn of(operation: Operation) -> Self {
        Self {
            operation,
            rows: R::default(),
            seen: HashSet::new(),
            hash: RandomState::new(),
            next: Some(1),
            total: 0,
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
        self.total = total;
        let ended = page.is_empty();
        let Self {
            rows, seen, hash, ..
        } = self;
        let page = page.into_iter();
        let new = page.filter(|row| seen.insert(hash.hash_one(identity(row))));
        rows.extend(new.map(Into::into));
        let number = self.next.unwrap_or(MOST_PAGES);
        let wanted = !ended && self.seen.len() < total && number < MOST_PAGES;
        self.next = wanted.then_some(number + 1);
        let adds_up = self.seen.len() == total;
        let may_start_over = self.readings < MOST_READINGS && number < MOST_PAGES;
        if !wanted && !adds_up && may_start_over {
            self.start_over();
        }
    }

    fn start_over(&mut self) {
        self.rows = R::default();
        self.seen.clear();
        self.hash = RandomState::new();
        self.next = Some(1);
        self.readings += 1;
    }

    /// All rows.
    pub(super) fn finish(self) -> Result<R, Error> {
        if self.seen.len() == self.total {
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
    fn a_list_that_does_not_add_up_is_read_again() {
        let pages: &[(&[u32], usize)] = &[
            (&[1, 3], 3),
            (&[3, 4], 4),
            (&[], 4),
            (&[1, 2], 4),
            (&[3, 4], 4),
        ];
        assert_eq!(collect(pages).unwrap(), [1, 2, 3, 4]);
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
