//! When rows were learned otherwise than by a listing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// When the row of a folded key or path was read, or written, by a call of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Learned {
    projects: HashMap<Arc<str>, Instant>,
    repositories: HashMap<Arc<str>, Instant>,
}

impl Learned {
    pub(super) fn project(&mut self, key: &Arc<str>, at: Instant) {
        self.projects.insert(Arc::clone(key), at);
    }

    pub(super) fn repository(&mut self, path: &Arc<str>, at: Instant) {
        self.repositories.insert(Arc::clone(path), at);
    }

    pub(super) fn projects_since(
        &self,
        began: Instant,
    ) -> impl Iterator<Item = (&Arc<str>, Instant)> {
        since(&self.projects, began)
    }

    pub(super) fn repositories_since(
        &self,
        began: Instant,
    ) -> impl Iterator<Item = (&Arc<str>, Instant)> {
        since(&self.repositories, began)
    }
}

fn since(
    learned: &HashMap<Arc<str>, Instant>,
    began: Instant,
) -> impl Iterator<Item = (&Arc<str>, Instant)> {
    let learned = learned.iter().map(|(row, at)| (row, *at));
    learned.filter(move |(_, at)| *at >= began)
}
