//! Reads what a binding is compared with: from the inventory while that is enough, else from the servers.

use crate::bitbucket::{self, Lookup};
use crate::controller::error::Error;
use crate::controller::session::View;
use crate::crd::RepositoryStatus;
use crate::identity::{ProjectId, ProjectKey, RepositoryPath};
use crate::inventory;
use crate::plan::Contender;
use crate::plan::binding::{
    BindingState, Bound, Branches, Desired, Observed, Project, Repository, RepositoryState, Rights,
    Visibility,
};
use crate::sonarqube::{self, ProjectBindingRow};

/// What the last sweep saw. Good enough to find that nothing is to be done, and for nothing else.
pub(super) fn remembered(desired: &Desired, view: &View) -> Option<Observed> {
    let inventory = view.inventory();
    let repository = inventory.repository(&desired.repository)?;
    let project = inventory.project(&desired.key)?;
    let binding = match &project.repository {
        Some(repository) => BindingState::Bound {
            repository: repository.clone(),
            monorepo: None,
        },
        None => BindingState::Unbound,
    };
    Some(Observed {
        server: view.server.clone(),
        repository: RepositoryState::Found(Repository {
            path: repository.path.clone(),
            name: repository.name.clone(),
        }),
        project: Some(described(project, binding)),
        bound_to_repository: Vec::new(),
        hidden_bindings: 0,
        // Whoever holds the claim on this project is this binding: its status says so.
        claimed_by: None,
        rights: Rights::Assumed,
        branches: None,
        way: view.way,
    })
}

/// What a look at the servers needs to know beside the desired state.
pub(super) struct Circumstances<'a> {
    /// The repository for which another binding holds a project.
    pub(super) held_for: &'a (dyn Fn(&ProjectBindingRow) -> Option<RepositoryPath> + Sync),
    pub(super) claimed_by: Option<Contender>,
    pub(super) rights: Rights,
}

/// What the servers say now, and the repository for the status.
pub(super) struct Look {
    pub(super) observed: Observed,
    pub(super) repository: Option<RepositoryStatus>,
}

/// Asks the servers about this binding alone, and puts what they say into the inventory.
pub(super) async fn live(
    desired: &Desired,
    view: &View,
    circumstances: Circumstances<'_>,
) -> Result<Look, Error> {
    let Circumstances {
        held_for,
        claimed_by,
        rights,
    } = circumstances;
    let fail = |source| Error::SonarQube {
        url: view.sonarqube.url().to_string(),
        source,
    };
    let (repository, mut shown) = repository(&desired.repository, view).await?;
    let project = project(&desired.key, Some(&desired.repository), view).await?;
    let bound_to_repository = match &repository {
        RepositoryState::Found(found) => {
            let rows = view
                .sonarqube
                .project_bindings_of(&view.setting, &found.path)
                .await
                .map_err(fail)?;
            rows.into_iter()
                .map(|row| Bound {
                    held_for: held_for(&row),
                    key: row.project_key,
                })
                .collect()
        }
        RepositoryState::Missing | RepositoryState::Moved(_) => Vec::new(),
    };
    let branches = match (&repository, &project) {
        (RepositoryState::Found(found), Some(project)) if desired.record.intent.is_some() => {
            branches(&found.path, &project.key, view).await?
        }
        _ => None,
    };
    if let (Some(shown), Some(branches)) = (&mut shown, &branches) {
        shown.default_branch.clone_from(&branches.default);
    }
    let observed = Observed {
        server: view.server.clone(),
        repository,
        project,
        bound_to_repository,
        hidden_bindings: view.inventory().hidden_bindings(),
        claimed_by,
        rights,
        branches,
        way: view.way,
    };
    Ok(Look {
        observed,
        repository: shown,
    })
}

