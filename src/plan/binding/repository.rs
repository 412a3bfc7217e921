//! Which repository a binding is about: renamed, moved, created again, gone.

use crate::plan::{Blocked, Reason};

use super::difference::may_know;
use super::found::{Moved, Repository, RepositoryState};
use super::model::Desired;

/// The repository to bind, or why there is none.
///
/// # Errors
/// With what blocks the binding, and what to do.
pub fn repository_to_bind<'a>(
    desired: &Desired,
    state: &'a RepositoryState,
) -> Result<&'a Repository, Blocked> {
    match state {
        RepositoryState::Found(repository) if is_another(desired, repository) => {
            Err(recreated(desired))
        }
        RepositoryState::Found(repository) => Ok(repository),
        RepositoryState::Missing => Err(Blocked::new(
            Reason::RepositoryNotFound,
            format!(
                "Bitbucket has no repository {}, or the import token may not read it: check spec.repository and the token's permission. A SonarQube project that is bound to it stays as it is",
                desired.repository
            ),
        )),
        RepositoryState::Moved(moved) => follow(desired, moved),
    }
}

/// Whether another repository bears the name by now.
fn is_another(desired: &Desired, repository: &Repository) -> bool {
    let seen = desired.record.repository.as_ref();
    seen.is_some_and(|seen| seen.asked.same(&desired.repository) && seen.id != repository.id)
}

fn recreated(desired: &Desired) -> Blocked {
    Blocked::new(
        Reason::RepositoryRecreated,
        format!(
            "repository {} is not the one that was bound: it was deleted or renamed, and another one has its name now. If that one is meant, delete this ProjectBinding with deletionPolicy: Orphan and create it again",
            desired.repository
        ),
    )
}

/// A repository that was renamed or moved: gone along with where that was asked for, and it is the same one.
fn follow<'a>(desired: &Desired, moved: &'a Moved) -> Result<&'a Repository, Blocked> {
    let Moved { place, repository } = moved;
    let shown = if may_know(desired, place) {
        place
    } else {
        "a place outside your access"
    };
    let write = |more: &str| {
        Blocked::new(
            Reason::RepositoryMoved,
            format!(
                "Bitbucket redirects repository {} to {shown}: write the new place into spec.repository{more}",
                desired.repository
            ),
        )
    };
    if !desired.follows() {
        return Err(write(", or set spec.onRepositoryMoved: Follow"));
    }
    match repository {
        Some(there) if is_another(desired, there) => Err(recreated(desired)),
        Some(there) if desired.access.admits(&there.path, &desired.key) => Ok(there),
        Some(_) => Err(write(
            "; it is not followed to where no entry of the connection's spec.access admits it",
        )),
        None => Err(write("; Bindery could not read it there")),
    }
}
