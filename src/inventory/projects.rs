//! The projects and bindings of listings, as their pages come.

use super::texts::{Span, Texts};
use crate::identity::{ProjectId, ProjectKey, RepositoryPath, SettingId};
use crate::sonarqube::{self, ProjectBindingRow, Visibility};

/// The projects of a listing; complete ones are in the order of their folded keys.
#[derive(Debug, Default)]
pub(super) struct Projects {
    texts: Texts,
    rows: Vec<ProjectRow>,
    /// The rows of bound projects, by their repositories and keys.
    bound: Vec<u32>,
    /// The configurations that bind them.
    settings: Vec<SettingId>,
}

#[derive(Debug)]
struct ProjectRow {
    folded: Span,
    key: Span,
    id: Option<Span>,
    name: Span,
    visibility: Visibility,
    bound: Option<Bound>,
}

/// The repository of a project, and the configuration that binds it, as an index.
#[derive(Clone, Copy, Debug)]
struct Bound {
    setting: u32,
    folded: Span,
    project: Span,
    slug: Span,
}

/// A project as it was listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProjectView<'a> {
    pub(super) key: &'a str,
    id: Option<&'a str>,
    name: &'a str,
    visibility: Visibility,
    /// By any configuration.
    pub(super) bound: Option<BoundView<'a>>,
}

/// What a project is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BoundView<'a> {
    pub(super) setting: &'a SettingId,
    project: &'a str,
    slug: &'a str,
}

/// The bindings of a listing.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    texts: Texts,
    rows: Vec<BindingRow>,
    /// There are few; each is kept once.
    settings: Vec<SettingId>,
}

#[derive(Debug)]
struct BindingRow {
    folded_key: Span,
    id: Span,
    setting: u32,
    repository: Option<(Span, Span)>,
}

impl Extend<sonarqube::Project> for Projects {
    fn extend<I: IntoIterator<Item = sonarqube::Project>>(&mut self, projects: I) {
        for project in projects {
            let texts = &mut self.texts;
            let key = texts.add(project.key.as_str());
            self.rows.push(ProjectRow {
                folded: texts.add_folded(key),
                key,
                id: project.id.map(|id| texts.add(id.as_str())),
                name: texts.add(&project.name),
                visibility: project.visibility,
                bound: None,
            });
        }
    }
}

impl Projects {
    /// The rows with their bindings.
    pub(super) fn complete(mut self, bindings: Bindings) -> Self {
        let Self {
            texts,
            rows,
            bound,
            settings,
        } = &mut self;
        rows.sort_by(|one, other| texts.get(one.folded).cmp(texts.get(other.folded)));
        rows.dedup_by(|one, other| texts.get(one.folded) == texts.get(other.folded));
        for binding in &bindings.rows {
            let folded = bindings.texts.get(binding.folded_key);
            let Ok(index) = rows.binary_search_by(|row| texts.get(row.folded).cmp(folded)) else {
                continue;
            };
            let row = &mut rows[index];
            if row.id.is_none() {
                row.id = Some(texts.add(bindings.texts.get(binding.id)));
            }
            row.bound = binding.repository.map(|(project, slug)| {
                let [project, slug] = [project, slug].map(|part| bindings.texts.get(part));
                let whole = texts.add(&format!("{project}/{slug}"));
                Bound {
                    setting: binding.setting,
                    folded: texts.add_folded(whole),
                    project: whole.part(0, project.len()),
                    slug: whole.part(project.len() + 1, slug.len()),
                }
            });
        }
        let is_bound = |(index, row): (usize, &ProjectRow)| {
            row.bound?;
            u32::try_from(index).ok()
        };
        *bound = rows.iter().enumerate().filter_map(is_bound).collect();
        // Of one repository they stay in the order of their keys.
        bound.sort_by(|one, other| path_of(texts, rows, *one).cmp(path_of(texts, rows, *other)));
        *settings = bindings.settings;
        texts.without_spare_room();
        rows.shrink_to_fit();
        bound.shrink_to_fit();
        self
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.texts.bytes() + size_of_val(&*self.rows) + size_of_val(&*self.bound)
    }

