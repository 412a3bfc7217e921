//! Reads what a binding is compared with: from the inventory where that is enough, else from the servers.
//!
//! It needs the clients, the inventory and the core, and no cluster: the operator and the command line plan by the same
//! code.

mod project;
mod repository;

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::identity::{ProjectId, ProjectKey, RepositoryPath, SettingId, SettingKey};
use crate::inventory::{self, Inventory};
use crate::plan::binding::{
    BindingState, Bound, Desired, Moved, Observed, Project, Repository, RepositoryState, Rights,
    repository_to_bind,
};
use crate::plan::capability::Capabilities;
use crate::plan::{Blocked, Contender, Reason};
use crate::{bitbucket, sonarqube};

use project::described;
pub(crate) use project::{is_unread, project, project_id, read_binding};

/// The servers of one connection, and what is known of them.
#[derive(Clone, Copy, Debug)]
pub struct Servers<'a> {
    /// SonarQube.
    pub sonarqube: &'a sonarqube::Client,
    /// Bitbucket, with the token that imports: what it cannot see cannot be imported.
    pub bitbucket: &'a bitbucket::Client,
    /// The id of SonarQube's configuration for this Bitbucket; empty where there is none yet.
    pub setting: &'a SettingId,
    /// Its name.
    pub setting_key: &'a SettingKey,
    /// What SonarQube offers.
    pub capabilities: Capabilities,
    /// The last listings, and what was read since. Every answer is added to it.
    pub inventory: &'a Mutex<Inventory>,
}

