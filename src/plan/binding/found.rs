//! What the servers hold, as far as a binding is concerned: projects in SonarQube, repositories in Bitbucket.

use std::fmt;

use crate::identity::{ProjectId, ProjectKey, RepositoryPath};

/// Who may see a SonarQube project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// Those who were given Browse.
    Private,
    /// All users of the server.
    Public,
}

impl Visibility {
    /// As the spec spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Private => "Private",
            Self::Public => "Public",
        }
    }
}

/// What counts as new code.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NewCode {
    /// Since the previous version.
    PreviousVersion,
    /// In the last days, 1 to 90.
    NumberOfDays(i32),
    /// What differs from this branch.
    ReferenceBranch(String),
}

impl fmt::Display for NewCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PreviousVersion => formatter.write_str("previous version"),
            Self::NumberOfDays(1) => formatter.write_str("1 day"),
            Self::NumberOfDays(days) => write!(formatter, "{days} days"),
            Self::ReferenceBranch(branch) => write!(formatter, "reference branch {branch}"),
        }
    }
}

/// A project that is bound to the repository in question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Its key.
    pub key: ProjectKey,
    /// The repository for which another accepted, live, full object holds this very project, if one does.
    pub held_for: Option<RepositoryPath>,
}

/// A repository as Bitbucket knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepositoryState {
    /// It is there.
    Found(Repository),
    /// It is not there, or the token cannot see it.
    Missing,
    /// It lies elsewhere now.
    Moved(Moved),
}

impl RepositoryState {
    /// The repository, wherever it lies now.
    #[must_use]
    pub const fn found(&self) -> Option<&Repository> {
        match self {
            Self::Found(repository) => Some(repository),
            Self::Missing => None,
            Self::Moved(moved) => moved.repository.as_ref(),
        }
    }
}

/// Where a repository went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The place that Bitbucket redirects to.
    pub place: String,
    /// What exists, if it was read.
    pub repository: Option<Repository>,
}

/// A repository that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Its id, which survives renames and moves.
    pub id: i64,
    /// Where it lies, as Bitbucket spells it.
    pub path: RepositoryPath,
    /// Its name.
    pub name: String,
    /// The name of its project, where it was read.
    pub project_name: String,
}

/// A SonarQube project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its key as SonarQube spells it.
    pub key: ProjectKey,
    /// Its uuid, if SonarQube returns it: before 25.12 only of a project that is bound.
    pub id: Option<ProjectId>,
    /// Its current name.
    pub name: String,
    /// Who may see it, if SonarQube returns it.
    pub visibility: Option<Visibility>,
    /// What it is bound to.
    pub binding: BindingState,
}

/// What a SonarQube project is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BindingState {
    /// To nothing.
    Unbound,
    /// To a repository, through this connection's configuration.
    Bound {
        /// The repository.
        repository: RepositoryPath,
        /// The monorepo flag, where it was read.
        monorepo: Option<bool>,
    },
    /// Through another configuration or platform.
    Elsewhere(String),
    /// SonarQube does not let us see it.
    Hidden,
}

/// Whether SonarQube denied access to a project in this reconcile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Nothing was denied so far.
    Assumed,
    /// Browse or Administer is missing.
    Denied,
}

/// Two names of one branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branches {
    /// The main branch of the SonarQube project.
    pub main: String,
    /// The default branch in Bitbucket; `None` for an empty repository.
    pub default: Option<String>,
}
