//! What is reported if nothing is written: differences, with only such names as their reader may know.

use crate::identity::RepositoryPath;
use crate::plan::{Access, Difference};

use super::found::{BindingState, Project, Repository};
use super::model::{Desired, Observed, Step};

/// Whether a tenant may read the name of a repository, given as `PROJECT/slug`.
#[must_use]
pub fn may_know(desired: &Desired, place: &str) -> bool {
    let path = place
        .split_once('/')
        .and_then(|(project, slug)| RepositoryPath::parse(project, slug).ok());
    desired.access == Access::Own
        || path.is_some_and(|path| {
            [&desired.key, &desired.keys.key(&path)]
                .into_iter()
                .any(|key| desired.access.admits(&path, key))
        })
}

/// What these steps would change, and what is not changed on a project that Bindery did not create.
pub(super) fn differences(
    steps: &[Step],
    desired: &Desired,
    observed: &Observed,
) -> Vec<Difference> {
    let steps = steps.iter();
    steps
        .filter_map(|step| difference(step, desired, observed))
        .chain(foreign_visibility(desired, observed))
        .collect()
}

/// A visibility that is declared for a project on which it is not kept: no step sets it.
fn foreign_visibility(desired: &Desired, observed: &Observed) -> Option<Difference> {
    let project = observed.project.as_ref()?;
    let is_kept = desired.record.holding(project).is_some_and(|accepted| {
        desired.keeps_visibility(accepted.created_by.as_ref() == Some(&desired.uid))
    });
    let (wanted, found) = (desired.visibility?, project.visibility?);
    (!is_kept && wanted != found).then(|| Difference {
        field: "sonarqubeProject.visibility",
        desired: wanted.as_str().to_owned(),
        observed: found.as_str().to_owned(),
    })
}

/// A step as what it would change; `None` for bookkeeping of our own.
pub(super) fn difference(
    step: &Step,
    desired: &Desired,
    observed: &Observed,
) -> Option<Difference> {
    let (field, wanted, found) = match step {
        Step::RecordIntent(_)
        | Step::Consider(_)
        | Step::Accept(_)
        | Step::GrantSelf(_)
        | Step::Rekey { .. } => return None,
        Step::Import { key, .. } | Step::Create { key, .. } => {
            ("sonarqubeProject", key.to_string(), "absent".to_owned())
        }
        Step::Bind { repository, .. } if shares_otherwise(repository, observed) => (
            "monorepo",
            desired.monorepo.to_string(),
            (!desired.monorepo).to_string(),
        ),
        Step::Bind { repository, .. } => (
            "repository",
            repository.to_string(),
            bound_to(desired, observed),
        ),
        Step::SetVisibility(_, wanted) => (
            "sonarqubeProject.visibility",
            wanted.as_str().to_owned(),
            observed.project.as_ref()?.visibility?.as_str().to_owned(),
        ),
        Step::SetNewCode(_, wanted) => (
            "sonarqubeProject.newCodeDefinition",
            wanted.to_string(),
            "not written".to_owned(),
        ),
        Step::RenameMainBranch(_, wanted) => (
            "mainBranch",
            wanted.clone(),
            observed.branches.as_ref()?.main.clone(),
        ),
    };
    Some(Difference {
        field,
        desired: wanted,
        observed: found,
    })
}

/// Whether the monorepo flag alone differs.
fn shares_otherwise(repository: &RepositoryPath, observed: &Observed) -> bool {
    let binding = observed.project.as_ref().map(|project| &project.binding);
    matches!(binding, Some(BindingState::Bound { repository: found, .. }) if found.same(repository))
}

pub(super) fn bound_to(desired: &Desired, observed: &Observed) -> String {
    match observed.project.as_ref().map(|project| &project.binding) {
        Some(BindingState::Bound { repository, .. }) => {
            let place = repository.to_string();
            if may_know(desired, &place) {
                place
            } else {
                "another repository".to_owned()
            }
        }
        Some(BindingState::Elsewhere(_)) => "a repository of another configuration".to_owned(),
        Some(BindingState::Unbound | BindingState::Hidden) | None => "unbound".to_owned(),
    }
}

/// Whether nothing is left to do about what a project is bound to. What was not read counts as equal.
pub(super) fn is_as_declared(
    desired: &Desired,
    project: &Project,
    repository: &Repository,
) -> bool {
    match &project.binding {
        BindingState::Bound {
            repository: found,
            monorepo,
        } => found.same(&repository.path) && monorepo.is_none_or(|flag| flag == desired.monorepo),
        BindingState::Unbound | BindingState::Elsewhere(_) | BindingState::Hidden => false,
    }
}
