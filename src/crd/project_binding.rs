//! ProjectBinding: one Bitbucket repository bound to one SonarQube project.

mod defaults;
mod status;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::reference::{ConnectionReference, ManagementPolicy};

pub use defaults::{BindingDefaults, ProjectDefaults};
pub use status::{
    AcceptingConnection, BindingRecord, Difference, Intent, ProjectBindingStatus, RepositoryStatus,
    SonarQubeProjectStatus, TargetStatus,
};

/// What a ProjectBinding declares.
#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, PartialEq, Eq, KubeSchema)]
#[kube(
    group = "bindery.dev",
    version = "v1alpha1",
    kind = "ProjectBinding",
    namespaced,
    status = "ProjectBindingStatus",
    derive = "PartialEq",
    shortname = "pbind",
    category = "bindery",
    doc = "A ProjectBinding binds one Bitbucket repository to one SonarQube project: it imports the repository if no project exists, otherwise binds or adopts the existing project, and corrects drift, so that quality gates appear in pull requests.",
    validation = Rule::new("size(self.metadata.name) <= 200").message("metadata.name must be at most 200 characters"),
    validation = Rule::new("!has(oldSelf.status) || (!(has(oldSelf.status.record) && has(oldSelf.status.record.intent)) && !has(oldSelf.status.sonarqubeProject)) || (has(self.spec.sonarqubeProject) && has(self.spec.sonarqubeProject.key) ? ((has(oldSelf.spec.sonarqubeProject) && has(oldSelf.spec.sonarqubeProject.key) && self.spec.sonarqubeProject.key == oldSelf.spec.sonarqubeProject.key) || (has(oldSelf.status.sonarqubeProject) && self.spec.sonarqubeProject.key == oldSelf.status.sonarqubeProject.key)) : !(has(oldSelf.spec.sonarqubeProject) && has(oldSelf.spec.sonarqubeProject.key)))").message(Message::Expression("'sonarqubeProject.key is immutable' + (has(oldSelf.status) && has(oldSelf.status.sonarqubeProject) ? ' (bound to ' + oldSelf.status.sonarqubeProject.key + ')' : '') + ': for another project, make another ProjectBinding'".to_owned())),
    selectable = ".spec.connectionRef.name",
    selectable = ".spec.repository.project",
    selectable = ".status.sonarqubeProject.key",
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Synced", type_ = "string", json_path = r#".status.conditions[?(@.type=="Synced")].status"#),
    printcolumn(name = "Repository", type_ = "string", json_path = ".status.target.repository"),
    printcolumn(name = "Project", type_ = "string", json_path = ".status.target.project"),
    printcolumn(name = "Decoration", type_ = "string", json_path = r#".status.conditions[?(@.type=="DecorationReady")].status"#),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Connection", type_ = "string", json_path = ".spec.connectionRef.name", priority = "1"),
    printcolumn(name = "URL", type_ = "string", json_path = ".status.sonarqubeProject.url", priority = "1"),
    printcolumn(name = "Message", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].message"#, priority = "1")
)]
#[x_kube(validation = Rule::new("self.mode != 'Bind' || (has(self.sonarqubeProject) && has(self.sonarqubeProject.key))").message("sonarqubeProject.key is required when mode is Bind"))]
#[x_kube(validation = Rule::new("!self.monorepo || (has(self.sonarqubeProject) && has(self.sonarqubeProject.key))").message("sonarqubeProject.key is required when monorepo is true"))]
#[serde(rename_all = "camelCase")]
pub struct ProjectBindingSpec {
    /// The BitbucketConnection to use. Once a project is accepted, it can be replaced by a connection of the same SonarQube
    /// server and the same configuration. Any other one is refused with `ConnectionMismatch`.
    pub connection_ref: ConnectionReference,

    /// The repository in Bitbucket. A change keeps the SonarQube project and re-points its binding.
    pub repository: RepositoryReference,

    /// The project in SonarQube.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sonarqube_project: Option<Box<SonarQubeProjectSpec>>,

    /// How Bindery gets the project. `ImportOrBind` imports the repository if no project exists, otherwise it binds or
    /// adopts the existing project. `Import` refuses an existing project that Bindery did not create, unless it is bound
    /// to this repository. `Bind` never creates a project and requires `sonarqubeProject.key`. Default: `ImportOrBind`.
    #[serde(default)]
    pub mode: BindingMode,

    /// Several SonarQube projects share the repository. Needs `sonarqubeProject.key`. Default: `false`.
    #[serde(default)]
    pub monorepo: bool,

    /// What happens when the repository is renamed or moved in Bitbucket, so that Bitbucket redirects to the new place.
    /// `Report`: the binding reports `RepositoryMoved`. `Follow`: the binding follows the repository if it is the same
    /// one and the connection admits it at the new place. Default: `Report`.
    #[serde(default)]
    pub on_repository_moved: OnRepositoryMoved,

    /// Whether Bindery writes to the servers for this object. `Full`: it does. `Observe`: it only compares and reports.
    /// Default: `Full`.
    #[serde(default)]
    pub management_policy: ManagementPolicy,

    /// What happens in SonarQube when this object is deleted. `Unbind`: the project stays; its binding is removed if
    /// Bindery wrote it and SonarQube can remove a single one. `Orphan`: both stay. `DeleteProject`: the project is
    /// deleted with all its history, if Bindery created it for this object and the operator runs with
    /// `--allow-project-deletion`; otherwise as `Unbind`. Default: that of the connection's `bindingDefaults`, else
    /// `Unbind`.
    // Without a default in the schema: an object that says nothing leaves it to its connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BindingDeletionPolicy")]
    pub deletion_policy: Option<BindingDeletionPolicy>,

