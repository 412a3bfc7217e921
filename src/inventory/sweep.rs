//! One sweep of the bulk listings.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use super::{Inventory, Project, Repository, Rights, SweepError};
use crate::bitbucket::{self, Access};
use crate::identity::{SettingId, SettingKey};
use crate::sonarqube::{self, ProjectBindingRow};

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
        let is_unread = bindings.is_none();
        let (bindings, hidden_bindings) = bindings.unwrap_or_default();
        let mut bound: HashMap<String, ProjectBindingRow> = bindings
            .into_iter()
            .map(|row| (row.project_key.folded(), row))
            .collect();
        let projects = projects.into_iter().map(|project| {
            let row = bound.remove(&project.key.folded());
            let listed = Project::listed(project, row);
            Project {
                is_unread,
                ..listed
            }
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
            began: Some(began),
            ..Self::default()
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
        let counted = match sonarqube.sight() {
            sonarqube::Sight::All => count().await?,
            // Only an administrator may count them. The guide says to let the user browse all projects.
            sonarqube::Sight::Browsed => 0,
        };
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
}
