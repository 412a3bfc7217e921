//! ProjectBindingSet: a ProjectBinding for each repository of whole Bitbucket projects.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::constraints;
use super::project_binding::{
    BindingDeletionPolicy, NewCodeDefinition, OnRepositoryMoved, Visibility, VisibilityPolicy,
};
use super::reference::{ConnectionReference, ManagementPolicy};

/// What a ProjectBindingSet declares.
#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, PartialEq, Eq, KubeSchema)]
#[kube(
    group = "bindery.dev",
    version = "v1alpha1",
    kind = "ProjectBindingSet",
    namespaced,
    status = "ProjectBindingSetStatus",
    derive = "PartialEq",
    shortname = "pbset",
    category = "bindery",
    doc = "A ProjectBindingSet creates a ProjectBinding in its own namespace for each repository that it selects from the listing of its connection, and for each new one within an interval.",
    validation = Rule::new("size(self.metadata.name) <= 63").message("metadata.name must be at most 63 characters: it is the value of a label"),
    selectable = ".spec.connectionRef.name",
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Matched", type_ = "integer", json_path = ".status.repositories.matched"),
    printcolumn(name = "Bound", type_ = "integer", json_path = ".status.repositories.bound"),
    printcolumn(name = "Skipped", type_ = "integer", json_path = ".status.repositories.skipped"),
    printcolumn(name = "Conflicting", type_ = "integer", json_path = ".status.repositories.conflicting"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Connection", type_ = "string", json_path = ".spec.connectionRef.name", priority = "1"),
    printcolumn(name = "Message", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].message"#, priority = "1")
)]
#[serde(rename_all = "camelCase")]
pub struct ProjectBindingSetSpec {
    /// The BitbucketConnection whose listing is used, and that the bindings refer to.
    pub connection_ref: ConnectionReference,

    /// Which repositories get a binding. The first entry that selects a repository decides about it.
    #[schemars(length(min = 1, max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    pub select: Vec<SelectEntry>,

    /// What each binding is made of.
    #[serde(default)]
    pub template: BindingTemplate,

    /// What happens to a binding whose repository is gone. `Keep`: it stays and reports the missing repository. `Delete`:
    /// it is deleted with its own `deletionPolicy`, once two whole listings in a row show other repositories of the
    /// project and not this one, and Bitbucket answers that the repository does not exist. Default: `Keep`.
    #[serde(default)]
    pub on_repository_gone: OnRepositoryGone,

    /// How much may happen in one interval of the connection.
    #[serde(default)]
    pub limits: SetLimits,

    /// What happens to the bindings when this object is deleted. `Orphan`: they stay, without the label. `Cascade`: each
    /// is deleted with its own `deletionPolicy`. Default: `Orphan`.
    #[serde(default)]
    pub deletion_policy: SetDeletionPolicy,

    /// Stops all work of this set. Its bindings go on, and stay if the set is deleted. Default: `false`.
    #[serde(default)]
    pub suspend: bool,
}

/// Some repositories of Bitbucket.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SelectEntry {
    /// Key of the Bitbucket project, for example `PAY`, in any letter case. `*` stands for any run of characters: a
    /// single `*` selects all projects.
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = r"^~?[A-Za-z0-9_.*-]+$"),
        transform = constraints::pattern
    )]
    pub project: String,

    /// Patterns of the slugs that are selected; `*` stands for any run of characters. Default: all.
    #[serde(default = "SelectEntry::all")]
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 128)), extend("x-kubernetes-list-type" = "set"), transform = constraints::key_patterns)]
    pub include: Vec<String>,

    /// Patterns of the slugs that are left out all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 128)), extend("x-kubernetes-list-type" = "set"), transform = constraints::key_patterns)]
    pub exclude: Vec<String>,

    /// Sorts of repositories that get no binding: `Archived`, `Forks`, `Personal` (those of personal projects) and
    /// `Empty` (those without a branch). `Empty` costs one call for each new repository; the others cost none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4), extend("x-kubernetes-list-type" = "set"))]
    pub skip: Vec<SkippedSort>,
}

impl SelectEntry {
    fn all() -> Vec<String> {
        vec!["*".to_owned()]
    }
}

/// A sort of repositories that get no binding.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
pub enum SkippedSort {
    /// Read-only repositories (Bitbucket 8.0 and later).
    Archived,
    /// Repositories that were made from another one.
    Forks,
    /// Repositories without a branch.
    Empty,
    /// Repositories of personal projects.
    Personal,
}

/// What each binding of a set is made of.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BindingTemplate {
    /// Labels and annotations.
    #[serde(default)]
    pub metadata: TemplateMetadata,

    /// The spec, without `connectionRef` and `repository`, and without what can differ from repository to repository.
    /// A field that is absent here is not written: people may set it.
    #[serde(default)]
    pub spec: TemplateSpec,

    /// The name of a binding, with `{project}` and `{slug}` in lower case. A name that is no DNS label, or that two
    /// repositories would share, gets a short hash. Bindings that exist keep their names. Default: `{project}-{slug}`.
    #[serde(default = "BindingTemplate::default_name")]
    #[schemars(length(min = 6, max = 128))]
    #[x_kube(validation = Rule::new("self.contains('{slug}')").message("template.nameTemplate must contain {slug}"))]
    #[x_kube(validation = Rule::new("self.replace('{slug}', '').replace('{project}', '').matches('^[a-z0-9-]*$')").message("template.nameTemplate may hold {project}, {slug}, lower-case letters, digits and '-'"))]
    pub name_template: String,
}

