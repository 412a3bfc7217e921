//! BitbucketConnection: one Bitbucket server, as one SonarQube server knows it.

mod status;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::Duration;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::constraints;
use super::project_binding::BindingDefaults;
use super::reference::{CaBundleReference, ManagementPolicy, SecretKeyReference};
pub use status::{
    AppliedSecrets, BindingCounts, BitbucketConnectionStatus, BitbucketServerStatus,
    ConfigurationIntent, ConfigurationStatus, ConnectionRecord, SecretVersion,
    SonarQubeServerStatus, TokenExpiry,
};

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
#[x_kube(validation = Rule::new("self.configurationPolicy != 'Reference' || self.deletionPolicy != 'Delete'").message("deletionPolicy Delete needs configurationPolicy Manage: a referenced configuration is never deleted"))]
#[x_kube(validation = Rule::new("self.configurationPolicy != 'Reference' || self.adoptionPolicy == 'IfMatching'").message("adoptionPolicy needs configurationPolicy Manage: a referenced configuration is not adopted"))]
#[x_kube(validation = Rule::new("self.configurationPolicy != 'Reference' || !has(self.sonarqube.serverBaseURL)").message("sonarqube.serverBaseURL needs configurationPolicy Manage: with Reference, set it in SonarQube"))]
#[x_kube(validation = Rule::new("self.configurationPolicy != 'Reference' || !has(self.bitbucket.importTokenSecretRef)").message("bitbucket.importTokenSecretRef needs configurationPolicy Manage: with Reference, tokenSecretRef is the import token"))]
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

    /// What bindings have where their own spec says nothing. It is recorded in the status of a binding when its project is
    /// accepted, or about to be created: a later change holds for other bindings only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding_defaults: Option<Box<BindingDefaults>>,

    /// Who manages SonarQube's configuration. `Manage`: Bindery creates or adopts it, keeps its URL and token as declared,
    /// and deletes it if `deletionPolicy` is `Delete`. `Reference`: an administrator of SonarQube manages it, and Bindery
    /// only finds it by its name; the SonarQube user then needs Create Projects, and not Administer System.
    /// Default: `Manage`.
    #[serde(default)]
    pub configuration_policy: ConfigurationPolicy,

    /// What happens to an existing configuration of this name in SonarQube. `Never`: it is not adopted, and the
    /// connection reports `AdoptionRefused`. `IfMatching`: it is adopted if its URL is the declared one. `Always`: it is
    /// adopted with any URL, unless that would re-point bindings of other clients. Default: `IfMatching`.
    #[serde(default)]
    pub adoption_policy: AdoptionPolicy,

    /// Whether Bindery writes to the servers. `Full`: it does. `Observe`: it only compares and reports, also for every
    /// binding of this connection. Default: `Full`.
    #[serde(default)]
    pub management_policy: ManagementPolicy,

    /// What happens to SonarQube's configuration when this object is deleted. `Orphan`: it stays, with all its
    /// bindings. `Delete`: it is deleted, if Bindery created it for this object and no project is bound through it.
    /// Default: `Orphan`.
    #[serde(default)]
    pub deletion_policy: ConnectionDeletionPolicy,

    /// The time between two checks for drift: a Go duration such as `10m`, between 10s and 24h. The operator's
    /// `--minimum-interval` may make it longer. Default: `10m`.
    #[serde(
        default = "BitbucketConnectionSpec::default_interval",
        deserialize_with = "interval"
    )]
    // One rule in place of a pattern, whose message would be the bare expression. It bounds the digits: a duration that
    // overflows has no message of ours.
    #[schemars(length(min = 2, max = 32), extend("default" = "10m"))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]{1,5}(s|m|h))+$') && duration(self) >= duration('10s') && duration(self) <= duration('24h')").message("interval must be between 10s and 24h, for example 10m or 1h30m"))]
    pub interval: Duration,

    /// Stops all work on this connection and its bindings, also on their deletion. Default: `false`.
    #[serde(default)]
    pub suspend: bool,
}

impl BitbucketConnectionSpec {
    fn default_interval() -> Duration {
        Duration::from(std::time::Duration::from_mins(10))
    }
}

fn interval<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    duration(&text).ok_or_else(|| {
        let wanted = "expected a duration, for example 10m or 1h30m";
        serde::de::Error::custom(format!("spec.interval is {text:?}: {wanted}"))
    })
}

/// Reads a duration as `spec.interval` has it. The parser of Kubernetes panics on a number that is too large and on a sign
/// in the middle, and reads an empty text as zero: an object that no admission has seen would end a whole watch.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let is_known = |it: char| it.is_ascii_alphanumeric() || it == '.';
    let mut numbers = text.split(|it: char| !it.is_ascii_digit());
    let is_sane = text.starts_with(|it: char| it.is_ascii_digit())
        && text.chars().all(is_known)
        && numbers.all(|digits| digits.len() <= 5);
    is_sane.then(|| text.parse().ok()).flatten()
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
    /// With `configurationPolicy: Reference`, the token that repositories are imported with.
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

    /// User token (`squ_…`) of a SonarQube user with the global permissions Administer System and Create Projects;
    /// with `configurationPolicy: Reference`, Create Projects is enough. Analysis tokens are not supported.
    pub token_secret_ref: SecretKeyReference,

    /// PEM certificates trusted for this server beside the public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle_ref: Option<CaBundleReference>,

    /// The value of SonarQube's setting `sonar.core.serverBaseURL`. Links in pull requests begin with it. If it is
    /// absent, Bindery does not write the setting, and only reports a value that is empty or leads to localhost.
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
    /// of the repositories above, as `bindingDefaults` make them. A pattern has at most 4 `*`, and never two in a row.
    #[serde(
        default,
        rename = "sonarqubeProjects",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 128)), transform = constraints::key_patterns, extend("x-kubernetes-list-type" = "atomic"))]
    pub sonarqube_projects: Option<Vec<String>>,
}

/// Who manages SonarQube's configuration.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
pub enum ConfigurationPolicy {
    /// Bindery.
    #[default]
    Manage,
    /// An administrator of SonarQube. Bindery only finds it by its name.
    Reference,
}

/// Where a namespace lists the repositories that its bindings may use.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RepositoriesSource {
    /// The annotation of the Namespace that holds the patterns, separated by commas or spaces, for example
    /// `bindery.dev/repositories`. At most 64 patterns; an invalid pattern admits nothing. Only people who may edit the
    /// Namespace can change it.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Promise: an interval that no admission has seen is an error of its object, and ends no watch.
    #[test]
    fn a_malformed_interval_is_an_error_and_no_panic() {
        for text in ["", "-5m", "5m-5m", "5m+5m", "123456h", "1e400s", "1d", "m"] {
            assert!(duration(text).is_none(), "{text:?}");
        }
        for text in ["10m", "1h30m", "1.5h"] {
            assert!(duration(text).is_some(), "{text:?}");
        }
        let spec = serde_json::json!({
            "bitbucket": {"url": "https://b", "tokenSecretRef": {"name": "b"}},
            "sonarqube": {"url": "https://s", "tokenSecretRef": {"name": "s"}},
            "interval": "5m-5m",
        });
        let read = serde_json::from_value::<BitbucketConnectionSpec>(spec);
        let error = read.unwrap_err().to_string();
        assert!(error.contains("for example 10m or 1h30m"), "{error}");
    }
}
