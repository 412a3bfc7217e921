//! Asks SonarQube about one project.

use super::{Error, Servers};
use crate::identity::{ProjectId, ProjectKey, RepositoryPath};
use crate::plan::binding::{BindingState, Project, Visibility};
use crate::{inventory, sonarqube};

/// Whether nothing is known of what a project is bound to: no listing has it, and no call has read it so far.
pub(crate) fn is_unread(key: &ProjectKey, servers: Servers<'_>) -> bool {
    let inventory = servers.inventory();
    inventory.project(key).is_some_and(|row| row.is_unread)
}

/// Reads what no listing has of a project that the listing shows: one call.
pub(crate) async fn read_binding(key: &ProjectKey, servers: Servers<'_>) -> Result<(), Error> {
    let Some(row) = servers.inventory().project(key) else {
        return Ok(());
    };
    let (repository, monorepo) = match binding(&row.key, servers).await? {
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
        is_unread: false,
        ..row
    };
    servers.inventory().learn_project(key, Some(read));
    Ok(())
}

/// What a project is bound to; `None` where there is no such project.
async fn binding(key: &ProjectKey, servers: Servers<'_>) -> Result<Option<BindingState>, Error> {
    let state = match servers.sonarqube.binding(key).await {
        Ok(None) => BindingState::Unbound,
        Ok(Some(sonarqube::Binding {
            setting,
            repository: Some(repository),
            monorepo,
            ..
        })) if setting == *servers.setting_key => BindingState::Bound {
            repository,
            monorepo: Some(monorepo),
        },
        Ok(Some(binding)) => BindingState::Elsewhere(binding.setting.to_string()),
        Err(sonarqube::Error::Forbidden { .. }) => BindingState::Hidden,
        Err(sonarqube::Error::NotFound { .. }) => return Ok(None),
        Err(source) => return Err(source.into()),
    };
    Ok(Some(state))
}

/// The project under a key, and what it is bound to: if that is hidden, perhaps to the `expected` repository.
pub(crate) async fn project(
    key: &ProjectKey,
    expected: Option<&RepositoryPath>,
    servers: Servers<'_>,
) -> Result<Option<Project>, Error> {
    let Some(mut found) = servers.sonarqube.project(key).await? else {
        servers.inventory().learn_project(key, None);
        return Ok(None);
    };
    let Some(binding) = binding(&found.key, servers).await? else {
        // Deleted between the two calls.
        servers.inventory().learn_project(key, None);
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
        found.id = project_id(&found.key, bound.as_ref().or(hidden), servers).await?;
    }
    let row = inventory::Project {
        monorepo,
        ..inventory::Project::new(found, bound)
    };
    let project = described(&row, binding);
    servers.inventory().learn_project(key, Some(row));
    Ok(Some(project))
}

/// The uuid of a project where the search does not return it, before 25.12: from its binding to this repository, or,
/// where bindings are not listed, from the page that the web application begins with.
pub(crate) async fn project_id(
    key: &ProjectKey,
    repository: Option<&RepositoryPath>,
    servers: Servers<'_>,
) -> Result<Option<ProjectId>, Error> {
    if !servers.capabilities.lists_bindings {
        return Ok(servers.sonarqube.project_id(key).await?);
    }
    let Some(repository) = repository else {
        return Ok(None);
    };
    let rows = servers
        .sonarqube
        .project_bindings_of(servers.setting, repository);
    let mut rows = rows.await?.into_iter();
    let row = rows.find(|row| row.project_key.same(key));
    Ok(row.map(|row| row.project_id))
}

pub(super) fn described(row: &inventory::Project, binding: BindingState) -> Project {
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
