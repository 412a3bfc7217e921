//! Asks Bitbucket where a repository is, and what its default branch is called.

use super::{Error, Servers};
use crate::bitbucket::{self, Lookup, MissingPart};
use crate::identity::{ProjectKey, RepositoryPath};
use crate::inventory;
use crate::plan::binding::{Branches, Desired, Moved, Repository, RepositoryState};

/// Where the repository is now.
pub(super) async fn state(
    desired: &Desired,
    servers: Servers<'_>,
) -> Result<RepositoryState, Error> {
    let path = &desired.repository;
    let (location, place) = match find(path, servers).await? {
        Lookup::Found(found) => return Ok(RepositoryState::Found(known(found))),
        Lookup::Missing(_) => return Ok(RepositoryState::Missing),
        Lookup::Moved { location, path } => (location, path),
    };
    // Looked up where it went only for those who want to go along: it is one call more.
    let there = match &place {
        Some(place) if desired.follows() => find(place, servers).await?,
        Some(_) | None => Lookup::Missing(MissingPart::Repository),
    };
    let repository = match there {
        Lookup::Found(found) => Some(known(found)),
        // Moved on meanwhile: the next reconcile sees where.
        Lookup::Missing(_) | Lookup::Moved { .. } => None,
    };
    let place = place.map_or(location, |place| place.to_string());
    Ok(RepositoryState::Moved(Moved { place, repository }))
}

/// Asks Bitbucket for a repository, and adds what it says to the inventory.
async fn find(path: &RepositoryPath, servers: Servers<'_>) -> Result<Lookup, Error> {
    let lookup = match servers.bitbucket.repository(path).await {
        // Bitbucket answers 401 where the token may not see a repository: for its user it is not there.
        Err(bitbucket::Error::PermissionDenied { .. }) => Lookup::Missing(MissingPart::Repository),
        answer => answer?,
    };
    let row = match &lookup {
        Lookup::Found(found) => Some(inventory::Repository {
            id: found.id,
            path: found.path.clone(),
            name: found.name.clone(),
            archived: found.archived,
            fork: found.fork,
        }),
        Lookup::Missing(_) | Lookup::Moved { .. } => None,
    };
    servers.inventory().learn_repository(path, row);
    Ok(lookup)
}

fn known(found: bitbucket::Repository) -> Repository {
    Repository {
        id: found.id,
        path: found.path,
        name: found.name,
        project_name: found.project_name,
    }
}

/// Both names of the branch that should be one.
pub(super) async fn branches(
    path: &RepositoryPath,
    key: &ProjectKey,
    servers: Servers<'_>,
) -> Result<Option<Branches>, Error> {
    let main = servers.sonarqube.main_branch(key).await?;
    let default = servers.bitbucket.default_branch(path).await?;
    Ok(main.map(|main| Branches { main, default }))
}
