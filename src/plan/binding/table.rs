//! What happens to an existing project: the first acceptance.

use crate::identity::ProjectKey;
use crate::plan::{Blocked, Reason};

use super::difference::is_as_declared;
use super::found::{BindingState, Bound, Project, Repository, Rights};
use super::model::{Acceptance, Desired, Mode, Observed, Origin, Step};
use super::remembered::Record;
use super::rights::grant;

/// Nothing is there under the effective key.
pub(super) fn absent(
    desired: &Desired,
    observed: &Observed,
    repository: &Repository,
) -> Result<Vec<Step>, Blocked> {
    if let Some(from) = own_import(desired, observed, repository) {
        return Ok(vec![
            Step::GrantSelf(from.clone()),
            Step::Rekey {
                from,
                to: desired.key.clone(),
            },
        ]);
    }
    if desired.record.accepted.is_some() {
        // The key cannot be changed any more: to ask for another one does not help.
        repository_is_free(desired, observed, repository, &desired.key)?;
    }
    match residents(observed, repository).as_slice() {
        [] => import(desired, observed, repository),
        _ if desired.monorepo => import(desired, observed, repository),
        [only] if !desired.key_given && desired.record.accepted.is_none() => {
            if !desired.access.admits(&desired.repository, only) {
                // Names nothing: the tenant may not know of that project.
                return Err(Blocked::new(
                    Reason::AccessDenied,
                    format!(
                        "repository {} is bound in SonarQube to a project that no entry of the connection's spec.access admits: ask the owner of the connection",
                        desired.repository
                    ),
                ));
            }
            Ok(vec![Step::Consider(only.clone())])
        }
        [only] => Err(Blocked::new(
            Reason::RepositoryAlreadyBound,
            format!(
                "repository {} is bound to {}: write that key into sonarqubeProject.key to adopt it, set monorepo: true to have a second project on this repository, or unbind it in SonarQube",
                desired.repository,
                named(desired, std::slice::from_ref(only))
            ),
        )),
        several => Err(Blocked::new(
            Reason::AmbiguousProject,
            format!(
                "repository {} is bound to {}: write the one to keep into sonarqubeProject.key",
                desired.repository,
                named(desired, several)
            ),
        )),
    }
}

/// Our own import, which SonarQube gave a key of its own choice. If its answer was lost, it is recognised by that key
/// and by the repository, to which no project was bound when the intent was recorded.
fn own_import(
    desired: &Desired,
    observed: &Observed,
    repository: &Repository,
) -> Option<ProjectKey> {
    let intent = desired.record.intent.as_ref()?;
    if !observed.capabilities.method.chooses_keys() || !desired.record.is_importing(&desired.key) {
        return None;
    }
    if intent.imported_as.is_some() {
        return observed.imported.clone();
    }
    let mut unheld = observed.bound_to_repository.iter();
    let found = unheld.find(|bound| bound.held_for.is_none() && is_chosen(&bound.key, repository));
    found.map(|bound| bound.key.clone())
}

/// Whether SonarQube gives a repository's project such a key: `PROJECT_slug`, from 9.9 on with an end of its own, and a
/// long one without its beginning.
fn is_chosen(key: &ProjectKey, repository: &Repository) -> bool {
    const KEPT: usize = 200;
    let path = &repository.path;
    let place = format!("{}_{}", path.project().replace('~', "_"), path.slug());
    let (key, place) = (key.folded(), place.to_lowercase());
    let begins = key.strip_prefix(&place);
    begins.is_some_and(|end| end.is_empty() || end.starts_with('_')) || place.len() > KEPT
}

/// Whether an import must not be repeated yet: SonarQube would make a second project.
pub(super) fn must_wait(steps: &[Step], desired: &Desired, observed: &Observed) -> bool {
    let imports = steps.iter().any(|step| matches!(step, Step::Import { .. }));
    imports
        && observed.capabilities.method.chooses_keys()
        && observed.import_at_work
        && desired.record.intent.is_some()
}

/// A project is there under the effective key, and was not accepted yet.
pub(super) fn present(
    desired: &Desired,
    observed: &Observed,
    repository: &Repository,
    project: &Project,
) -> Result<Vec<Step>, Blocked> {
    // If our import still has the key that SonarQube chose, another client made this one.
    let stands_elsewhere = observed.imported.as_ref();
    let stands_elsewhere = stands_elsewhere.is_some_and(|imported| !imported.same(&project.key));
    let importing = desired.record.is_importing(&project.key) && !stands_elsewhere;
    let method = observed.capabilities.method;
    if observed.rights == Rights::Denied || project.binding == BindingState::Hidden {
        // What our own import made is bound, and bound projects have a known uuid; unless Bindery is to bind it or
        // to change its key.
        let ours = project.id.is_some() || method.creates_unbound() || method.chooses_keys();
        return grant(desired, project, importing && ours);
    }
    let accept = |bound: Option<&Repository>, origin| {
        Ok(vec![Step::Accept(Acceptance {
            key: project.key.clone(),
            id: project.id.clone(),
            repository: bound.map(|bound| bound.path.clone()),
            origin,
        })])
    };
    match &project.binding {
        BindingState::Unbound if importing && method.creates_unbound() => {
            accept(None, Origin::Imported)
        }
        BindingState::Unbound if !desired.key_given || desired.mode == Mode::Import => {
            Err(not_asked_for(desired, observed, project))
        }
        BindingState::Unbound => bind(desired, observed, repository, project),
        // To share what was not shared is asked for by name, and written once it is accepted.
        BindingState::Bound {
            repository: found, ..
        } if is_as_declared(desired, project, repository)
            || desired.monorepo && found.same(&repository.path) =>
        {
            let origin = if importing {
                Origin::Imported
            } else {
                Origin::Found
            };
            accept(Some(repository), origin)
        }
        BindingState::Bound {
            repository: other, ..
        } if other.same(&repository.path) => Err(part_of_a_monorepo(desired, project)),
        BindingState::Bound {
            repository: other, ..
        } => {
            let other_place = if desired.access.admits(other, &project.key) {
                format!("repository {other}")
            } else {
                "another repository".to_owned()
            };
            Err(already_bound(observed, project, &other_place))
        }
        BindingState::Elsewhere(_) | BindingState::Hidden => Err(already_bound(
            observed,
            project,
            "a repository of another configuration",
        )),
    }
}