    pub(super) fn bound_len(&self) -> usize {
        self.bound.len()
    }

    /// All of them by their folded keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, ProjectView<'_>)> {
        let rows = self.rows.iter();
        rows.map(|row| (self.texts.get(row.folded), self.view(row)))
    }

    pub(super) fn has(&self, folded: &str) -> bool {
        self.row(folded).is_some()
    }

    pub(super) fn get(&self, folded: &str) -> Option<ProjectView<'_>> {
        self.row(folded).map(|row| self.view(row))
    }

    /// The folded keys of the projects that are bound to the repository at a folded path.
    pub(super) fn bound_to<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a str> {
        let path_of = |row: u32| path_of(&self.texts, &self.rows, row);
        let first = self.bound.partition_point(|row| path_of(*row) < path);
        let bound = self.bound.iter().skip(first);
        let bound = bound.take_while(move |row| path_of(**row) == path);
        bound.map(|row| self.texts.get(self.rows[*row as usize].folded))
    }

    fn row(&self, folded: &str) -> Option<&ProjectRow> {
        let by_key = |row: &ProjectRow| self.texts.get(row.folded).cmp(folded);
        let index = self.rows.binary_search_by(by_key).ok()?;
        self.rows.get(index)
    }

    fn view(&self, row: &ProjectRow) -> ProjectView<'_> {
        let text = |span| self.texts.get(span);
        let bound = |bound: Bound| {
            Some(BoundView {
                setting: self.settings.get(bound.setting as usize)?,
                project: text(bound.project),
                slug: text(bound.slug),
            })
        };
        ProjectView {
            key: text(row.key),
            id: row.id.map(text),
            name: text(row.name),
            visibility: row.visibility,
            bound: row.bound.and_then(bound),
        }
    }
}

/// The folded path of the repository of a row; empty if it has none.
fn path_of<'a>(texts: &'a Texts, rows: &[ProjectRow], row: u32) -> &'a str {
    let row = rows.get(row as usize).and_then(|row| row.bound);
    row.map(|bound| texts.get(bound.folded)).unwrap_or_default()
}

impl ProjectView<'_> {
    pub(super) fn project(&self) -> sonarqube::Project {
        sonarqube::Project {
            key: ProjectKey::reported(self.key),
            name: self.name.to_owned(),
            id: self.id.map(ProjectId::new),
            visibility: self.visibility,
        }
    }
}

impl BoundView<'_> {
    pub(super) fn path(&self) -> RepositoryPath {
        RepositoryPath::reported(self.project, self.slug)
    }
}

impl Extend<ProjectBindingRow> for Bindings {
    fn extend<I: IntoIterator<Item = ProjectBindingRow>>(&mut self, bindings: I) {
        for binding in bindings {
            let setting = self.setting(binding.setting);
            let texts = &mut self.texts;
            let repository = binding.repository.as_ref();
            self.rows.push(BindingRow {
                folded_key: texts.add(&binding.project_key.folded()),
                id: texts.add(binding.project_id.as_str()),
                setting,
                repository: repository.map(|it| (texts.add(it.project()), texts.add(it.slug()))),
            });
        }
    }
}

impl Bindings {
    fn setting(&mut self, setting: SettingId) -> u32 {
        let known = self.settings.iter().position(|known| *known == setting);
        let index = known.unwrap_or_else(|| {
            self.settings.push(setting);
            self.settings.len() - 1
        });
        u32::try_from(index).unwrap_or(u32::MAX)
    }

    /// How many there are of a configuration.
    pub(super) fn count(&self, setting: &SettingId) -> u64 {
        let index = self.settings.iter().position(|known| known == setting);
        let index = index.and_then(|index| u32::try_from(index).ok());
        let rows = self.rows.iter();
        rows.filter(|row| Some(row.setting) == index).count() as u64
    }
}
