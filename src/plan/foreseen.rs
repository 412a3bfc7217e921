//! What the operator is about to do for an object, for people who want to know it before.

use crate::identity::{ProjectKey, RepositoryPath, ServerUrl, SettingKey};

use super::{Blocked, Class, Difference, Reason};

/// What the operator is about to do for an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Foreseen {
    /// Nothing: everything is as declared.
    Unchanged,
    /// Nothing: the object, or its connection, is suspended.
    Suspended,
    /// It is being deleted.
    Leaves,
    /// These, and what follows from them.
    Acts(Vec<Action>),
    /// Nothing, under `Observe`: these differences stay.
    Differs(Vec<Difference>),
    /// Nothing, until a person does something.
    Refused(Blocked),
    /// Nothing, until its connection is ready.
    Waits(Blocked),
    /// Nothing, because of a failure that may end by itself.
    Failed(Blocked),
}

impl Foreseen {
    /// What a failure of this class comes to.
    #[must_use]
    pub fn blocked(class: Class, why: Blocked) -> Self {
        match class {
            Class::Waiting
                if matches!(
                    why.reason,
                    Reason::ConnectionNotReady | Reason::ConnectionUnavailable
                ) =>
            {
                Self::Waits(why)
            }
            // What an object waits for is another object: a person has declared both.
            Class::Invalid | Class::Denied | Class::Waiting => Self::Refused(why),
            Class::Transient | Class::Bug => Self::Failed(why),
        }
    }

    /// These actions; nothing where there are none.
    #[must_use]
    pub fn acts(actions: Vec<Action>) -> Self {
        if actions.is_empty() {
            Self::Unchanged
        } else {
            Self::Acts(actions)
        }
    }
}

/// One thing that the operator does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Imports a repository as a new project.
    Import {
        /// The repository.
        repository: RepositoryPath,
        /// The key of the project.
        key: ProjectKey,
    },
    /// Adopts a project that is bound to the repository already.
    Adopt {
        /// The repository.
        repository: RepositoryPath,
        /// The key of the project.
        key: ProjectKey,
    },
    /// Binds a project that exists to the repository.
    Bind {
        /// The repository.
        repository: RepositoryPath,
        /// The key of the project.
        key: ProjectKey,
        /// What it is bound to.
        from: String,
    },
    /// Gives the operator's own user rights on a project.
    Grant(ProjectKey),
    /// Changes a value.
    Change(Difference),
    /// Creates a binding of a set.
    CreateBinding {
        /// Its name.
        name: String,
        /// Its repository.
        repository: RepositoryPath,
    },
    /// Applies the template of a set to a binding.
    UpdateBinding {
        /// Its name.
        name: String,
    },
    /// Creates a configuration in SonarQube.
    CreateConfiguration(SettingKey, ServerUrl),
    /// Adopts a configuration of SonarQube.
    AdoptConfiguration(SettingKey),
    /// Looks a configuration of SonarQube up by its name.
    ReferToConfiguration(SettingKey),
    /// Gives SonarQube a token.
    GiveToken {
        /// The configuration.
        configuration: SettingKey,
        /// Which token, by its field in the spec.
        field: &'static str,
    },
}
