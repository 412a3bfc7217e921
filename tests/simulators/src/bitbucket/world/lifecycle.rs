//! Changes that may be refused: rename, move, delete, revoke.

use super::{Owner, World, canonical_key, slug_of};

/// A change that the world does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// There is no such project.
    #[error("project {key} does not exist")]
    NoProject {
        /// As given.
        key: String,
    },
    /// There is no such repository.
    #[error("repository {key}/{slug} does not exist")]
    NoRepository {
        /// As given.
        key: String,
        /// As given.
        slug: String,
    },
    /// The name is taken already.
    #[error("{name} is taken")]
    Taken {
        /// The name asked for.
        name: String,
    },
    /// The project holds repositories.
    #[error("project {key} has repositories")]
    NotEmpty {
        /// As given.
        key: String,
    },
    /// There is no such token.
    #[error("there is no such token")]
    NoToken,
    /// The repository has no such pull request.
    #[error("there is no pull request {id}")]
    NoPullRequest {
        /// As given.
        id: u64,
    },
}

impl World {
    /// Revokes the token `secret`.
    ///
    /// # Errors
    /// If there is none.
    pub fn revoke_token(&mut self, secret: &str) -> Result<(), WorldError> {
        let before = self.tokens.len();
        self.tokens.retain(|token| token.secret.reveal() != secret);
        if self.tokens.len() == before {
            Err(WorldError::NoToken)
        } else {
            Ok(())
        }
    }

    /// Renames a repository, which changes its slug; its old path redirects from now on.
    ///
    /// # Errors
    /// If there is none, or the new slug is taken.
    pub fn rename_repository(
        &mut self,
        key: &str,
        slug: &str,
        name: &str,
    ) -> Result<(), WorldError> {
        let index = self.index_of(key, slug)?;
        let project = self.repositories[index].project;
        self.relocate(index, project, &slug_of(name))?;
        name.clone_into(&mut self.repositories[index].name);
        Ok(())
    }

    /// Moves a repository to another project; its old path redirects from now on.
    ///
    /// # Errors
    /// If either is absent, or the slug is taken over there.
    pub fn move_repository(&mut self, key: &str, slug: &str, to: &str) -> Result<(), WorldError> {
        let index = self.index_of(key, slug)?;
        let target = self.find_project(to).ok_or_else(|| no_project(to))?.id;
        let slug = self.repositories[index].slug.clone();
        self.relocate(index, target, &slug)
    }

    /// Gives a project another key; paths under its old key redirect from now on.
    ///
    /// # Errors
    /// If there is none, or the key is taken.
    pub fn rekey_project(&mut self, key: &str, to: &str) -> Result<(), WorldError> {
        let id = self.find_project(key).ok_or_else(|| no_project(key))?.id;
        if self.find_project(to).is_some_and(|other| other.id != id) {
            return Err(WorldError::Taken {
                name: to.to_owned(),
            });
        }
        self.former_projects.insert(key.to_lowercase(), id);
        self.former_projects.remove(&to.to_lowercase());
        self.project(key).key = canonical_key(to);
        Ok(())
    }

    /// Deletes a repository with its reports and redirects; a later one of the same name has another id.
    ///
    /// # Errors
    /// If there is none.
    pub fn delete_repository(&mut self, key: &str, slug: &str) -> Result<(), WorldError> {
        let index = self.index_of(key, slug)?;
        let id = self.repositories.remove(index).id;
        self.former_repositories.retain(|_, target| *target != id);
        self.tokens
            .retain(|token| token.owner != Owner::Repository(id));
        Ok(())
    }

    /// Deletes an empty project.
    ///
    /// # Errors
    /// If there is none, or it holds repositories.
    pub fn delete_project(&mut self, key: &str) -> Result<(), WorldError> {
        let id = self.find_project(key).ok_or_else(|| no_project(key))?.id;
        if self
            .repositories
            .iter()
            .any(|repository| repository.project == id)
        {
            return Err(WorldError::NotEmpty {
                key: key.to_owned(),
            });
        }
        self.projects.retain(|project| project.id != id);
        self.former_projects.retain(|_, target| *target != id);
        self.tokens
            .retain(|token| token.owner != Owner::Project(id));
        Ok(())
    }

    fn relocate(&mut self, index: usize, project: u64, slug: &str) -> Result<(), WorldError> {
        let taken = self
            .position(project, slug)
            .is_some_and(|other| other != index);
        if taken {
            return Err(WorldError::Taken {
                name: slug.to_owned(),
            });
        }
        let repository = &self.repositories[index];
        let old = (
            self.key_of(repository.project).to_lowercase(),
            repository.slug.clone(),
        );
        let new = (self.key_of(project).to_lowercase(), slug.to_owned());
        self.former_repositories.insert(old, repository.id);
        self.former_repositories.remove(&new);
        let repository = &mut self.repositories[index];
        repository.project = project;
        slug.clone_into(&mut repository.slug);
        Ok(())
    }

    pub(super) fn index_of(&self, key: &str, slug: &str) -> Result<usize, WorldError> {
        let project = self.find_project(key).ok_or_else(|| no_project(key))?.id;
        self.position(project, slug)
            .ok_or_else(|| WorldError::NoRepository {
                key: key.to_owned(),
                slug: slug.to_owned(),
            })
    }
}

fn no_project(key: &str) -> WorldError {
    WorldError::NoProject {
        key: key.to_owned(),
    }
}
