//! The repositories that a listing shows, found by path and by id.

use std::collections::HashMap;
use std::sync::Arc;

use super::Repository;
use crate::identity::RepositoryPath;

/// Repositories by their folded paths, and where each id lies. A repository lies in one place alone.
#[derive(Clone, Debug, Default)]
pub(super) struct Repositories {
    rows: HashMap<Arc<str>, Repository>,
    places: HashMap<i64, Arc<str>>,
}

impl Repositories {
    pub(super) fn get(&self, path: &RepositoryPath) -> Option<&Repository> {
        self.rows.get(&*path.folded())
    }

    pub(super) fn of_id(&self, id: i64) -> Option<&Repository> {
        self.rows.get(self.places.get(&id)?)
    }

    pub(super) fn at(&self, path: &str) -> Option<&Repository> {
        self.rows.get(path)
    }

    pub(super) fn rows(&self) -> &HashMap<Arc<str>, Repository> {
        &self.rows
    }

    /// Replaces what is known of the place. The repository is no longer where it was before.
    pub(super) fn insert(&mut self, path: &RepositoryPath, repository: Repository) {
        self.put(path.folded().into(), repository);
    }

    /// The same at a folded path; `None` where there is no repository.
    pub(super) fn replace(&mut self, path: &Arc<str>, repository: Option<&Repository>) {
        match repository {
            Some(repository) => self.put(Arc::clone(path), repository.clone()),
            None => self.drop(path),
        }
    }

    pub(super) fn remove(&mut self, path: &RepositoryPath) {
        self.drop(&path.folded());
    }

    fn put(&mut self, place: Arc<str>, repository: Repository) {
        self.drop(&place);
        if let Some(before) = self.places.insert(repository.id, Arc::clone(&place)) {
            self.rows.remove(&before);
        }
        self.rows.insert(place, repository);
    }

    fn drop(&mut self, path: &str) {
        if let Some(row) = self.rows.remove(path) {
            self.places.remove(&row.id);
        }
    }
}

impl FromIterator<Repository> for Repositories {
    fn from_iter<I: IntoIterator<Item = Repository>>(rows: I) -> Self {
        let mut repositories = Self::default();
        for row in rows {
            repositories.insert(&row.path.clone(), row);
        }
        repositories
    }
}
