//! How the kinds point at other objects. No reference to a Secret or a bundle has a namespace:
//! they are read from the connection's own, so no team can use another team's token.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A key of a Secret in the connection's own namespace.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyReference {
    /// Name of the Secret, in the namespace of the connection.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
    )]
    pub name: String,
    /// Key within the Secret. Default: `token`.
    #[serde(default = "SecretKeyReference::default_key")]
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

impl SecretKeyReference {
    fn default_key() -> String {
        "token".to_owned()
    }
}

/// What kind of object holds a CA bundle.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq, Hash, JsonSchema)]
pub enum CaBundleKind {
    /// A ConfigMap in the connection's own namespace.
    #[default]
    ConfigMap,
    /// A Secret in the connection's own namespace.
    Secret,
}

/// PEM certificates that are trusted beside those of the operator's image, in the connection's own namespace.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaBundleReference {
    /// Kind of the object that holds the bundle: `ConfigMap` or `Secret`. Default: `ConfigMap`.
    #[serde(default)]
    pub kind: CaBundleKind,
    /// Name of the ConfigMap or Secret, in the namespace of the connection.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
    )]
    pub name: String,
    /// Key within the object. Default: `ca.crt`.
    #[serde(default = "CaBundleReference::default_key")]
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

impl CaBundleReference {
    fn default_key() -> String {
        "ca.crt".to_owned()
    }
}

/// The kind of object that a `connectionRef` refers to.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
pub enum ConnectionKind {
    /// A BitbucketConnection.
    #[default]
    BitbucketConnection,
}

/// The BitbucketConnection that a binding uses.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionReference {
    /// Kind of the connection. Only `BitbucketConnection` is supported, which is the default.
    #[serde(default)]
    pub kind: ConnectionKind,
    /// Name of the BitbucketConnection.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace of the BitbucketConnection. Default: the binding's own. The connection's `access`
    /// must admit bindings of other namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
}

/// Whether Bindery writes to the servers, or only compares and reports.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
pub enum ManagementPolicy {
    /// Bindery makes the servers equal to what is declared.
    #[default]
    Full,
    /// Bindery writes nothing to any server, not even on deletion, and reports the difference.
    Observe,
}
