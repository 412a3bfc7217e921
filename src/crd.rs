//! The public contract: the kinds, as users write them and as `kubectl explain` teaches them.
//!
//! Nothing here decides anything. What a schema or a CEL rule can state is refused at admission, in
//! words that say what to write instead; everything else becomes a condition (`plan::Reason`).

#![expect(
    unreachable_pub,
    reason = "misfires on the types that derive(CustomResource) and derive(KubeSchema) read"
)]

mod bitbucket_connection;
mod condition;
mod constraints;
mod project_binding;
mod project_binding_set;
mod reference;

use std::fmt::Debug;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::core::NamespaceResourceScope;
use kube::{CustomResourceExt, Resource};
use serde::de::DeserializeOwned;

pub use bitbucket_connection::{
    AccessEntry, AdoptionPolicy, AppliedSecrets, BindingCounts, BitbucketConnection,
    BitbucketConnectionSpec, BitbucketConnectionStatus, BitbucketServer, BitbucketServerStatus,
    ConfigurationIntent, ConfigurationPolicy, ConfigurationStatus, ConnectionDeletionPolicy,
    ConnectionRecord, RepositoriesSource, SecretVersion, SonarQubeServer, SonarQubeServerStatus,
    TokenExpiry, duration,
};
pub use condition::{Condition, Text};

/// The definition of a kind.
pub type Definition = CustomResourceDefinition;

pub use project_binding::{
    AcceptingConnection, BindingDefaults, BindingDeletionPolicy, BindingMode, BindingRecord,
    Difference, Intent, NewCodeDefinition, NewCodeDefinitionType, OnRepositoryMoved,
    ProjectBinding, ProjectBindingSpec, ProjectBindingStatus, ProjectDefaults, RepositoryReference,
    RepositoryStatus, SonarQubeProjectSpec, SonarQubeProjectStatus, TargetStatus, Visibility,
    VisibilityPolicy,
};
pub use project_binding_set::{
    BindingTemplate, OnRepositoryGone, ProjectBindingSet, ProjectBindingSetSpec,
    ProjectBindingSetStatus, RepositoryCounts, SelectEntry, SetDeletionPolicy, SetLimits,
    SkippedSort, TemplateMetadata, TemplateMode, TemplateProject, TemplateSpec,
};
pub use reference::{
    CaBundleKind, CaBundleReference, ConnectionKind, ConnectionReference, ManagementPolicy,
    SecretKeyReference,
};

/// The one list of kinds. What exists once for each kind is made from it: `$make!` is called with a row for each kind,
/// which says what its objects are called in code, and its type.
macro_rules! for_each_kind {
    ($make:ident) => {
        $make! {
            connections: BitbucketConnection;
            bindings: ProjectBinding;
            sets: ProjectBindingSet;
        }
    };
}
pub(crate) use for_each_kind;

/// One of our kinds. Every kind reports the state of its objects with the same conditions.
pub trait Kind:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + CustomResourceExt
    + Clone
    + Debug
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// Its name, as manifests write it.
    const NAME: &'static str;

    /// The conditions in its status; none before the first reconcile.
    fn conditions(&self) -> &[Condition];

    /// The generation that its conditions are about.
    fn observed_generation(&self) -> Option<i64>;
}

macro_rules! implement_kind {
    ($($objects:ident: $kind:ident;)+) => {$(
        impl Kind for $kind {
            const NAME: &'static str = stringify!($kind);

            fn conditions(&self) -> &[Condition] {
                self.status.as_ref().map_or(&[], |status| &status.conditions)
            }

            fn observed_generation(&self) -> Option<i64> {
                self.status.as_ref()?.observed_generation
            }
        }
    )+};
}
for_each_kind!(implement_kind);

/// The API group of every kind.
pub const GROUP: &str = "bindery.dev";

/// Declares the finalizer and the annotations once: name in code, text, and what it does.
macro_rules! marks {
    ($(#[doc = $doc:literal] $name:ident = $text:literal,)+) => {
        $(#[doc = $doc] pub const $name: &str = $text;)+

        /// Each of them, with what it does, for the reference.
        pub const MARKS: &[(&str, &str)] = &[$(($text, $doc)),+];
    };
}

marks! {
    /// Annotation: any new value requests a reconcile; echoed in `status.lastHandledReconcileAt`.
    RECONCILE_REQUESTED_AT = "bindery.dev/reconcile-requested-at",
    /// Annotation: any value ends a blocked deletion; everything outside the cluster is left as it is.
    FORCE_ORPHAN = "bindery.dev/force-orphan",
    /// Annotation on a Secret: the comma list of hosts that its token may be sent to.
    ALLOWED_HOSTS = "bindery.dev/allowed-hosts",
    /// Label of a binding: the ProjectBindingSet that it belongs to. A binding without it belongs to none.
    SET = "bindery.dev/set",
    /// Annotation of a binding: identifies what its set applied to it last.
    SET_TEMPLATE = "bindery.dev/set-template",
    /// Finalizer: keeps an object until what it made outside the cluster is dealt with.
    FINALIZER = "bindery.dev/release",
}

/// The definition of every kind, as `crds/` holds them.
#[must_use]
pub fn definitions() -> Vec<CustomResourceDefinition> {
    macro_rules! define {
        ($($objects:ident: $kind:ident;)+) => {
            vec![$(completed($kind::crd())),+]
        };
    }
    for_each_kind!(define)
}

/// Changes what the derived schemas cannot say themselves.
fn completed(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    let versions = definition.spec.versions.iter_mut();
    for schema in versions.filter_map(|version| version.schema.as_mut()) {
        if let Some(schema) = &mut schema.open_api_v3_schema {
            strip_nullable(schema);
            default_status(schema);
        }
    }
    definition
}

/// Removes `nullable` from a schema and all schemas in it. `schemars` sets it on every optional field. The API server
/// drops a null in a field that is not nullable, so null and absent mean the same.
fn strip_nullable(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    for property in schema.properties.iter_mut().flatten() {
        strip_nullable(property.1);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(item)) = &mut schema.items {
        strip_nullable(item);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(value)) = &mut schema.additional_properties {
        strip_nullable(value);
    }
}

/// Gives `status` its default, so that kstatus, Flux and `kubectl wait` do not report a new object as ready before
/// its first reconcile.
fn default_status(schema: &mut JSONSchemaProps) {
    let properties = schema.properties.as_mut();
    if let Some(status) = properties.and_then(|properties| properties.get_mut("status")) {
        status.default = Some(JSON(serde_json::json!({"observedGeneration": -1})));
    }
}
