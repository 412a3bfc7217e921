//! What one sweep of the bulk listings saw, and what each connection has read since.
//!
//! With it a binding that is up to date costs nothing: a reconcile reads it first, and asks the servers only about what
//! does not look right. What a reconcile reads from them is stored here, own writes included, so the next reconcile
//! reads nothing older than the last one. An outdated inventory is harmless: the reconcile asks the servers.

mod listed;
mod own;
mod sweep;
mod sweep_error;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use crate::identity::{ProjectId, ProjectKey, RepositoryPath, SettingId};
use crate::sonarqube;

pub use listed::Listed;
use own::Own;
pub use sweep::Sources;
pub use sweep_error::SweepError;

/// What the listings show from one configuration, and what was read since.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    listed: Arc<Listed>,
    /// What is bound through another configuration looks unbound.
    setting: Option<SettingId>,
    hidden_bindings: u64,
    /// What was read, or written, since: newer than the next listing, if that began before.
    own: Own,
    /// What was read of projects that no listing has, by folded key.
    read: HashMap<Arc<str>, Read>,
    /// What was asked since the listing of the rights of the configuration's token.
    rights: Rights,
    /// Repositories, by their folded paths, that may have been bound: the answer was lost. A listing that begins later
    /// shows it.
    invalidated: HashMap<String, Instant>,
}

/// Whether a token may write to a repository, by its id.
pub type Rights = HashMap<i64, bool>;

/// What a call has read of the binding of a project.
#[derive(Clone, Debug)]
struct Read {
    repository: Option<RepositoryPath>,
    monorepo: Option<bool>,
}

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
    /// Whether it was made from another one.
    pub fork: bool,
}

/// What differs between two sweeps: whose bindings are to be reconciled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Whether bindings of the configuration are hidden, or were.
    pub hides: bool,
    /// Folded keys of projects.
    pub projects: HashSet<String>,
    /// Folded paths of repositories.
    pub repositories: HashSet<String>,
}

impl Inventory {
    /// What a sweep saw, from this configuration; `hidden_bindings` of it are not shown.
    #[must_use]
    pub fn of(listed: Arc<Listed>, setting: Option<SettingId>, hidden_bindings: u64) -> Self {
        Self {
            listed,
            setting,
            hidden_bindings,
            ..Self::default()
        }
    }

    /// Replaces the listing by a later one, and returns what looks different.
    pub fn take_over(&mut self, next: Self) -> Changes {
        if next.began() < self.began() && next.setting == self.setting {
            // A later one has come meanwhile.
            return Changes::default();
        }
        let next = next.after(self);
        let changes = next.changes_since(self);
        *self = next;
        changes
    }

    /// Takes over what no listing has, and what was read or written after the listing had begun: that is no older than
    /// what it shows.
    #[must_use]
    pub fn after(mut self, before: &Self) -> Self {
        let Some(began) = self.listed.began() else {
            return self;
        };
        let invalidated = before.invalidated.iter();
        let open = invalidated.filter(|(_, at)| began <= **at);
        self.invalidated = open.map(|(path, at)| (path.clone(), *at)).collect();
        self.own = before.own.since(began);
        let read = before.read.iter();
        let is_there = |key: &str| self.own.project(key).is_some() || self.listed.has_project(key);
        let read = read.filter(|(key, _)| is_there(key));
        self.read = read
            .map(|(key, read)| (Arc::clone(key), read.clone()))
            .collect();
        self
    }

    /// The last listings, without what was read since.
    #[must_use]
    pub fn listed(&self) -> Arc<Listed> {
        Arc::clone(&self.listed)
    }

    /// When the last listings began: all that the inventory shows was so then, or later. `None` before the first.
    #[must_use]
    pub fn began(&self) -> Option<Instant> {
        self.listed.began()
    }

