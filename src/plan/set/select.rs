//! Which repositories an entry of `select` selects.

use super::model::{Entry, Repository, Skip, Skipped};
use crate::plan::access::matches;

/// What an entry says of a repository.
pub(super) enum Selected {
    /// It is to be bound.
    Yes,
    /// It is left out.
    Not(Skipped),
    /// That depends on whether it is empty.
    UnlessEmpty,
}

impl Entry {
    /// What it says of a repository; `None`: nothing.
    pub(super) fn says(&self, row: &Repository) -> Option<Selected> {
        let (project, slug) = (row.path.project(), row.path.slug());
        let fits = |pattern: &String, text: &str| {
            matches(&pattern.to_lowercase(), &text.to_lowercase(), None)
        };
        let is_selected = fits(&self.project, project)
            && self.include.iter().any(|pattern| fits(pattern, slug))
            && !self.exclude.iter().any(|pattern| fits(pattern, slug));
        is_selected.then(|| self.of_selected(row))
    }

    fn of_selected(&self, row: &Repository) -> Selected {
        let is_of = |sort: Skip| match sort {
            Skip::Archived => row.archived,
            Skip::Forks => row.fork,
            Skip::Personal => row.path.project().starts_with('~'),
            Skip::Empty => row.empty == Some(true),
        };
        if let Some(sort) = self.skip.iter().copied().find(|sort| is_of(*sort)) {
            return Selected::Not(Skipped::Declared(sort));
        }
        if !row.admitted {
            return Selected::Not(Skipped::NotAdmitted);
        }
        if self.skip.contains(&Skip::Empty) && row.empty.is_none() {
            return Selected::UnlessEmpty;
        }
        Selected::Yes
    }
}
