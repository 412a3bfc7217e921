//! BitbucketConnection: one Bitbucket server, as one SonarQube server knows it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector, Time};
use kube::core::Duration;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::constraints;
use super::reference::{CaBundleReference, ManagementPolicy, SecretKeyReference};

/// What a BitbucketConnection declares.
#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, PartialEq, KubeSchema)]
#[kube(
    group = "bindery.dev",
    version = "v1alpha1",
    kind = "BitbucketConnection",
    namespaced,
    status = "BitbucketConnectionStatus",
    derive = "PartialEq",
    shortname = "bbconn",
    category = "bindery",
    doc = "A BitbucketConnection makes one Bitbucket Server / Data Center known to one SonarQube server: it keeps SonarQube's DevOps platform configuration (`ALM setting` in its API) equal to what is declared here, tokens from Secrets included, and serves the ProjectBindings that refer to it.",
    validation = Rule::new("size(self.metadata.name) <= 200").message("metadata.name must be at most 200 characters"),
    selectable = ".spec.configurationName",
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Synced", type_ = "string", json_path = r#".status.conditions[?(@.type=="ConfigurationSynced")].status"#),
    printcolumn(name = "Configuration", type_ = "string", json_path = ".status.configuration.name"),
    printcolumn(name = "SonarQube", type_ = "string", json_path = ".status.sonarqube.version"),
    printcolumn(name = "Bindings", type_ = "string", json_path = ".status.bindings.summary"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Bitbucket", type_ = "string", json_path = ".spec.bitbucket.url", priority = "1"),
    printcolumn(name = "Message", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].message"#, priority = "1")
)]
#[serde(rename_all = "camelCase")]
pub struct BitbucketConnectionSpec {
    /// Key of SonarQube's DevOps platform configuration ("configuration name" in its UI). Default:
    /// the name of this object. A change renames the configuration in place: bindings survive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    #[x_kube(validation = Rule::new("self.trim() == self").message("configurationName must not begin or end with a space"))]
    pub configuration_name: Option<String>,

    /// The Bitbucket server.
    pub bitbucket: BitbucketServer,

    /// The SonarQube server.
    pub sonarqube: SonarQubeServer,

    /// Who else may use this connection. Bindings in the connection's own namespace always may. Entries
    /// do not combine: one entry must admit namespace, repository and SonarQube project key together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub access: Vec<AccessEntry>,

    /// What may happen to a configuration that is already in SonarQube under this name. `Never`: it is left alone, and
    /// the connection says `AdoptionRefused`. `IfMatching`: it is taken over when its URL is the declared one, too.
    /// `Always`: with any URL, unless that would re-point bindings that others made. Default: `IfMatching`.
    #[serde(default)]
    pub adoption_policy: AdoptionPolicy,

    /// Whether Bindery writes to the servers: `Full`, it does; `Observe`, it only compares and reports, for every
    /// binding of this connection too. Default: `Full`.
    #[serde(default)]
    pub management_policy: ManagementPolicy,

    /// What happens to SonarQube's configuration when this object is deleted. `Orphan`: it stays, with all its
    /// bindings. `Delete`: it goes, if Bindery created it for this object and no project is bound through it. Default:
    /// `Orphan`.
    #[serde(default)]
    pub deletion_policy: ConnectionDeletionPolicy,

    /// How often drift is looked for: a Go duration such as `10m`, between 10s and 24h. The operator's
    /// `--minimum-interval` may make it longer. Default: `10m`.
    #[serde(default = "BitbucketConnectionSpec::default_interval")]
    // One rule in place of a pattern, whose message would be the bare expression. It bounds the digits: a duration that
    // overflows has no message of ours.
    #[schemars(length(min = 2, max = 32), extend("default" = "10m"))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]{1,5}(s|m|h))+$') && duration(self) >= duration('10s') && duration(self) <= duration('24h')").message("interval must be between 10s and 24h, for example 10m or 1h30m"))]
    pub interval: Duration,

    /// Stops all work on this connection and its bindings. Deletion included. Default: `false`.
    #[serde(default)]
    pub suspend: bool,
}

impl BitbucketConnectionSpec {
    fn default_interval() -> Duration {
        Duration::from(std::time::Duration::from_mins(10))
    }
}

/// The Bitbucket server, and the tokens for it.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BitbucketServer {
    /// Base URL of Bitbucket Server / Data Center 5.15 or later, with its context path if it has one.
    #[schemars(transform = constraints::bitbucket_url)]
    pub url: String,

    /// Personal access token that SonarQube keeps in its configuration and decorates pull requests with. Reports need
    /// Read permission on the repositories. Without Write, `DecorationReady` is Unknown until a report was found.
    pub token_secret_ref: SecretKeyReference,

    /// Personal access token that repositories are imported with: Read permission on projects and repositories.
    /// SonarQube keeps it for the operator's own SonarQube user. Default: `tokenSecretRef`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import_token_secret_ref: Option<SecretKeyReference>,

    /// PEM certificates trusted for this server beside the public ones. SonarQube has a trust store of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle_ref: Option<CaBundleReference>,
}

