//! What to do about one ProjectBinding: the table of "a project that is already there", drift, and
//! what is kept equal.

mod release;
mod table;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;

use crate::identity::{ProjectId, ProjectKey, RepositoryPath, ServerId, Uid};

use super::{Access, Contender, Difference, Management, Reason, Refusal};
pub use release::{Leave, Release, ReleaseFacts, ReleasePolicy, Seen, release};

/// What a binding declares, and what it remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// The object itself.
    pub uid: Uid,
    /// The key: from the spec, else remembered, else the default one.
    pub key: ProjectKey,
    /// Whether the key stands in the spec.
    pub key_given: bool,
    /// The repository as the spec spells it.
    pub repository: RepositoryPath,
    /// The name of a project that is created; the repository's where absent.
    pub name: Option<String>,
    /// Who may see the project.
    pub visibility: Option<Visibility>,
    /// What counts as new code.
    pub new_code: Option<NewCode>,
    /// How the project may come about.
    pub mode: Mode,
    /// Whether anything may be written.
    pub management: Management,
    /// What the connection admits.
    pub access: Access,
    /// What is remembered from earlier passes, as far as it still speaks of this server.
    pub record: Record,
}

/// How the project of a binding may come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Import where nothing is there, else bind or adopt.
    ImportOrBind,
    /// Import only.
    Import,
    /// Bind only.
    Bind,
}

/// Who may see a SonarQube project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Those who were given Browse.
    Private,
    /// Everybody who may use the server.
    Public,
}

impl Visibility {
    /// As the spec spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Private => "Private",
            Self::Public => "Public",
        }
    }
}

/// What counts as new code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewCode {
    /// Since the previous version.
    PreviousVersion,
    /// In the last days, 1 to 90.
    NumberOfDays(u8),
    /// What differs from this branch.
    ReferenceBranch(String),
}

/// What the status remembers. Cleared by [`Record::on`] where it speaks of another server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The project that was accepted.
    pub accepted: Option<Accepted>,
    /// The key under which a project was about to be created.
    pub intent: Option<ProjectKey>,
}

/// An accepted project: the claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The server that holds it.
    pub server: ServerId,
    /// Its key.
    pub key: ProjectKey,
    /// Its uuid, where told.
    pub id: Option<ProjectId>,
    /// For whom Bindery created it.
    pub created_by: Option<Uid>,
    /// For whom Bindery last wrote its binding.
    pub bound_by: Option<Uid>,
    /// The repository that it was last bound to.
    pub repository: Option<RepositoryPath>,
    /// The new code definition that was last written.
    pub new_code: Option<NewCode>,
}

impl Record {
    /// What still holds on this server: a swapped database makes every memory worthless.
    #[must_use]
    pub fn on(self, server: &ServerId) -> Self {
        match self.accepted {
            Some(accepted) if accepted.server != *server => Self::default(),
            accepted => Self { accepted, ..self },
        }
    }
}

/// What was read for one binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The SonarQube server.
    pub server: ServerId,
    /// The repository in Bitbucket.
    pub repository: RepositoryState,
    /// The project under the effective key.
    pub project: Option<Project>,
    /// The keys of all projects bound to the repository through this configuration.
    pub bound_to_repository: Vec<ProjectKey>,
    /// How many bindings of this configuration the listing hides from us.
    pub hidden_bindings: u64,
    /// The accepted, live, full object that has the claim on the effective key, if it is another one.
    pub claimed_by: Option<Contender>,
    /// Whether SonarQube denied us the project.
    pub rights: Rights,
    /// SonarQube's main branch and Bitbucket's default branch, read while an import is under way.
    pub branches: Option<Branches>,
    /// The way in which this server binds projects.
    pub way: Way,
}

/// How SonarQube is made to bind a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `PUT /api/v2/dop-translation/bound-projects`: every edition from 25.12.
    PutBoundProject,
    /// None that Bindery knows on this server.
    None,
}

/// A repository as Bitbucket knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepositoryState {
    /// It is there.
    Found(Repository),
    /// It is not there, or the token cannot see it.
    Missing,
    /// It lies elsewhere now.
    Moved(String),
}

