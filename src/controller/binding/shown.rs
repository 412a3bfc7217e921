//! What the status shows beside conditions: a repository, a project, differences, and what the binding is about; and what
//! the operator refuses.

use kube::ResourceExt as _;

use crate::controller::context::ProjectDeletion;
use crate::crd::{
    self, AcceptingConnection, BindingDefaults, BindingDeletionPolicy, BindingRecord,
    BitbucketConnection, Intent, ProjectBinding, RepositoryStatus, SonarQubeProjectStatus,
    TargetStatus,
};
use crate::declared;
use crate::fleet::link::ServerAccess;
use crate::identity::{ProjectId, ServerUrl, SettingId, Uid};
use crate::kubernetes::{status, uid};
use crate::plan::Difference;
use crate::plan::binding::{Accepted, Desired, Observed, RepositoryState};
use crate::plan::condition::{Condition, ConditionType, State};

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
        project: path.project().into(),
        slug: path.slug().to_owned(),
        url: status::clip(url.as_str(), 1024),
        default_branch: default.map(|branch| status::clip(branch, 255).into()),
        followed_from,
    })
}

/// The connection under which a binding was accepted.
pub(super) fn accepts(
    connection: &BitbucketConnection,
    configuration: &SettingId,
) -> AcceptingConnection {
    AcceptingConnection {
        namespace: connection.namespace().unwrap_or_default().into(),
        name: connection.name_any().into(),
        uid: uid(connection).as_str().into(),
        configuration_id: configuration.as_str().into(),
    }
}

/// The project that is remembered.
pub(super) fn remembered(
    accepted: &Accepted,
    access: Option<&ServerAccess>,
    before: Option<&SonarQubeProjectStatus>,
) -> SonarQubeProjectStatus {
    let url = access.map(|access| {
        let mut url = access.sonarqube.url().join(["dashboard"]);
        url.query_pairs_mut()
            .append_pair("id", accepted.key.as_str());
        status::clip(url.as_str(), 1024)
    });
    SonarQubeProjectStatus {
        key: accepted.key.to_string(),
        id: accepted.id.as_ref().map(ProjectId::to_string),
        server_id: accepted.server.as_str().into(),
        url: url
            .or_else(|| before.map(|before| before.url.clone()))
            .unwrap_or_default(),
    }
}

/// What no server can report: who accepted the binding, what is about to be created, and what was done for it.
pub(super) fn record(
    accepted: Option<&Accepted>,
    connection: Option<AcceptingConnection>,
    intent: Option<Intent>,
    defaults: Option<&BindingDefaults>,
) -> BindingRecord {
    let created_by = accepted.and_then(|accepted| accepted.created_by.as_ref());
    let bound_by = accepted.and_then(|accepted| accepted.bound_by.as_ref());
    let new_code = accepted.and_then(|accepted| accepted.new_code.as_ref());
    // They hold as long as there is something that they were used for.
    let is_decided = accepted.is_some() || intent.is_some();
    let defaults = defaults.filter(|it| is_decided && **it != BindingDefaults::default());
    BindingRecord {
        connection,
        intent: intent.map(Box::new),
        created_by: created_by.map(Uid::to_string),
        bound_by: bound_by.map(Uid::to_string),
        new_code_definition: new_code.map(declared::new_code_status).map(Box::new),
        defaults: defaults.cloned().map(Box::new),
    }
}

/// A difference, cut to what a status may hold.
pub(super) fn difference(difference: &Difference) -> crd::Difference {
    let Difference {
        field,
        desired,
        observed,
    } = difference;
    let cut = |text: &str| text.chars().take(512).collect();
    crd::Difference {
        field: (*field).to_owned(),
        desired: cut(desired),
        observed: cut(observed),
    }
}

/// What the object is about: what was found, else what the spec names.
pub(super) fn target(
    (binding, connection): (&ProjectBinding, Option<&BitbucketConnection>),
    found: Option<&RepositoryStatus>,
    accepted: Option<&Accepted>,
) -> Option<TargetStatus> {
    let declared = &binding.spec.repository;
    let declared = || format!("{}/{}", declared.project, declared.slug);
    let key = accepted.map(|accepted| accepted.key.clone());
    let key = key.or_else(|| declared::wanted_key(binding, connection))?;
    Some(TargetStatus {
        repository: found.map_or_else(declared, |found| found.path.clone()),
        project: key.to_string(),
    })
}

/// Adds to `Accepted` what the operator refuses, from the first reconcile on: at the deletion it is too late to learn it.
pub(super) fn with_advice(
    conditions: &[Condition],
    policy: BindingDeletionPolicy,
    deletion: ProjectDeletion,
) -> Vec<Condition> {
    let mut conditions = conditions.to_vec();
    let is_true = |it: &&mut Condition| {
        it.condition_type == ConditionType::Accepted && it.state == State::True
    };
    let accepted = conditions.iter_mut().find(is_true);
    let asks = policy == BindingDeletionPolicy::DeleteProject;
    if let (Some(accepted), true, ProjectDeletion::Refused) = (accepted, asks, deletion) {
        "deletionPolicy: DeleteProject acts as Unbind, because the operator runs without --allow-project-deletion. SonarQube keeps the project when this object is deleted"
            .clone_into(&mut accepted.message);
    }
    conditions
}
