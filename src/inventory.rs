//! What one sweep of the bulk listings saw, and what each connection has read since.
//!
//! With it a binding that is up to date costs nothing: a reconcile reads it first, and asks the servers only about what
//! does not look right. What a reconcile reads from them is stored here, own writes included, so the next reconcile
//! reads nothing older than the last one. An outdated inventory is harmless: the reconcile asks the servers.

mod listed;
mod own;
mod projects;
mod repositories;
mod sweep;
mod sweep_error;
mod texts;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use crate::identity::{ProjectId, ProjectKey, RepositoryPath, SettingId};
use crate::sonarqube;

pub use listed::Listed;
use own::Own;
use repositories::RepositoryView;
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
    read: HashMap<Arc<str>, Arc<Read>>,
    /// What was asked since the listing of the rights of the configuration's token.
    rights: Rights,
    /// Repositories, by their folded paths, that may have been bound: the answer was lost. A listing that begins later
    /// shows it.
    invalidated: HashMap<String, Instant>,
}

/// Whether a token may write to a repository, by its id.
pub type Rights = HashMap<i64, bool>;

/// What a call has read of the binding of a project.
#[derive(Debug)]
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
        let lists_bindings = self.listed.scope != listed::Scope::None;
        // Of an import the listing shows all that is known.
        let says_more = |read: &Read| read.monorepo.is_some() || !lists_bindings;
        let read = read.filter(|(key, read)| says_more(read) && is_there(key));
        self.read = read
            .map(|(key, read)| (Arc::clone(key), Arc::clone(read)))
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
        let folded = path.folded();
        let listed = self.listed.bound_to(&folded).map(str::to_owned);
        let own = self.own.bound_to(&folded).map(ToString::to_string);
        let keys: BTreeSet<_> = listed.chain(own).collect();
        let rows = keys.into_iter().filter_map(|key| self.project_at(&key));
        let is_bound = |row: &Project| row.repository.as_ref().is_some_and(|it| it.same(path));
        rows.filter(move |row| is_bound(row))
    }

    /// The repository at this place.
    #[must_use]
    pub fn repository(&self, path: &RepositoryPath) -> Option<Repository> {
        let row = self.repository_at(&path.folded())?;
        Some(row.repository())
    }

    /// The same by its folded path.
    fn repository_at(&self, path: &str) -> Option<RepositoryView<'_>> {
        if let Some(own) = self.own.repository(path) {
            return own.value.as_ref().map(RepositoryView::from);
        }
        let row = self.listed.repository(path)?;
        // It may have been seen elsewhere since.
        self.own.place(row.id).is_none().then_some(row)
    }

    /// The repository of this id, wherever it lies.
    #[must_use]
    pub fn repository_of(&self, id: i64) -> Option<Repository> {
        let own = self.own.place(id).map(|place| &**place);
        let row = self.repository_at(own.or_else(|| self.listed.place(id))?)?;
        (row.id == id).then(|| row.repository())
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
    fn repositories(&self) -> impl Iterator<Item = (&str, RepositoryView<'_>)> {
        let hidden = |path: &&str| self.own.repository(path).is_some();
        let listed = self.listed.paths().filter(move |path| !hidden(path));
        let paths = listed.chain(self.own.paths().map(|path| &**path));
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
        let has_rights = |it: &Self| it.listed.writable.is_some() || !it.rights.is_empty();
        let may_differ = has_rights(self) || has_rights(then);
        let rows = may_differ.then(|| self.repositories());
        let changed = rows
            .into_iter()
            .flatten()
            .filter(|(_, row)| self.writable(row.id) != then.writable(row.id));
        changed.map(|(path, _)| path.to_owned())
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
                self.read.insert(Arc::clone(&key), read.into());
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

    /// What looks different now from how it looked then. No row is made of those that both listings show alike.
    #[must_use]
    pub fn changes_since(&self, then: &Self) -> Changes {
        let projects = self.other_keys(then).into_iter();
        let projects = projects.filter(|key| self.project_at(key) != then.project_at(key));
        let repositories = self.other_paths(then).into_iter();
        let repositories =
            repositories.filter(|path| self.repository_at(path) != then.repository_at(path));
        let repositories = repositories.map(str::to_owned);
        let hides = |inventory: &Self| {
            inventory.hidden_bindings > 0 || inventory.listed.scope == listed::Scope::None
        };
        Changes {
            hides: hides(self) || hides(then),
            projects: projects.map(str::to_owned).collect(),
            repositories: repositories.chain(self.with_other_rights(then)).collect(),
        }
    }

    /// The folded keys under which something else may be now.
    fn other_keys<'a>(&'a self, then: &'a Self) -> HashSet<&'a str> {
        let is_alike = self.setting == then.setting
            && self.listed.scope == then.listed.scope
            && self.listed.scope != listed::Scope::None;
        let mut keys: HashSet<_> = if is_alike {
            self.listed
                .other_projects(&then.listed)
                .into_iter()
                .collect()
        } else {
            self.listed.keys().chain(then.listed.keys()).collect()
        };
        keys.extend(self.own.keys().chain(then.own.keys()).map(|key| &**key));
        keys
    }

    /// The folded paths at which something else may be now.
    fn other_paths<'a>(&'a self, then: &'a Self) -> HashSet<&'a str> {
        let listed = self.listed.other_repositories(&then.listed);
        let mut paths: HashSet<_> = listed.into_iter().collect();
        for inventory in [self, then] {
            paths.extend(inventory.own.paths().map(|path| &**path));
            // What was seen elsewhere since is not where it was listed.
            let ids = inventory.own.ids();
            let places = ids.flat_map(|id| [self.listed.place(id), then.listed.place(id)]);
            paths.extend(places.flatten());
        }
        paths
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