/// A repository that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Where it lies, as Bitbucket spells it.
    pub path: RepositoryPath,
    /// Its name.
    pub name: String,
}

/// A SonarQube project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its key as SonarQube spells it.
    pub key: ProjectKey,
    /// Its uuid, where told.
    pub id: Option<ProjectId>,
    /// Its current name.
    pub name: String,
    /// Who may see it, where told.
    pub visibility: Option<Visibility>,
    /// What it is bound to.
    pub binding: BindingState,
}

/// What a SonarQube project is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindingState {
    /// To nothing.
    Unbound,
    /// To a repository, through this connection's configuration.
    Bound {
        /// The repository.
        repository: RepositoryPath,
        /// The monorepo flag, where it was read.
        monorepo: Option<bool>,
    },
    /// Through another configuration or platform.
    Elsewhere(String),
    /// SonarQube does not let us see it.
    Hidden,
}

/// Whether SonarQube denied us a project in this pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Nothing was denied so far.
    Assumed,
    /// Browse or Administer is missing.
    Denied,
}

/// Two names of one branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branches {
    /// The main branch of the SonarQube project.
    pub main: String,
    /// The default branch in Bitbucket; `None` for an empty repository.
    pub default: Option<String>,
}

/// One write, in the order in which it is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Remember in the status, with resourceVersion, that a project of this key is about to be created.
    /// What was remembered of an earlier project of this key (`id`, `created_by`, `bound_by`) is forgotten:
    /// it is gone, and only an intent without a creator is taken as proof of our own import.
    RecordIntent(ProjectKey),
    /// Create the project, bound to the repository.
    Import {
        /// Its key.
        key: ProjectKey,
        /// Its name.
        name: String,
        /// The repository as Bitbucket spells it.
        repository: RepositoryPath,
    },
    /// Point the binding of an existing project at the repository.
    Bind {
        /// The project.
        key: ProjectKey,
        /// Its current name: the call is refused with another one.
        name: String,
        /// The repository as Bitbucket spells it.
        repository: RepositoryPath,
    },
    /// Take the claim on a project that is as it should be.
    Accept(Acceptance),
    /// Give the operator's own user Browse and Administer on the project.
    GrantSelf(ProjectKey),
    /// Change who may see the project.
    SetVisibility(ProjectKey, Visibility),
    /// Write the new code definition.
    SetNewCode(ProjectKey, NewCode),
    /// Rename the main branch.
    RenameMainBranch(ProjectKey, String),
}

/// What is remembered of a project when its claim is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// Its key.
    pub key: ProjectKey,
    /// Its uuid, where told.
    pub id: Option<ProjectId>,
    /// Whether it came from our own import, whose answer was lost.
    pub origin: Origin,
}

/// Where an accepted project came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was there.
    Found,
    /// Our own import made it.
    Imported,
}

/// What to do about a binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Everything is as declared.
    Settled,
    /// These writes, then another look.
    Steps(Vec<Step>),
    /// Differences that are not mended: `Observe`, or a field that is not ours to write.
    Differs(Vec<Difference>),
    /// Nothing, until a person does something.
    Refused(Refusal),
}

/// What to do about a binding, given what was read.
#[must_use]
pub fn plan(desired: &Desired, observed: &Observed) -> Plan {
    match next(desired, observed) {
        Err(refusal) => Plan::Refused(refusal),
        Ok(steps) if desired.management == Management::Observe => {
            let mut differences: Vec<Difference> = steps
                .iter()
                .filter_map(|step| difference(step, desired, observed))
                .collect();
            differences.extend(foreign_visibility(desired, observed));
            if differences.is_empty() {
                Plan::Settled
            } else {
                Plan::Differs(differences)
            }
        }
        Ok(steps) if !steps.is_empty() => Plan::Steps(steps),
        Ok(_) => match foreign_visibility(desired, observed) {
            Some(difference) => Plan::Differs(vec![difference]),
            None => Plan::Settled,
        },
    }
}