    /// Whether it shows this listing, from this configuration.
    #[must_use]
    pub fn shows(&self, listed: &Arc<Listed>, setting: &SettingId) -> bool {
        Arc::ptr_eq(&self.listed, listed) && self.setting.as_ref() == Some(setting)
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
    pub fn project(&self, key: &ProjectKey) -> Option<Project> {
        self.project_at(&key.folded())
    }

    /// The same by its folded key.
    fn project_at(&self, key: &str) -> Option<Project> {
        if let Some(own) = self.own.project(key) {
            return own.value.clone();
        }
        let mut row = self.listed.project(key, self.setting.as_ref())?;
        if let Some(read) = self.read.get(key) {
            if row.is_unread {
                // What was read last serves until it is read again.
                row.repository.clone_from(&read.repository);
                row.is_unread = false;
            }
            if row.repository == read.repository {
                row.monorepo = read.monorepo;
            }
        }
        Some(row)
    }

    /// The projects that a listing, or a later call, shows bound to a repository, in the order of their keys.
    pub fn bound_to(&self, path: &RepositoryPath) -> impl Iterator<Item = Project> {
        let folded: Arc<str> = path.folded().into();
        let listed = self.listed.bound_to(&folded);
        let mut keys: Vec<_> = listed.chain(self.own.bound_to(&folded)).collect();
        keys.sort();
        keys.dedup();
        let rows = keys.into_iter().filter_map(|key| self.project_at(key));
        let is_bound = |row: &Project| row.repository.as_ref().is_some_and(|it| it.same(path));
        rows.filter(move |row| is_bound(row))
    }

    /// The repository at this place.
    #[must_use]
    pub fn repository(&self, path: &RepositoryPath) -> Option<&Repository> {
        self.repository_at(&path.folded())
    }

    /// The same by its folded path.
    fn repository_at(&self, path: &str) -> Option<&Repository> {
        if let Some(own) = self.own.repository(path) {
            return own.value.as_ref();
        }
        let row = self.listed.repository(path)?;
        // It may have been seen elsewhere since.
        self.own.place(row.id).is_none().then_some(row)
    }

    /// The repository of this id, wherever it lies.
    #[must_use]
    pub fn repository_of(&self, id: i64) -> Option<&Repository> {
        let place = self.own.place(id).or_else(|| self.listed.place(id))?;
        self.repository_at(place).filter(|row| row.id == id)
    }

    /// Whether the configuration's token may write to the repository of this id; `None` where that was not asked, and
    /// for a repository that was created after the listing.
    #[must_use]
    pub fn writable(&self, id: i64) -> Option<bool> {
        let asked = self.rights.get(&id).copied();
        asked.or_else(|| self.listed.writable(id))
    }

    /// Remembers whether the configuration's token may write to a repository, as it was just asked.
    pub fn learn_right(&mut self, id: i64, writable: bool) {
        self.rights.insert(id, writable);
    }

    /// The ids of all repositories.
    #[must_use]
    pub fn repository_ids(&self) -> Vec<i64> {
        self.repositories().map(|(_, row)| row.id).collect()
    }

    /// All repositories, by their folded paths.
    fn repositories(&self) -> impl Iterator<Item = (&Arc<str>, &Repository)> {
        let hidden = |path: &&Arc<str>| self.own.repository(path).is_some();
        let listed = self.listed.paths().filter(move |path| !hidden(path));
        let paths = listed.chain(self.own.paths());
        paths.filter_map(|path| Some((path, self.repository_at(path)?)))
    }

    /// Replaces the rights, and returns which repositories that changes something for.
    pub fn learn_rights(&mut self, rights: Rights) -> Changes {
        let then = self.clone();
        self.rights = rights;
        Changes {
            repositories: self.with_other_rights(&then).collect(),
            ..Changes::default()
        }
    }

    /// The folded paths of the repositories to which the token has other rights now.
    fn with_other_rights<'a>(&'a self, then: &'a Self) -> impl Iterator<Item = String> + 'a {
        let changed = self
            .repositories()
            .filter(|(_, row)| self.writable(row.id) != then.writable(row.id));
        changed.map(|(path, _)| path.to_string())
    }

    /// How many bindings SonarQube counted and did not list.
    #[must_use]
    pub fn hidden_bindings(&self) -> u64 {
        self.hidden_bindings
    }

    /// Remembers a project as it was just read; `None` for one that is not there.
    pub fn learn_project(&mut self, key: &ProjectKey, project: Option<Project>) {
        let key: Arc<str> = key.folded().into();
        match &project {
            Some(project) if !project.is_unread => {
                let read = Read {
                    repository: project.repository.clone(),
                    monorepo: project.monorepo,
                };
                self.read.insert(Arc::clone(&key), read);
            }
            Some(_) | None => drop(self.read.remove(&key)),
        }
        self.own.put_project(key, Instant::now(), project);
    }

    /// Remembers a repository as it was just read; `None` for one that is not there.
    pub fn learn_repository(&mut self, path: &RepositoryPath, repository: Option<Repository>) {
        let path: Arc<str> = path.folded().into();
        self.own.put_repository(path, Instant::now(), repository);
    }

    /// What looks different now from how it looked then.
    #[must_use]
    pub fn changes_since(&self, then: &Self) -> Changes {
        let keys = [
            self.listed.keys().chain(self.own.keys()),
            then.listed.keys().chain(then.own.keys()),
        ];
        let projects = keys
            .into_iter()
            .flatten()
            .filter(|key| self.has_other_project(then, key));
        let paths = [
            self.listed.paths().chain(self.own.paths()),
            then.listed.paths().chain(then.own.paths()),
        ];
        let is_other = |path: &&Arc<str>| self.repository_at(path) != then.repository_at(path);
        let repositories = paths.into_iter().flatten().filter(is_other);
        let mut repositories: HashSet<_> = repositories.map(ToString::to_string).collect();
        repositories.extend(self.with_other_rights(then));
        let hides = |inventory: &Self| {
            inventory.hidden_bindings > 0 || inventory.listed.scope == listed::Scope::None
        };
        Changes {
            hides: hides(self) || hides(then),
            projects: projects.map(ToString::to_string).collect(),
            repositories,
        }
    }

    fn has_other_project(&self, then: &Self, key: &str) -> bool {
        // Most rows are as they were listed before: no row is made of those.
        let is_own = self.own.project(key).is_some() || then.own.project(key).is_some();
        let is_listed_alike = self.setting == then.setting
            && self.listed.is_same(&then.listed, key)
            && self.listed.scope != listed::Scope::None;
        (is_own || !is_listed_alike) && self.project_at(key) != then.project_at(key)
    }
}

impl Changes {
    /// Whether nothing looks different.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Project {
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

#[cfg(test)]
mod tests;
