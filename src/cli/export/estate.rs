//! What a SonarQube and its Bitbucket have.

use std::collections::BTreeSet;

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::cli::progress::progress;
use crate::identity::{ProjectKey, RepositoryPath, SettingKey};
use crate::{bitbucket, sonarqube};

/// How many projects are read at once.
const AT_ONCE: usize = 8;

/// What is exported.
#[derive(Debug, Default)]
pub(super) struct Estate {
    pub(super) configurations: Vec<Configuration>,
    /// Projects that are bound to no repository of Bitbucket Server.
    pub(super) unbound_projects: Vec<ProjectKey>,
    /// Repositories that no project is bound to; none if Bitbucket was not asked.
    pub(super) unbound_repositories: Vec<RepositoryPath>,
}

/// A configuration of SonarQube for Bitbucket Server, and the projects that are bound through it.
#[derive(Debug)]
pub(super) struct Configuration {
    pub(super) key: SettingKey,
    pub(super) url: String,
    pub(super) bound: Vec<Bound>,
}

/// A project that is bound to a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) key: ProjectKey,
    pub(super) repository: RepositoryPath,
    pub(super) monorepo: bool,
}

impl Estate {
    /// Reads everything. No listing has the monorepo flag: each project takes a call of its own.
    pub(super) async fn read(
        sonarqube: &sonarqube::Client,
        bitbucket: Option<&bitbucket::Client>,
    ) -> anyhow::Result<Self> {
        let settings = sonarqube.dop_settings().await;
        let settings = settings.context("failed to list the configurations of SonarQube")?;
        let projects: Result<Vec<_>, _> = sonarqube.projects().await;
        let projects = projects.context("failed to list the projects of SonarQube")?;
        let repositories: Vec<_> = match bitbucket {
            Some(bitbucket) => bitbucket
                .repositories(None)
                .await
                .context("failed to list the repositories of Bitbucket")?,
            None => Vec::new(),
        };
        let count = projects.len();
        let progress = &progress("reading projects");
        let keys = projects.into_iter().map(|project| project.key);
        let mut read = stream::iter(keys.enumerate())
            .map(|(number, key)| async move {
                progress(number + 1, count);
                let binding = sonarqube.binding(&key).await;
                let binding = binding.with_context(|| format!("failed to read project {key}"))?;
                anyhow::Ok((key, binding))
            })
            .buffered(AT_ONCE);
        let mut bound = Vec::new();
        let mut estate = Self::default();
        while let Some((key, binding)) = read.try_next().await? {
            match binding.and_then(|it| Some((it.setting, it.repository?, it.monorepo))) {
                Some((setting, repository, monorepo)) => bound.push((
                    setting,
                    Bound {
                        key,
                        repository,
                        monorepo,
                    },
                )),
                None => estate.unbound_projects.push(key),
            }
        }
        let taken: BTreeSet<_> = bound.iter().map(|(_, it)| it.repository.folded()).collect();
        let paths = repositories.into_iter().map(|repository| repository.path);
        estate.unbound_repositories = paths.filter(|it| !taken.contains(&it.folded())).collect();
        let settings = settings.into_iter().filter(|it| it.platform == "bitbucket");
        estate.configurations = settings
            .map(|setting| Configuration {
                bound: bound
                    .iter()
                    .filter(|(of, _)| *of == setting.key)
                    .map(|(_, bound)| bound.clone())
                    .collect(),
                key: setting.key,
                url: setting.url.unwrap_or_default(),
            })
            .collect();
        estate.sort();
        Ok(estate)
    }

    /// An export of the same is the same.
    fn sort(&mut self) {
        self.configurations
            .sort_by(|a, b| a.key.as_str().cmp(b.key.as_str()));
        for configuration in &mut self.configurations {
            let bound = &mut configuration.bound;
            bound.sort_by(|a, b| a.key.as_str().cmp(b.key.as_str()));
        }
        self.unbound_projects
            .sort_by(|a, b| a.as_str().cmp(b.as_str()));
        self.unbound_repositories.sort_by_key(ToString::to_string);
    }
}
