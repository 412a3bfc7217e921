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

/// A token.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Unique for its user.
    pub name: String,
    /// The token.
    pub secret: String,
    /// What it is for.
    pub kind: TokenKind,
    /// The first day on which it no longer serves, as `2027-12-31`; it serves for ever if absent.
    pub expires: Option<String>,
    /// Whether it was ever used.
    pub used: bool,
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// All that its user may do.
    User,
    /// What a scanner does: of what its user may do on the server, to analyse and to create projects.
    GlobalAnalysis,
    /// What a scanner of one project does: nothing that is simulated.
    ProjectAnalysis,
}

impl TokenKind {
    pub(crate) const ALL: [Self; 3] = [Self::User, Self::GlobalAnalysis, Self::ProjectAnalysis];

    /// As the API spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "USER_TOKEN",
            Self::GlobalAnalysis => "GLOBAL_ANALYSIS_TOKEN",
            Self::ProjectAnalysis => "PROJECT_ANALYSIS_TOKEN",
        }
    }

    /// What its tokens begin with.
    pub(crate) const fn prefix(self) -> &'static str {
        match self {
            Self::User => "squ_",
            Self::GlobalAnalysis => "sqa_",
            Self::ProjectAnalysis => "sqp_",
        }
    }

    pub(crate) const fn carries(self, permission: GlobalPermission) -> bool {
        matches!(
            (self, permission),
            (Self::User, _)
                | (
                    Self::GlobalAnalysis,
                    GlobalPermission::Scan | GlobalPermission::Provisioning
                )
        )
    }
}

impl Token {
    pub(crate) fn is_expired(&self, today: &str) -> bool {
        self.expires.as_deref().is_some_and(|day| day <= today)
    }
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
        /// What the token is for; a password is as good as a user's token.
        kind: TokenKind,
        /// The first day on which the token no longer serves.
        expires: Option<String>,
    },
}

impl Identity {
    pub(crate) fn expires(&self) -> Option<&str> {
        match self {
            Self::Anonymous => None,
            Self::User { expires, .. } => expires.as_deref(),
        }
    }

    /// What the token is for; nobody's serves for nothing anyway.
    pub(crate) fn kind(&self) -> TokenKind {
        match self {
            Self::Anonymous => TokenKind::User,
            Self::User { kind, .. } => *kind,
        }
    }
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
            kind: TokenKind::User,
            expires: None,
            used: false,
        });
    }

    /// Notes that a token was shown.
    pub(crate) fn note_use(&mut self, secret: &str) {
        let tokens = self.users.iter_mut().flat_map(|user| &mut user.tokens);
        for token in tokens.filter(|token| token.secret == secret) {
            token.used = true;
        }
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
            return permission == ProjectPermission::Browse
                && project.visibility == Visibility::Public;
        };
        let own = (user.login.clone(), permission);
        project.permissions.contains(&own)
            || (permission == ProjectPermission::Browse
                && (project.visibility == Visibility::Public || project.everybody_browses))
            || (permission == ProjectPermission::Administer && user.administrates)
    }
}
