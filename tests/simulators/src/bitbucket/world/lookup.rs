//! Finding things, by present and by former names.

use super::{Project, Repository, User, World};

/// Where a path leads.
#[derive(Clone, Debug)]
pub(crate) enum Found<T> {
    Here(T),
    Moved(T),
    Nowhere,
}

impl World {
    /// The id of a token, by its secret: what the call log names.
    #[must_use]
    pub fn token_id(&self, secret: &str) -> Option<&str> {
        let token = self.tokens.iter().find(|it| it.secret.reveal() == secret);
        token.map(|token| &*token.id)
    }

    pub(super) fn position(&self, project: u64, slug: &str) -> Option<usize> {
        self.repositories
            .iter()
            .position(|it| it.project == project && it.slug.eq_ignore_ascii_case(slug))
    }

    pub(crate) fn find_user(&self, slug: &str) -> Option<&User> {
        self.users
            .iter()
            .find(|user| user.slug.eq_ignore_ascii_case(slug))
    }

    pub(crate) fn find_project(&self, key: &str) -> Option<&Project> {
        self.projects
            .iter()
            .find(|project| project.key.eq_ignore_ascii_case(key))
    }

    pub(crate) fn locate_project(&self, key: &str) -> Found<&Project> {
        if let Some(project) = self.find_project(key) {
            return Found::Here(project);
        }
        let former = self.former_projects.get(&key.to_lowercase());
        former
            .and_then(|id| self.project_of(*id))
            .map_or(Found::Nowhere, Found::Moved)
    }

    pub(crate) fn locate_repository(&self, key: &str, slug: &str) -> Found<&Repository> {
        let former = (key.to_lowercase(), slug.to_lowercase());
        if let Some(id) = self.former_repositories.get(&former) {
            return self.repository_of(*id).map_or(Found::Nowhere, Found::Moved);
        }
        let (project, moved) = match self.locate_project(key) {
            Found::Here(project) => (project.id, false),
            Found::Moved(project) => (project.id, true),
            Found::Nowhere => return Found::Nowhere,
        };
        match self
            .position(project, slug)
            .map(|index| &self.repositories[index])
        {
            Some(repository) if moved => Found::Moved(repository),
            Some(repository) => Found::Here(repository),
            None => Found::Nowhere,
        }
    }

    pub(crate) fn repository_of(&self, id: u64) -> Option<&Repository> {
        self.repositories
            .iter()
            .find(|repository| repository.id == id)
    }

    pub(crate) fn project_of(&self, id: u64) -> Option<&Project> {
        self.projects.iter().find(|project| project.id == id)
    }

    pub(crate) fn key_of(&self, project: u64) -> &str {
        self.project_of(project).map_or("", |project| &project.key)
    }

    /// For changing one that was looked up before.
    pub(crate) fn repository_mut(&mut self, id: u64) -> Option<&mut Repository> {
        self.repositories
            .iter_mut()
            .find(|repository| repository.id == id)
    }
}
