//! How SonarQube is made to bind a project, and what a server cannot do that offers less than all of it.

use crate::identity::RepositoryPath;
use crate::plan::capability::{Outlook, Promise};
use crate::plan::{Reason, Refusal};

use super::{BindingState, Desired, Mode, Observed, Project, Step, may_know};

/// How SonarQube is made to bind a project: the best of what the server was found to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `projects/create`, then `alm_settings/set_bitbucket_binding`: Developer Edition and later, or any version with
    /// the community branch plugin. Binds what exists, and is the only way to remove a single binding.
    SetBinding,
    /// `PUT /api/v2/dop-translation/bound-projects`, 25.12 and later: creates projects, and binds those that exist.
    PutBoundProject,
    /// `POST` to the same path, 10.5 to 25.11: creates projects, and nothing else.
    PostBoundProject,
    /// `alm_integrations/import_bitbucketserver_project`, 8.9 to 10.4: creates projects under keys that SonarQube
    /// chooses, which are changed afterwards.
    ImportRepository,
}

impl Way {
    /// All of them, the best first.
    pub const ALL: [Self; 4] = [
        Self::SetBinding,
        Self::PutBoundProject,
        Self::PostBoundProject,
        Self::ImportRepository,
    ];

    /// Its name in statuses and in the guide.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SetBinding => "SetBinding",
            Self::PutBoundProject => "PutBoundProject",
            Self::PostBoundProject => "PostBoundProject",
            Self::ImportRepository => "ImportRepository",
        }
    }

    /// The way of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.name() == name)
    }

    /// SonarQube's call.
    #[must_use]
    pub fn call(self) -> &'static str {
        match self {
            Self::SetBinding => "POST api/projects/create, api/alm_settings/set_bitbucket_binding",
            Self::PutBoundProject => "PUT api/v2/dop-translation/bound-projects",
            Self::PostBoundProject => "POST api/v2/dop-translation/bound-projects",
            Self::ImportRepository => "POST api/alm_integrations/import_bitbucketserver_project",
        }
    }

    /// Whether a project that exists can be bound.
    #[must_use]
    pub fn binds_existing(self) -> bool {
        match self {
            Self::SetBinding | Self::PutBoundProject => true,
            Self::PostBoundProject | Self::ImportRepository => false,
        }
    }

    /// Whether a single binding can be removed.
    #[must_use]
    pub fn unbinds(self) -> bool {
        match self {
            Self::SetBinding => true,
            Self::PutBoundProject | Self::PostBoundProject | Self::ImportRepository => false,
        }
    }

    /// Whether a new project begins unbound, and is bound by a call of its own.
    pub(super) fn creates_unbound(self) -> bool {
        match self {
            Self::SetBinding => true,
            Self::PutBoundProject | Self::PostBoundProject | Self::ImportRepository => false,
        }
    }

    /// Whether SonarQube chooses the key of what it imports, and a second import makes a second project (9.9).
    #[must_use]
    pub fn chooses_keys(self) -> bool {
        match self {
            Self::ImportRepository => true,
            Self::SetBinding | Self::PutBoundProject | Self::PostBoundProject => false,
        }
    }
}

/// Refuses steps that this server cannot take.
pub(super) fn offered(
    steps: &[Step],
    desired: &Desired,
    observed: &Observed,
) -> Result<(), Refusal> {
    let capabilities = &observed.capabilities;
    let writes_binding = |step: &&Step| match step {
        Step::Import { .. } | Step::Create { .. } | Step::Bind { .. } => true,
        Step::RecordIntent(_)
        | Step::Rekey { .. }
        | Step::Consider(_)
        | Step::Accept(_)
        | Step::GrantSelf(_)
        | Step::SetVisibility(..)
        | Step::SetNewCode(..)
        | Step::RenameMainBranch(..) => false,
    };
    let Some(step) = steps.iter().find(writes_binding) else {
        return Ok(());
    };
    if let (Step::Bind { repository, .. }, Some(project)) = (step, &observed.project)
        && !capabilities.way.binds_existing()
    {
        return Err(cannot_bind(desired, project, repository));
    }
    match capabilities.outlook(Promise::Monorepo) {
        Outlook::Refused(reason) if desired.monorepo => Err(no_monorepo(reason, capabilities.way)),
        Outlook::Refused(_) | Outlook::Kept | Outlook::Tried | Outlook::Told => Ok(()),
    }
}

fn no_monorepo(reason: Reason, way: Way) -> Refusal {
    let who = match way {
        Way::SetBinding => {
            "this edition of SonarQube does not let projects share a repository; Enterprise Edition or later, or the community branch plugin, does"
        }
        Way::PutBoundProject | Way::PostBoundProject | Way::ImportRepository => {
            "this version of SonarQube cannot import with the monorepo flag; 10.5 or later can, in every edition"
        }
    };
    Refusal::new(
        reason,
        format!("spec.monorepo: {who}. Or remove it, and use one SonarQube project per repository"),
    )
}

fn cannot_bind(desired: &Desired, project: &Project, repository: &RepositoryPath) -> Refusal {
    let key = &project.key;
    let mode = match desired.mode {
        Mode::Bind => "choose mode ImportOrBind and ",
        Mode::ImportOrBind | Mode::Import => "",
    };
    let mut ways_out = vec!["upgrade SonarQube".to_owned()];
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
    let what = match &project.binding {
        BindingState::Bound {
            repository: found,
            monorepo: Some(flag),
        } if found.same(repository) => {
            format!("is bound with monorepo: {flag}")
        }
        BindingState::Bound { .. }
        | BindingState::Unbound
        | BindingState::Elsewhere(_)
        | BindingState::Hidden => format!("is not bound to repository {repository}"),
    };
    Refusal::new(
        Reason::UnsupportedVersion,
        format!(
            "SonarQube project {key} {what}, and this SonarQube cannot bind a project that exists; 25.12 or later can, in every edition, and Developer Edition or later or the community branch plugin on every version. Either {}",
            ways_out.join("; or ")
        ),
    )
}