/// Refuses where projects of other keys are bound to the repository.
fn repository_is_free(
    desired: &Desired,
    observed: &Observed,
    repository: &Repository,
    key: &ProjectKey,
) -> Result<(), Blocked> {
    let mut others = residents(observed, repository);
    others.retain(|other| !other.same(key));
    if others.is_empty() || desired.monorepo {
        return Ok(());
    }
    Err(Blocked::new(
        Reason::RepositoryAlreadyBound,
        format!(
            "repository {} is bound to {} already: unbind it there before it is bound to {key}, or set monorepo: true",
            desired.repository,
            named(desired, &others),
        ),
    ))
}

/// The projects whose place is the repository. One that another object holds for another repository is drift
/// of that object, which takes it back: two projects that were swapped by hand would else wait for each other.
fn residents(observed: &Observed, repository: &Repository) -> Vec<ProjectKey> {
    let belongs_here = |bound: &&Bound| {
        let home = bound.held_for.as_ref();
        home.is_none_or(|home| home.same(&repository.path))
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
) -> Result<Vec<Step>, Blocked> {
    // No claim is asked for if the binding would be blocked all the same.
    if observed.capabilities.method.binds_existing() {
        repository_is_free(desired, observed, repository, &project.key)?;
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
) -> Result<Vec<Step>, Blocked> {
    if desired.mode == Mode::Bind {
        return Err(not_there(desired, observed));
    }
    if observed.hidden_bindings > 0 {
        return Err(Blocked::new(
            Reason::HiddenBindings,
            format!(
                "SonarQube hides {} binding(s) of this configuration from the operator's user, and one of them may be of repository {}: give that user Browse on all projects",
                observed.hidden_bindings, desired.repository
            ),
        ));
    }
    let Record {
        accepted, intent, ..
    } = &desired.record;
    let key = if desired.key_given || accepted.is_some() || intent.is_some() {
        desired.key.clone()
    } else {
        // The same key, as Bitbucket would spell it.
        desired.keys.key(&repository.path)
    };
    let name = desired.name.clone();
    let name = name.unwrap_or_else(|| repository.name.clone());
    let announcement = Step::RecordIntent(key.clone());
    let creation = if observed.capabilities.method.creates_unbound() {
        Step::Create { key, name }
    } else {
        Step::Import {
            key,
            name,
            repository: repository.path.clone(),
        }
    };
    Ok(vec![announcement, creation])
}

fn not_there(desired: &Desired, observed: &Observed) -> Blocked {
    let create = if observed.capabilities.method.binds_existing() {
        "create it, or "
    } else {
        ""
    };
    Blocked::new(
        Reason::ProjectNotFound,
        format!(
            "SonarQube has no project {}: {create}choose mode ImportOrBind to have it imported",
            desired.key
        ),
    )
}

fn not_asked_for(desired: &Desired, observed: &Observed, project: &Project) -> Blocked {
    let (key, repository) = (&project.key, &desired.repository);
    let remedy = if observed.capabilities.method.binds_existing() {
        format!(
            "write sonarqubeProject.key: {key} (and a mode other than Import) to bind it to repository {repository}"
        )
    } else {
        format!(
            "write another sonarqubeProject.key to have repository {repository} imported; this SonarQube cannot bind a project that exists: 25.12 or later can, and Developer Edition or later or the community branch plugin on every version"
        )
    };
    Blocked::new(
        Reason::ProjectExists,
        format!("SonarQube project {key} exists and is bound to nothing: {remedy}"),
    )
}

/// `false` does not ask to end the sharing: it may be there because it is the default.
fn part_of_a_monorepo(desired: &Desired, project: &Project) -> Blocked {
    Blocked::new(
        Reason::ProjectAlreadyBound,
        format!(
            "SonarQube project {} is bound to repository {} as part of a monorepo: write monorepo: true and sonarqubeProject.key to adopt it as it is",
            project.key, desired.repository
        ),
    )
}

fn already_bound(observed: &Observed, project: &Project, place: &str) -> Blocked {
    // Where what exists cannot be bound, an unbound project is of no use either.
    let remedy = if observed.capabilities.method.binds_existing() {
        "choose another sonarqubeProject.key, or remove that binding in SonarQube"
    } else {
        "choose another sonarqubeProject.key"
    };
    Blocked::new(
        Reason::ProjectAlreadyBound,
        format!(
            "SonarQube project {} is bound to {place} and is not taken over: {remedy}",
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
