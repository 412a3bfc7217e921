//! What one sweep of the bulk listings saw. Connections to the same servers with the same tokens share it.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::time::Instant;

use super::projects::{Bindings, Projects};
use super::repositories::{Ids, Repositories, RepositoryView};
use super::{Project, Repository};
use crate::identity::SettingId;

/// What one sweep saw.
#[derive(Debug, Default)]
pub struct Listed {
    /// When its first call was made, and its last one answered; `None`: there was no sweep.
    pub(super) times: Option<(Instant, Instant)>,
    pub(super) scope: Scope,
    pub(super) projects: Projects,
    pub(super) repositories: Repositories,
    /// The repositories that the token which decorates may write to; `None` where that was not asked.
    pub(super) writable: Option<Ids>,
    /// How many bindings of a configuration SonarQube counted and did not list, as far as that was asked.
    pub(super) hidden: HashMap<SettingId, u64>,
}

/// Whose bindings were listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Scope {
    /// SonarQube lists none (before 10.5).
    #[default]
    None,
    /// Those of one configuration.
    One(SettingId),
    All,
}

impl Listed {
    pub(super) fn new(projects: Projects, bindings: Bindings, repositories: Repositories) -> Self {
        Self {
            projects: projects.complete(bindings),
            repositories: repositories.complete(),
            ..Self::default()
        }
    }

    /// When the sweep began.
    #[must_use]
    pub fn began(&self) -> Option<Instant> {
        self.times.map(|(began, _)| began)
    }

    /// When the sweep began and when it ended.
    #[must_use]
    pub fn times(&self) -> Option<(Instant, Instant)> {
        self.times
    }

    /// So many calls it took: pages of 500 projects or bindings, and of 1,000 repositories.
    #[must_use]
    pub fn calls(&self) -> usize {
        let pages = |rows: usize, size: usize| rows.div_ceil(size).max(1);
        let repositories = pages(self.repositories.len(), 1000);
        let writable = self.writable.as_ref();
        let writable = writable.map_or(0, |writable| pages(writable.len(), 1000));
        let bindings = match self.scope {
            Scope::None => 0,
            // And a count for each configuration.
            Scope::One(_) | Scope::All => pages(self.projects.bound_len(), 500) + self.hidden.len(),
        };
        pages(self.projects.len(), 500) + bindings + repositories + writable
    }

    /// Whether it shows what is bound by this configuration.
    #[must_use]
    pub fn covers(&self, setting: &SettingId) -> bool {
        match &self.scope {
            Scope::None | Scope::All => true,
            Scope::One(of) => of == setting,
        }
    }

    /// How many bindings of the configuration are hidden; `None` where they were not counted.
    #[must_use]
    pub fn hidden(&self, setting: &SettingId) -> Option<u64> {
        match self.scope {
            Scope::None => Some(0),
            Scope::One(_) | Scope::All => self.hidden.get(setting).copied(),
        }
    }

    /// How many bindings of the configuration it shows.
    #[must_use]
    pub fn count(&self, setting: &SettingId) -> u64 {
        let bound = self.projects.iter().filter_map(|(_, row)| row.bound);
        bound.filter(|bound| bound.setting == setting).count() as u64
    }

    /// The project under a folded key, as it looks from this configuration.
    pub(super) fn project(&self, key: &str, setting: Option<&SettingId>) -> Option<Project> {
        let row = self.projects.get(key)?;
        let own = row.bound.filter(|bound| Some(bound.setting) == setting);
        Some(Project {
            is_unread: self.scope == Scope::None,
            ..Project::new(row.project(), own.map(|bound| bound.path()))
        })
    }

    pub(super) fn has_project(&self, key: &str) -> bool {
        self.projects.has(key)
    }

    /// The folded keys of all projects, in their order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.projects.iter().map(|(key, _)| key)
    }

    /// The folded keys of the projects that are bound to a repository, by any configuration.
    pub(super) fn bound_to<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a str> {
        self.projects.bound_to(path)
    }

    pub(super) fn repository(&self, path: &str) -> Option<RepositoryView<'_>> {
        self.repositories.get(path)
    }

    /// All repositories that it shows.
    pub fn repositories(&self) -> impl Iterator<Item = Repository> {
        self.repositories.iter().map(|(_, row)| row.repository())
    }

    /// Where the repository of this id lies.
    pub(super) fn place(&self, id: i64) -> Option<&str> {
        self.repositories.place(id)
    }

    /// The folded paths of all repositories, in their order.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.repositories.iter().map(|(path, _)| path)
    }

    /// Whether the token may write to a repository of this id.
    pub(super) fn writable(&self, id: i64) -> Option<bool> {
        let writable = self.writable.as_ref()?;
        let is_listed = self.repositories.place(id).is_some();
        is_listed.then(|| writable.has(id))
    }

    /// The folded keys under which both show different projects, or one of them shows none.
    pub(super) fn other_projects<'a>(&'a self, then: &'a Self) -> Vec<&'a str> {
        differences(self.projects.iter(), then.projects.iter())
    }

    /// The folded paths at which both show different repositories, or one of them shows none.
    pub(super) fn other_repositories<'a>(&'a self, then: &'a Self) -> Vec<&'a str> {
        differences(self.repositories.iter(), then.repositories.iter())
    }

    /// What it takes of memory.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.projects.bytes() + self.repositories.bytes()
    }

    /// A listing of nothing that began then.
    #[cfg(test)]
    pub(crate) fn begun(began: Instant) -> Self {
        Self {
            times: Some((began, began)),
            ..Self::default()
        }
    }
}

/// The keys of rows that are not in both of two lists alike. Both are in the order of their keys.
fn differences<'a, T: PartialEq>(
    now: impl Iterator<Item = (&'a str, T)>,
    then: impl Iterator<Item = (&'a str, T)>,
) -> Vec<&'a str> {
    let (mut now, mut then) = (now.peekable(), then.peekable());
    let mut found = Vec::new();
    loop {
        let order = match (now.peek(), then.peek()) {
            (None, None) => return found,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((now, _)), Some((then, _))) => now.cmp(then),
        };
        let is_now = |_: &(&str, T)| order.is_le();
        let is_then = |_: &(&str, T)| order.is_ge();
        let (now, then) = (now.next_if(is_now), then.next_if(is_then));
        if now != then {
            found.extend(now.or(then).map(|(key, _)| key));
        }
    }
}
