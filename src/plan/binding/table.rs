//! What happens to a project that is already there: the first acceptance.

use crate::identity::ProjectKey;
use crate::plan::{Reason, Refusal};

use super::{
    Acceptance, BindingState, Bound, Desired, Mode, Observed, Origin, Project, Record, Repository,
    Rights, Step, grant, is_bound_to,
};

/// Nothing is there under the effective key.
pub(super) fn absent(
    desired: &Desired,
    observed: &Observed,
    repository: &Repository,
) -> Result<Vec<Step>, Refusal> {
    if desired.record.accepted.is_some() {
        // The key is settled and cannot be changed any more: another one is no way out.
        repository_is_free(desired, observed, &desired.key)?;
    }
    match residents(desired, observed).as_slice() {
        [] => import(desired, observed, repository),
        [only] if !desired.key_given && desired.record.accepted.is_none() => {
            if !desired.access.admits(&desired.repository, only) {
                // Names nothing: the tenant may not know of that project.
                return Err(Refusal::new(
                    Reason::AccessDenied,
                    format!(
                        "repository {} is bound in SonarQube to a project that no entry of the connection's spec.access admits: ask the owner of the connection",
                        desired.repository
                    ),
                ));
            }
            Ok(vec![Step::Accept(Acceptance {
                key: only.clone(),
                id: None,
                origin: Origin::Found,
            })])
        }
        [only] => Err(Refusal::new(
            Reason::RepositoryAlreadyBound,
            format!(
                "repository {} is bound to {}: write that key into sonarqubeProject.key to adopt it, or unbind it in SonarQube",
                desired.repository,
                named(desired, std::slice::from_ref(only))
            ),
        )),
        several => Err(Refusal::new(
            Reason::AmbiguousProject,
            format!(
                "repository {} is bound to {}: write the one to keep into sonarqubeProject.key",
                desired.repository,
                named(desired, several)
            ),
        )),
    }
}

/// A project is there under the effective key, and was not accepted yet.
pub(super) fn present(
    desired: &Desired,
    observed: &Observed,
    repository: &Repository,
    project: &Project,
) -> Result<Vec<Step>, Refusal> {
    let importing = desired.record.is_importing(&project.key);
    if observed.rights == Rights::Denied || project.binding == BindingState::Hidden {
        // What our own import made is bound, and of what is bound the uuid is told.
        return grant(desired, project, importing && project.id.is_some());
    }
    match &project.binding {
        BindingState::Unbound if !desired.key_given || desired.mode == Mode::Import => {
            Err(not_asked_for(desired, observed, project))
        }
        BindingState::Unbound => bind(desired, observed, repository, project),
        BindingState::Bound { .. } if is_bound_to(project, &repository.path) => {
            let origin = if importing {
                Origin::Imported
            } else {
                Origin::Found
            };
            Ok(vec![Step::Accept(Acceptance {
                key: project.key.clone(),
                id: project.id.clone(),
                origin,
            })])
        }
        BindingState::Bound {
            repository: other,
            monorepo,
        } => {
            let other_place = if other.same(&repository.path) && *monorepo == Some(true) {
                format!("repository {other} as part of a monorepo")
            } else if desired.access.admits(other, &project.key) {
                format!("repository {other}")
            } else {
                "another repository".to_owned()
            };
            Err(already_bound(project, &other_place))
        }
        BindingState::Elsewhere(_) | BindingState::Hidden => Err(already_bound(
            project,
            "a repository of another configuration",
        )),
    }
}

/// Refuses where projects of other keys are bound to the repository.
fn repository_is_free(
    desired: &Desired,
    observed: &Observed,
    key: &ProjectKey,
) -> Result<(), Refusal> {
    let mut others = residents(desired, observed);
    others.retain(|other| !other.same(key));
    if others.is_empty() {
        return Ok(());
    }
    Err(Refusal::new(
        Reason::RepositoryAlreadyBound,
        format!(
            "repository {} is bound to {} already: unbind it there before it is bound to {key}",
            desired.repository,
            named(desired, &others),
        ),
    ))
}

