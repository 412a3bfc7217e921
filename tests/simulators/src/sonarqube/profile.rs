//! What differs between the versions of SonarQube that are simulated.

/// A version of SonarQube, Community Build.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// 25.1.0.102122: binds new projects only (`POST bound-projects`).
    V25_1,
    /// 26.9.0.129388, which binds existing projects as well (`PUT bound-projects`). The default.
    #[default]
    V26_9,
}

impl Profile {
    /// All profiles, oldest first.
    pub const ALL: [Self; 2] = [Self::V25_1, Self::V26_9];

    /// The version as the server tells it.
    #[must_use]
    pub const fn version(self) -> &'static str {
        match self {
            Self::V25_1 => "25.1.0.102122",
            Self::V26_9 => "26.9.0.129388",
        }
    }

    /// Whether this is version `major.minor` or a later one.
    const fn is_at_least(self, (major, minor): (u32, u32)) -> bool {
        let (own_major, own_minor) = match self {
            Self::V25_1 => (25, 1),
            Self::V26_9 => (26, 9),
        };
        own_major > major || (own_major == major && own_minor >= minor)
    }

    /// `projects/search` tells `projectUuid` since 2025.6.
    pub(crate) const fn tells_project_ids(self) -> bool {
        self.is_at_least((25, 6))
    }

    /// `PUT bound-projects`, and `newProjectCreated` in the answers of `POST`, since 25.12.
    pub(crate) const fn puts_bound_projects(self) -> bool {
        self.is_at_least((25, 12))
    }

    /// Whether bodies of bound-projects are validated: not by 25.1, which makes up a key and fails without `monorepo`.
    pub(crate) const fn validates_bodies(self) -> bool {
        self.is_at_least((25, 2))
    }

    /// The list of bindings shows only what the caller may browse since 26.8.
    pub(crate) const fn hides_bindings(self) -> bool {
        self.is_at_least((26, 8))
    }

    /// Binding an existing project takes Administer on it since 26.8.
    pub(crate) const fn protects_bound_projects(self) -> bool {
        self.is_at_least((26, 8))
    }

    /// `projects/update_key` to the very same key is refused up to 25.1.
    pub(crate) const fn refuses_same_key(self) -> bool {
        !self.is_at_least((25, 2))
    }

    /// The `User-Agent` towards Bitbucket.
    pub(crate) const fn user_agent(self) -> &'static str {
        match self {
            Self::V25_1 => "okhttp/4.12.0",
            Self::V26_9 => "SonarQube/26.9.0.129388",
        }
    }
}

/// The text is not one of the simulated versions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such profile; use 25.1 or 26.9")]
pub struct UnknownProfile;

impl std::str::FromStr for Profile {
    type Err = UnknownProfile;

    /// Reads `major.minor`.
    fn from_str(text: &str) -> Result<Self, UnknownProfile> {
        let prefix = format!("{text}.");
        let named = |profile: &Self| profile.version().starts_with(&prefix);
        Self::ALL.into_iter().find(named).ok_or(UnknownProfile)
    }
}
