//! One sweep of the bulk listings.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::listed::Scope;
use super::projects::Bindings;
use super::repositories::Ids;
use super::{Inventory, Listed, Rights, SweepError};
use crate::bitbucket::{self, Access};
use crate::identity::{SettingId, SettingKey};
use crate::sonarqube;

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

/// What was listed of bindings, and whose they are.
#[derive(Default)]
struct ListedBindings {
    scope: Scope,
    rows: Bindings,
    hidden: HashMap<SettingId, u64>,
}

impl Inventory {
    /// Lists everything for one connection alone.
    ///
    /// # Errors
    /// When one of the listings failed or does not add up.
    pub async fn sweep(sources: Sources<'_>) -> Result<Self, SweepError> {
        let setting = sources.setting.map(|(id, _)| id.clone());
        let listed = Listed::sweep(sources, &[]).await?;
        let hidden = setting.as_ref().and_then(|id| listed.hidden(id));
        Ok(Self::of(
            Arc::new(listed),
            setting,
            hidden.unwrap_or_default(),
        ))
    }

    /// Asks to which of these repositories a token may write: one call for up to 1,000 of them.
    ///
    /// # Errors
    /// When the listing failed.
    pub async fn rights(
        writer: &bitbucket::Client,
        repositories: &[i64],
    ) -> Result<Rights, SweepError> {
        let ids = writable(writer).await?;
        let known = repositories.iter();
        Ok(known.map(|id| (*id, ids.has(*id))).collect())
    }
}

impl Listed {
    /// Lists everything: one call for 500 projects, one for 500 bindings, one for up to 1,000 repositories, and one count;
    /// where pull requests are analysed one more for up to 1,000 repositories that may be written to. Without a listing of
    /// bindings (before 10.5) nothing is known of them but what was read by calls of their own.
    ///
    /// If there are `others` that share it, the bindings of all configurations are listed, and theirs are counted as well.
    ///
    /// # Errors
    /// When one of the listings failed or does not add up.
    pub async fn sweep(
        sources: Sources<'_>,
        others: &[(SettingId, SettingKey)],
    ) -> Result<Self, SweepError> {
        let Sources {
            sonarqube,
            importer,
            writer,
            setting,
        } = sources;
        let began = Instant::now();
        // Of one server one list after the other: a project is listed after its binding.
        let of_sonarqube = async {
            let bindings = match setting {
                Some(setting) => ListedBindings::list(sonarqube, setting, others).await?,
                None => ListedBindings::default(),
            };
            let projects = sonarqube.projects().await.map_err(SweepError::SonarQube)?;
            Ok((bindings, projects))
        };
        let of_bitbucket = async {
            let repositories = importer.repositories(None).await;
            let repositories = repositories.map_err(SweepError::Bitbucket)?;
            let writable = match writer {
                Some(writer) => Some(writable(writer).await?),
                None => None,
            };
            Ok((repositories, writable))
        };
        // Both servers side by side: new bindings may wait for both.
        let ((bindings, projects), (repositories, writable)) =
            tokio::try_join!(of_sonarqube, of_bitbucket)?;
        let ListedBindings {
            scope,
            rows,
            hidden,
        } = bindings;
        Ok(Self {
            times: Some((began, Instant::now())),
            scope,
            hidden,
            writable,
            ..Self::new(projects, rows, repositories)
        })
    }
}

impl Listed {
    /// How many bindings of a configuration are hidden: as they were counted by the sweep, or as they are counted now.
    ///
    /// # Errors
    /// When SonarQube cannot be asked.
    pub async fn hidden_of(
        &self,
        (id, key): (&SettingId, &SettingKey),
        sonarqube: &sonarqube::Client,
    ) -> Result<u64, SweepError> {
        match self.hidden(id) {
            Some(hidden) => Ok(hidden),
            None => Ok(count(sonarqube, key).await?.saturating_sub(self.count(id))),
        }
    }
}

impl ListedBindings {
    async fn list(
        sonarqube: &sonarqube::Client,
        (own, key): (&SettingId, &SettingKey),
        others: &[(SettingId, SettingKey)],
    ) -> Result<Self, SweepError> {
        // Counted before, so that an import meanwhile makes nothing look hidden; counted once more where something does,
        // since a deletion meanwhile makes it look so as well.
        let mut counted = vec![(own, key, count(sonarqube, key).await?)];
        for (id, key) in others {
            // A configuration that was deleted meanwhile is the affair of its own connection.
            if let Ok(number) = count(sonarqube, key).await {
                counted.push((id, key, number));
            }
        }
        let (scope, only) = if others.is_empty() {
            (Scope::One(own.clone()), Some(own))
        } else {
            (Scope::All, None)
        };
        let rows: Bindings = sonarqube
            .project_bindings(only)
            .await
            .map_err(SweepError::SonarQube)?;
        let mut hidden = HashMap::new();
        for (id, key, number) in counted {
            let listed = rows.count(id);
            let missing = match number.saturating_sub(listed) {
                0 => 0,
                missing => match count(sonarqube, key).await {
                    Ok(number) => number.saturating_sub(listed).min(missing),
                    Err(error) if id == own => return Err(error),
                    Err(_) => continue,
                },
            };
            hidden.insert(id.clone(), missing);
        }
        Ok(Self {
            scope,
            rows,
            hidden,
        })
    }
}

/// How many bindings a configuration has.
///
/// # Errors
/// When SonarQube cannot be asked.
async fn count(sonarqube: &sonarqube::Client, key: &SettingKey) -> Result<u64, SweepError> {
    match sonarqube.sight() {
        sonarqube::Sight::All => {
            let count = sonarqube.count_binding(key).await;
            count.map_err(SweepError::SonarQube)
        }
        // Only an administrator may count them. The guide says to let the user browse all projects.
        sonarqube::Sight::Browsed => Ok(0),
    }
}

/// The ids of the repositories that a token may write to.
async fn writable(writer: &bitbucket::Client) -> Result<Ids, SweepError> {
    let rows = writer.repositories(Some(Access::Write)).await;
    rows.map(Ids::complete).map_err(SweepError::Bitbucket)
}
