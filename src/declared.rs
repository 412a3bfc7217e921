//! What a ProjectBinding declares and remembers, as the core wants it; in `connection` and `set`, the same of a
//! BitbucketConnection and of a ProjectBindingSet.

pub(crate) mod connection;
mod resolved;
pub(crate) mod set;

pub(crate) use resolved::{defaults, keys_of, resolved};

use crate::crd::{
    self, BindingMode, BitbucketConnection, ManagementPolicy, NewCodeDefinition,
    NewCodeDefinitionType, OnRepositoryMoved, ProjectBinding, ProjectBindingSpec,
    SonarQubeProjectSpec, Visibility as SpecVisibility,
};
use crate::identity::{NameError, ProjectId, ProjectKey, RepositoryPath, ServerId, Uid};
use crate::plan::binding::{
    Accepted, Attempt, Desired, Intent, Mode, NewCode, OnMove, Record, SeenRepository, Visibility,
    VisibilityPolicy,
};
use crate::plan::{Access, Blocked, Management, Reason};

/// Namespace and name of the connection that a binding refers to.
#[must_use]
pub fn connection_of(binding: &ProjectBinding) -> (String, String) {
    let reference = &binding.spec.connection_ref;
    let own = || binding.metadata.namespace.clone();
    let namespace = reference.namespace.clone().or_else(own);
    (namespace.unwrap_or_default(), reference.name.clone())
}

/// The key that a binding wants before it holds one: given, or the default.
#[must_use]
pub fn wanted_key(
    binding: &ProjectBinding,
    connection: Option<&BitbucketConnection>,
) -> Option<ProjectKey> {
    let resolved = resolved(binding, connection);
    match resolved.key {
        Some(key) => ProjectKey::parse(key).ok(),
        None => Some(resolved.keys.ok()?.key(&repository(&binding.spec).ok()?)),
    }
}

/// A binding through this connection, which admits this much, on the SonarQube server of this id.
///
/// # Errors
/// When the spec has a value that cannot be right.
pub fn desired(
    binding: &ProjectBinding,
    (connection, access): (&BitbucketConnection, &Access),
    server: &ServerId,
) -> Result<Desired, Blocked> {
    let spec = &binding.spec;
    let repository = repository(spec)?;
    let mut record = remembered(binding, server);
    if !is_accepted_by(binding, connection) {
        record = record.through_another_connection();
    }
    let resolved = resolved(binding, Some(connection));
    let given = resolved
        .key
        .map(|key| ProjectKey::parse(key).map_err(|error| invalid(&error)))
        .transpose()?;
    let key_given = given.is_some();
    let keys = resolved.keys.map_err(|error| invalid(&error))?;
    let key = record.effective_key(given, (&keys, &repository));
    let new_code = resolved.new_code_definition.map(new_code).transpose()?;
    // The others are resolved.
    let SonarQubeProjectSpec {
        name,
        visibility_policy,
        ..
    } = *spec.sonarqube_project.clone().unwrap_or_default();
    Ok(Desired {
        monorepo: spec.monorepo,
        on_move: match spec.on_repository_moved {
            OnRepositoryMoved::Report => OnMove::Report,
            OnRepositoryMoved::Follow => OnMove::Follow,
        },
        uid: Uid::new(binding.metadata.uid.clone().unwrap_or_default()),
        namespace: binding.metadata.namespace.clone().unwrap_or_default(),
        key,
        key_given,
        keys,
        repository,
        name,
        visibility: resolved.visibility.map(visibility_of),
        visibility_policy: match visibility_policy {
            crd::VisibilityPolicy::Created => VisibilityPolicy::Created,
            crd::VisibilityPolicy::Always => VisibilityPolicy::Always,
        },
        new_code,
        mode: match spec.mode {
            BindingMode::ImportOrBind => Mode::ImportOrBind,
            BindingMode::Import => Mode::Import,
            BindingMode::Bind => Mode::Bind,
        },
        management: management(binding, Some(connection)),
        access: access.clone(),
        record,
    })
}

