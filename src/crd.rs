//! The public contract: the two kinds, as users write them and as `kubectl explain` teaches them.
//!
//! Nothing here decides anything. What a schema or a CEL rule can state is refused at admission, in
//! words that say what to write instead; everything else becomes a condition (`plan::Reason`).

#![expect(
    unreachable_pub,
    reason = "misfires on the types that derive(CustomResource) and derive(KubeSchema) look at"
)]

mod bitbucket_connection;
mod constraints;
mod project_binding;
mod reference;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSON;
use kube::CustomResourceExt;

pub use bitbucket_connection::{
    AccessEntry, AdoptionPolicy, AppliedSecrets, BindingCounts, BitbucketConnection,
    BitbucketConnectionSpec, BitbucketConnectionStatus, BitbucketServer, BitbucketServerStatus,
    ConfigurationStatus, ConnectionDeletionPolicy, SecretVersion, SonarQubeServer,
    SonarQubeServerStatus, TokenExpiry,
};
pub use project_binding::{
    BindingDeletionPolicy, BindingMode, ConnectionStatus, Difference, Intent, NewCodeDefinition,
    NewCodeDefinitionType, ProjectBinding, ProjectBindingSpec, ProjectBindingStatus,
    RepositoryReference, RepositoryStatus, SonarQubeProjectSpec, SonarQubeProjectStatus,
    Visibility,
};
pub use reference::{
    CaBundleKind, CaBundleReference, ConnectionReference, ManagementPolicy, SecretKeyReference,
};

/// The API group of both kinds.
pub const GROUP: &str = "bindery.dev";

/// Keeps an object until what it made outside the cluster is dealt with.
pub const FINALIZER: &str = "bindery.dev/release";

/// A pass now: any new value; echoed in `status.lastHandledReconcileAt`.
pub const RECONCILE_REQUESTED_AT: &str = "bindery.dev/reconcile-requested-at";

/// Any value ends a blocked deletion: everything outside the cluster is left as it is.
pub const FORCE_ORPHAN: &str = "bindery.dev/force-orphan";

/// On a Secret: the comma list of hosts that its token may be sent to.
pub const ALLOWED_HOSTS: &str = "bindery.dev/allowed-hosts";

/// The definitions of both kinds, as `crds/` holds them.
#[must_use]
pub fn definitions() -> Vec<CustomResourceDefinition> {
    [BitbucketConnection::crd(), ProjectBinding::crd()]
        .into_iter()
        .map(unseen_until_observed)
        .collect()
}

/// Gives `status` its default, so that kstatus, Flux and `kubectl wait` never take an object that
/// nobody has looked at for one that is ready.
fn unseen_until_observed(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut definition.spec.versions {
        let status = version
            .schema
            .as_mut()
            .and_then(|schema| schema.open_api_v3_schema.as_mut())
            .and_then(|schema| schema.properties.as_mut())
            .and_then(|properties| properties.get_mut("status"));
        if let Some(status) = status {
            status.default = Some(JSON(serde_json::json!({"observedGeneration": -1})));
        }
    }
    definition
}
