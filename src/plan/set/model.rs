//! What a set declares, what was found, and what is decided.

use std::collections::BTreeSet;

use crate::identity::RepositoryPath;

/// What a set declares.
#[derive(Clone, Debug)]
pub struct Desired {
    /// What it selects. The first entry that selects a repository decides.
    pub select: Vec<Entry>,
    /// The name of a binding, with `{project}` and `{slug}`.
    pub name_template: String,
    /// Identifies what is applied to each binding.
    pub template: String,
    /// What happens to the binding of a repository that is gone.
    pub on_gone: OnGone,
    /// What is left of the limits for this interval.
    pub left: Left,
}

/// What happens to the binding of a repository that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnGone {
    /// It stays, and reports the missing repository.
    Keep,
    /// It is deleted, once the repository is proved gone.
    Delete,
}

/// How much may still be done in this interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// New bindings.
    pub new: usize,
    /// Deletions.
    pub deleted: usize,
    /// Calls that ask whether a repository is gone.
    pub gone_asked: usize,
    /// Calls that ask whether a repository is empty.
    pub empty_asked: usize,
}

/// A repository of the listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Survives renames and moves.
    pub id: i64,
    /// Where it lies.
    pub path: RepositoryPath,
    /// Whether it is read-only.
    pub archived: bool,
    /// Whether it was made from another one.
    pub fork: bool,
    /// Whether the connection admits a binding of it in the namespace of the set.
    pub admitted: bool,
    /// Whether it has no branch; `None`: that was not asked.
    pub empty: Option<bool>,
}

/// A binding of the set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// The repository that its spec names.
    pub repository: RepositoryPath,
    /// The id of the repository that it was bound to.
    pub id: Option<i64>,
    /// What was applied to it last.
    pub template: String,
    /// Whether it is being deleted.
    pub leaving: bool,
    /// What the listings show of its repository.
    pub absence: Absence,
}

/// A binding of the same connection that does not belong to the set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// `namespace/name`, or the name alone in the namespace of the set.
    pub name: String,
    /// The repository that its spec names.
    pub repository: RepositoryPath,
    /// The id of the repository that it was bound to.
    pub id: Option<i64>,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The last whole listing.
    pub repositories: Vec<Repository>,
    /// The bindings of the set.
    pub members: Vec<Member>,
    /// The bindings of others through the same connection.
    pub others: Vec<Other>,
    /// The names of all other bindings in the namespace of the set.
    pub taken: BTreeSet<String>,
}

/// What is done about one repository, or about one binding of the set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A binding is created.
    Create {
        /// Its name.
        name: String,
        /// Its repository.
        repository: RepositoryPath,
    },
    /// The template has changed since it was applied to the binding.
    Update {
        /// The binding.
        name: String,
        /// The repository that its spec names.
        repository: RepositoryPath,
    },
    /// The binding is there.
    Keep {
        /// The binding.
        name: String,
    },
    /// The repository waits: the limit of the interval is reached, or its former binding is being deleted.
    Wait {
        /// The repository.
        repository: RepositoryPath,
    },
    /// It has to be asked whether the repository is empty.
    AskEmpty {
        /// The repository.
        repository: RepositoryPath,
        /// Its id.
        id: i64,
    },
    /// It has to be asked whether the repository of a binding is there: two listings do not show it.
    AskGone {
        /// The binding.
        name: String,
        /// Its repository.
        repository: RepositoryPath,
    },
    /// The binding is deleted: its repository is proved gone.
    Delete {
        /// The binding.
        name: String,
        /// Its repository.
        repository: RepositoryPath,
    },
    /// The binding stays, though the listing does not show its repository, or the set does not select it any more.
    Stray {
        /// The binding.
        name: String,
    },
    /// A binding of others has the repository, or the name.
    Conflicting {
        /// The repository.
        repository: RepositoryPath,
        /// That binding.
        with: String,
    },
    /// The set selects the repository, and leaves it out.
    Skipped {
        /// The repository.
        repository: RepositoryPath,
        /// Why.
        why: Skipped,
    },
}

/// Why a selected repository gets no binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// `skip` names its sort.
    Declared(Skip),
    /// The connection does not admit it in this namespace.
    NotAdmitted,
}

/// One entry of `select`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// A pattern of project keys.
    pub project: String,
    /// Patterns of slugs.
    pub include: Vec<String>,
    /// Patterns of slugs that are left out all the same.
    pub exclude: Vec<String>,
    /// Sorts of repositories that are left out.
    pub skip: BTreeSet<Skip>,
}

/// A sort of repositories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Skip {
    /// Read-only ones.
    Archived,
    /// Those that were made from another one.
    Forks,
    /// Those of a personal project.
    Personal,
    /// Those without a branch. The only sort that costs calls.
    Empty,
}

/// What the listings show of the repository of a binding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Absence {
    /// The last listing shows it, or says nothing about its project.
    #[default]
    None,
    /// One whole listing does not show it.
    Once,
    /// Two whole listings in a row do not show it.
    Twice,
    /// After that, Bitbucket answered that the repository does not exist, in a project that does.
    Confirmed,
}
