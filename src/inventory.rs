//! What one sweep of the bulk listings saw, kept per connection.
//!
//! It makes a settled binding cost nothing: a pass looks here first, and asks the servers only about what
//! does not look right. What a pass reads afresh is put back here, own writes included, so the next look is
//! no older than the last one. Being out of date is harmless: it sends a pass to the servers, no more.

mod projects;
mod repositories;
mod sweep_error;

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Instant;

use crate::bitbucket::{self, Access};
use crate::identity::{ProjectId, ProjectKey, RepositoryPath, SettingId, SettingKey};
use crate::sonarqube::{self, ProjectBindingRow};

use projects::Projects;
use repositories::Repositories;
pub use sweep_error::SweepError;

/// What the listings hold.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    projects: Projects,
    repositories: Repositories,
    hidden_bindings: u64,
    /// Whether the configuration's token may write to a repository, by the id of each that was listed when that was asked.
    writable: Rights,
    /// How many sweeps there were.
    sweeps: u64,
    /// When the first call of the last sweep was made.
    began: Option<Instant>,
}

/// Whether a token may write to a repository, by its id.
pub type Rights = HashMap<i64, bool>;

/// What a sweep asks, and whom.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// SonarQube.
    pub sonarqube: &'a sonarqube::Client,
    /// Bitbucket, with the token that imports.
    pub importer: &'a bitbucket::Client,
    /// Bitbucket, with the token that decorates, where pull requests are analysed.
    pub writer: Option<&'a bitbucket::Client>,
    /// The configuration, where its bindings are listed (10.5 and later).
    pub setting: Option<(&'a SettingId, &'a SettingKey)>,
}

/// A SonarQube project and what it is bound to through the connection's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its key.
    pub key: ProjectKey,
    /// Its uuid, where told: before 25.12 by its binding alone.
    pub id: Option<ProjectId>,
    /// Its name.
    pub name: String,
    /// Who may see it.
    pub visibility: sonarqube::Visibility,
    /// The repository; `None`: bound to nothing, or through another configuration.
    pub repository: Option<RepositoryPath>,
    /// The monorepo flag, which no listing has; `None` until it was read.
    pub monorepo: Option<bool>,
    /// Whether its binding is to be read again by a call of its own: what no listing has is read spread over time.
    pub is_due: bool,
}

/// A Bitbucket repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Its id.
    pub id: i64,
    /// Where it lies, as Bitbucket spells it.
    pub path: RepositoryPath,
    /// Its name.
    pub name: String,
    /// Whether it is read-only; never before Bitbucket 8.0.
    pub archived: bool,
}

/// Of so many sweeps, one has a project's binding read by a call of its own; where no listing has bindings, every one.
pub const SPREAD: u64 = 12;

/// What differs between two sweeps: whose bindings are worth a look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Folded keys of projects.
    pub projects: HashSet<String>,
    /// Folded paths of repositories.
    pub repositories: HashSet<String>,
}

