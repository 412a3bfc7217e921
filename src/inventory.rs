//! What one sweep of the bulk listings saw, kept per connection.
//!
//! With it a binding that is up to date costs nothing: a reconcile reads it first, and asks the servers only about what
//! does not look right. What a reconcile reads from them is stored here, own writes included, so the next reconcile
//! reads nothing older than the last one. An outdated inventory is harmless: the reconcile asks the servers.

mod learned;
mod projects;
mod repositories;
mod sweep;
mod sweep_error;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use crate::identity::{ProjectId, ProjectKey, RepositoryPath};
use crate::sonarqube::{self, ProjectBindingRow};

use learned::Learned;
use projects::Projects;
use repositories::Repositories;
pub use sweep::Sources;
pub use sweep_error::SweepError;

/// What the listings hold.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    projects: Projects,
    repositories: Repositories,
    hidden_bindings: u64,
    /// Whether the configuration's token may write to a repository, by the id of each that was listed when that was
    /// asked.
    writable: Rights,
    /// When the first call of the last sweep was made.
    began: Option<Instant>,
    /// What was read, or written, since: newer than the next listing, if that began before.
    learned: Learned,
    /// Repositories, by their folded paths, that may have been bound: the answer was lost. A listing that begins later
    /// shows it.
    invalidated: HashMap<String, Instant>,
}

/// Whether a token may write to a repository, by its id.
pub type Rights = HashMap<i64, bool>;

/// A SonarQube project and what it is bound to through the connection's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its key.
    pub key: ProjectKey,
    /// Its uuid, if known: before 25.12 only bindings contain it.
    pub id: Option<ProjectId>,
    /// Its name.
    pub name: String,
    /// Who may see it.
    pub visibility: sonarqube::Visibility,
    /// The repository; `None`: bound to nothing, or through another configuration.
    pub repository: Option<RepositoryPath>,
    /// The monorepo flag, which no listing has; `None` until it was read.
    pub monorepo: Option<bool>,
    /// Whether no listing has what it is bound to (before 10.5), and no call has read it so far.
    pub is_unread: bool,
}

/// A Bitbucket repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Its id.
    pub id: i64,
    /// Where it lies, as Bitbucket spells it.
    pub path: RepositoryPath,
    /// Its name.
    pub name: String,
    /// Whether it is read-only; never before Bitbucket 8.0.
    pub archived: bool,
}

/// What differs between two sweeps: whose bindings are to be reconciled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Folded keys of projects.
    pub projects: HashSet<String>,
    /// Folded paths of repositories.
    pub repositories: HashSet<String>,
}

impl Inventory {
    /// Takes over what no listing has from an earlier sweep.
    #[must_use]
    pub fn after(mut self, before: &Self) -> Self {
        let invalidated = before
            .invalidated
            .iter()
            .map(|(path, at)| (path.clone(), *at));
        let is_open = |at: Instant| self.began.is_none_or(|began| began <= at);
        self.invalidated = invalidated.filter(|(_, at)| is_open(*at)).collect();
        self.keep_what_is_newer(before);
        self.projects.for_each(|key, row| {
            let Some(known) = before.projects.at(key) else {
                return;
            };
            if row.is_unread {
                // What was read last serves until it is read again.
                row.repository.clone_from(&known.repository);
                row.is_unread = known.is_unread;
            }
            if row.repository == known.repository {
                row.monorepo = known.monorepo;
            }
        });
        self
    }

    /// A row that was read, or written, after the listing had begun is no older than what the listing shows.
    fn keep_what_is_newer(&mut self, before: &Self) {
        let Some(began) = self.began else { return };
        for (path, learned) in before.learned.repositories_since(began) {
            self.repositories
                .replace(path, before.repositories.at(path));
            self.learned.repository(path, learned);
        }
        for (key, learned) in before.learned.projects_since(began) {
            self.projects.replace(key, before.projects.at(key));
            self.learned.project(key, learned);
        }
    }

    /// When the last listings began: all that the inventory shows was so then, or later. `None` before the first.
    #[must_use]
    pub fn began(&self) -> Option<Instant> {
        self.began
    }

    /// The answer to a call that binds this repository was lost: only a listing that begins from now on shows whether
    /// it is bound.
    pub fn invalidate(&mut self, path: &RepositoryPath) {
        self.invalidated.insert(path.folded(), Instant::now());
    }

    /// Whether this repository may be bound, independent of what the inventory shows.
    #[must_use]
    pub fn is_invalidated(&self, path: &RepositoryPath) -> bool {
        self.invalidated.contains_key(&path.folded())
    }