/// The SonarQube server, and the token for it.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SonarQubeServer {
    /// Base URL of SonarQube, with its context path if it has one.
    #[schemars(transform = constraints::sonarqube_url)]
    pub url: String,

    /// User token (`squ_…`) of a SonarQube user with the global permissions Administer System and Create
    /// Projects. Analysis tokens do not do.
    pub token_secret_ref: SecretKeyReference,

    /// PEM certificates trusted for this server beside the public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle_ref: Option<CaBundleReference>,

    /// Kept in SonarQube's setting `sonar.core.serverBaseURL`, which links in pull requests begin with. Not given: only
    /// checked, since without it links lead to localhost.
    #[serde(
        default,
        rename = "serverBaseURL",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(transform = constraints::sonarqube_url)]
    pub server_base_url: Option<String>,
}

/// One group of bindings in other namespaces that may use a connection.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, KubeSchema)]
#[x_kube(validation = Rule::new("has(self.repositories) != has(self.repositoriesFrom)").message("an entry needs either repositories or repositoriesFrom"))]
#[serde(rename_all = "camelCase")]
pub struct AccessEntry {
    /// Names the entry within the list.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: String,

    /// Selects namespaces by label; `{}` selects every namespace. Prefer the label `kubernetes.io/metadata.name`:
    /// only the API server can set it.
    #[schemars(transform = constraints::label_selector)]
    pub namespace_selector: LabelSelector,

    /// Patterns of Bitbucket repositories, `PROJECT/slug` in any letter case; `*` stands for any run of characters
    /// without `/`. A pattern has at most 4 `*`, and never two in a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), inner(length(min = 3, max = 128)), transform = constraints::repository_patterns, extend("x-kubernetes-list-type" = "atomic"))]
    pub repositories: Option<Vec<String>>,

    /// Where each selected namespace lists its own patterns, in place of `repositories`. One entry then serves many
    /// teams, each with its own repositories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repositories_from: Option<RepositoriesSource>,

    /// Patterns of SonarQube project keys; `*` stands for any run of characters. Default: only the default keys
    /// (`PROJECT:slug`) of the repositories above. A pattern has at most 4 `*`, and never two in a row.
    #[serde(
        default,
        rename = "sonarqubeProjects",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 128)), transform = constraints::key_patterns, extend("x-kubernetes-list-type" = "atomic"))]
    pub sonarqube_projects: Option<Vec<String>>,
}

/// Where a namespace lists the repositories that its bindings may use.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RepositoriesSource {
    /// The annotation of the Namespace that holds the patterns, separated by commas or spaces, for example
    /// `bindery.dev/repositories`. At most 64 patterns; one that `repositories` would not accept admits nothing. Only
    /// people who may edit the Namespace can change it.
    #[schemars(
        length(min = 1, max = 317),
        regex(
            pattern = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
        )
    )]
    pub namespace_annotation: String,
}

/// What may happen to a configuration that is already in SonarQube under the wanted name.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
pub enum AdoptionPolicy {
    /// It is left alone; the connection says `AdoptionRefused`.
    Never,
    /// It is taken over when its name and its URL are the declared ones.
    #[default]
    IfMatching,
    /// It is adopted with any URL, unless that would re-point bindings that others made.
    Always,
}

/// What happens to SonarQube's configuration when its connection is deleted.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
pub enum ConnectionDeletionPolicy {
    /// It stays, with all its bindings.
    #[default]
    Orphan,
    /// It goes, if Bindery created it for this object and no project is bound through it. SonarQube
    /// would otherwise remove all its bindings and all users' tokens along with it.
    Delete,
}

/// What was found and done for a BitbucketConnection.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BitbucketConnectionStatus {
    /// The generation of the spec that this status speaks of; -1 until the first look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, `Reconciling`, `Stalled` as kstatus reads them; `SonarQubeReachable`, `BitbucketReachable`,
    /// `CredentialsValid`, `ConfigurationSynced`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]), transform = constraints::conditions)]
    pub conditions: Vec<Condition>,
    /// The configuration in SonarQube that this connection keeps.
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
    /// Until when the tokens are valid, if the servers report it.
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
    /// Its uuid: survives a rename. Before SonarQube 10.5, which has none, `key:` and its key.
    #[schemars(length(max = 204))]
    pub id: String,
    /// The id of the SonarQube server that holds it.
    #[schemars(length(max = 64))]
    pub server_id: String,
}

/// A configuration that is about to be created.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationIntent {
    /// The key that it will have.
    #[schemars(length(max = 200))]
    pub name: String,
    /// The id of the SonarQube server on which.
    #[schemars(length(max = 64))]
    pub server_id: String,
    /// When this was written.
    pub since: Time,
}

/// A SonarQube server as it describes itself.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SonarQubeServerStatus {
    /// `id` of `api/system/status`: another one for another database.
    #[schemars(length(max = 64))]
    pub id: String,
    /// Its version.
    #[schemars(length(max = 64))]
    pub version: String,
    /// Its edition, if the server reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub edition: Option<String>,
    /// What it was found to be able to do.
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