impl Inventory {
    /// Lists everything: one call for 500 projects, one for 500 bindings, one for up to 1,000 repositories, and one count;
    /// where pull requests are analysed one more for up to 1,000 repositories that may be written to. Without a listing of
    /// bindings (before 10.5) nothing is known of them but what was read by calls of their own.
    ///
    /// # Errors
    /// When one of the listings failed or does not add up.
    pub async fn sweep(sources: Sources<'_>) -> Result<Self, SweepError> {
        let Sources {
            sonarqube,
            importer,
            writer,
            setting,
        } = sources;
        let began = Instant::now();
        let bindings = match setting {
            Some(setting) => Some(Self::bindings(sonarqube, setting).await?),
            None => None,
        };
        let projects = sonarqube.projects().await.map_err(SweepError::SonarQube)?;
        let repositories = importer
            .repositories(None)
            .await
            .map_err(SweepError::Bitbucket)?;
        let writable = match writer {
            Some(writer) => {
                let ids: Vec<_> = repositories.iter().map(|row| row.id).collect();
                Self::rights(writer, &ids).await?
            }
            None => Rights::new(),
        };
        let is_due = bindings.is_none();
        let (bindings, hidden_bindings) = bindings.unwrap_or_default();
        let mut bound: HashMap<String, ProjectBindingRow> = bindings
            .into_iter()
            .map(|row| (row.project_key.folded(), row))
            .collect();
        let projects = projects.into_iter().map(|project| {
            let row = bound.remove(&project.key.folded());
            let listed = Project::listed(project, row);
            Project { is_due, ..listed }
        });
        let repositories = repositories.into_iter().map(|repository| Repository {
            id: repository.id,
            path: repository.path,
            name: repository.name,
            archived: repository.archived,
        });
        Ok(Self {
            projects: projects.collect(),
            repositories: repositories.collect(),
            hidden_bindings,
            writable,
            sweeps: 0,
            began: Some(began),
        })
    }

    /// Asks to which of these repositories a token may write: one call for up to 1,000 of them.
    ///
    /// # Errors
    /// When the listing failed.
    pub async fn rights(
        writer: &bitbucket::Client,
        repositories: &[i64],
    ) -> Result<Rights, SweepError> {
        let rows = writer.repositories(Some(Access::Write)).await;
        let rows = rows.map_err(SweepError::Bitbucket)?;
        let ids: HashSet<i64> = rows.into_iter().map(|row| row.id).collect();
        let known = repositories.iter();
        Ok(known.map(|id| (*id, ids.contains(id))).collect())
    }

    /// The bindings of a configuration, and how many of them are hidden from us.
    async fn bindings(
        sonarqube: &sonarqube::Client,
        (id, key): (&SettingId, &SettingKey),
    ) -> Result<(Vec<ProjectBindingRow>, u64), SweepError> {
        let count = async || {
            sonarqube
                .count_binding(key)
                .await
                .map_err(SweepError::SonarQube)
        };
        // Counted before, so that an import meanwhile makes nothing look hidden; counted once more where
        // something does, since a deletion meanwhile makes it look so as well.
        let counted = count().await?;
        let bindings = sonarqube
            .project_bindings(id)
            .await
            .map_err(SweepError::SonarQube)?;
        let listed = bindings.len() as u64;
        let hidden_bindings = match counted.saturating_sub(listed) {
            0 => 0,
            hidden => count().await?.saturating_sub(listed).min(hidden),
        };
        Ok((bindings, hidden_bindings))
    }

    /// Takes over what no listing has from an earlier sweep, but for the share of projects whose turn it is to be read
    /// again.
    #[must_use]
    pub fn after(mut self, before: &Self) -> Self {
        self.sweeps = before.sweeps + 1;
        let turn = self.sweeps % SPREAD;
        self.projects.for_each(|key, row| {
            let Some(known) = before.projects.rows().get(key) else {
                return;
            };
            if row.is_due {
                // No listing has it: what was read last serves until it is read again.
                row.repository.clone_from(&known.repository);
            }
            if row.repository == known.repository {
                row.monorepo = known.monorepo;
            }
            row.is_due |= share(key) == turn;
        });
        self
    }

    /// When the last listings began: all that they show was so then, or later. `None` before the first.
    #[must_use]
    pub fn began(&self) -> Option<Instant> {
        self.began
    }

    /// The project of this key.
    #[must_use]
    pub fn project(&self, key: &ProjectKey) -> Option<&Project> {
        self.projects.get(key)
    }

    /// The projects that are bound to a repository, in the order of their keys.
    pub fn bound_to(&self, path: &RepositoryPath) -> impl Iterator<Item = &Project> {
        self.projects.bound_to(path)
    }

    /// The repository at this place.
    #[must_use]
    pub fn repository(&self, path: &RepositoryPath) -> Option<&Repository> {
        self.repositories.get(path)
    }