    /// The project of this key.
    #[must_use]
    pub fn project(&self, key: &ProjectKey) -> Option<&Project> {
        self.projects.get(key)
    }

    /// The projects that are bound to a repository, in the order of their keys.
    pub fn bound_to(&self, path: &RepositoryPath) -> impl Iterator<Item = &Project> {
        self.projects.bound_to(path)
    }

    /// The repository at this place.
    #[must_use]
    pub fn repository(&self, path: &RepositoryPath) -> Option<&Repository> {
        self.repositories.get(path)
    }

    /// The repository of this id, wherever it lies.
    #[must_use]
    pub fn repository_of(&self, id: i64) -> Option<&Repository> {
        self.repositories.of_id(id)
    }

    /// Whether the configuration's token may write to the repository of this id; `None` where that was not asked, and
    /// for a repository that was created after the listing.
    #[must_use]
    pub fn writable(&self, id: i64) -> Option<bool> {
        self.writable.get(&id).copied()
    }

    /// Remembers whether the configuration's token may write to a repository, as it was just asked.
    pub fn learn_right(&mut self, id: i64, writable: bool) {
        self.writable.insert(id, writable);
    }

    /// The ids of all repositories.
    #[must_use]
    pub fn repository_ids(&self) -> Vec<i64> {
        let rows = self.repositories.rows().values();
        rows.map(|row| row.id).collect()
    }

    /// Replaces the rights, and returns which repositories that changes something for.
    pub fn learn_rights(&mut self, rights: Rights) -> Changes {
        let then = Self {
            writable: std::mem::replace(&mut self.writable, rights),
            ..Self::default()
        };
        Changes {
            projects: HashSet::new(),
            repositories: self.with_other_rights(&then).collect(),
        }
    }

    /// The folded paths of the repositories to which the token has other rights now.
    fn with_other_rights<'a>(&'a self, then: &'a Self) -> impl Iterator<Item = String> + 'a {
        let rows = self.repositories.rows().iter();
        let changed = rows.filter(|(_, row)| self.writable(row.id) != then.writable(row.id));
        changed.map(|(key, _)| key.to_string())
    }

    /// How many bindings SonarQube counted and did not list.
    #[must_use]
    pub fn hidden_bindings(&self) -> u64 {
        self.hidden_bindings
    }

    /// Remembers a project as it was just read; `None` for one that is not there.
    pub fn learn_project(&mut self, key: &ProjectKey, project: Option<Project>) {
        self.learned.project(&key.folded().into(), Instant::now());
        match project {
            Some(project) => self.projects.insert(key, project),
            None => self.projects.remove(key),
        }
    }

    /// Remembers a repository as it was just read; `None` for one that is not there.
    pub fn learn_repository(&mut self, path: &RepositoryPath, repository: Option<Repository>) {
        self.learned
            .repository(&path.folded().into(), Instant::now());
        match repository {
            Some(repository) => self.repositories.insert(path, repository),
            None => self.repositories.remove(path),
        }
    }

    /// What looks different now from how it looked then.
    #[must_use]
    pub fn changes_since(&self, then: &Self) -> Changes {
        let mut repositories = differing(self.repositories.rows(), then.repositories.rows());
        repositories.extend(self.with_other_rights(then));
        Changes {
            projects: differing(self.projects.rows(), then.projects.rows()),
            repositories,
        }
    }
}

impl Project {
    /// A project as the two listings have it.
    fn listed(project: sonarqube::Project, row: Option<ProjectBindingRow>) -> Self {
        let Some(row) = row else {
            return Self::new(project, None);
        };
        let id = project.id.or(Some(row.project_id));
        Self::new(sonarqube::Project { id, ..project }, row.repository)
    }

    /// A project, and the repository that it is bound to.
    #[must_use]
    pub fn new(project: sonarqube::Project, repository: Option<RepositoryPath>) -> Self {
        Self {
            key: project.key,
            id: project.id,
            name: project.name,
            visibility: project.visibility,
            repository,
            monorepo: None,
            is_unread: false,
        }
    }
}

fn differing<T: PartialEq>(
    now: &HashMap<Arc<str>, T>,
    then: &HashMap<Arc<str>, T>,
) -> HashSet<String> {
    let changed = now
        .iter()
        .filter(|(key, row)| then.get(*key) != Some(row))
        .map(|(key, _)| key);
    let gone = then.keys().filter(|key| !now.contains_key(*key));
    changed.chain(gone).map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests;