/// The steps that are missing, whatever the management policy.
fn next(desired: &Desired, observed: &Observed) -> Result<Vec<Step>, Refusal> {
    if !desired.access.admits(&desired.repository, &desired.key) {
        return Err(not_admitted(desired));
    }
    if let Some(other) = &observed.claimed_by {
        return Err(Refusal::new(
            Reason::AlreadyManaged,
            format!(
                "SonarQube project {} is managed by another ProjectBinding, {}; delete one of the two, or write another sonarqubeProject.key",
                desired.key, other.name
            ),
        ));
    }
    let repository = found(desired, &observed.repository)?;
    if observed.way == Way::None {
        return Err(Refusal::new(
            Reason::UnsupportedVersion,
            "this SonarQube server offers no way to bind a project that Bindery can use: SonarQube 25.12 or later has one",
        ));
    }
    match &observed.project {
        Some(project) => keep(desired, observed, repository, project),
        // What we may not see may be there.
        None if observed.rights == Rights::Denied => Err(permission_missing(&desired.key)),
        None => table::absent(desired, observed, repository),
    }
}

/// The project under the effective key is there: accept it, or keep what was accepted.
fn keep(
    desired: &Desired,
    observed: &Observed,
    repository: &Repository,
    project: &Project,
) -> Result<Vec<Step>, Refusal> {
    let Some(accepted) = desired.record.holding(project) else {
        return table::present(desired, observed, repository, project);
    };
    let ours = accepted.created_by.as_ref() == Some(&desired.uid);
    if observed.rights == Rights::Denied || project.binding == BindingState::Hidden {
        return grant(desired, project, ours);
    }
    if !is_bound_to(project, &repository.path) {
        table::repository_is_free(desired, observed, &project.key)?;
        return Ok(vec![table::bind(project, repository)]);
    }
    let mut steps = Vec::new();
    if let (Some(wanted), true) = (desired.visibility, ours)
        && project.visibility.is_some_and(|found| found != wanted)
    {
        steps.push(Step::SetVisibility(project.key.clone(), wanted));
    }
    if let Some(wanted) = &desired.new_code
        && accepted.new_code.as_ref() != Some(wanted)
    {
        steps.push(Step::SetNewCode(project.key.clone(), wanted.clone()));
    }
    if let Some(Branches {
        main,
        default: Some(default),
    }) = &observed.branches
        && ours
        && main != default
    {
        steps.push(Step::RenameMainBranch(project.key.clone(), default.clone()));
    }
    Ok(steps)
}

/// What to do where SonarQube denied us a project.
fn grant(desired: &Desired, project: &Project, ours: bool) -> Result<Vec<Step>, Refusal> {
    if ours && desired.management == Management::Full {
        return Ok(vec![Step::GrantSelf(project.key.clone())]);
    }
    Err(permission_missing(&project.key))
}

fn permission_missing(key: &ProjectKey) -> Refusal {
    Refusal::new(
        Reason::PermissionMissing,
        format!(
            "SonarQube denies the operator's user SonarQube project {key}: give it the permissions Browse and Administer on that project"
        ),
    )
}

/// Whether nothing is left to do about where a project is bound.
fn is_bound_to(project: &Project, path: &RepositoryPath) -> bool {
    match &project.binding {
        BindingState::Bound {
            repository,
            monorepo,
        } => repository.same(path) && *monorepo != Some(true),
        BindingState::Unbound | BindingState::Elsewhere(_) | BindingState::Hidden => false,
    }
}

fn found<'a>(desired: &Desired, state: &'a RepositoryState) -> Result<&'a Repository, Refusal> {
    match state {
        RepositoryState::Found(repository) => Ok(repository),
        RepositoryState::Missing => Err(Refusal::new(
            Reason::RepositoryNotFound,
            format!(
                "Bitbucket has no repository {}, or the import token may not read it: check spec.repository and the token's permission",
                desired.repository
            ),
        )),
        RepositoryState::Moved(place) => Err(Refusal::new(
            Reason::RepositoryMoved,
            format!(
                "Bitbucket redirects repository {} to {}: write the new place into spec.repository",
                desired.repository,
                if may_know(desired, place) {
                    place
                } else {
                    "a place outside your access"
                }
            ),
        )),
    }
}

