//! Changes as JSON: what a world file lists and what the control path takes.

use std::time::Duration;

use serde::Deserialize;

use super::{Permission, Right, Role, Secret, Settings, Standing, UserKind, World, WorldError};

/// One change of the world, told apart by `do`. A world file is a list of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of the methods of World")]
pub enum Change {
    /// Creates or changes a user.
    User {
        slug: String,
        display_name: Option<String>,
        password: Option<Secret>,
        standing: Option<Standing>,
        kind: Option<UserKind>,
        role: Option<Role>,
    },
    /// Creates or changes a project.
    Project {
        key: String,
        name: Option<String>,
        description: Option<String>,
        public: Option<bool>,
    },
    /// Creates or changes a repository.
    Repository {
        project: String,
        name: String,
        description: Option<String>,
        public: Option<bool>,
        archived: Option<bool>,
        branches: Option<Vec<String>>,
        default_branch: Option<String>,
    },
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

impl World {
    /// Makes one change.
    ///
    /// # Errors
    /// If the world does not allow it.
    pub fn apply(&mut self, change: Change) -> Result<(), WorldError> {
        match change {
            Change::User { .. } | Change::Project { .. } | Change::Repository { .. } => {
                self.describe(change);
            }
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

    /// Creates what a change describes, or changes the fields it names.
    fn describe(&mut self, change: Change) {
        if let Change::User {
            slug,
            display_name,
            password,
            standing,
            kind,
            role,
        } = change
        {
            let user = self.user(&slug);
            user.display_name = display_name.unwrap_or_else(|| user.display_name.clone());
            user.password = password.or_else(|| user.password.clone());
            user.standing = standing.unwrap_or(user.standing);
            user.kind = kind.unwrap_or(user.kind);
            user.role = role.unwrap_or(user.role);
        } else if let Change::Project {
            key,
            name,
            description,
            public,
        } = change
        {
            let project = self.project(&key);
            project.name = name.unwrap_or_else(|| project.name.clone());
            project.description = description.or_else(|| project.description.clone());
            project.public = public.unwrap_or(project.public);
        } else if let Change::Repository {
            project,
            name,
            description,
            public,
            archived,
            branches,
            default_branch,
        } = change
        {
            let repository = self.repository(&project, &name);
            repository.description = description.or_else(|| repository.description.clone());
            repository.public = public.unwrap_or(repository.public);
            repository.archived = archived.unwrap_or(repository.archived);
            repository.branches = branches.unwrap_or_else(|| repository.branches.clone());
            repository.default_branch =
                default_branch.unwrap_or_else(|| repository.default_branch.clone());
        }
    }
}
