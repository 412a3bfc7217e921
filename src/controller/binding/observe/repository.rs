//! Asks Bitbucket where a repository is, and what its default branch is called.

use crate::bitbucket::{self, Lookup, MissingPart};
use crate::controller::error::Error;
use crate::controller::session::View;
use crate::crd::RepositoryStatus;
use crate::identity::{ProjectKey, RepositoryPath};
use crate::inventory;
use crate::kubernetes::status;
use crate::plan::binding::{Branches, Desired, Moved, Repository, RepositoryState};

/// Where the repository is now, and what the status shows of it.
pub(super) async fn look(
    desired: &Desired,
    view: &View,
) -> Result<(RepositoryState, Option<RepositoryStatus>), Error> {
    let path = &desired.repository;
    let (location, place) = match look_up(path, view).await? {
        Lookup::Found(found) => {
            let shown = shown(&found, None, view);
            return Ok((RepositoryState::Found(known(found)), Some(shown)));
        }
        Lookup::Missing(_) => return Ok((RepositoryState::Missing, None)),
        Lookup::Moved { location, path } => (location, path),
    };
    // Looked at where it went only for those who want to go along: it is one call more.
    let there = match &place {
        Some(place) if desired.follow => look_up(place, view).await?,
        Some(_) | None => Lookup::Missing(MissingPart::Repository),
    };
    let (repository, shown) = match there {
        Lookup::Found(found) => {
            let shown = shown(&found, Some(path), view);
            (Some(known(found)), Some(shown))
        }
        // Moved on meanwhile: the next pass sees where.
        Lookup::Missing(_) | Lookup::Moved { .. } => (None, None),
    };
    let place = place.map_or(location, |place| place.to_string());
    Ok((RepositoryState::Moved(Moved { place, repository }), shown))
}

/// Asks Bitbucket for a repository, and puts what it says into the inventory.
async fn look_up(path: &RepositoryPath, view: &View) -> Result<Lookup, Error> {
    let lookup = match view.bitbucket.repository(path).await {
        // Bitbucket answers 401 where the token may not see a repository: for its user it is not there.
        Err(bitbucket::Error::PermissionDenied { .. }) => Lookup::Missing(MissingPart::Repository),
        answer => answer.map_err(|source| view.bitbucket_failed(source))?,
    };
    let row = match &lookup {
        Lookup::Found(found) => Some(inventory::Repository {
            id: found.id,
            path: found.path.clone(),
            name: found.name.clone(),
            archived: found.archived,
        }),
        Lookup::Missing(_) | Lookup::Moved { .. } => None,
    };
    view.inventory().learn_repository(path, row);
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

fn shown(
    found: &bitbucket::Repository,
    asked: Option<&RepositoryPath>,
    view: &View,
) -> RepositoryStatus {
    let url = view.bitbucket.url().join([
        "projects",
        found.path.project(),
        "repos",
        found.path.slug(),
        "browse",
    ]);
    RepositoryStatus {
        id: found.id,
        path: found.path.to_string(),
        project: found.path.project().to_owned(),
        slug: found.path.slug().to_owned(),
        url: status::clip(url.as_str(), 1024),
        default_branch: None,
        followed_from: asked.map(ToString::to_string),
    }
}

/// Both names of the branch that should be one.
pub(super) async fn branches(
    path: &RepositoryPath,
    key: &ProjectKey,
    view: &View,
) -> Result<Option<Branches>, Error> {
    let main = view.sonarqube.main_branch(key).await;
    let main = main.map_err(|source| view.failed(source))?;
    let default = view.bitbucket.default_branch(path).await;
    let default = default.map_err(|source| view.bitbucket_failed(source))?;
    Ok(main.map(|main| Branches { main, default }))
}
