//! What one sweep of the bulk listings saw. Connections to the same servers with the same tokens share it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use super::{Project, Repository};
use crate::identity::{RepositoryPath, SettingId};
use crate::sonarqube::{self, ProjectBindingRow};

/// What one sweep saw.
#[derive(Debug, Default)]
pub struct Listed {
    /// When its first call was made, and its last one answered; `None`: there was no sweep.
    pub(super) times: Option<(Instant, Instant)>,
    pub(super) scope: Scope,
    pub(super) projects: HashMap<Arc<str>, Row>,
    /// The folded path of a repository, and the folded key of a project that is bound to it.
    pub(super) bound: BTreeSet<(Arc<str>, Arc<str>)>,
    pub(super) repositories: HashMap<Arc<str>, Repository>,
    pub(super) places: HashMap<i64, Arc<str>>,
    /// The repositories that the token which decorates may write to; `None` where that was not asked.
    pub(super) writable: Option<HashSet<i64>>,
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

/// A project, and what it is bound to by any of the configurations whose bindings were listed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    project: sonarqube::Project,
    bound: Option<(SettingId, RepositoryPath)>,
}

impl Listed {
    pub(super) fn new(
        projects: Vec<sonarqube::Project>,
        bindings: Vec<ProjectBindingRow>,
        repositories: Vec<Repository>,
    ) -> Self {
        let mut listed = Self::default();
        for row in repositories {
            listed.add_repository(row);
        }
        let mut bindings: HashMap<_, _> = bindings
            .into_iter()
            .map(|row| (row.project_key.folded(), row))
            .collect();
        for project in projects {
            let binding = bindings.remove(&project.key.folded());
            listed.add_project(project, binding);
        }
        listed
    }

    /// A repository lies in one place alone, and in a place lies one repository.
    fn add_repository(&mut self, row: Repository) {
        let (id, path): (_, Arc<str>) = (row.id, row.path.folded().into());
        if let Some(before) = self.places.insert(id, Arc::clone(&path)) {
            self.repositories.remove(&before);
        }
        let before = self.repositories.insert(Arc::clone(&path), row);
        if let Some(before) = before.filter(|before| self.places.get(&before.id) == Some(&path)) {
            self.places.remove(&before.id);
        }
    }

    fn add_project(&mut self, project: sonarqube::Project, binding: Option<ProjectBindingRow>) {
        let key: Arc<str> = project.key.folded().into();
        let id = binding.as_ref().map(|row| row.project_id.clone());
        let bound = binding.and_then(|row| Some((row.setting, row.repository?)));
        if let Some((_, path)) = &bound {
            let path = path.folded();
            // Most repositories are listed as well: their text is kept once.
            let known = self.repositories.get_key_value(&*path);
            let path = known.map_or_else(|| path.as_str().into(), |(path, _)| Arc::clone(path));
            self.bound.insert((path, Arc::clone(&key)));
        }
        let project = sonarqube::Project {
            id: project.id.or(id),
            ..project
        };
        self.projects.insert(key, Row { project, bound });
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
            Scope::One(_) | Scope::All => pages(self.bound.len(), 500) + self.hidden.len(),
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
        let bound = self.projects.values().filter_map(|row| row.bound.as_ref());
        bound.filter(|(of, _)| of == setting).count() as u64
    }

    /// The project under a folded key, as it looks from this configuration.
    pub(super) fn project(&self, key: &str, setting: Option<&SettingId>) -> Option<Project> {
        let Row { project, bound } = self.projects.get(key)?;
        let own = bound.as_ref().filter(|(of, _)| Some(of) == setting);
        let repository = own.map(|(_, path)| path.clone());
        Some(Project {
            is_unread: self.scope == Scope::None,
            ..Project::new(project.clone(), repository)
        })
    }

    pub(super) fn has_project(&self, key: &str) -> bool {
        self.projects.contains_key(key)
    }

    /// The folded keys of all projects.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Arc<str>> {
        self.projects.keys()
    }

    /// The folded keys of the projects that are bound to a repository, by any configuration.
    pub(super) fn bound_to(&self, path: &Arc<str>) -> impl Iterator<Item = &Arc<str>> {
        at(&self.bound, path)
    }

    pub(super) fn repository(&self, path: &str) -> Option<&Repository> {
        self.repositories.get(path)
    }

    /// All repositories that it shows.
    pub fn repositories(&self) -> impl Iterator<Item = &Repository> {
        self.repositories.values()
    }

    /// Where the repository of this id lies.
    pub(super) fn place(&self, id: i64) -> Option<&Arc<str>> {
        self.places.get(&id)
    }

    /// The folded paths of all repositories.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Arc<str>> {
        self.repositories.keys()
    }

    /// Whether the token may write to a repository of this id.
    pub(super) fn writable(&self, id: i64) -> Option<bool> {
        let writable = self.writable.as_ref()?;
        self.places
            .contains_key(&id)
            .then(|| writable.contains(&id))
    }

    /// Whether both show the same project under a key.
    pub(super) fn is_same(&self, then: &Self, key: &str) -> bool {
        self.projects.get(key) == then.projects.get(key) && self.scope == then.scope
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

/// The folded keys of an index that belong to a path, in their order.
pub(super) fn at<'a>(
    bound: &'a BTreeSet<(Arc<str>, Arc<str>)>,
    path: &Arc<str>,
) -> impl Iterator<Item = &'a Arc<str>> {
    let (path, first) = (Arc::clone(path), (Arc::clone(path), Arc::default()));
    let bound = bound.range(first..);
    let bound = bound.take_while(move |(bound, _)| *bound == path);
    bound.map(|(_, key)| key)
}
