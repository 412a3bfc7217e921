//! Users, their permissions, their tokens.

use std::collections::BTreeSet;

use super::{Project, ProjectPermission, Visibility, World};

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Unique, also among those who were deactivated.
    pub login: String,
    /// What people see.
    pub name: String,
    /// For Basic authentication.
    pub password: String,
    /// Whether the user may log in.
    pub active: bool,
    /// Whether the user is in the group sonar-administrators.
    pub administrates: bool,
    /// Global permissions that were given to the user alone.
    pub permissions: BTreeSet<GlobalPermission>,
    /// The user's tokens.
    pub tokens: Vec<Token>,
}

/// A user token.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Unique for its user.
    pub name: String,
    /// The token.
    pub secret: String,
    /// The last day on which it serves, as `2026-12-31`; for ever if absent.
    pub expires: Option<String>,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "<token {}>", self.name)
    }
}

/// What a user may do on the whole server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GlobalPermission {
    /// Administer System.
    Admin,
    /// Administer Quality Gates.
    GateAdmin,
    /// Administer Quality Profiles.
    ProfileAdmin,
    /// Create Projects.
    Provisioning,
    /// Execute Analysis.
    Scan,
}

impl GlobalPermission {
    const ALL: [Self; 5] = [
        Self::Admin,
        Self::GateAdmin,
        Self::ProfileAdmin,
        Self::Provisioning,
        Self::Scan,
    ];

    /// As the API spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::GateAdmin => "gateadmin",
            Self::ProfileAdmin => "profileadmin",
            Self::Provisioning => "provisioning",
            Self::Scan => "scan",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    Anonymous,
    User {
        login: String,
        /// The last day on which the token serves.
        expires: Option<String>,
    },
}

impl World {
    /// The user of this login, made if there is none.
    pub fn user(&mut self, login: &str) -> &mut User {
        let known = self.users.iter().position(|user| user.login == login);
        let index = known.unwrap_or_else(|| {
            self.users.push(User {
                login: login.to_owned(),
                name: login.to_owned(),
                password: String::new(),
                active: true,
                administrates: false,
                permissions: BTreeSet::new(),
                tokens: Vec::new(),
            });
            self.users.len() - 1
        });
        &mut self.users[index]
    }

    /// Gives a user a token.
    pub fn token(&mut self, login: &str, name: &str, secret: &str) {
        self.user(login).tokens.push(Token {
            name: name.to_owned(),
            secret: secret.to_owned(),
            expires: None,
        });
    }

    pub(crate) fn active_user(&self, login: &str) -> Option<&User> {
        self.users
            .iter()
            .find(|user| user.active && user.login == login)
    }

    /// Whose token this is.
    pub(crate) fn holder(&self, secret: &str) -> Option<(&User, &Token)> {
        let active = self.users.iter().filter(|user| user.active);
        active
            .flat_map(|user| user.tokens.iter().map(move |token| (user, token)))
            .find(|(_, token)| token.secret == secret)
    }

    /// The global permissions of a user, those of groups included.
    pub(crate) fn permissions_of(&self, login: &str) -> BTreeSet<GlobalPermission> {
        let Some(user) = self.active_user(login) else {
            return BTreeSet::new();
        };
        let mut held = user.permissions.clone();
        held.extend(&self.everybody);
        if user.administrates {
            held.extend([
                GlobalPermission::Admin,
                GlobalPermission::GateAdmin,
                GlobalPermission::ProfileAdmin,
                GlobalPermission::Provisioning,
            ]);
        }
        held
    }

    /// Whether a user has a permission on a project: by himself, by a group, or because the project is public.
    pub(crate) fn may(
        &self,
        login: &str,
        project: &Project,
        permission: ProjectPermission,
    ) -> bool {
        let Some(user) = self.active_user(login) else {
            return false;
        };
        let own = (user.login.clone(), permission);
        project.permissions.contains(&own)
            || (permission == ProjectPermission::Browse
                && (project.visibility == Visibility::Public || project.everybody_browses))
            || (permission == ProjectPermission::Administer && user.administrates)
    }
}
