//! What the status of a BitbucketConnection reports.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{self as meta, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ConfigurationPolicy;
use crate::crd::Condition;
use crate::crd::constraints;

/// What was found and done for a BitbucketConnection.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BitbucketConnectionStatus {
    /// The generation of the spec that this status describes; -1 until the first reconcile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, `Reconciling`, `Stalled` as kstatus reads them; `SonarQubeReachable`, `BitbucketReachable`,
    /// `CredentialsValid`, `ConfigurationSynced`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<meta::Condition>", length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]), transform = constraints::conditions)]
    pub conditions: Vec<Condition>,
    /// The configuration in SonarQube that this connection manages or references.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<ConfigurationStatus>,
    /// The SonarQube server as it describes itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sonarqube: Option<SonarQubeServerStatus>,
    /// The Bitbucket server as it describes itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bitbucket: Option<BitbucketServerStatus>,
    /// How many bindings use this connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bindings: Option<BindingCounts>,
    /// The dates on which the tokens expire, if the servers report them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_expiry: Option<TokenExpiry>,
    /// The value of the annotation `bindery.dev/reconcile-requested-at` that was last acted upon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_reconcile_at: Option<String>,
    /// The operator's own record: what it did and no server can report. Do not edit it. If it is lost, for example in a
    /// restore without status, Bindery adopts the configuration that it finds, gives SonarQube its tokens once more, and
    /// never deletes the configuration.
    #[serde(default, skip_serializing_if = "ConnectionRecord::is_empty")]
    pub record: ConnectionRecord,
}

/// The operator's own record of a connection.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionRecord {
    /// The configuration that is about to be created. It is written before the call, and removed when the answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<ConfigurationIntent>,
    /// The uid of the connection for which Bindery created the configuration; absent if Bindery adopted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub created_by: Option<String>,
    /// Which versions of the Secrets SonarQube was given. SonarQube never returns a token to compare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_secrets: Option<AppliedSecrets>,
}

impl ConnectionRecord {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// SonarQube's DevOps platform configuration of a connection.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationStatus {
    /// Its key.
    #[schemars(length(max = 200))]
    pub name: String,
    /// Its uuid, which survives a rename. SonarQube before 10.5 has none: there it is `key:` and its key.
    #[schemars(length(max = 204))]
    pub id: String,
    /// The id of the SonarQube server that holds it.
    #[schemars(length(max = 64))]
    pub server_id: String,
    /// Whether this connection manages the configuration, or references it.
    #[serde(default)]
    pub policy: ConfigurationPolicy,
}

/// A configuration that is about to be created.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationIntent {
    /// The key that it will have.
    #[schemars(length(max = 200))]
    pub name: String,
    /// The id of the SonarQube server on which it is created.
    #[schemars(length(max = 64))]
    pub server_id: String,
    /// When this was written.
    pub since: Time,
}

/// A SonarQube server as it describes itself.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SonarQubeServerStatus {
    /// `id` of `api/system/status`. Another database has another id.
    #[schemars(length(max = 64))]
    pub id: String,
    /// Its version.
    #[schemars(length(max = 64))]
    pub version: String,
    /// Its edition, if the server reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub edition: Option<String>,
    /// What it supports, as Bindery has found out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 64)), extend("x-kubernetes-list-type" = "atomic"))]
    pub capabilities: Vec<String>,
}

/// A Bitbucket server as it describes itself.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BitbucketServerStatus {
    /// Its version.
    #[schemars(length(max = 64))]
    pub version: String,
}

/// The version of a Secret: never its content, nor a hash of it.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretVersion {
    /// The uid of the Secret.
    #[schemars(length(max = 64))]
    pub uid: String,
    /// Its resourceVersion.
    #[schemars(length(max = 64))]
    pub resource_version: String,
}

/// Which versions of the Secrets SonarQube was given, and where.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppliedSecrets {
    /// The SonarQube server that was given them.
    #[schemars(length(max = 64))]
    pub server_id: String,
    /// The id of the configuration that was given them.
    #[schemars(length(max = 204))]
    pub configuration_id: String,
    /// The SonarQube user for whom the import token was stored: the operator's own, from its token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub sonarqube_user: Option<String>,
    /// The Secret of the configuration's own token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<SecretVersion>,
    /// The Secret of the import token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import_token: Option<SecretVersion>,
}

/// How many bindings use a connection.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BindingCounts {
    /// Bindings that refer to the connection and are admitted.
    pub total: i64,
    /// Those of them that are Ready.
    pub ready: i64,
    /// `ready/total`, for the table that kubectl prints.
    #[schemars(length(max = 32))]
    pub summary: String,
}

/// Until when tokens are valid, as dates (`2026-12-31`).
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenExpiry {
    /// SonarQube's token, where its answers carry the date (9.9 and later).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub sonarqube: Option<String>,
}