/// The project under a key, and what it is bound to: if that is hidden, perhaps to the `expected` repository.
pub(super) async fn project(
    key: &ProjectKey,
    expected: Option<&RepositoryPath>,
    view: &View,
) -> Result<Option<Project>, Error> {
    let fail = |source| Error::SonarQube {
        url: view.sonarqube.url().to_string(),
        source,
    };
    let Some(mut found) = view.sonarqube.project(key).await.map_err(fail)? else {
        view.inventory().learn_project(key, None);
        return Ok(None);
    };
    let binding = match view.sonarqube.binding(&found.key).await {
        Ok(None) => BindingState::Unbound,
        Ok(Some(sonarqube::Binding {
            setting,
            repository: Some(repository),
            monorepo,
            ..
        })) if setting == view.setting_key => BindingState::Bound {
            repository,
            monorepo: Some(monorepo),
        },
        Ok(Some(binding)) => BindingState::Elsewhere(binding.setting.to_string()),
        Err(sonarqube::Error::Forbidden { .. }) => BindingState::Hidden,
        // Deleted between the two calls.
        Err(sonarqube::Error::NotFound { .. }) => {
            view.inventory().learn_project(key, None);
            return Ok(None);
        }
        Err(source) => return Err(fail(source)),
    };
    let bound = match &binding {
        BindingState::Bound { repository, .. } => Some(repository.clone()),
        BindingState::Unbound | BindingState::Elsewhere(_) | BindingState::Hidden => None,
    };
    if found.id.is_none() {
        let hidden = expected.filter(|_| binding == BindingState::Hidden);
        found.id = told_by_binding(&found.key, bound.as_ref().or(hidden), view).await?;
    }
    let row = inventory::Project::new(found, bound);
    let project = described(&row, binding);
    view.inventory().learn_project(key, Some(row));
    Ok(Some(project))
}

/// The uuid of a project as its binding tells it: before 25.12 nothing else does.
async fn told_by_binding(
    key: &ProjectKey,
    repository: Option<&RepositoryPath>,
    view: &View,
) -> Result<Option<ProjectId>, Error> {
    let Some(repository) = repository else {
        return Ok(None);
    };
    let rows = view
        .sonarqube
        .project_bindings_of(&view.setting, repository)
        .await;
    let rows = rows.map_err(|source| Error::SonarQube {
        url: view.sonarqube.url().to_string(),
        source,
    })?;
    let mut rows = rows.into_iter();
    let row = rows.find(|row| row.project_key.same(key));
    Ok(row.map(|row| row.project_id))
}

async fn repository(
    path: &RepositoryPath,
    view: &View,
) -> Result<(RepositoryState, Option<RepositoryStatus>), Error> {
    match view.bitbucket.repository(path).await {
        Ok(Lookup::Found(found)) => {
            let row = inventory::Repository {
                id: found.id,
                path: found.path.clone(),
                name: found.name.clone(),
            };
            view.inventory().learn_repository(path, Some(row));
            let url = view.bitbucket.url().join([
                "projects",
                found.path.project(),
                "repos",
                found.path.slug(),
                "browse",
            ]);
            let shown = RepositoryStatus {
                id: found.id,
                path: found.path.to_string(),
                project: found.path.project().to_owned(),
                slug: found.path.slug().to_owned(),
                url: url.to_string(),
                default_branch: None,
            };
            Ok((
                RepositoryState::Found(Repository {
                    path: found.path,
                    name: found.name,
                }),
                Some(shown),
            ))
        }
        // Bitbucket answers 401 where the token may not see a repository: for its user it is not there.
        Ok(Lookup::Missing(_)) | Err(bitbucket::Error::PermissionDenied { .. }) => {
            view.inventory().learn_repository(path, None);
            Ok((RepositoryState::Missing, None))
        }
        Ok(Lookup::Moved { location }) => Ok((RepositoryState::Moved(location), None)),
        Err(source) => Err(Error::Bitbucket {
            url: view.bitbucket.url().to_string(),
            source,
        }),
    }
}

async fn branches(
    path: &RepositoryPath,
    key: &ProjectKey,
    view: &View,
) -> Result<Option<Branches>, Error> {
    let main = view.sonarqube.main_branch(key).await;
    let main = main.map_err(|source| Error::SonarQube {
        url: view.sonarqube.url().to_string(),
        source,
    })?;
    let default = view.bitbucket.default_branch(path).await;
    let default = default.map_err(|source| Error::Bitbucket {
        url: view.bitbucket.url().to_string(),
        source,
    })?;
    Ok(main.map(|main| Branches { main, default }))
}

fn described(row: &inventory::Project, binding: BindingState) -> Project {
    let visibility = match row.visibility {
        sonarqube::Visibility::Public => Visibility::Public,
        sonarqube::Visibility::Private => Visibility::Private,
    };
    Project {
        key: row.key.clone(),
        id: row.id.clone(),
        name: row.name.clone(),
        visibility: Some(visibility),
        binding,
    }
}