    /// The repository of this id, wherever it lies.
    #[must_use]
    pub fn repository_of(&self, id: i64) -> Option<&Repository> {
        self.repositories.of_id(id)
    }

    /// Whether the configuration's token may write to the repository of this id; `None` where that was not asked, and for
    /// a repository that was created after the listing.
    #[must_use]
    pub fn writable(&self, id: i64) -> Option<bool> {
        self.writable.get(&id).copied()
    }

    /// Remembers whether the configuration's token may write to a repository, as it was just asked.
    pub fn learn_right(&mut self, id: i64, writable: bool) {
        self.writable.insert(id, writable);
    }

    /// The ids of all repositories.
    #[must_use]
    pub fn repository_ids(&self) -> Vec<i64> {
        let rows = self.repositories.rows().values();
        rows.map(|row| row.id).collect()
    }

    /// Replaces the rights, and returns which repositories that changes something for.
    pub fn learn_rights(&mut self, rights: Rights) -> Changes {
        let then = Self {
            writable: std::mem::replace(&mut self.writable, rights),
            ..Self::default()
        };
        Changes {
            projects: HashSet::new(),
            repositories: self.with_other_rights(&then).collect(),
        }
    }

    /// The folded paths of the repositories to which the token has other rights now.
    fn with_other_rights<'a>(&'a self, then: &'a Self) -> impl Iterator<Item = String> + 'a {
        let rows = self.repositories.rows().iter();
        let changed = rows.filter(|(_, row)| self.writable(row.id) != then.writable(row.id));
        changed.map(|(key, _)| key.to_string())
    }

    /// How many bindings SonarQube counted and did not list.
    #[must_use]
    pub fn hidden_bindings(&self) -> u64 {
        self.hidden_bindings
    }

    /// Remembers a project as it was just read; `None` for one that is not there.
    pub fn learn_project(&mut self, key: &ProjectKey, project: Option<Project>) {
        match project {
            Some(project) => self.projects.insert(key, project),
            None => self.projects.remove(key),
        }
    }

    /// Remembers a repository as it was just read; `None` for one that is not there.
    pub fn learn_repository(&mut self, path: &RepositoryPath, repository: Option<Repository>) {
        match repository {
            Some(repository) => self.repositories.insert(path, repository),
            None => self.repositories.remove(path),
        }
    }

    /// What looks different now from how it looked then.
    #[must_use]
    pub fn changes_since(&self, then: &Self) -> Changes {
        let mut repositories = differing(self.repositories.rows(), then.repositories.rows());
        repositories.extend(self.with_other_rights(then));
        Changes {
            projects: differing(self.projects.rows(), then.projects.rows()),
            repositories,
        }
    }
}

impl Project {
    /// A project as the two listings have it.
    fn listed(project: sonarqube::Project, row: Option<ProjectBindingRow>) -> Self {
        let Some(row) = row else {
            return Self::new(project, None);
        };
        let id = project.id.or(Some(row.project_id));
        Self::new(sonarqube::Project { id, ..project }, row.repository)
    }

    /// A project, and the repository that it is bound to.
    #[must_use]
    pub fn new(project: sonarqube::Project, repository: Option<RepositoryPath>) -> Self {
        Self {
            key: project.key,
            id: project.id,
            name: project.name,
            visibility: project.visibility,
            repository,
            monorepo: None,
            is_due: false,
        }
    }
}

/// Which of the shares a project belongs to: the same in every process, and evenly spread.
fn share(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish() % SPREAD
}

fn differing<T: PartialEq>(
    now: &HashMap<Arc<str>, T>,
    then: &HashMap<Arc<str>, T>,
) -> HashSet<String> {
    let changed = now
        .iter()
        .filter(|(key, row)| then.get(*key) != Some(row))
        .map(|(key, _)| key);
    let gone = then.keys().filter(|key| !now.contains_key(*key));
    changed.chain(gone).map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests;
