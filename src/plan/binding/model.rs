//! The core's input for a binding, and its answers.

use crate::identity::{KeyTemplate, ProjectId, ProjectKey, RepositoryPath, Uid};
use crate::plan::capability::Capabilities;
use crate::plan::{Access, Blocked, Contender, Difference, Management};

use super::found::{Bound, Branches, NewCode, Project, RepositoryState, Rights, Visibility};
use super::remembered::Record;

/// What a binding declares, and what it remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// The object itself.
    pub uid: Uid,
    /// The namespace of the object: names of objects in others are not for its readers.
    pub namespace: String,
    /// The key: from the spec, else remembered, else the default one.
    pub key: ProjectKey,
    /// Whether the key stands in the spec.
    pub key_given: bool,
    /// How keys are made where none is given.
    pub keys: KeyTemplate,
    /// The repository as the spec spells it.
    pub repository: RepositoryPath,
    /// The name of a project that is created; the repository's where absent.
    pub name: Option<String>,
    /// Who may see the project.
    pub visibility: Option<Visibility>,
    /// On which projects that is kept.
    pub visibility_policy: VisibilityPolicy,
    /// What counts as new code.
    pub new_code: Option<NewCode>,
    /// How the project may come about.
    pub mode: Mode,
    /// Whether several projects may share the repository.
    pub monorepo: bool,
    /// What happens when the repository is renamed or moved.
    pub on_move: OnMove,
    /// Whether anything may be written.
    pub management: Management,
    /// What the connection admits.
    pub access: Access,
    /// What is remembered from earlier reconciles, as far as it still belongs to this server.
    pub record: Record,
}

impl Desired {
    /// Whether the binding follows its repository to another place.
    #[must_use]
    pub fn follows(&self) -> bool {
        self.on_move == OnMove::Follow
    }

    /// Whether the declared visibility is kept on the accepted project, which was created for this object or was not.
    pub(super) fn keeps_visibility(&self, created: bool) -> bool {
        match self.visibility_policy {
            VisibilityPolicy::Created => created,
            VisibilityPolicy::Always => true,
        }
    }
}

/// How the project of a binding may come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Import where nothing is there, else bind or adopt.
    ImportOrBind,
    /// Import only.
    Import,
    /// Bind only.
    Bind,
}

/// What happens when the repository of a binding is renamed or moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnMove {
    /// It is reported.
    Report,
    /// The binding follows the repository.
    Follow,
}

/// On which projects the declared visibility is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VisibilityPolicy {
    /// On those that were created for this object.
    Created,
    /// On every accepted one.
    Always,
}

/// What was read for one binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The repository in Bitbucket.
    pub repository: RepositoryState,
    /// The project under the effective key.
    pub project: Option<Project>,
    /// All projects bound to the repository through this configuration.
    pub bound_to_repository: Vec<Bound>,
    /// How many bindings of this configuration the listing hides from us.
    pub hidden_bindings: u64,
    /// The accepted, live, full object that has the claim on the effective key, if it is another one.
    pub claimed_by: Option<Contender>,
    /// Whether SonarQube denied us the project.
    pub rights: Rights,
    /// SonarQube's main branch and Bitbucket's default branch, read while an import runs.
    pub branches: Option<Branches>,
    /// What this server offers.
    pub capabilities: Capabilities,
    /// The project under the key that SonarQube gave our own import, if it is still there.
    pub imported: Option<ProjectKey>,
    /// Whether an import whose answer never came may still be at work.
    pub import_at_work: bool,
}

/// One write, in the order in which it is to be made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Remember in the status, with resourceVersion, that a project of this key is about to be created.
    RecordIntent(ProjectKey),
    /// Create the project, bound to nothing yet.
    Create {
        /// Its key.
        key: ProjectKey,
        /// Its name.
        name: String,
    },
    /// Give our own import the key that was asked for.
    Rekey {
        /// The key that SonarQube gave it.
        from: ProjectKey,
        /// The key that it is to have.
        to: ProjectKey,
    },
    /// Create the project, bound to the repository.
    Import {
        /// Its key.
        key: ProjectKey,
        /// Its name.
        name: String,
        /// The repository as Bitbucket spells it.
        repository: RepositoryPath,
    },
    /// Point the binding of an existing project at the repository.
    Bind {
        /// The project.
        key: ProjectKey,
        /// Its current name: the call is refused with another one.
        name: String,
        /// The repository as Bitbucket spells it.
        repository: RepositoryPath,
    },
    /// Read this project instead, which is bound to the repository under a key that SonarQube chose.
    Consider(ProjectKey),
    /// Take the claim on a project that is as it should be.
    Accept(Acceptance),
    /// Give the operator's own user Browse and Administer on the project.
    GrantSelf(ProjectKey),
    /// Change who may see the project.
    SetVisibility(ProjectKey, Visibility),
    /// Write the new code definition.
    SetNewCode(ProjectKey, NewCode),
    /// Rename the main branch.
    RenameMainBranch(ProjectKey, String),
}

impl Step {
    /// Whether it writes to no server.
    #[must_use]
    pub fn is_remembered(&self) -> bool {
        matches!(
            self,
            Self::RecordIntent(_) | Self::Consider(_) | Self::Accept(_)
        )
    }
}

/// What is remembered of a project when its claim is taken.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Acceptance {
    /// Its key.
    pub key: ProjectKey,
    /// Its uuid, if SonarQube returns it.
    pub id: Option<ProjectId>,
    /// The repository that it is bound to; none for one that Bindery created and is about to bind.
    pub repository: Option<RepositoryPath>,
    /// Whether it came from our own import.
    pub origin: Origin,
}

/// Where an accepted project came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// It was there.
    Found,
    /// Our own import made it.
    Imported,
}

/// What to do about a binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Everything is as declared.
    Settled,
    /// These writes, then read the state again.
    Steps(Vec<Step>),
    /// Nothing yet: why to read the state again later.
    Wait(String),
    /// Differences that are not corrected: `Observe`, or a field that Bindery may not write.
    Differs(Vec<Difference>),
    /// Nothing, until a person does something.
    Refused {
        /// Why, and what to do.
        refusal: Blocked,
        /// What this server cannot correct.
        differences: Vec<Difference>,
    },
}
