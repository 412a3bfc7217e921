//! What the status shows beside conditions: the repository, what the binding is about, and what the operator refuses.

use crate::controller::context::ProjectDeletion;
use crate::crd::{BindingDeletionPolicy, ProjectBinding, RepositoryStatus, TargetStatus};
use crate::declared;
use crate::identity::ServerUrl;
use crate::kubernetes::status;
use crate::plan::binding::{Accepted, Desired, Observed, RepositoryState};
use crate::plan::verdict::{Aspect, State, Verdict};

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

/// What the object is about: what was found, else what the spec names.
pub(super) fn target(
    binding: &ProjectBinding,
    found: Option<&RepositoryStatus>,
    accepted: Option<&Accepted>,
) -> Option<TargetStatus> {
    let declared = &binding.spec.repository;
    let declared = || format!("{}/{}", declared.project, declared.slug);
    let key = accepted.map(|accepted| accepted.key.clone());
    let key = key.or_else(|| declared::wanted_key(binding))?;
    Some(TargetStatus {
        repository: found.map_or_else(declared, |found| found.path.clone()),
        project: key.to_string(),
    })
}

/// Adds to `Accepted` what the operator refuses, from the first reconcile on: at the deletion it is too late to learn it.
pub(super) fn with_advice(
    verdicts: &[Verdict],
    binding: &ProjectBinding,
    deletion: ProjectDeletion,
) -> Vec<Verdict> {
    let mut verdicts = verdicts.to_vec();
    let is_true = |it: &&mut Verdict| it.aspect == Aspect::Accepted && it.state == State::True;
    let accepted = verdicts.iter_mut().find(is_true);
    let asks = binding.spec.deletion_policy == BindingDeletionPolicy::DeleteProject;
    if let (Some(accepted), true, ProjectDeletion::Refused) = (accepted, asks, deletion) {
        "deletionPolicy: DeleteProject acts as Unbind, because the operator runs without --allow-project-deletion. SonarQube keeps the project when this object is deleted"
            .clone_into(&mut accepted.message);
    }
    verdicts
}