/// Whether anything may be written for a binding, given the policy of its connection: the stricter policy counts.
#[must_use]
pub fn management(
    binding: &ProjectBinding,
    connection: Option<&BitbucketConnection>,
) -> Management {
    let of_connection = connection.map(|connection| connection.spec.management_policy);
    match (
        binding.spec.management_policy,
        of_connection.unwrap_or_default(),
    ) {
        (ManagementPolicy::Full, ManagementPolicy::Full) => Management::Full,
        (ManagementPolicy::Observe, _) | (_, ManagementPolicy::Observe) => Management::Observe,
    }
}

/// Whether a binding holds a project, or is about to, as far as is known through this connection: the first
/// reconcile that ended has written which one it is.
#[must_use]
pub fn may_be_accepted_by(binding: &ProjectBinding, connection: &BitbucketConnection) -> bool {
    let status = binding.status.as_ref();
    let holds = status
        .is_some_and(|status| status.sonarqube_project.is_some() || status.record.intent.is_some());
    let by = status.and_then(|status| status.record.connection.as_ref());
    holds && by.is_none_or(|by| Some(by.uid.as_str()) == connection.metadata.uid.as_deref())
}

/// Whether this very connection has accepted the binding: another one under its name is to accept it anew.
#[must_use]
pub fn is_accepted_by(binding: &ProjectBinding, connection: &BitbucketConnection) -> bool {
    let by = binding
        .status
        .as_ref()
        .and_then(|status| status.record.connection.as_ref());
    by.is_some_and(|by| Some(by.uid.as_str()) == connection.metadata.uid.as_deref())
}

/// What the status remembers of this server.
#[must_use]
pub fn remembered(binding: &ProjectBinding, server: &ServerId) -> Record {
    record(binding).on(server)
}

/// What the status remembers, keys as SonarQube spelt them.
#[must_use]
pub fn record(binding: &ProjectBinding) -> Record {
    let Some(status) = &binding.status else {
        return Record::default();
    };
    let path = status
        .repository
        .as_ref()
        .and_then(|repository| RepositoryPath::parse(&repository.project, &repository.slug).ok());
    let accepted = status.sonarqube_project.as_ref();
    let accepted = accepted.map(|project| Accepted {
        server: ServerId::new(&*project.server_id),
        key: ProjectKey::reported(&*project.key),
        id: project.id.as_deref().map(ProjectId::new),
        created_by: status.record.created_by.as_deref().map(Uid::new),
        bound_by: status.record.bound_by.as_deref().map(Uid::new),
        repository: path,
        new_code: status
            .record
            .new_code_definition
            .as_ref()
            .and_then(|written| new_code(written).ok()),
    });
    let intent = status.record.intent.as_ref();
    let intent = intent.map(|intent| Intent {
        server: ServerId::new(&*intent.server_id),
        attempt: Attempt::Repeated,
        key: ProjectKey::reported(&*intent.project_key),
        imported_as: intent.imported_as.as_deref().map(ProjectKey::reported),
    });
    let held = status.repository.as_ref().filter(|_| accepted.is_some());
    let repository = held.and_then(|repository| {
        let asked = repository
            .followed_from
            .as_ref()
            .unwrap_or(&repository.path);
        let (project, slug) = asked.split_once('/')?;
        Some(SeenRepository {
            id: repository.id,
            asked: RepositoryPath::parse(project, slug).ok()?,
        })
    });
    Record {
        accepted,
        former: None,
        intent,
        repository,
    }
}

/// A new code definition as the status keeps it.
#[must_use]
pub fn new_code_status(new_code: &NewCode) -> NewCodeDefinition {
    let (type_, days, branch) = match new_code {
        NewCode::PreviousVersion => (NewCodeDefinitionType::PreviousVersion, None, None),
        NewCode::NumberOfDays(days) => (NewCodeDefinitionType::NumberOfDays, Some(*days), None),
        NewCode::ReferenceBranch(branch) => (
            NewCodeDefinitionType::ReferenceBranch,
            None,
            Some(branch.clone()),
        ),
    };
    NewCodeDefinition {
        type_,
        days,
        branch,
    }
}

