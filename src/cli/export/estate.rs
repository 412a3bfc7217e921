//! What a SonarQube and its Bitbucket have.

use std::collections::BTreeSet;

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::cli::progress::progress;
use crate::identity::{ProjectKey, RepositoryPath, SettingKey};
use crate::sonarqube::{Binding, DopSetting};
use crate::{bitbucket, sonarqube};

/// What SonarQube calls Bitbucket Server.
const PLATFORM: &str = "bitbucket";

/// How many projects are read at once.
const AT_ONCE: usize = 8;

/// What is exported.
#[derive(Debug, Default)]
pub(super) struct Estate {
    pub(super) configurations: Vec<Configuration>,
    /// Projects that are bound to no repository of Bitbucket Server.
    pub(super) unbound_projects: Vec<ProjectKey>,
    /// Projects that the token may not read: what they are bound to is not known.
    pub(super) unreadable_projects: Vec<ProjectKey>,
    /// Repositories that no project that was read is bound to; none if Bitbucket was not asked.
    pub(super) unbound_repositories: Vec<RepositoryPath>,
}

/// A project, and what SonarQube says that it is bound to.
type Read = (ProjectKey, Said);

/// What SonarQube says of the binding of a project.
#[derive(Debug)]
enum Said {
    Bound(Binding),
    Unbound,
    Forbidden,
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
        let read = stream::iter(keys.enumerate())
            .map(|(number, key)| async move {
                progress(number + 1, count);
                let said = said(&key, sonarqube).await?;
                anyhow::Ok((key, said))
            })
            .buffered(AT_ONCE);
        let read: Vec<_> = read.try_collect().await?;
        let repositories = repositories.into_iter().map(|repository| repository.path);
        Self::of(settings, read, repositories.collect())
    }

    /// What the servers have, as it is exported. Every project is in it.
    fn of(
        settings: Vec<DopSetting>,
        projects: Vec<Read>,
        repositories: Vec<RepositoryPath>,
    ) -> anyhow::Result<Self> {
        let mut estate = Self::default();
        let settings = settings.into_iter().filter(|it| it.platform == PLATFORM);
        estate.configurations = settings
            .map(|setting| Configuration {
                key: setting.key,
                url: setting.url.unwrap_or_default(),
                bound: Vec::new(),
            })
            .collect();
        let mut taken = BTreeSet::new();
        for (key, said) in projects {
            let (through, repository, monorepo) = match said {
                Said::Forbidden => {
                    estate.unreadable_projects.push(key);
                    continue;
                }
                Said::Bound(Binding {
                    platform,
                    setting,
                    repository: Some(repository),
                    monorepo,
                }) if platform == PLATFORM => (setting, repository, monorepo),
                Said::Bound(_) | Said::Unbound => {
                    estate.unbound_projects.push(key);
                    continue;
                }
            };
            let mut configurations = estate.configurations.iter_mut();
            let configuration = configurations.find(|it| it.key == through);
            let configuration = configuration.with_context(|| {
                format!(
                    "{key} is bound through configuration {through}, which SonarQube did not list: export again"
                )
            })?;
            taken.insert(repository.folded());
            configuration.bound.push(Bound {
                key,
                repository,
                monorepo,
            });
        }
        let repositories = repositories.into_iter();
        let unbound = repositories.filter(|it| !taken.contains(&it.folded()));
        estate.unbound_repositories = unbound.collect();
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
        for keys in [&mut self.unbound_projects, &mut self.unreadable_projects] {
            keys.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        }
        self.unbound_repositories.sort_by_key(ToString::to_string);
    }
}

/// What a project is bound to. That the token may not read it is no failure: all such projects are reported at once.
async fn said(key: &ProjectKey, sonarqube: &sonarqube::Client) -> anyhow::Result<Said> {
    match sonarqube.binding(key).await {
        Ok(Some(binding)) => Ok(Said::Bound(binding)),
        Ok(None) => Ok(Said::Unbound),
        Err(sonarqube::Error::Forbidden { .. }) => Ok(Said::Forbidden),
        Err(error) => Err(error).with_context(|| format!("failed to read project {key}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::SettingId;

    fn setting(key: &str, platform: &str) -> DopSetting {
        DopSetting {
            id: SettingId::new(key),
            platform: platform.to_owned(),
            key: SettingKey::reported(key),
            url: None,
        }
    }

    fn bound(setting: &str, platform: &str) -> Said {
        Said::Bound(Binding {
            platform: platform.to_owned(),
            setting: SettingKey::reported(setting),
            repository: Some(RepositoryPath::parse("PAY", "checkout").unwrap()),
            monorepo: false,
        })
    }

    fn of(projects: Vec<(&str, Said)>) -> anyhow::Result<Estate> {
        let settings = vec![setting("main", PLATFORM), setting("cloud", "azure")];
        let projects = projects.into_iter();
        let projects = projects.map(|(key, said)| (ProjectKey::reported(key), said));
        let repositories = ["checkout", "ledger"].map(|slug| RepositoryPath::parse("PAY", slug));
        let repositories = repositories.into_iter().map(Result::unwrap);
        Estate::of(settings, projects.collect(), repositories.collect())
    }

    /// Promise: no project is missing in an export, and none that may be bound is listed as unbound.
    #[test]
    fn every_project_is_exported_or_listed() {
        let estate = of(vec![
            ("hidden", Said::Forbidden),
            ("free", Said::Unbound),
            ("elsewhere", bound("cloud", "azure")),
            ("b", bound("main", PLATFORM)),
            ("a hidden one", Said::Forbidden),
        ])
        .unwrap();
        let keys = |keys: &[ProjectKey]| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            keys(&estate.unreadable_projects),
            ["a hidden one", "hidden"]
        );
        assert_eq!(keys(&estate.unbound_projects), ["elsewhere", "free"]);
        assert_eq!(estate.configurations.len(), 1);
        assert_eq!(estate.configurations[0].bound.len(), 1);
        let free: Vec<_> = estate
            .unbound_repositories
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(free, ["PAY/ledger"]);
    }

    #[test]
    fn a_configuration_that_was_made_meanwhile_ends_the_export() {
        let failed = of(vec![("b", bound("new", PLATFORM))])
            .unwrap_err()
            .to_string();
        assert!(failed.contains("through configuration new"), "{failed}");
    }
}
