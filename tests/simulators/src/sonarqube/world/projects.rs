//! Projects and what hangs on them.

use std::collections::{BTreeMap, BTreeSet};

use super::World;

/// A project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its uuid.
    pub id: String,
    /// Its key, unique in any letter case.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Who may see it.
    pub visibility: Visibility,
    /// Whether the group sonar-users may browse it while it is private: the default permission template says so.
    pub everybody_browses: bool,
    /// Permissions that were given to single users, by login.
    pub permissions: BTreeSet<(String, ProjectPermission)>,
    /// Its properties, by key.
    pub properties: BTreeMap<String, String>,
    /// What it is bound to.
    pub binding: Option<Binding>,
    /// The main branch.
    pub main_branch: Branch,
    /// New code definitions: of the project (the key is empty) and of branches by name.
    pub new_code: BTreeMap<String, NewCode>,
}

/// A branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// Its uuid.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// What a project is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The binding's uuid.
    pub id: String,
    /// The uuid of the setting.
    pub setting: String,
    /// The key of the project in Bitbucket.
    pub repository: String,
    /// The slug of the repository in Bitbucket.
    pub slug: String,
    /// Whether other projects may share the repository.
    pub monorepo: bool,
}

/// Who may see a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// All users.
    Public,
    /// Those who have Browse.
    Private,
}

impl Visibility {
    /// As the API spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
        }
    }
}

/// A permission on one project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProjectPermission {
    /// Administer.
    Administer,
    /// See Source Code.
    SeeCode,
    /// Administer Issues.
    AdministerIssues,
    /// Administer Security Hotspots.
    AdministerHotspots,
    /// Execute Analysis.
    Scan,
    /// Browse.
    Browse,
}

impl ProjectPermission {
    const ALL: [Self; 6] = [
        Self::Administer,
        Self::SeeCode,
        Self::AdministerIssues,
        Self::AdministerHotspots,
        Self::Scan,
        Self::Browse,
    ];

    /// As the API spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Administer => "admin",
            Self::SeeCode => "codeviewer",
            Self::AdministerIssues => "issueadmin",
            Self::AdministerHotspots => "securityhotspotadmin",
            Self::Scan => "scan",
            Self::Browse => "user",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// What counts as new code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewCode {
    /// Since the previous version.
    PreviousVersion,
    /// In the last days.
    Days(u32),
    /// What differs from this branch.
    ReferenceBranch(String),
}

impl NewCode {
    /// As the API spells its type.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::PreviousVersion => "PREVIOUS_VERSION",
            Self::Days(_) => "NUMBER_OF_DAYS",
            Self::ReferenceBranch(_) => "REFERENCE_BRANCH",
        }
    }

    /// Its value, where the type has one.
    #[must_use]
    pub fn value(&self) -> Option<String> {
        match self {
            Self::PreviousVersion => None,
            Self::Days(days) => Some(days.to_string()),
            Self::ReferenceBranch(branch) => Some(branch.clone()),
        }
    }
}

impl World {
    /// The project of this key, in exactly these letters.
    #[must_use]
    pub fn project(&self, key: &str) -> Option<&Project> {
        self.projects.iter().find(|project| project.key == key)
    }

    /// The same, to change it.
    pub fn project_mut(&mut self, key: &str) -> Option<&mut Project> {
        self.projects.iter_mut().find(|project| project.key == key)
    }

    /// The project of this key, in any letter case.
    pub(crate) fn similar(&self, key: &str) -> Option<&Project> {
        self.projects
            .iter()
            .find(|project| project.key.eq_ignore_ascii_case(key))
    }

    /// Makes a project, as the default permission template wants it.
    pub fn create_project(
        &mut self,
        key: &str,
        name: &str,
        visibility: Visibility,
        main: &str,
    ) -> &mut Project {
        let id = self.new_id();
        let branch = if self.profile.distinguishes_branches_from_projects() {
            self.new_id()
        } else {
            id.clone()
        };
        let visibility = if self.hides_new_projects {
            Visibility::Private
        } else {
            visibility
        };
        self.projects.push(Project {
            id,
            key: key.to_owned(),
            name: name.to_owned(),
            visibility,
            everybody_browses: !self.hides_new_projects,
            permissions: BTreeSet::new(),
            binding: None,
            main_branch: Branch {
                id: branch,
                name: main.to_owned(),
            },
            new_code: BTreeMap::new(),
            properties: BTreeMap::new(),
        });
        let last = self.projects.len() - 1;
        &mut self.projects[last]
    }

    /// All bindings, each with its project.
    pub(crate) fn bindings(&self) -> impl Iterator<Item = (&Project, &Binding)> {
        let bound = |project| Project::binding_of(project).map(|binding| (project, binding));
        self.projects.iter().filter_map(bound)
    }
}

impl Project {
    fn binding_of(project: &Self) -> Option<&Binding> {
        project.binding.as_ref()
    }
}
