//! Reads what a binding is compared with: from the inventory while that is enough, else from the servers.

mod repository;

use crate::controller::error::Error;
use crate::controller::session::View;
use crate::crd::RepositoryStatus;
use crate::identity::{ProjectId, ProjectKey, RepositoryPath};
use crate::inventory::{self, Inventory};
use crate::kubernetes::status;
use crate::plan::binding::{
    BindingState, Bound, Desired, Moved, Observed, Project, Repository, RepositoryState, Rights,
    Visibility, repository_to_bind,
};
use crate::plan::{Contender, Reason};
use crate::sonarqube;

/// What the last sweep saw. Good enough to find that nothing is to be done, and for nothing else.
pub(super) fn remembered(desired: &Desired, view: &View) -> Option<Observed> {
    let inventory = view.inventory();
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
        project: Some(described(project, binding)),
        bound_to_repository: Vec::new(),
        hidden_bindings: 0,
        // Whoever holds the claim on this project is this binding: its status says so.
        claimed_by: None,
        rights: Rights::Assumed,
        branches: None,
        capabilities: view.capabilities,
        imported: None,
        import_at_work: false,
    })
}

/// Whether it is the turn of a project.
pub(super) fn is_due(key: &ProjectKey, view: &View) -> bool {
    view.inventory().project(key).is_some_and(|row| row.is_due)
}

/// Reads what no listing has, where it is the project's turn: one call. Returns whether it was.
pub(super) async fn read_what_is_due(key: &ProjectKey, view: &View) -> Result<bool, Error> {
    let due = view.inventory().project(key).cloned();
    let Some(row) = due.filter(|row| row.is_due) else {
        return Ok(false);
    };
    let (repository, monorepo) = match binding(&row.key, view).await? {
        Some(BindingState::Bound {
            repository,
            monorepo,
        }) => (Some(repository), monorepo),
        Some(BindingState::Unbound | BindingState::Elsewhere(_) | BindingState::Hidden) | None => {
            (None, None)
        }
    };
    let read = inventory::Project {
        repository,
        monorepo,
        is_due: false,
        ..row
    };
    view.inventory().learn_project(key, Some(read));
    Ok(true)
}

/// What a project is bound to; `None` where there is no such project.
async fn binding(key: &ProjectKey, view: &View) -> Result<Option<BindingState>, Error> {
    let state = match view.sonarqube.binding(key).await {
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
        Err(sonarqube::Error::NotFound { .. }) => return Ok(None),
        Err(source) => return Err(view.failed(source)),
    };
    Ok(Some(state))
}

/// Where the listing has the repository: at its place, or, where it was followed, where it went.
fn known_repository(desired: &Desired, inventory: &Inventory) -> Option<RepositoryState> {
    let found = |row: &inventory::Repository| Repository {
        id: row.id,
        path: row.path.clone(),
        name: row.name.clone(),
        project_name: String::new(),
    };
    if let Some(row) = inventory.repository(&desired.repository) {
        return Some(RepositoryState::Found(found(row)));
    }
    let seen = desired.record.repository.as_ref();
    let seen = seen.filter(|seen| desired.follow && seen.asked.same(&desired.repository))?;
    let row = inventory.repository_of(seen.id)?;
    Some(RepositoryState::Moved(Moved {
        place: row.path.to_string(),
        repository: Some(found(row)),
    }))
}

/// The repository for which another binding holds the project of this key and, where told, this id.
type HeldFor<'a> = dyn Fn((&ProjectKey, Option<&ProjectId>)) -> Option<RepositoryPath> + Sync + 'a;

/// What a look at the servers needs to know beside the desired state.
pub(super) struct Circumstances<'a> {
    /// The repository for which another binding holds a project.
    pub(super) held_for: &'a HeldFor<'a>,
    pub(super) claimed_by: Option<Contender>,
    pub(super) rights: Rights,
    pub(super) import_at_work: bool,
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
        import_at_work,
    } = circumstances;
    let (repository, mut shown) = repository::look(desired, view).await?;
    let project = project(&desired.key, Some(&desired.repository), view).await?;
    // Nothing more is asked, or told, of one that is not to be bound.
    let there = repository_to_bind(desired, &repository).ok();
    let bound_to_repository = match there {
        Some(there) => residents(there, (desired, project.as_ref()), view, held_for).await?,
        None => Vec::new(),
    };
    let branches = match (there, &project) {
        // What may not be seen has to be granted first.
        (Some(there), Some(project))
            if desired.record.intent.is_some() && project.binding != BindingState::Hidden =>
        {
            repository::branches(&there.path, &project.key, view).await?
        }
        _ => None,
    };
    let imported = imported(desired, view).await?;
    if let (Some(shown), Some(branches)) = (&mut shown, &branches) {
        let default = branches.default.as_deref();
        shown.default_branch = default.map(|branch| status::clip(branch, 255));
    }
    let observed = Observed {
        repository,
        project,
        bound_to_repository,
        hidden_bindings: view.inventory().hidden_bindings(),
        claimed_by,
        rights,
        branches,
        capabilities: view.capabilities,
        imported,
        import_at_work,
    };
    Ok(Look {
        observed,
        repository: shown,
    })
}

