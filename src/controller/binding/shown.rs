//! What the status shows of a repository.

use crate::crd::RepositoryStatus;
use crate::identity::ServerUrl;
use crate::kubernetes::status;
use crate::plan::binding::{Desired, Observed, RepositoryState};

/// The repository as it was observed, with the page of this Bitbucket that shows it; `None` where it was not found.
pub(super) fn shown(
    desired: &Desired,
    observed: &Observed,
    bitbucket: &ServerUrl,
) -> Option<RepositoryStatus> {
    let found = observed.repository.found()?;
    let path = &found.path;
    let followed_from = match &observed.repository {
        RepositoryState::Moved(_) => Some(desired.repository.to_string()),
        RepositoryState::Found(_) | RepositoryState::Missing => None,
    };
    let url = bitbucket.join(["projects", path.project(), "repos", path.slug(), "browse"]);
    let default = observed.branches.as_ref();
    let default = default.and_then(|branches| branches.default.as_deref());
    Some(RepositoryStatus {
        id: found.id,
        path: path.to_string(),
        project: path.project().to_owned(),
        slug: path.slug().to_owned(),
        url: status::clip(url.as_str(), 1024),
        default_branch: default.map(|branch| status::clip(branch, 255)),
        followed_from,
    })
}