/// The projects whose place is the repository. One that another object holds for another repository is drift
/// of that object, which takes it back: two projects that were swapped by hand would else wait for each other.
fn residents(desired: &Desired, observed: &Observed) -> Vec<ProjectKey> {
    let belongs_here = |bound: &&Bound| {
        let home = bound.held_for.as_ref();
        home.is_none_or(|home| home.same(&desired.repository))
    };
    let residents = observed.bound_to_repository.iter().filter(belongs_here);
    residents.map(|bound| bound.key.clone()).collect()
}

/// Points an existing project at the repository, where that is free.
pub(super) fn bind(
    desired: &Desired,
    observed: &Observed,
    repository: &Repository,
    project: &Project,
) -> Result<Vec<Step>, Refusal> {
    // Nobody is to make room for what would be refused all the same.
    if observed.way.binds_existing() {
        repository_is_free(desired, observed, &project.key)?;
    }
    Ok(vec![Step::Bind {
        key: project.key.clone(),
        name: project.name.clone(),
        repository: repository.path.clone(),
    }])
}

fn import(
    desired: &Desired,
    observed: &Observed,
    repository: &Repository,
) -> Result<Vec<Step>, Refusal> {
    if desired.mode == Mode::Bind {
        return Err(not_there(desired, observed));
    }
    if observed.hidden_bindings > 0 {
        return Err(Refusal::new(
            Reason::HiddenBindings,
            format!(
                "SonarQube hides {} binding(s) of this configuration from the operator's user, and one of them may be of repository {}: give that user Browse on all projects",
                observed.hidden_bindings, desired.repository
            ),
        ));
    }
    let Record { accepted, intent } = &desired.record;
    let key = if desired.key_given || accepted.is_some() || intent.is_some() {
        desired.key.clone()
    } else {
        // The same key, as Bitbucket would spell it.
        ProjectKey::default_for(&repository.path)
    };
    Ok(vec![
        Step::RecordIntent(key.clone()),
        Step::Import {
            key,
            name: desired
                .name
                .clone()
                .unwrap_or_else(|| repository.name.clone()),
            repository: repository.path.clone(),
        },
    ])
}

fn not_there(desired: &Desired, observed: &Observed) -> Refusal {
    let create = if observed.way.binds_existing() {
        "create it, or "
    } else {
        ""
    };
    Refusal::new(
        Reason::ProjectNotFound,
        format!(
            "SonarQube has no project {}: {create}choose mode ImportOrBind to have it imported",
            desired.key
        ),
    )
}

fn not_asked_for(desired: &Desired, observed: &Observed, project: &Project) -> Refusal {
    let (key, repository) = (&project.key, &desired.repository);
    let way_out = if observed.way.binds_existing() {
        format!(
            "write sonarqubeProject.key: {key} (and a mode other than Import) to bind it to repository {repository}"
        )
    } else {
        format!(
            "write another sonarqubeProject.key to have repository {repository} imported; this SonarQube cannot bind a project that exists, 25.12 or later can"
        )
    };
    Refusal::new(
        Reason::ProjectExists,
        format!("SonarQube project {key} exists and is bound to nothing: {way_out}"),
    )
}

fn already_bound(project: &Project, place: &str) -> Refusal {
    Refusal::new(
        Reason::ProjectAlreadyBound,
        format!(
            "SonarQube project {} is bound to {place} and is not taken over: choose another sonarqubeProject.key, or remove that binding in SonarQube",
            project.key
        ),
    )
}

/// Project keys for a message: those that the tenant may know of, and how many others.
fn named(desired: &Desired, keys: &[ProjectKey]) -> String {
    // SonarQube lists them in no order that would keep a message the same.
    let mut keys: Vec<_> = keys.iter().collect();
    keys.sort();
    let (shown, others): (Vec<_>, Vec<_>) = keys
        .into_iter()
        .partition(|key| desired.access.admits(&desired.repository, key));
    let mut parts: Vec<String> = shown
        .iter()
        .map(|key| format!("SonarQube project {key}"))
        .collect();
    if !others.is_empty() {
        parts.push(format!(
            "{} SonarQube project(s) outside your access",
            others.len()
        ));
    }
    parts.join(", ")
}