/// Why nothing was observed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SonarQube did not answer.
    #[error("failed to ask SonarQube")]
    SonarQube(#[from] sonarqube::Error),
    /// Bitbucket did not answer.
    #[error("failed to ask Bitbucket")]
    Bitbucket(#[from] bitbucket::Error),
    /// The servers do not return what must be known.
    #[error("{}", .0.message)]
    Refused(Blocked),
}

impl<'a> Servers<'a> {
    fn inventory(&self) -> MutexGuard<'a, Inventory> {
        self.inventory
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the last listings show. Good enough to find that nothing is to be done, and for nothing else.
#[must_use]
pub fn listed(desired: &Desired, servers: Servers<'_>) -> Option<Observed> {
    let inventory = servers.inventory();
    let repository = known_repository(desired, &inventory)?;
    let project = inventory.project(&desired.key)?;
    let binding = match &project.repository {
        Some(repository) => BindingState::Bound {
            repository: repository.clone(),
            monorepo: project.monorepo,
        },
        None => BindingState::Unbound,
    };
    Some(Observed {
        repository,
        project: Some(described(&project, binding)),
        bound_to_repository: Vec::new(),
        hidden_bindings: 0,
        // This binding holds the claim on this project: its status says so.
        claimed_by: None,
        rights: Rights::Assumed,
        branches: None,
        capabilities: servers.capabilities,
        imported: None,
        import_at_work: false,
    })
}

/// What the last listings show of a binding for which nothing was done yet, where that is enough to plan an import: the
/// repository is there, no project under the key, and no project is bound to the repository.
#[must_use]
pub fn listed_unclaimed(
    desired: &Desired,
    servers: Servers<'_>,
    circumstances: &Circumstances<'_>,
) -> Option<Observed> {
    let inventory = servers.inventory();
    if !servers.capabilities.lists_bindings || inventory.project(&desired.key).is_some() {
        return None;
    }
    let repository = found(inventory.repository(&desired.repository)?);
    if inventory.is_invalidated(&repository.path) {
        return None;
    }
    let is_free = inventory.bound_to(&repository.path).next().is_none();
    is_free.then(|| Observed {
        repository: RepositoryState::Found(repository),
        project: None,
        bound_to_repository: Vec::new(),
        hidden_bindings: inventory.hidden_bindings(),
        claimed_by: circumstances.claimed_by.clone(),
        rights: circumstances.rights,
        branches: None,
        capabilities: servers.capabilities,
        imported: None,
        import_at_work: circumstances.import_at_work,
    })
}

/// What an import has just made, as its answer says, and the names of its branches, which are read from the new project.
/// `None` where nothing was accepted, or where SonarQube does not show our user the project.
///
/// # Errors
/// When a server does not say what the branches are called.
pub async fn answered(
    desired: &Desired,
    seen: &Repository,
    servers: Servers<'_>,
) -> Result<Option<Observed>, Error> {
    let Some(accepted) = &desired.record.accepted else {
        return Ok(None);
    };
    let branches = match repository::branches(&seen.path, &accepted.key, servers).await {
        Err(Error::SonarQube(
            sonarqube::Error::Forbidden { .. } | sonarqube::Error::NotFound { .. },
        )) => return Ok(None),
        branches => branches?,
    };
    Ok(Some(Observed {
        repository: RepositoryState::Found(seen.clone()),
        project: Some(Project {
            key: accepted.key.clone(),
            id: accepted.id.clone(),
            name: seen.name.clone(),
            visibility: None,
            binding: BindingState::Bound {
                repository: seen.path.clone(),
                monorepo: Some(desired.monorepo),
            },
        }),
        bound_to_repository: Vec::new(),
        hidden_bindings: 0,
        claimed_by: None,
        rights: Rights::Assumed,
        branches,
        capabilities: servers.capabilities,
        imported: None,
        import_at_work: false,
    }))
}

/// A repository as the listing has it.
fn found(row: inventory::Repository) -> Repository {
    Repository {
        id: row.id,
        path: row.path,
        name: row.name,
        project_name: String::new(),
    }
}

/// Where the listing has the repository: at its place, or, where it was followed, where it went.
fn known_repository(desired: &Desired, inventory: &Inventory) -> Option<RepositoryState> {
    if let Some(row) = inventory.repository(&desired.repository) {
        return Some(RepositoryState::Found(found(row)));
    }
    let seen = desired.record.repository.as_ref();
    let seen = seen.filter(|seen| desired.follows() && seen.asked.same(&desired.repository))?;
    let row = inventory.repository_of(seen.id)?;
    Some(RepositoryState::Moved(Moved {
        place: row.path.to_string(),
        repository: Some(found(row)),
    }))
}

/// The repository for which another binding holds the project of this key and this id, if SonarQube returns ids.
pub type HeldFor<'a> =
    dyn Fn((&ProjectKey, Option<&ProjectId>)) -> Option<RepositoryPath> + Sync + 'a;

/// What the servers do not know: other bindings, and what this reconcile has found out.
pub struct Circumstances<'a> {
    /// The repository for which another binding holds a project.
    pub held_for: &'a HeldFor<'a>,
    /// The binding that has the claim on the project, if it is another one.
    pub claimed_by: Option<Contender>,
    /// Whether SonarQube denied us the project.
    pub rights: Rights,
    /// Whether an import whose answer never came may still be at work.
    pub import_at_work: bool,
}

/// Asks the servers about this binding alone, and adds what they say to the inventory.
///
/// # Errors
/// When one of them does not answer, or does not return to which project the repository is bound.
pub async fn live(
    desired: &Desired,
    servers: Servers<'_>,
    circumstances: Circumstances<'_>,
) -> Result<Observed, Error> {
    let Circumstances {
        held_for,
        claimed_by,
        rights,
        import_at_work,
    } = circumstances;
    let repository = repository::state(desired, servers).await?;
    let project = project(&desired.key, Some(&desired.repository), servers).await?;
    // A repository that is not to be bound is neither read any further nor reported.
    let there = repository_to_bind(desired, &repository).ok();
    let bound_to_repository = match there {
        Some(there) => residents(there, (desired, project.as_ref()), servers, held_for).await?,
        None => Vec::new(),
    };
    let branches = match (there, &project) {
        // What may not be seen has to be granted first.
        (Some(there), Some(project))
            if desired.record.intent.is_some() && project.binding != BindingState::Hidden =>
        {
            repository::branches(&there.path, &project.key, servers).await?
        }
        _ => None,
    };
    let imported = imported(desired, servers).await?;
    let hidden_bindings = servers.inventory().hidden_bindings();
    Ok(Observed {
        repository,
        project,
        bound_to_repository,
        hidden_bindings,
        claimed_by,
        rights,
        branches,
        capabilities: servers.capabilities,
        imported,
        import_at_work,
    })
}

/// The projects that are bound to a repository: from the list of bindings, or as SonarQube's search for repositories
/// to import returns them (before 10.5), which takes a call to Bitbucket and is read only if it matters.
async fn residents(
    repository: &Repository,
    (desired, project): (&Desired, Option<&Project>),
    servers: Servers<'_>,
    held_for: &HeldFor<'_>,
) -> Result<Vec<Bound>, Error> {
    let path = &repository.path;
    if servers.setting.as_str().is_empty() {
        // Nothing can be bound through a configuration that does not exist yet.
        return Ok(Vec::new());
    }
    if servers.capabilities.lists_bindings {
        let rows = servers.sonarqube.project_bindings_of(servers.setting, path);
        let bound = rows.await?.into_iter().map(|row| Bound {
            held_for: held_for((&row.project_key, Some(&row.project_id))),
            key: row.project_key,
        });
        return Ok(bound.collect());
    }
    let is_settled = project.is_some_and(|project| {
        desired.record.holding(project).is_some()
            && matches!(&project.binding, BindingState::Bound { repository, .. } if repository.same(path))
    });
    if is_settled {
        return Ok(Vec::new());
    }
    let names = (&*repository.project_name, &*repository.name);
    let sonarqube = servers.sonarqube;
    let found = sonarqube
        .project_of(servers.setting_key, path, names)
        .await?;
    let Some(bound) = found else {
        return Err(Error::Refused(Blocked::new(
            Reason::HiddenBindings,
            format!(
                "SonarQube's search does not show repository {path} by its name, so Bindery cannot find out whether it is bound already: this version shows 25 repositories of one name; 10.5 or later lists all bindings"
            ),
        )));
    };
    let bound = bound.into_iter().map(|key| Bound {
        held_for: held_for((&key, None)),
        key,
    });
    Ok(bound.collect())
}

/// The project under the key that SonarQube gave our own import.
async fn imported(desired: &Desired, servers: Servers<'_>) -> Result<Option<ProjectKey>, Error> {
    let intent = desired.record.intent.as_ref();
    let Some(key) = intent.and_then(|intent| intent.imported_as.as_ref()) else {
        return Ok(None);
    };
    let project = servers.sonarqube.project(key).await?;
    Ok(project.map(|project| project.key))
}
