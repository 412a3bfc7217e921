//! How SonarQube is made to bind a project, and what a server cannot do that offers less than all of it.

use crate::identity::RepositoryPath;
use crate::plan::{Reason, Refusal};

use super::{BindingState, Desired, Mode, Observed, Project, Step, may_know};

/// How SonarQube is made to bind a project: the best of what the server was found to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `PUT /api/v2/dop-translation/bound-projects`, 25.12 and later: creates projects, and binds those that exist.
    PutBoundProject,
    /// `POST` to the same path, 10.5 to 25.11: creates projects, and nothing else.
    PostBoundProject,
}

impl Way {
    /// SonarQube's call.
    #[must_use]
    pub fn call(self) -> &'static str {
        match self {
            Self::PutBoundProject => "PUT api/v2/dop-translation/bound-projects",
            Self::PostBoundProject => "POST api/v2/dop-translation/bound-projects",
        }
    }

    /// Whether a project that exists can be bound.
    pub(super) fn binds_existing(self) -> bool {
        match self {
            Self::PutBoundProject => true,
            Self::PostBoundProject => false,
        }
    }
}

/// Refuses steps that this server cannot take. Others are not in need of this: an import binds on every way.
pub(super) fn offered(
    steps: &[Step],
    desired: &Desired,
    observed: &Observed,
) -> Result<(), Refusal> {
    let binds = steps.iter().find_map(|step| match step {
        Step::Bind { repository, .. } => Some(repository),
        Step::RecordIntent(_)
        | Step::Import { .. }
        | Step::Accept(_)
        | Step::GrantSelf(_)
        | Step::SetVisibility(..)
        | Step::SetNewCode(..)
        | Step::RenameMainBranch(..) => None,
    });
    match (binds, &observed.project) {
        (Some(repository), Some(project)) if !observed.way.binds_existing() => {
            Err(cannot_bind(desired, project, repository))
        }
        _ => Ok(()),
    }
}

fn cannot_bind(desired: &Desired, project: &Project, repository: &RepositoryPath) -> Refusal {
    let key = &project.key;
    let mode = match desired.mode {
        Mode::Bind => "choose mode ImportOrBind and ",
        Mode::ImportOrBind | Mode::Import => "",
    };
    let mut ways_out = vec![
        "upgrade SonarQube".to_owned(),
        "bind the project by hand in its settings, where Developer Edition or later or the community branch plugin has that page".to_owned(),
    ];
    if desired.record.holding(project).is_some() {
        // The key is settled: another one is no way out.
        if let BindingState::Bound {
            repository: other, ..
        } = &project.binding
            && !other.same(repository)
            && may_know(desired, &other.to_string())
        {
            ways_out.push(format!("write spec.repository: {other}"));
        }
        ways_out.push(format!(
            "{mode}delete the project, if its history may go, to have the repository imported again"
        ));
    } else {
        ways_out.push(format!(
            "{mode}write another sonarqubeProject.key to have the repository imported as a new project"
        ));
    }
    Refusal::new(
        Reason::UnsupportedVersion,
        format!(
            "SonarQube project {key} is not bound to repository {repository}, and this SonarQube cannot bind a project that exists; 25.12 or later can, in every edition. Either {}",
            ways_out.join("; or ")
        ),
    )
}