/// Whether a tenant may read the name of a repository, given as `PROJECT/slug`.
fn may_know(desired: &Desired, place: &str) -> bool {
    let path = place
        .split_once('/')
        .and_then(|(project, slug)| RepositoryPath::parse(project, slug).ok());
    desired.access == Access::Own
        || path.is_some_and(|path| {
            [&desired.key, &ProjectKey::default_for(&path)]
                .into_iter()
                .any(|key| desired.access.admits(&path, key))
        })
}

fn not_admitted(desired: &Desired) -> Refusal {
    Refusal::new(
        Reason::AccessDenied,
        format!(
            "the connection admits this namespace, but no entry of its spec.access admits repository {} with SonarQube project key {}: ask the owner of the connection to add both to one entry",
            desired.repository, desired.key
        ),
    )
}

/// A visibility that is declared for a project which Bindery did not create.
fn foreign_visibility(desired: &Desired, observed: &Observed) -> Option<Difference> {
    let project = observed.project.as_ref()?;
    let ours = desired
        .record
        .holding(project)
        .is_some_and(|accepted| accepted.created_by.as_ref() == Some(&desired.uid));
    let (wanted, found) = (desired.visibility?, project.visibility?);
    (!ours && wanted != found).then(|| Difference {
        field: "sonarqubeProject.visibility",
        desired: wanted.as_str().to_owned(),
        observed: found.as_str().to_owned(),
    })
}

/// A step as what it would change; `None` for bookkeeping of our own.
fn difference(step: &Step, desired: &Desired, observed: &Observed) -> Option<Difference> {
    let (field, wanted, found) = match step {
        Step::RecordIntent(_) | Step::Accept(_) | Step::GrantSelf(_) => return None,
        Step::Import { key, .. } => ("sonarqubeProject", key.to_string(), "absent".to_owned()),
        Step::Bind { repository, .. } => (
            "repository",
            repository.to_string(),
            bound_to(desired, observed),
        ),
        Step::SetVisibility(_, wanted) => (
            "sonarqubeProject.visibility",
            wanted.as_str().to_owned(),
            observed.project.as_ref()?.visibility?.as_str().to_owned(),
        ),
        Step::SetNewCode(_, wanted) => (
            "sonarqubeProject.newCodeDefinition",
            format!("{wanted:?}"),
            "not written".to_owned(),
        ),
        Step::RenameMainBranch(_, wanted) => (
            "mainBranch",
            wanted.clone(),
            observed.branches.as_ref()?.main.clone(),
        ),
    };
    Some(Difference {
        field,
        desired: wanted,
        observed: found,
    })
}

fn bound_to(desired: &Desired, observed: &Observed) -> String {
    match observed.project.as_ref().map(|project| &project.binding) {
        Some(BindingState::Bound { repository, .. }) => {
            let place = repository.to_string();
            if may_know(desired, &place) {
                place
            } else {
                "another repository".to_owned()
            }
        }
        Some(BindingState::Elsewhere(_)) => "a repository of another configuration".to_owned(),
        Some(BindingState::Unbound | BindingState::Hidden) | None => "unbound".to_owned(),
    }
}

impl Record {
    /// The acceptance that speaks of this very project. Another uuid is another project, and one that was
    /// accepted from a listing without uuids is to pass the table once its uuid is told.
    #[must_use]
    pub fn holding(&self, project: &Project) -> Option<&Accepted> {
        self.accepted.as_ref().filter(|accepted| {
            accepted.key.same(&project.key) && (project.id.is_none() || accepted.id == project.id)
        })
    }

    /// Whether a project of this key is our own import, whose answer was lost. One whose answer came has a creator.
    fn is_importing(&self, key: &ProjectKey) -> bool {
        let answered = self
            .accepted
            .as_ref()
            .is_some_and(|accepted| accepted.created_by.is_some());
        !answered && self.intent.as_ref().is_some_and(|intent| intent.same(key))
    }
}
