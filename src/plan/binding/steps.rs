//! Which steps are missing for what a binding declares.

use crate::plan::{Access, Blocked, Contender, Management, Reason};

use super::difference::{differences, is_as_declared};
use super::found::{BindingState, Branches, Project, Repository, Rights, Visibility};
use super::model::{Desired, Observed, Plan, Step};
use super::offered::offered;
use super::remembered::Accepted;
use super::repository::repository_to_bind;
use super::rights::{grant, permission_missing};
use super::table;

/// What to do about a binding, given what was read.
#[must_use]
pub fn plan(desired: &Desired, observed: &Observed) -> Plan {
    let steps = match next(desired, observed) {
        Ok(steps) => steps,
        Err(refusal) => {
            return Plan::Refused {
                refusal,
                differences: Vec::new(),
            };
        }
    };
    if desired.management == Management::Full && !steps.is_empty() {
        if table::must_wait(&steps, desired, observed) {
            return Plan::Wait(format!(
                "the answer to an earlier import of repository {} never came, and SonarQube may still be at work: a second import would make a second project",
                desired.repository
            ));
        }
        return match offered(&steps, desired, observed) {
            Ok(()) => Plan::Steps(steps),
            Err(refusal) => Plan::Refused {
                refusal,
                differences: differences(&steps, desired, observed),
            },
        };
    }
    let differences = differences(&steps, desired, observed);
    if differences.is_empty() {
        Plan::Settled
    } else {
        Plan::Differs(differences)
    }
}

/// The steps that are missing under any management policy.
fn next(desired: &Desired, observed: &Observed) -> Result<Vec<Step>, Blocked> {
    admitted(desired)?;
    uncontested(desired, observed.claimed_by.as_ref())?;
    let repository = repository_to_bind(desired, &observed.repository)?;
    match &observed.project {
        Some(project) => keep(desired, observed, repository, project),
        // What we may not see may be there.
        None if observed.rights == Rights::Denied => Err(permission_missing(&desired.key)),
        None => table::absent(desired, observed, repository),
    }
}

/// The project under the effective key is there: accept it, or keep what was accepted.
fn keep(
    desired: &Desired,
    observed: &Observed,
    repository: &Repository,
    project: &Project,
) -> Result<Vec<Step>, Blocked> {
    let creating =
        observed.capabilities.method.creates_unbound() && desired.record.is_importing(&project.key);
    // What was just created is not what was accepted before, even if they look the same: that one was deleted.
    let is_another = |accepted: &&Accepted| {
        creating && accepted.created_by.is_none()
            // Nor is one adopted that a user bound elsewhere while no uuid proves that it is ours.
            || project.id.is_none() && matches!(project.binding, BindingState::Elsewhere(_))
    };
    let held = desired.record.holding(project);
    let Some(accepted) = held.filter(|accepted| !is_another(accepted)) else {
        return table::present(desired, observed, repository, project);
    };
    let ours = accepted.created_by.as_ref() == Some(&desired.uid) && accepted.proves(project);
    if observed.rights == Rights::Denied || project.binding == BindingState::Hidden {
        // What was just created, and is about to be bound, has no uuid yet on some servers.
        return grant(desired, project, ours || creating);
    }
    if !is_as_declared(desired, project, repository) {
        return table::bind(desired, observed, repository, project);
    }
    let mut steps = Vec::new();
    if let (Some(wanted), true) = (desired.visibility, desired.keeps_visibility(ours))
        && project.visibility.is_some_and(|found| found != wanted)
    {
        if wanted == Visibility::Private && !ours {
            // Only who was given Browse sees a private project: the operator would lock itself out.
            steps.push(Step::GrantSelf(project.key.clone()));
        }
        steps.push(Step::SetVisibility(project.key.clone(), wanted));
    }
    if let Some(wanted) = &desired.new_code
        && accepted.new_code.as_ref() != Some(wanted)
    {
        steps.push(Step::SetNewCode(project.key.clone(), wanted.clone()));
    }
    if let Some(Branches {
        main,
        default: Some(default),
    }) = &observed.branches
        && ours
        && main != default
    {
        steps.push(Step::RenameMainBranch(project.key.clone(), default.clone()));
    }
    Ok(steps)
}

/// The name of a rival, for those who may see into its namespace.
fn rival_name(desired: &Desired, name: &str) -> String {
    let neighbour = name.split('/').next() == Some(&desired.namespace);
    if neighbour || desired.access == Access::Own {
        format!(", {name}")
    } else {
        String::new()
    }
}

/// Whether the project belongs to no other binding: found out before anything is asked about it.
///
/// # Errors
/// With what to do where it does.
pub fn uncontested(desired: &Desired, claimed_by: Option<&Contender>) -> Result<(), Blocked> {
    let Some(other) = claimed_by else {
        return Ok(());
    };
    Err(Blocked::new(
        Reason::AlreadyManaged,
        format!(
            "SonarQube project {} is managed by another ProjectBinding{}; delete one of the two, or write another sonarqubeProject.key",
            desired.key,
            rival_name(desired, &other.name)
        ),
    ))
}

/// Whether no other binding imports the repository: SonarQube may still carry out an import whose answer was lost, and
/// would then hold a second project of the repository.
///
/// # Errors
/// With what the binding waits for.
pub fn not_imported_for_another(
    desired: &Desired,
    importer: Option<&Contender>,
) -> Result<(), Blocked> {
    let Some(other) = importer.filter(|_| !desired.monorepo) else {
        return Ok(());
    };
    Err(Blocked::new(
        Reason::ProgressingWithRetry,
        format!(
            "repository {} is being imported for another ProjectBinding{}: Bindery waits until that import is done",
            desired.repository,
            rival_name(desired, &other.name)
        ),
    ))
}

/// Whether the connection admits the repository under the key: found out before anything is asked about either.
///
/// # Errors
/// With whom to ask where it does not.
pub fn admitted(desired: &Desired) -> Result<(), Blocked> {
    if desired.access.admits(&desired.repository, &desired.key) {
        return Ok(());
    }
    Err(Blocked::new(
        Reason::AccessDenied,
        format!(
            "the connection admits this namespace, but no entry of its spec.access admits repository {} with SonarQube project key {}: ask the owner of the connection to add both to one entry",
            desired.repository, desired.key
        ),
    ))
}
