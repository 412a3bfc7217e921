//! What the bindings of a connection have where their own spec says nothing.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BindingDeletionPolicy, NewCodeDefinition, Visibility};

/// What the bindings of a connection have where their own spec says nothing.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BindingDefaults {
    /// The projects in SonarQube.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sonarqube_project: Option<ProjectDefaults>,
    /// What happens in SonarQube when a binding is deleted: `Unbind`, `Orphan` or `DeleteProject`, as in ProjectBinding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BindingDeletionPolicy")]
    pub deletion_policy: Option<BindingDeletionPolicy>,
}

/// The SonarQube projects of the bindings of a connection.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectDefaults {
    /// The keys of the projects: `{project}` stands for the key of the Bitbucket project, with `_` in place of a leading
    /// `~`, and `{slug}` for the slug of the repository. Both are needed, in this order. Default: `{project}:{slug}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 15, max = 100))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9_.:-]*[{]project[}][0-9]*[A-Za-z_.:-][A-Za-z0-9_.:-]*[{]slug[}][A-Za-z0-9_.:-]*$')").message("keyTemplate needs {project}, a separator that is no digit, and {slug}, for example {project}_{slug}; beside them it may hold letters, digits, '-', '_', '.' and ':'"))]
    pub key_template: Option<String>,
    /// Who may see the projects: `Private` or `Public`, as in ProjectBinding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Visibility")]
    pub visibility: Option<Visibility>,
    /// What counts as new code, as in ProjectBinding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_code_definition: Option<NewCodeDefinition>,
}
