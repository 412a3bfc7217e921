//! Users, their tokens and what they may do.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A password or token. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Keeps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Shows the secret, for comparing it and for the one answer that hands it out.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

/// A user.
#[derive(Clone, Debug)]
pub struct User {
    /// Never reused.
    pub id: u64,
    /// The user name, also the slug.
    pub slug: String,
    /// The name shown to people.
    pub display_name: String,
    /// For Basic; without one, only a token logs in.
    pub password: Option<Secret>,
    /// Whether the user may log in.
    pub standing: Standing,
    /// What `type` says.
    pub kind: UserKind,
    /// What the user may do instance-wide.
    pub role: Role,
    pub(crate) failed_logins: u32,
}

/// Whether a user may log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Yes.
    Licensed,
    /// Good credentials are answered 401 `NoAccessAuthenticationException`.
    Unlicensed,
    /// Good credentials are answered like bad ones.
    Inactive,
}

/// What a user's `type` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UserKind {
    /// A person.
    Normal,
    /// A machine.
    Service,
}

/// What a user may do instance-wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// What was granted.
    User,
    /// Everything.
    Administrator,
}

/// What a user may do with one project or repository, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// Not even see it.
    Nothing,
    /// See it because it is public, or because of something inside it (`PROJECT_VIEW`).
    View,
    /// `PROJECT_READ`, `REPO_READ`.
    Read,
    /// `PROJECT_WRITE`, `REPO_WRITE`.
    Write,
    /// `PROJECT_ADMIN`, `REPO_ADMIN`.
    Admin,
}

/// A permission as tokens and listings name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names are Bitbucket's and say it all")]
pub enum Permission {
    ProjectView,
    ProjectRead,
    ProjectWrite,
    ProjectAdmin,
    RepoRead,
    RepoWrite,
    RepoAdmin,
}

impl Permission {
    /// What a token with this permission may do with projects.
    pub(crate) const fn project_right(self) -> Right {
        match self {
            Self::ProjectView => Right::View,
            Self::ProjectRead => Right::Read,
            Self::ProjectWrite => Right::Write,
            Self::ProjectAdmin => Right::Admin,
            Self::RepoRead | Self::RepoWrite | Self::RepoAdmin => Right::Nothing,
        }
    }

    /// What a token with this permission may do with repositories: at least what it may do with projects.
    pub(crate) const fn repository_right(self) -> Right {
        match self {
            Self::ProjectView => Right::View,
            Self::RepoRead | Self::ProjectRead => Right::Read,
            Self::RepoWrite | Self::ProjectWrite => Right::Write,
            Self::RepoAdmin | Self::ProjectAdmin => Right::Admin,
        }
    }
}

/// An HTTP access token.
#[derive(Clone, Debug)]
pub struct Token {
    /// Not secret; what the call log names.
    pub id: String,
    /// What the caller sends.
    pub secret: Secret,
    /// Given by its maker.
    pub name: String,
    /// On whose behalf it acts.
    pub owner: Owner,
    /// What it may do at most.
    pub permissions: Vec<Permission>,
    /// Epoch milliseconds.
    pub created: i64,
    /// Epoch milliseconds from which on it is refused; never if absent.
    pub expires: Option<i64>,
    /// Epoch milliseconds.
    pub last_authenticated: Option<i64>,
}

/// On whose behalf a token acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A user, by slug.
    User(String),
    /// A project, by id.
    Project(u64),
    /// A repository, by id.
    Repository(u64),
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    Anonymous,
    /// Logged in with a password.
    Password {
        slug: String,
    },
    /// With the token of this id.
    Token {
        id: String,
    },
}
