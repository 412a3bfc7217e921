//! Changes as JSON: what a world file lists and what the control path takes.

use std::time::Duration;

use serde::Deserialize;

use super::{
    Permission, RepositoryState, Right, Role, Secret, Settings, Standing, UserKind, World,
    WorldError,
};

/// One change of the world; `do` says which. A world file is a list of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of the methods of World")]
pub enum Change {
    /// Creates or changes a user.
    User(UserChange),
    /// Creates or changes a project.
    Project(ProjectChange),
    /// Creates or changes a repository.
    Repository(RepositoryChange),
    /// Lets a user do something with a project, or with one repository of it.
    Grant {
        user: String,
        project: String,
        repository: Option<String>,
        right: Right,
    },
    /// Gives a user a token.
    Token {
        user: String,
        token: Secret,
        permissions: Vec<Permission>,
        expires_in_days: Option<i64>,
        name: Option<String>,
    },
    /// Revokes a token.
    RevokeToken { token: Secret },
    /// Renames a repository.
    RenameRepository {
        project: String,
        repository: String,
        name: String,
    },
    /// Moves a repository.
    MoveRepository {
        project: String,
        repository: String,
        to: String,
    },
    /// Deletes a repository.
    DeleteRepository { project: String, repository: String },
    /// Gives a project another key.
    RekeyProject { project: String, to: String },
    /// Deletes an empty project.
    DeleteProject { project: String },
    /// Replaces the settings; what is left out gets its default.
    Settings { settings: Settings },
    /// Puts the clock forward.
    Advance { seconds: u64 },
}

/// A user; what is left out stays as it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of User")]
pub struct UserChange {
    pub slug: String,
    pub display_name: Option<String>,
    pub password: Option<Secret>,
    pub standing: Option<Standing>,
    pub kind: Option<UserKind>,
    pub role: Option<Role>,
}

/// A project; what is left out stays as it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of Project")]
pub struct ProjectChange {
    pub key: String,
    pub name: Option<String>,
    pub description: Option<String>,
    pub public: Option<bool>,
}

/// A repository; what is left out stays as it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of Repository")]
pub struct RepositoryChange {
    pub project: String,
    pub name: String,
    pub description: Option<String>,
    pub public: Option<bool>,
    pub archived: Option<bool>,
    pub state: Option<RepositoryState>,
    pub branches: Option<Vec<String>>,
    pub default_branch: Option<String>,
}

impl UserChange {
    fn make(self, world: &mut World) {
        let user = world.user(&self.slug);
        set(&mut user.display_name, self.display_name);
        set(&mut user.standing, self.standing);
        set(&mut user.kind, self.kind);
        set(&mut user.role, self.role);
        set(&mut user.password, self.password.map(Some));
    }
}

impl ProjectChange {
    fn make(self, world: &mut World) {
        let project = world.project(&self.key);
        set(&mut project.name, self.name);
        set(&mut project.description, self.description.map(Some));
        set(&mut project.public, self.public);
    }
}

impl RepositoryChange {
    fn make(self, world: &mut World) {
        let repository = world.repository(&self.project, &self.name);
        set(&mut repository.description, self.description.map(Some));
        set(&mut repository.public, self.public);
        set(&mut repository.archived, self.archived);
        set(&mut repository.state, self.state);
        set(&mut repository.branches, self.branches);
        set(&mut repository.default_branch, self.default_branch);
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

impl World {
    /// Makes one change.
    ///
    /// # Errors
    /// If the world does not allow it.
    pub fn apply(&mut self, change: Change) -> Result<(), WorldError> {
        match change {
            Change::User(user) => user.make(self),
            Change::Project(project) => project.make(self),
            Change::Repository(repository) => repository.make(self),
            Change::Grant {
                user,
                project,
                repository: None,
                right,
            } => {
                self.grant_project(&user, &project, right);
            }
            Change::Grant {
                user,
                project,
                repository: Some(name),
                right,
            } => {
                self.grant_repository(&user, (&project, &name), right);
            }
            Change::Token {
                user,
                token,
                permissions,
                expires_in_days,
                name,
            } => {
                let now = self.now();
                let made = self.token(token.reveal(), &user, &permissions);
                made.expires = expires_in_days.map(|days| now + days * 86_400_000);
                made.name = name.unwrap_or_else(|| made.id.clone());
            }
            Change::RevokeToken { token } => self.revoke_token(token.reveal())?,
            Change::RenameRepository {
                project,
                repository,
                name,
            } => {
                self.rename_repository(&project, &repository, &name)?;
            }
            Change::MoveRepository {
                project,
                repository,
                to,
            } => {
                self.move_repository(&project, &repository, &to)?;
            }
            Change::DeleteRepository {
                project,
                repository,
            } => {
                self.delete_repository(&project, &repository)?;
            }
            Change::RekeyProject { project, to } => self.rekey_project(&project, &to)?,
            Change::DeleteProject { project } => self.delete_project(&project)?,
            Change::Settings { settings } => self.settings = settings,
            Change::Advance { seconds } => self.advance(Duration::from_secs(seconds)),
        }
        Ok(())
    }
}
