//! The spec of a binding with what it leaves to its connection: the one place that knows `bindingDefaults`.

use crate::crd::{
    BindingDefaults, BindingDeletionPolicy, BitbucketConnection, NewCodeDefinition, ProjectBinding,
    Visibility,
};
use crate::identity::{KeyTemplate, NameError};

/// What a binding declares of what its connection has defaults for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolved<'a> {
    /// The key, if it stands in the spec.
    pub(crate) key: Option<&'a str>,
    /// How the key is made if not. An error for what no admission has seen.
    pub(crate) keys: Result<KeyTemplate, NameError>,
    pub(crate) visibility: Option<Visibility>,
    pub(crate) new_code_definition: Option<&'a NewCodeDefinition>,
    pub(crate) deletion_policy: BindingDeletionPolicy,
}

/// Resolves the spec of a binding. Without its connection, a binding that holds no project has no defaults.
#[must_use]
pub(crate) fn resolved<'a>(
    binding: &'a ProjectBinding,
    connection: Option<&'a BitbucketConnection>,
) -> Resolved<'a> {
    let own = binding.spec.sonarqube_project.as_deref();
    let defaults = defaults(binding, connection);
    let project = defaults.and_then(|it| it.sonarqube_project.as_ref());
    Resolved {
        key: own.and_then(|it| it.key.as_deref()),
        keys: keys(defaults),
        visibility: own
            .and_then(|it| it.visibility)
            .or_else(|| project?.visibility),
        new_code_definition: own
            .and_then(|it| it.new_code_definition.as_ref())
            .or_else(|| project?.new_code_definition.as_ref()),
        deletion_policy: binding
            .spec
            .deletion_policy
            .or_else(|| defaults?.deletion_policy)
            .unwrap_or_default(),
    }
}

/// The defaults that hold for a binding: those of its connection until a project is accepted or about to be created for
/// it, and from then on the recorded ones, so that a change of the defaults changes nothing that exists.
#[must_use]
pub(crate) fn defaults<'a>(
    binding: &'a ProjectBinding,
    connection: Option<&'a BitbucketConnection>,
) -> Option<&'a BindingDefaults> {
    let status = binding.status.as_ref();
    let decided = status.filter(|it| it.sonarqube_project.is_some() || it.record.intent.is_some());
    match decided {
        Some(status) => status.record.defaults.as_deref(),
        None => connection?.spec.binding_defaults.as_deref(),
    }
}

/// How the keys of new bindings of a connection are made.
pub(crate) fn keys_of(connection: &BitbucketConnection) -> Result<KeyTemplate, NameError> {
    keys(connection.spec.binding_defaults.as_deref())
}

fn keys(defaults: Option<&BindingDefaults>) -> Result<KeyTemplate, NameError> {
    let project = defaults.and_then(|it| it.sonarqube_project.as_ref());
    let template = project.and_then(|it| it.key_template.as_deref());
    template.map_or_else(|| Ok(KeyTemplate::default()), KeyTemplate::parse)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::identity::RepositoryPath;

    fn connection(defaults: &Value) -> BitbucketConnection {
        serde_json::from_value(json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "BitbucketConnection", "metadata": {"name": "bitbucket"},
            "spec": {
                "bitbucket": {"url": "https://bitbucket.example.com", "tokenSecretRef": {"name": "token"}},
                "sonarqube": {"url": "https://sonarqube.example.com", "tokenSecretRef": {"name": "token"}},
                "bindingDefaults": defaults,
            },
        }))
        .unwrap()
    }

    fn binding(spec: &Value, status: &Value) -> ProjectBinding {
        let mut binding: ProjectBinding = serde_json::from_value(json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding", "metadata": {"name": "checkout"},
            "spec": {"connectionRef": {"name": "bitbucket"}, "repository": {"project": "PAY", "slug": "checkout"}},
            "status": status,
        }))
        .unwrap();
        binding.spec.deletion_policy =
            serde_json::from_value(spec["deletionPolicy"].clone()).unwrap();
        binding.spec.sonarqube_project =
            serde_json::from_value(spec["sonarqubeProject"].clone()).unwrap();
        binding
    }

    fn all(template: &str, visibility: &str, days: i32, deletion: &str) -> Value {
        json!({
            "sonarqubeProject": {
                "keyTemplate": template, "visibility": visibility,
                "newCodeDefinition": {"type": "NumberOfDays", "days": days},
            },
            "deletionPolicy": deletion,
        })
    }

    fn of(binding: &ProjectBinding, connection: &BitbucketConnection) -> Value {
        let resolved = resolved(binding, Some(connection));
        let path = RepositoryPath::parse("PAY", "checkout").unwrap();
        json!([
            resolved.keys.unwrap().key(&path).to_string(),
            resolved.visibility,
            resolved.new_code_definition.map(|it| it.days),
            resolved.deletion_policy,
        ])
    }

    /// Promise: a field of the spec counts before the default, and without both the product's default does.
    #[test]
    fn the_spec_counts_before_the_defaults_of_the_connection() {
        let connection = connection(&all("{project}_{slug}", "Private", 7, "Orphan"));
        let silent = binding(&json!({}), &json!({}));
        let expected = json!(["PAY_checkout", "Private", 7, "Orphan"]);
        assert_eq!(of(&silent, &connection), expected);
        let own = json!({
            "sonarqubeProject": {
                "visibility": "Public", "newCodeDefinition": {"type": "NumberOfDays", "days": 30},
            },
            "deletionPolicy": "Unbind",
        });
        let expected = json!(["PAY_checkout", "Public", 30, "Unbind"]);
        assert_eq!(of(&binding(&own, &json!({})), &connection), expected);
        let plain = json!(["PAY:checkout", null, null, "Unbind"]);
        assert_eq!(of(&silent, &super::tests::connection(&json!(null))), plain);
    }

    /// Promise: what a project was accepted or imported with holds, also if the connection says something else later.
    #[test]
    fn a_binding_with_a_project_keeps_the_recorded_defaults() {
        let connection = connection(&all("{project}_{slug}", "Private", 7, "Orphan"));
        let recorded = all("{project}.{slug}", "Public", 30, "DeleteProject");
        let project = json!({"key": "PAY.checkout", "serverId": "server", "url": ""});
        let intent = json!({
            "serverId": "server", "projectKey": "PAY.checkout", "way": "PutBoundProject",
            "since": "2026-01-01T00:00:00Z",
        });
        let kept = json!(["PAY.checkout", "Public", 30, "DeleteProject"]);
        let plain = json!(["PAY:checkout", null, null, "Unbind"]);
        for (status, expected) in [
            (
                json!({"sonarqubeProject": project, "record": {"defaults": recorded}}),
                &kept,
            ),
            (
                json!({"record": {"intent": intent, "defaults": recorded}}),
                &kept,
            ),
            // It was accepted while the connection had no defaults.
            (json!({"sonarqubeProject": project}), &plain),
        ] {
            let held = binding(&json!({}), &status);
            assert_eq!(of(&held, &connection), *expected, "{status}");
        }
    }
}
