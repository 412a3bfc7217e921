//! Rows that a connection has read, or written, by calls of its own since its last listing.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use super::{Project, Repository};

/// Rows by folded keys and paths. They hide what the listing shows there.
#[derive(Clone, Debug, Default)]
pub(super) struct Own {
    projects: HashMap<Arc<str>, Row<Project>>,
    /// The folded path of a repository, and the folded key of a project that is bound to it.
    bound: BTreeSet<(Arc<str>, Arc<str>)>,
    repositories: HashMap<Arc<str>, Row<Repository>>,
    places: HashMap<i64, Arc<str>>,
}

/// What was read, and when.
#[derive(Clone, Debug)]
pub(super) struct Row<T> {
    at: Instant,
    /// `None`: nothing is there.
    pub(super) value: Option<T>,
}

impl Own {
    /// What was read of the project under a folded key.
    pub(super) fn project(&self, key: &str) -> Option<&Row<Project>> {
        self.projects.get(key)
    }

    pub(super) fn put_project(&mut self, key: Arc<str>, at: Instant, project: Option<Project>) {
        let is_bound_to =
            |project: &Project| project.repository.as_ref().map(|it| it.folded().into());
        if let Some(path) = project.as_ref().and_then(is_bound_to) {
            self.drop_project(&key);
            self.bound.insert((path, Arc::clone(&key)));
        } else {
            self.drop_project(&key);
        }
        let row = Row { at, value: project };
        self.projects.insert(key, row);
    }

    fn drop_project(&mut self, key: &Arc<str>) {
        let row = self.projects.remove(key).and_then(|row| row.value);
        if let Some(path) = row.and_then(|row| row.repository) {
            self.bound.remove(&(path.folded().into(), Arc::clone(key)));
        }
    }

    /// The folded keys of the projects that were read to be bound to a repository, in their order.
    pub(super) fn bound_to(&self, path: &str) -> impl Iterator<Item = &Arc<str>> {
        let path: Arc<str> = path.into();
        let (path, first) = (Arc::clone(&path), (path, Arc::default()));
        let bound = self.bound.range(first..);
        let bound = bound.take_while(move |(bound, _)| *bound == path);
        bound.map(|(_, key)| key)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Arc<str>> {
        self.projects.keys()
    }

    /// What was read of the place at a folded path.
    pub(super) fn repository(&self, path: &str) -> Option<&Row<Repository>> {
        self.repositories.get(path)
    }

    /// Where the repository of this id was seen.
    pub(super) fn place(&self, id: i64) -> Option<&Arc<str>> {
        self.places.get(&id)
    }

    /// The repository is no longer where it was seen before.
    pub(super) fn put_repository(
        &mut self,
        path: Arc<str>,
        at: Instant,
        repository: Option<Repository>,
    ) {
        let there = self
            .repositories
            .get(&path)
            .and_then(|row| row.value.as_ref());
        if let Some(id) = there.map(|there| there.id) {
            self.places.remove(&id);
        }
        if let Some(id) = repository.as_ref().map(|repository| repository.id)
            && let Some(before) = self.places.insert(id, Arc::clone(&path))
            && before != path
        {
            self.repositories.insert(before, Row { at, value: None });
        }
        let value = repository;
        self.repositories.insert(path, Row { at, value });
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &Arc<str>> {
        self.repositories.keys()
    }

    /// The ids of the repositories that were seen.
    pub(super) fn ids(&self) -> impl Iterator<Item = i64> {
        self.places.keys().copied()
    }

    /// What was read since then.
    pub(super) fn since(&self, began: Instant) -> Self {
        let mut own = Self::default();
        let projects = self.projects.iter().filter(|(_, row)| row.at >= began);
        for (key, row) in projects {
            own.put_project(Arc::clone(key), row.at, row.value.clone());
        }
        let repositories = self.repositories.iter().filter(|(_, row)| row.at >= began);
        // What is gone first: a repository that was seen at two places is at the one where it was seen last.
        let (there, gone): (Vec<_>, Vec<_>) =
            repositories.partition(|(_, row)| row.value.is_some());
        for (path, row) in gone.into_iter().chain(there) {
            own.put_repository(Arc::clone(path), row.at, row.value.clone());
        }
        own
    }
}