/// The repository that a binding names.
///
/// # Errors
/// When it can be the name of no repository.
pub fn repository(spec: &ProjectBindingSpec) -> Result<RepositoryPath, Blocked> {
    RepositoryPath::parse(&spec.repository.project, &spec.repository.slug)
        .map_err(|error| invalid(&error))
}

fn visibility_of(visibility: SpecVisibility) -> Visibility {
    match visibility {
        SpecVisibility::Private => Visibility::Private,
        SpecVisibility::Public => Visibility::Public,
    }
}

fn new_code(definition: &NewCodeDefinition) -> Result<NewCode, Blocked> {
    let NewCodeDefinition {
        type_,
        days,
        branch,
    } = definition;
    match (type_, days, branch) {
        (NewCodeDefinitionType::PreviousVersion, _, _) => Ok(NewCode::PreviousVersion),
        (NewCodeDefinitionType::NumberOfDays, Some(days), _) => Ok(NewCode::NumberOfDays(*days)),
        (NewCodeDefinitionType::ReferenceBranch, _, Some(branch)) => {
            Ok(NewCode::ReferenceBranch(branch.clone()))
        }
        (NewCodeDefinitionType::NumberOfDays | NewCodeDefinitionType::ReferenceBranch, _, _) => {
            Err(Blocked::new(
                Reason::InvalidSpec,
                "newCodeDefinition: days goes with type NumberOfDays, branch with type ReferenceBranch",
            ))
        }
    }
}

fn invalid(error: &NameError) -> Blocked {
    Blocked::new(Reason::InvalidSpec, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Promise: what was adopted stays adopted, also under a key that today's grammar refuses.
    #[test]
    fn a_key_is_remembered_as_sonarqube_spelt_it() {
        let old = "payments checkout";
        assert!(ProjectKey::parse(old).is_err());
        let held =
            serde_json::json!({"sonarqubeProject": {"key": old, "serverId": "server", "url": ""}});
        let record = remembered(&binding(&held), &ServerId::new("server"));
        assert_eq!(record.accepted.unwrap().key, ProjectKey::reported(old));
    }

    fn binding(status: &serde_json::Value) -> ProjectBinding {
        serde_json::from_value(serde_json::json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding", "metadata": {"name": "checkout"},
            "spec": {"connectionRef": {"name": "bitbucket"}, "repository": {"project": "PAY", "slug": "checkout"}},
            "status": status,
        }))
        .unwrap()
    }

    /// Promise: a connection does not go while an import through it may still have to be undone.
    #[test]
    fn a_binding_that_holds_or_wants_a_project_needs_its_connection() {
        let connection: BitbucketConnection = serde_json::from_value(serde_json::json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "BitbucketConnection",
            "metadata": {"name": "bitbucket", "uid": "this"},
            "spec": {
                "bitbucket": {"url": "https://bitbucket.example.com", "tokenSecretRef": {"name": "token"}},
                "sonarqube": {"url": "https://sonarqube.example.com", "tokenSecretRef": {"name": "token"}},
            },
        }))
        .unwrap();
        let intent = serde_json::json!({"serverId": "server", "projectKey": "PAY:checkout", "way": "PutBoundProject", "since": "2026-01-01T00:00:00Z"});
        let by = |uid: &str| serde_json::json!({"namespace": "platform", "name": "bitbucket", "uid": uid, "configurationId": "id"});
        for (status, needs) in [
            (serde_json::json!({}), false),
            (serde_json::json!({"record": {"intent": intent}}), true),
            (
                serde_json::json!({"record": {"intent": intent, "connection": by("this")}}),
                true,
            ),
            (
                serde_json::json!({"record": {"intent": intent, "connection": by("another")}}),
                false,
            ),
        ] {
            assert_eq!(
                may_be_accepted_by(&binding(&status), &connection),
                needs,
                "{status}"
            );
        }
    }
}
