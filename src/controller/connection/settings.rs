//! SonarQube's configurations, as the core wants them.

use crate::controller::error::Error;
use crate::plan::connection::{Platform, Setting};
use crate::sonarqube::{Client, DopSetting};

use super::health::failed;

/// Lists the configurations of every platform.
pub(super) async fn read(sonarqube: &Client) -> Result<Vec<Setting>, Error> {
    let rows = sonarqube.dop_settings().await;
    let rows = rows.map_err(|source| failed(sonarqube, source))?;
    Ok(rows.into_iter().map(Setting::from).collect())
}

impl From<DopSetting> for Setting {
    fn from(row: DopSetting) -> Self {
        Self {
            id: row.id,
            key: row.key,
            platform: match row.platform.as_str() {
                "bitbucket" => Platform::Bitbucket,
                "bitbucketcloud" | "bitbucket_cloud" => Platform::BitbucketCloud,
                _ => Platform::Other,
            },
            url: row.url.unwrap_or_default(),
        }
    }
}