impl BindingTemplate {
    fn default_name() -> String {
        "{project}-{slug}".to_owned()
    }
}

impl Default for BindingTemplate {
    fn default() -> Self {
        Self {
            metadata: TemplateMetadata::default(),
            spec: TemplateSpec::default(),
            name_template: Self::default_name(),
        }
    }
}

/// Labels and annotations of the bindings of a set.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateMetadata {
    /// Labels. Those of `bindery.dev/` are Bindery's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(transform = constraints::labels)]
    pub labels: BTreeMap<String, String>,
    /// Annotations. Those of `bindery.dev/` are Bindery's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(transform = constraints::annotations)]
    pub annotations: BTreeMap<String, String>,
}

/// The spec of the bindings of a set.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateSpec {
    /// The projects in SonarQube. Their keys and names are the defaults of ProjectBinding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sonarqube_project: Option<TemplateProject>,
    /// How Bindery gets the projects: `ImportOrBind` or `Import`, as in ProjectBinding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "TemplateMode")]
    pub mode: Option<TemplateMode>,
    /// What happens when a repository is renamed or moved in Bitbucket: `Report` or `Follow`, as in ProjectBinding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "OnRepositoryMoved")]
    pub on_repository_moved: Option<OnRepositoryMoved>,
    /// Whether Bindery writes to the servers: `Full` or `Observe`, as in ProjectBinding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ManagementPolicy")]
    pub management_policy: Option<ManagementPolicy>,
    /// What happens in SonarQube when a binding is deleted: `Unbind`, `Orphan` or `DeleteProject`, as in ProjectBinding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BindingDeletionPolicy")]
    pub deletion_policy: Option<BindingDeletionPolicy>,
}

/// The SonarQube projects of a set.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateProject {
    /// Who may see the projects: `Private` or `Public`, as in ProjectBinding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Visibility")]
    pub visibility: Option<Visibility>,
    /// On which projects Bindery sets `visibility`: `Created` or `Always`, as in ProjectBinding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "VisibilityPolicy")]
    pub visibility_policy: Option<VisibilityPolicy>,
    /// What counts as new code, as in ProjectBinding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_code_definition: Option<NewCodeDefinition>,
}

/// How Bindery gets the SonarQube projects of a set.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
pub enum TemplateMode {
    /// Import the repository where no project is there, else bind or adopt the project that is.
    ImportOrBind,
    /// Import only.
    Import,
}

/// What happens to the binding of a repository that is gone.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
pub enum OnRepositoryGone {
    /// It stays, and reports the missing repository.
    #[default]
    Keep,
    /// It is deleted once the repository is proved gone.
    Delete,
}

/// What happens to the bindings of a set that is deleted.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
pub enum SetDeletionPolicy {
    /// They stay, and belong to no set.
    #[default]
    Orphan,
    /// They are deleted, each with its own `deletionPolicy`.
    Cascade,
}

/// How much a set does in one interval of its connection.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetLimits {
    /// New bindings, and calls for `skip: [Empty]`. Default: 50.
    #[serde(default = "SetLimits::default_new")]
    #[schemars(range(min = 0, max = 10_000))]
    pub new_per_interval: i32,
    /// Deleted bindings, and calls that confirm that a repository is gone. Default: 5.
    #[serde(default = "SetLimits::default_deleted")]
    #[schemars(range(min = 0, max = 10_000))]
    pub deleted_per_interval: i32,
}

impl SetLimits {
    fn default_new() -> i32 {
        50
    }

    fn default_deleted() -> i32 {
        5
    }
}

impl Default for SetLimits {
    fn default() -> Self {
        Self {
            new_per_interval: Self::default_new(),
            deleted_per_interval: Self::default_deleted(),
        }
    }
}

/// What was found and done for a ProjectBindingSet.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectBindingSetStatus {
    /// The generation of the spec that this status describes; -1 until the first reconcile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, `Reconciling`, `Stalled` as kstatus reads them; `Discovered`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<meta::Condition>", length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]), transform = constraints::conditions)]
    pub conditions: Vec<Condition>,
    /// The repositories that the set selects, counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repositories: Option<RepositoryCounts>,
    /// The value of the annotation `bindery.dev/reconcile-requested-at` that was last acted upon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_reconcile_at: Option<String>,
}

/// The repositories that a set selects, counted.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryCounts {
    /// Those that are to have a binding: `bound`, `conflicting`, and those that wait for the next interval.
    pub matched: i64,
    /// Those that have a binding of this set, whether or not it is ready.
    pub bound: i64,
    /// Those that `skip` leaves out, or that `access` of the connection does not admit.
    pub skipped: i64,
    /// Those that another binding has, or whose name another binding has.
    pub conflicting: i64,
}