/// The projects that are bound to a repository: from the list of bindings, or as SonarQube's search for repositories
/// to import tells them (before 10.5), which takes a call to Bitbucket and is asked for only where it matters.
async fn residents(
    repository: &Repository,
    (desired, project): (&Desired, Option<&Project>),
    view: &View,
    held_for: &HeldFor<'_>,
) -> Result<Vec<Bound>, Error> {
    let path = &repository.path;
    if view.capabilities.lists_bindings {
        let rows = view.sonarqube.project_bindings_of(&view.setting, path);
        let rows = rows.await.map_err(|source| view.failed(source))?;
        let bound = rows.into_iter().map(|row| Bound {
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
    let found = view.sonarqube.project_of(&view.setting_key, path, names);
    let found = found.await.map_err(|source| view.failed(source))?;
    let Some(bound) = found else {
        return Err(Error::refused(
            Reason::HiddenBindings,
            format!(
                "SonarQube's search does not show repository {path} by its name, so that nobody can say whether it is bound already: this version shows 25 repositories of one name; 10.5 or later lists all bindings"
            ),
        ));
    };
    let bound = bound.into_iter().map(|key| Bound {
        held_for: held_for((&key, None)),
        key,
    });
    Ok(bound.collect())
}

/// The project under the key that SonarQube gave our own import.
async fn imported(desired: &Desired, view: &View) -> Result<Option<ProjectKey>, Error> {
    let intent = desired.record.intent.as_ref();
    let Some(key) = intent.and_then(|intent| intent.imported_as.as_ref()) else {
        return Ok(None);
    };
    let project = view.sonarqube.project(key).await;
    let project = project.map_err(|source| view.failed(source))?;
    Ok(project.map(|project| project.key))
}

/// The project under a key, and what it is bound to: if that is hidden, perhaps to the `expected` repository.
pub(super) async fn project(
    key: &ProjectKey,
    expected: Option<&RepositoryPath>,
    view: &View,
) -> Result<Option<Project>, Error> {
    let fail = |source| view.failed(source);
    let Some(mut found) = view.sonarqube.project(key).await.map_err(fail)? else {
        view.inventory().learn_project(key, None);
        return Ok(None);
    };
    let Some(binding) = binding(&found.key, view).await? else {
        // Deleted between the two calls.
        view.inventory().learn_project(key, None);
        return Ok(None);
    };
    let (bound, monorepo) = match &binding {
        BindingState::Bound {
            repository,
            monorepo,
        } => (Some(repository.clone()), *monorepo),
        BindingState::Unbound | BindingState::Elsewhere(_) | BindingState::Hidden => (None, None),
    };
    if found.id.is_none() {
        let hidden = expected.filter(|_| binding == BindingState::Hidden);
        found.id = project_id(&found.key, bound.as_ref().or(hidden), view).await?;
    }
    let row = inventory::Project {
        monorepo,
        ..inventory::Project::new(found, bound)
    };
    let project = described(&row, binding);
    view.inventory().learn_project(key, Some(row));
    Ok(Some(project))
}

/// The uuid of a project where the search does not tell it, before 25.12: from its binding to this repository, or, where
/// bindings are not listed, from the page that the web application begins with.
pub(super) async fn project_id(
    key: &ProjectKey,
    repository: Option<&RepositoryPath>,
    view: &View,
) -> Result<Option<ProjectId>, Error> {
    if !view.capabilities.lists_bindings {
        let id = view.sonarqube.project_id(key).await;
        return id.map_err(|source| view.failed(source));
    }
    let Some(repository) = repository else {
        return Ok(None);
    };
    let rows = view
        .sonarqube
        .project_bindings_of(&view.setting, repository);
    let rows = rows.await.map_err(|source| view.failed(source))?;
    let mut rows = rows.into_iter();
    let row = rows.find(|row| row.project_key.same(key));
    Ok(row.map(|row| row.project_id))
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