    /// Stops all work on this object, also on its deletion. Default: `false`.
    #[serde(default)]
    pub suspend: bool,
}

/// A repository in Bitbucket, `…/projects/PROJECT/repos/SLUG/browse`. Any letter case.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryReference {
    /// Key of the Bitbucket project, for example `PAY`; `~jdoe` for a personal repository.
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = Rule::new("self.matches('^~?[A-Za-z0-9_.-]+$') && !self.contains('..')").message(Message::Expression("'\"' + self + '\" is not a Bitbucket project key: use the name after /projects/ in the repository URL, for example PAY, or ~jdoe for a personal repository'".to_owned())))]
    pub project: String,
    /// Slug of the repository, for example `payments-api`.
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9_.-]+$') && !self.contains('..') && self != '.'").message(Message::Expression("'\"' + self + '\" is not a Bitbucket repository slug: use the name after /repos/ in the repository URL, for example payments-api'".to_owned())))]
    pub slug: String,
}

/// The project in SonarQube.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SonarQubeProjectSpec {
    /// Key of the project. Default: the key that the `keyTemplate` of the connection's `bindingDefaults` makes, else
    /// `PROJECT:slug` of the repository, with `_` in place of a leading `~`. To bind an existing project that has no
    /// binding, set its key here. Immutable once in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 400))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9_.:-]*[A-Za-z_.:-][A-Za-z0-9_.:-]*$')").message("sonarqubeProject.key may hold letters, digits, '-', '_', '.' and ':', and needs at least one character that is not a digit"))]
    pub key: Option<String>,
    /// Name of the project when Bindery creates it. Bindery never changes it later, because scanners overwrite it.
    /// Default: the repository's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub name: Option<String>,
    /// Who may see the project. `Private`: users with the Browse permission on it. `Public`: all users of the server.
    /// `visibilityPolicy` defines on which projects Bindery sets it. Default: that of the connection's `bindingDefaults`,
    /// else SonarQube's default for new projects.
    // An Option of an enum would show the enum's own description instead of this one, and refuse the null it calls
    // valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Visibility")]
    pub visibility: Option<Visibility>,
    /// On which projects Bindery sets `visibility`. `Created`: on projects that Bindery created; on other projects it
    /// reports a difference. `Always`: also on adopted projects; before Bindery makes one private, it grants its own
    /// user permissions on it. Default: `Created`.
    #[serde(default)]
    pub visibility_policy: VisibilityPolicy,
    /// What counts as new code. Written when the project is created or adopted, and when this field changes. Default:
    /// that of the connection's `bindingDefaults`, else SonarQube's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_code_definition: Option<NewCodeDefinition>,
}

/// Who may see a SonarQube project.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
pub enum Visibility {
    /// Those who were given Browse on it.
    Private,
    /// All users of the server.
    Public,
}

/// On which projects Bindery sets the visibility.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
pub enum VisibilityPolicy {
    /// On projects that Bindery created for this object.
    #[default]
    Created,
    /// On every project that the binding has accepted.
    Always,
}

/// What counts as new code in a SonarQube project.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, KubeSchema)]
#[x_kube(validation = Rule::new("(self.type == 'NumberOfDays') == has(self.days)").message("newCodeDefinition.days goes with type NumberOfDays, and only with it"))]
#[x_kube(validation = Rule::new("(self.type == 'ReferenceBranch') == has(self.branch)").message("newCodeDefinition.branch goes with type ReferenceBranch, and only with it"))]
#[serde(rename_all = "camelCase")]
pub struct NewCodeDefinition {
    /// `PreviousVersion`: code changed since the previous version. `NumberOfDays`: code changed in the last `days`.
    /// `ReferenceBranch`: code that differs from `branch`.
    #[serde(rename = "type")]
    pub type_: NewCodeDefinitionType,
    /// With `NumberOfDays`: the number of days, 1 to 90.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 90))]
    pub days: Option<i32>,
    /// With `ReferenceBranch`: the name of the branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub branch: Option<String>,
}

/// The kinds of new code definition.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
pub enum NewCodeDefinitionType {
    /// Code changed since the previous version.
    PreviousVersion,
    /// Code changed in the last days.
    NumberOfDays,
    /// Code that differs from a branch.
    ReferenceBranch,
}

/// How Bindery gets the SonarQube project of a binding.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
pub enum BindingMode {
    /// Import the repository where no project is there, else bind or adopt the project that is.
    #[default]
    ImportOrBind,
    /// Import only: refuses a project that Bindery did not create, unless it is bound to this repository.
    Import,
    /// Bind an existing project only: needs `sonarqubeProject.key`, never creates a project.
    Bind,
}

/// What happens when the repository of a binding is renamed or moved.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
pub enum OnRepositoryMoved {
    /// The binding says `RepositoryMoved`, and names the new place.
    #[default]
    Report,
    /// The binding follows the repository.
    Follow,
}

/// What happens in SonarQube when a binding is deleted.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
pub enum BindingDeletionPolicy {
    /// The project stays, its binding goes if Bindery wrote it and SonarQube can remove a single one (Developer
    /// Edition and up, or the community branch plugin); elsewhere the binding stays and an event says so.
    #[default]
    Unbind,
    /// Project and binding stay.
    Orphan,
    /// The project goes with all its history, if Bindery created it for this object and the operator runs
    /// with `--allow-project-deletion`; otherwise as `Unbind`.
    DeleteProject,
}
