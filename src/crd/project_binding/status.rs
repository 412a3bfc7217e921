//! What is stored in the status of a ProjectBinding.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{self as meta, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::crd::condition::{Condition, Text};
use crate::crd::constraints;

use super::NewCodeDefinition;
use super::defaults::BindingDefaults;

/// What was found and done for a ProjectBinding.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectBindingStatus {
    /// The generation of the spec that this status describes; -1 until the first reconcile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, `Reconciling`, `Stalled` as kstatus reads them; `Accepted`, `Synced`, `DecorationReady`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<meta::Condition>", length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]), transform = constraints::conditions)]
    pub conditions: Vec<Condition>,
    /// The repository and the project of this binding: as the servers spell them, or as in the spec until they are
    /// known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetStatus>,
    /// The SonarQube project that this binding holds a claim on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sonarqube_project: Option<SonarQubeProjectStatus>,
    /// The repository as Bitbucket spells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<RepositoryStatus>,
    /// What differs from the spec and is not corrected: under `managementPolicy: Observe`, or because the server or a
    /// policy does not allow it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["field"]))]
    pub differences: Vec<Difference>,
    /// The value of the annotation `bindery.dev/reconcile-requested-at` that was last acted upon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_reconcile_at: Option<String>,
    /// The operator's own record: what it did and no server can report. Do not edit it. If it is lost, for example in a
    /// restore without status, Bindery adopts the project that it finds, and neither unbinds nor deletes it later.
    #[serde(default, skip_serializing_if = "BindingRecord::is_empty")]
    pub record: BindingRecord,
}

/// The operator's own record of a binding.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BindingRecord {
    /// The connection that accepted the project, or that it is being created through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<AcceptingConnection>,
    /// The project that is about to be created. It is written before the call, so that a crash never creates a second
    /// project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<Box<Intent>>,
    /// The uid of the object for which Bindery created the project; absent for a project that existed before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub created_by: Option<String>,
    /// The uid of the object for which Bindery last wrote the project's binding; absent if the binding was already equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub bound_by: Option<String>,
    /// The new code definition that was last written. It is written again only when the spec changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_code_definition: Option<Box<NewCodeDefinition>>,
    /// The `bindingDefaults` of the connection when the project was accepted or about to be created: they hold for this
    /// binding, also if the connection has others by now. Absent if it had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defaults: Option<Box<BindingDefaults>>,
}

impl BindingRecord {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a binding is about, for the table that kubectl prints.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetStatus {
    /// The repository, `project/slug`.
    #[schemars(length(max = 260))]
    pub repository: String,
    /// The key of the SonarQube project.
    #[schemars(length(max = 400))]
    pub project: String,
}

/// The connection that accepted a binding.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AcceptingConnection {
    /// Its namespace.
    #[schemars(length(max = 63))]
    pub namespace: Text,
    /// Its name.
    #[schemars(length(max = 253))]
    pub name: Text,
    /// Its uid: a connection created again under the same name accepts anew.
    #[schemars(length(max = 64))]
    pub uid: Text,
    /// The id of its configuration in SonarQube. Only a connection of the same configuration can replace it.
    #[schemars(length(max = 204))]
    pub configuration_id: Text,
}

/// The SonarQube project of a binding.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SonarQubeProjectStatus {
    /// Its key.
    #[schemars(length(max = 400))]
    pub key: String,
    /// Its uuid, if SonarQube reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub id: Option<String>,
    /// The id of the SonarQube server that holds it.
    #[schemars(length(max = 64))]
    pub server_id: Text,
    /// Its page.
    #[schemars(length(max = 1024))]
    pub url: String,
}

/// A repository as Bitbucket spells it.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryStatus {
    /// Its id: survives renames and moves.
    pub id: i64,
    /// `project/slug`.
    #[schemars(length(max = 260))]
    pub path: String,
    /// Key of its project.
    #[schemars(length(max = 128))]
    pub project: Text,
    /// Its slug.
    #[schemars(length(max = 128))]
    pub slug: String,
    /// Its page.
    #[schemars(length(max = 1024))]
    pub url: String,
    /// Its default branch when the project was imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub default_branch: Option<Text>,
    /// The place in the spec, `project/slug`, if Bitbucket redirected from it to this repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 260))]
    pub followed_from: Option<String>,
}

/// A project that is about to be created.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// The id of the SonarQube server on which it is created.
    #[schemars(length(max = 64))]
    pub server_id: String,
    /// The key that it will have.
    #[schemars(length(max = 400))]
    pub project_key: String,
    /// The method of its creation, as `status.sonarqube.capabilities` of the connection calls it.
    #[schemars(length(max = 64))]
    pub way: String,
    /// The key that SonarQube gave it, where SonarQube chooses the key (up to 10.4), until it has the one above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 400))]
    pub imported_as: Option<String>,
    /// When the call was last about to be made.
    pub since: Time,
}

/// One thing that is not as declared.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// The field that differs.
    #[schemars(length(max = 64))]
    pub field: String,
    /// What is declared.
    #[schemars(length(max = 512))]
    pub desired: String,
    /// What was found.
    #[schemars(length(max = 512))]
    pub observed: String,
}
