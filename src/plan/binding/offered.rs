//! What a server cannot do that offers less than all binding methods.

use crate::identity::RepositoryPath;
use crate::plan::capability::{BindingMethod, Outlook, Promise};
use crate::plan::{Blocked, Reason};

use super::difference::may_know;
use super::found::{BindingState, Project};
use super::model::{Desired, Mode, Observed, Step};

/// Refuses steps that this server cannot take.
pub(super) fn offered(
    steps: &[Step],
    desired: &Desired,
    observed: &Observed,
) -> Result<(), Blocked> {
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
        && !capabilities.method.binds_existing()
    {
        return Err(cannot_bind(desired, project, repository));
    }
    match capabilities.outlook(Promise::Monorepo) {
        Outlook::Refused(reason) if desired.monorepo => {
            Err(no_monorepo(reason, capabilities.method))
        }
        Outlook::Refused(_) | Outlook::Kept | Outlook::Tried | Outlook::Reported => Ok(()),
    }
}

fn no_monorepo(reason: Reason, method: BindingMethod) -> Blocked {
    let who = match method {
        BindingMethod::SetBinding => {
            "this edition of SonarQube does not let projects share a repository; Enterprise Edition or later, or the community branch plugin, does"
        }
        BindingMethod::PutBoundProject
        | BindingMethod::PostBoundProject
        | BindingMethod::ImportRepository => {
            "this version of SonarQube cannot import with the monorepo flag; 10.5 or later can, in every edition"
        }
    };
    Blocked::new(
        reason,
        format!("spec.monorepo: {who}. Or remove it, and use one SonarQube project per repository"),
    )
}

fn cannot_bind(desired: &Desired, project: &Project, repository: &RepositoryPath) -> Blocked {
    let key = &project.key;
    let mode = match desired.mode {
        Mode::Bind => "choose mode ImportOrBind and ",
        Mode::ImportOrBind | Mode::Import => "",
    };
    let mut remedies = vec!["upgrade SonarQube".to_owned()];
    if desired.record.holding(project).is_some() {
        // The key cannot change any more: to set another one does not help.
        if let BindingState::Bound {
            repository: other, ..
        } = &project.binding
            && !other.same(repository)
            && may_know(desired, &other.to_string())
        {
            remedies.push(format!("write spec.repository: {other}"));
        }
        remedies.push(format!(
            "{mode}delete the project, if its history may go, to have the repository imported again"
        ));
    } else {
        remedies.push(format!(
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
    Blocked::new(
        Reason::UnsupportedVersion,
        format!(
            "SonarQube project {key} {what}, and this SonarQube cannot bind a project that exists; 25.12 or later can, in every edition, and Developer Edition or later or the community branch plugin on every version. Either {}",
            remedies.join("; or ")
        ),
    )
}
