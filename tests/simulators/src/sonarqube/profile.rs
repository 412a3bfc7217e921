//! What differs between the servers that are simulated: versions of SonarQube, and editions.

mod since;

/// A SonarQube server as it can be installed. The default is 26.9 Community.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Its version.
    pub version: Version,
    /// Its edition.
    pub edition: Edition,
}

/// A version of SonarQube, by its Community Build: commercial editions of the same time are taken to answer alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// 8.9.0.43852: no bulk listing of bindings, no `api/v2`; imports under a key of its own (`PRJ_slug`).
    V8_9,
    /// 9.9.8.100196: as 8.9, with a random end of the key.
    V9_9,
    /// 10.7.0.96327: binds new projects only (`POST bound-projects`).
    V10_7,
    /// 25.1.0.102122: as 10.7.
    V25_1,
    /// 25.12.0.117093: binds existing projects as well (`PUT bound-projects`).
    V25_12,
    /// 26.9.0.129388: shows and binds only what the caller may browse and administer. The default.
    #[default]
    V26_9,
}

/// What was bought, or added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Edition {
    /// Free, and nothing added. The default.
    #[default]
    Community,
    /// Community with the community branch plugin (mc1arke): pull requests, several configurations, monorepos.
    BranchPlugin,
    /// Pull requests; one configuration.
    Developer,
    /// Pull requests, several configurations, monorepos.
    Enterprise,
}

impl Version {
    /// All versions, oldest first.
    pub const ALL: [Self; 6] = [
        Self::V8_9,
        Self::V9_9,
        Self::V10_7,
        Self::V25_1,
        Self::V25_12,
        Self::V26_9,
    ];

    /// As the server returns it.
    #[must_use]
    pub const fn full(self) -> &'static str {
        match self {
            Self::V8_9 => "8.9.0.43852",
            Self::V9_9 => "9.9.8.100196",
            Self::V10_7 => "10.7.0.96327",
            Self::V25_1 => "25.1.0.102122",
            Self::V25_12 => "25.12.0.117093",
            Self::V26_9 => "26.9.0.129388",
        }
    }

    const fn is_at_least(self, (major, minor): (u32, u32)) -> bool {
        let (own_major, own_minor) = match self {
            Self::V8_9 => (8, 9),
            Self::V9_9 => (9, 9),
            Self::V10_7 => (10, 7),
            Self::V25_1 => (25, 1),
            Self::V25_12 => (25, 12),
            Self::V26_9 => (26, 9),
        };
        own_major > major || (own_major == major && own_minor >= minor)
    }
}

impl Edition {
    /// All editions.
    pub const ALL: [Self; 4] = [
        Self::Community,
        Self::BranchPlugin,
        Self::Developer,
        Self::Enterprise,
    ];

    /// The word for it on a command line, after the version: `26.9-developer`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Community => "community",
            Self::BranchPlugin => "branch-plugin",
            Self::Developer => "developer",
            Self::Enterprise => "enterprise",
        }
    }
}

impl Profile {
    /// 8.9 Community.
    pub const V8_9: Self = Self::new(Version::V8_9, Edition::Community);
    /// 9.9 Community.
    pub const V9_9: Self = Self::new(Version::V9_9, Edition::Community);
    /// 10.7 Community.
    pub const V10_7: Self = Self::new(Version::V10_7, Edition::Community);
    /// 25.1 Community.
    pub const V25_1: Self = Self::new(Version::V25_1, Edition::Community);
    /// 25.12 Community.
    pub const V25_12: Self = Self::new(Version::V25_12, Edition::Community);
    /// 26.9 Community.
    pub const V26_9: Self = Self::new(Version::V26_9, Edition::Community);

    /// A server of this version and edition.
    #[must_use]
    pub const fn new(version: Version, edition: Edition) -> Self {
        Self { version, edition }
    }

