//! Whether the repository of a binding is gone. A listing alone never proves it: a token that lost a right, a page that
//! was cut, or another server look the same.

use std::collections::{HashMap, HashSet};

use super::model::{Absence, Member, Repository};

/// What one listing shows of the repository of a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// It is there, or was moved.
    There,
    /// It is not there, and that of another binding of the set in the same project is.
    Missing,
    /// It proves nothing: the project may have been renamed or hidden, or the listing is of another server.
    Nothing,
}

/// A listing, as the bindings of a set are compared with it.
pub struct Listing {
    paths: HashMap<String, i64>,
    ids: HashSet<i64>,
    /// The folded keys of the projects in which it shows the repository of a binding.
    known: HashSet<String>,
}

impl Listing {
    /// The listing of these repositories, for these bindings.
    #[must_use]
    pub fn of(repositories: &[Repository], members: &[Member]) -> Self {
        let paths = repositories.iter().map(|row| (row.path.folded(), row.id));
        let mut listing = Self {
            paths: paths.collect(),
            ids: repositories.iter().map(|row| row.id).collect(),
            known: HashSet::new(),
        };
        let known = members.iter().filter(|member| listing.knows(member));
        listing.known = known.map(project).collect();
        listing
    }

    /// What it shows of the repository of a binding.
    #[must_use]
    pub fn shows(&self, member: &Member) -> Shown {
        let is_listed = self.paths.contains_key(&member.repository.folded());
        let is_moved = member.id.is_some_and(|id| self.ids.contains(&id));
        if is_listed || is_moved {
            Shown::There
        } else if self.known.contains(&project(member)) {
            Shown::Missing
        } else {
            Shown::Nothing
        }
    }

    /// Whether it shows the very repository of a binding in its place.
    fn knows(&self, member: &Member) -> bool {
        let id = self.paths.get(&member.repository.folded());
        id.is_some_and(|id| member.id.is_none_or(|bound| bound == *id))
    }
}

fn project(member: &Member) -> String {
    member.repository.project().to_lowercase()
}

impl Absence {
    /// After one more whole listing.
    #[must_use]
    pub fn after(self, shown: Shown) -> Self {
        match (self, shown) {
            (_, Shown::There | Shown::Nothing) => Self::None,
            (Self::None, Shown::Missing) => Self::Once,
            (Self::Once | Self::Twice, Shown::Missing) => Self::Twice,
            (Self::Confirmed, Shown::Missing) => Self::Confirmed,
        }
    }

    /// After Bitbucket was asked for the repository itself. If it exists, two more listings have to miss it before it
    /// is asked for again.
    #[must_use]
    pub fn asked(self, is_gone: bool) -> Self {
        match self {
            Self::Twice if is_gone => Self::Confirmed,
            Self::None | Self::Once | Self::Twice | Self::Confirmed => Self::None,
        }
    }
}
