//! What a binding declares and remembers, as the core wants it.

use kube::ResourceExt as _;

use crate::controller::claims::uid;
use crate::controller::error::Error;
use crate::crd::{
    BindingMode, ManagementPolicy, NewCodeDefinition, NewCodeDefinitionType, ProjectBinding,
    ProjectBindingSpec, SonarQubeProjectSpec, Visibility as SpecVisibility,
};
use crate::identity::{ProjectId, ProjectKey, RepositoryPath, ServerId, Uid};
use crate::plan::binding::{Accepted, Desired, Mode, NewCode, Record, Visibility};
use crate::plan::{Access, Management, Reason};

/// Namespace and name of the connection that a binding refers to.
pub(crate) fn connection_of(binding: &ProjectBinding) -> (String, String) {
    let reference = &binding.spec.connection_ref;
    let namespace = reference.namespace.clone().or_else(|| binding.namespace());
    (namespace.unwrap_or_default(), reference.name.clone())
}

/// The key that a binding wants before it holds one: given, or the default.
pub(crate) fn wanted_key(binding: &ProjectBinding) -> Option<ProjectKey> {
    match given_key(&binding.spec) {
        Some(key) => ProjectKey::parse(key).ok(),
        None => repository(&binding.spec)
            .ok()
            .as_ref()
            .map(ProjectKey::default_for),
    }
}

/// Parses a binding for the server that it is about to be compared with.
pub(super) fn desired(
    binding: &ProjectBinding,
    access: Access,
    connection_policy: ManagementPolicy,
    server: &ServerId,
) -> Result<Desired, Error> {
    let spec = &binding.spec;
    let repository = repository(spec)?;
    let mut record = record(binding).on(server);
    let intended_here = binding
        .status
        .as_ref()
        .and_then(|status| status.intent.as_ref())
        .is_some_and(|intent| intent.server_id == server.as_str());
    record.intent = record.intent.filter(|_| intended_here);
    let given = given_key(spec)
        .map(|key| ProjectKey::parse(key).map_err(invalid))
        .transpose()?;
    let key_given = given.is_some();
    let remembered = record
        .accepted
        .as_ref()
        .map(|accepted| accepted.key.clone());
    // An import that is under way keeps its key, even if the repository changes meanwhile.
    let key = given
        .or(remembered)
        .or_else(|| record.intent.clone())
        .unwrap_or_else(|| ProjectKey::default_for(&repository));
    let SonarQubeProjectSpec {
        key: _,
        name,
        visibility,
        new_code_definition,
    } = spec.sonarqube_project.clone().unwrap_or_default();
    Ok(Desired {
        uid: uid(binding),
        namespace: binding.namespace().unwrap_or_default(),
        key,
        key_given,
        repository,
        name,
        visibility: visibility.map(visibility_of),
        new_code: new_code_definition.as_ref().map(new_code).transpose()?,
        mode: match spec.mode {
            BindingMode::ImportOrBind => Mode::ImportOrBind,
            BindingMode::Import => Mode::Import,
            BindingMode::Bind => Mode::Bind,
        },
        management: match (spec.management_policy, connection_policy) {
            (ManagementPolicy::Full, ManagementPolicy::Full) => Management::Full,
            (ManagementPolicy::Observe, _) | (_, ManagementPolicy::Observe) => Management::Observe,
        },
        access,
        record,
    })
}

/// Refuses fields whose behaviour is not built yet, before anything is written.
pub(super) fn implemented(spec: &ProjectBindingSpec) -> Result<(), Error> {
    if spec.monorepo {
        return Err(Error::refused(
            Reason::NotImplemented,
            "spec.monorepo: true is not built yet: nothing is written. Remove it, or use one SonarQube project per repository",
        ));
    }
    Ok(())
}

/// What the status remembers.
pub(super) fn record(binding: &ProjectBinding) -> Record {
    let Some(status) = &binding.status else {
        return Record::default();
    };
    let path = status
        .repository
        .as_ref()
        .and_then(|repository| RepositoryPath::parse(&repository.project, &repository.slug).ok());
    let accepted = status.sonarqube_project.as_ref().and_then(|project| {
        Some(Accepted {
            server: ServerId::new(&*project.server_id),
            key: ProjectKey::parse(&project.key).ok()?,
            id: project.id.as_deref().map(ProjectId::new),
            created_by: project.created_by.as_deref().map(Uid::new),
            bound_by: project.bound_by.as_deref().map(Uid::new),
            repository: path,
            new_code: project
                .new_code_definition
                .as_ref()
                .and_then(|written| new_code(written).ok()),
        })
    });
    let intent = status
        .intent
        .as_ref()
        .and_then(|intent| ProjectKey::parse(&intent.project_key).ok());
    Record { accepted, intent }
}

/// A new code definition as the status keeps it.
pub(super) fn new_code_status(new_code: &NewCode) -> NewCodeDefinition {
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

fn given_key(spec: &ProjectBindingSpec) -> Option<&str> {
    spec.sonarqube_project.as_ref()?.key.as_deref()
}

/// The repository that a binding names.
pub(crate) fn repository(spec: &ProjectBindingSpec) -> Result<RepositoryPath, Error> {
    RepositoryPath::parse(&spec.repository.project, &spec.repository.slug).map_err(invalid)
}

fn visibility_of(visibility: SpecVisibility) -> Visibility {
    match visibility {
        SpecVisibility::Private => Visibility::Private,
        SpecVisibility::Public => Visibility::Public,
    }
}

fn new_code(definition: &NewCodeDefinition) -> Result<NewCode, Error> {
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
            Err(Error::refused(
                Reason::InvalidSpec,
                "newCodeDefinition: days goes with type NumberOfDays, branch with type ReferenceBranch",
            ))
        }
    }
}

fn invalid(error: crate::identity::NameError) -> Error {
    Error::refused(Reason::InvalidSpec, error.to_string())
}