    /// The version as the server returns it.
    #[must_use]
    pub const fn version(self) -> &'static str {
        self.version.full()
    }

    /// Whether this is version `major.minor` or a later one.
    const fn is_at_least(self, version: (u32, u32)) -> bool {
        self.version.is_at_least(version)
    }

    /// `set_bitbucket_binding` and what belongs to it: pull requests are analysed and decorated.
    pub(crate) const fn sets_bindings(self) -> bool {
        !matches!(self.edition, Edition::Community)
    }

    /// `ce/activity` fills `warnings` without being asked since 10.1.
    pub(crate) const fn always_lists_warnings(self) -> bool {
        self.is_at_least((10, 1))
    }

    /// Whether the edition has pull requests and yet no monorepos.
    pub(crate) const fn refuses_monorepos(self) -> bool {
        matches!(self.edition, Edition::Developer)
    }

    /// The key of the report that decorates a pull request of a project.
    pub(crate) fn report_key(self, project: &str, monorepo: bool) -> String {
        const SHARED: &str = "com.sonarsource.sonarqube";
        match self.edition {
            Edition::BranchPlugin => self.report_key_of_plugin(project, monorepo),
            Edition::Community | Edition::Developer | Edition::Enterprise if monorepo => {
                format!("{SHARED}_{project}")
            }
            Edition::Community | Edition::Developer | Edition::Enterprise => SHARED.to_owned(),
        }
    }

    /// By the plugin that goes with the version: 1.8, 1.14, 1.23, then those that count as SonarQube does.
    fn report_key_of_plugin(self, project: &str, monorepo: bool) -> String {
        if !self.is_at_least((9, 0)) {
            return "com.github.mc1arke.sonarqube".to_owned();
        }
        if !monorepo && self.is_at_least((10, 6)) {
            return "com.sonarsource.sonarqube".to_owned();
        }
        let length = project.chars().count();
        if length > 50 && self.is_at_least((25, 5)) {
            let end = project.chars().skip(length - 48);
            return format!("t-{}", end.collect::<String>());
        }
        project.to_owned()
    }

    /// Whether several settings of one platform are taken.
    pub(crate) const fn takes_several_settings(self) -> bool {
        matches!(self.edition, Edition::BranchPlugin | Edition::Enterprise)
    }

    /// `features/list`, 9.6 and later: what edition and plugin give.
    pub(crate) const fn features(self) -> &'static [&'static str] {
        match self.edition {
            Edition::Community => &[],
            Edition::BranchPlugin | Edition::Enterprise => {
                &["multiple-alm", "branch-support", "monorepo"]
            }
            Edition::Developer => &["branch-support"],
        }
    }

    /// Whether `features/list` is there.
    pub(crate) const fn lists_features(self) -> bool {
        self.is_at_least((9, 6))
    }

    /// As `navigation/global` returns it: the plugin does not change it.
    pub(crate) const fn edition_name(self) -> &'static str {
        match self.edition {
            Edition::Community | Edition::BranchPlugin => "community",
            Edition::Developer => "developer",
            Edition::Enterprise => "enterprise",
        }
    }

    /// `projects/search` returns `projectUuid` since 2025.6.
    pub(crate) const fn reports_project_ids(self) -> bool {
        self.is_at_least((25, 6))
    }

    /// `PUT bound-projects`, and `newProjectCreated` in the answers of `POST`, since 25.12.
    pub(crate) const fn puts_bound_projects(self) -> bool {
        self.is_at_least((25, 12))
    }

    /// Whether v2 validates what it is sent: not 25.1, which makes up a key and fails without `monorepo`.
    pub(crate) const fn validates_bodies(self) -> bool {
        !matches!(self.version, Version::V25_1)
    }

    /// The list of bindings shows only what the caller may browse since 26.8.
    pub(crate) const fn hides_bindings(self) -> bool {
        self.is_at_least((26, 8))
    }

    /// Binding an existing project takes Administer on it since 26.8.
    pub(crate) const fn protects_bound_projects(self) -> bool {
        self.is_at_least((26, 8))
    }

    /// `projects/update_key` to the very same key is refused up to 25.12.
    pub(crate) const fn refuses_same_key(self) -> bool {
        !self.is_at_least((26, 1))
    }

    /// The `User-Agent` towards Bitbucket.
    pub(crate) const fn user_agent(self) -> &'static str {
        match self.version {
            Version::V8_9 => "okhttp/4.9.0",
            Version::V9_9 => "okhttp/4.10.0",
            Version::V10_7 | Version::V25_1 => "okhttp/4.12.0",
            Version::V25_12 => "okhttp/5.2.1",
            Version::V26_9 => "SonarQube/26.9.0.129388",
        }
    }
}

/// The text is not one of the simulated servers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no such profile; use one of 8.9, 9.9, 10.7, 25.1, 25.12, 26.9, with -branch-plugin, -developer or -enterprise after it, or nothing for Community"
)]
pub struct UnknownProfile;

impl std::str::FromStr for Profile {
    type Err = UnknownProfile;

    /// Reads `major.minor`, or `major.minor-edition`.
    fn from_str(text: &str) -> Result<Self, UnknownProfile> {
        let (version, edition) = text.split_once('-').unwrap_or((text, "community"));
        let prefix = format!("{version}.");
        let version = Version::ALL
            .into_iter()
            .find(|known| known.full().starts_with(&prefix));
        let edition = Edition::ALL
            .into_iter()
            .find(|known| known.word() == edition);
        match (version, edition) {
            (Some(version), Some(edition)) => Ok(Self { version, edition }),
            _ => Err(UnknownProfile),
        }
    }
}
