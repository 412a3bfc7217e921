//! The projects that a listing shows, found by key and by the repository that they are bound to.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::Project;
use crate::identity::{ProjectKey, RepositoryPath};

/// Projects by their folded keys, and which of them are bound to each repository.
#[derive(Clone, Debug, Default)]
pub(super) struct Projects {
    rows: HashMap<Arc<str>, Project>,
    /// The folded path of the repository, and the folded key of a project that is bound to it.
    bound: BTreeSet<(Arc<str>, Arc<str>)>,
}

impl Projects {
    pub(super) fn get(&self, key: &ProjectKey) -> Option<&Project> {
        self.rows.get(&*key.folded())
    }

    pub(super) fn at(&self, key: &str) -> Option<&Project> {
        self.rows.get(key)
    }

    pub(super) fn rows(&self) -> &HashMap<Arc<str>, Project> {
        &self.rows
    }

    /// The projects that are bound to a repository, in the order of their keys.
    pub(super) fn bound_to(&self, path: &RepositoryPath) -> impl Iterator<Item = &Project> {
        let path: Arc<str> = path.folded().into();
        let first = (Arc::clone(&path), Arc::default());
        let bound = self.bound.range(first..);
        let bound = bound.take_while(move |(bound, _)| *bound == path);
        bound.filter_map(|(_, key)| self.rows.get(key))
    }

    /// Replaces what is known of the project under a key.
    pub(super) fn insert(&mut self, key: &ProjectKey, project: Project) {
        self.put(key.folded().into(), project);
    }

    /// The same under a folded key; `None` where there is no project.
    pub(super) fn replace(&mut self, key: &Arc<str>, project: Option<&Project>) {
        match project {
            Some(project) => self.put(Arc::clone(key), project.clone()),
            None => self.drop(key),
        }
    }

    pub(super) fn remove(&mut self, key: &ProjectKey) {
        self.drop(&key.folded());
    }

    fn put(&mut self, key: Arc<str>, project: Project) {
        self.drop(&key);
        if let Some(path) = &project.repository {
            self.bound.insert((path.folded().into(), Arc::clone(&key)));
        }
        self.rows.insert(key, project);
    }

    fn drop(&mut self, key: &str) {
        let Some((key, row)) = self.rows.remove_entry(key) else {
            return;
        };
        if let Some(path) = row.repository {
            self.bound.remove(&(path.folded().into(), key));
        }
    }

    /// Changes every row, and finds out anew what is bound to what.
    pub(super) fn for_each(&mut self, mut change: impl FnMut(&str, &mut Project)) {
        self.bound.clear();
        for (key, row) in &mut self.rows {
            change(key, row);
            if let Some(path) = &row.repository {
                self.bound.insert((path.folded().into(), Arc::clone(key)));
            }
        }
    }
}

impl FromIterator<Project> for Projects {
    fn from_iter<I: IntoIterator<Item = Project>>(rows: I) -> Self {
        let mut projects = Self::default();
        for row in rows {
            projects.insert(&row.key.clone(), row);
        }
        projects
    }
}
