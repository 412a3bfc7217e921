//! The repositories of listings, as their pages come.

use std::collections::HashSet;

use super::Repository;
use super::texts::{Span, Texts};
use crate::bitbucket;
use crate::identity::RepositoryPath;

/// The repositories of a listing; complete ones are in the order of their folded paths.
#[derive(Debug, Default)]
pub(super) struct Repositories {
    texts: Texts,
    rows: Vec<RepositoryRow>,
    /// The rows in the order of their ids.
    by_id: Vec<u32>,
}

#[derive(Debug)]
struct RepositoryRow {
    id: i64,
    folded: Span,
    project: Span,
    slug: Span,
    name: Span,
    archived: bool,
    fork: bool,
}

/// A repository as it was listed or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RepositoryView<'a> {
    pub(super) id: i64,
    project: &'a str,
    slug: &'a str,
    name: &'a str,
    archived: bool,
    fork: bool,
}

/// The ids of listed repositories; complete ones are in their order.
#[derive(Debug, Default)]
pub(super) struct Ids(Vec<i64>);

impl Extend<bitbucket::Repository> for Repositories {
    fn extend<I: IntoIterator<Item = bitbucket::Repository>>(&mut self, repositories: I) {
        for repository in repositories {
            self.add(RepositoryView {
                id: repository.id,
                project: repository.path.project(),
                slug: repository.path.slug(),
                name: &repository.name,
                archived: repository.archived,
                fork: repository.fork,
            });
        }
    }
}

impl Repositories {
    pub(super) fn add(&mut self, row: RepositoryView<'_>) {
        let RepositoryView {
            id,
            project,
            slug,
            name,
            archived,
            fork,
        } = row;
        let whole = self.texts.add(&format!("{project}/{slug}"));
        self.rows.push(RepositoryRow {
            id,
            folded: self.texts.add_folded(whole),
            project: whole.part(0, project.len()),
            slug: whole.part(project.len() + 1, slug.len()),
            name: self.texts.add(name),
            archived,
            fork,
        });
    }

    /// A repository lies in one place alone, and in a place lies one repository: what was listed last counts.
    pub(super) fn complete(mut self) -> Self {
        let Self { texts, rows, by_id } = &mut self;
        rows.reverse();
        let (mut ids, mut paths) = (HashSet::new(), HashSet::new());
        rows.retain(|row| ids.insert(row.id) && paths.insert(texts.get(row.folded)));
        drop((ids, paths));
        rows.sort_unstable_by(|one, other| texts.get(one.folded).cmp(texts.get(other.folded)));
        let indexes = (0..rows.len()).filter_map(|index| u32::try_from(index).ok());
        *by_id = indexes.collect();
        by_id.sort_unstable_by_key(|row| rows[*row as usize].id);
        texts.without_spare_room();
        rows.shrink_to_fit();
        self
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.texts.bytes() + size_of_val(&*self.rows) + size_of_val(&*self.by_id)
    }

    /// All of them by their folded paths.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, RepositoryView<'_>)> {
        let rows = self.rows.iter();
        rows.map(|row| (self.texts.get(row.folded), self.view(row)))
    }

    pub(super) fn get(&self, folded: &str) -> Option<RepositoryView<'_>> {
        let by_path = |row: &RepositoryRow| self.texts.get(row.folded).cmp(folded);
        let index = self.rows.binary_search_by(by_path).ok()?;
        self.rows.get(index).map(|row| self.view(row))
    }

    /// The folded path of the repository of an id.
    pub(super) fn place(&self, id: i64) -> Option<&str> {
        let row = |index: &u32| self.rows.get(*index as usize);
        let by_id = |index: &u32| row(index).map(|row| row.id).cmp(&Some(id));
        let found = self.by_id.binary_search_by(by_id).ok()?;
        let row = self.by_id.get(found).and_then(row)?;
        Some(self.texts.get(row.folded))
    }

    fn view(&self, row: &RepositoryRow) -> RepositoryView<'_> {
        let text = |span| self.texts.get(span);
        RepositoryView {
            id: row.id,
            project: text(row.project),
            slug: text(row.slug),
            name: text(row.name),
            archived: row.archived,
            fork: row.fork,
        }
    }
}

impl<'a> From<&'a Repository> for RepositoryView<'a> {
    fn from(repository: &'a Repository) -> Self {
        Self {
            id: repository.id,
            project: repository.path.project(),
            slug: repository.path.slug(),
            name: &repository.name,
            archived: repository.archived,
            fork: repository.fork,
        }
    }
}

impl RepositoryView<'_> {
    pub(super) fn repository(&self) -> Repository {
        Repository {
            id: self.id,
            path: RepositoryPath::reported(self.project, self.slug),
            name: self.name.to_owned(),
            archived: self.archived,
            fork: self.fork,
        }
    }
}

impl Extend<bitbucket::Repository> for Ids {
    fn extend<I: IntoIterator<Item = bitbucket::Repository>>(&mut self, repositories: I) {
        self.0.extend(repositories.into_iter().map(|row| row.id));
    }
}

impl Ids {
    pub(super) fn complete(mut self) -> Self {
        self.0.sort_unstable();
        self.0.shrink_to_fit();
        self
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn has(&self, id: i64) -> bool {
        self.0.binary_search(&id).is_ok()
    }
}
