//! The server's own settings. Source: `api/settings`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Client, Error};
use crate::http::{Call, Operation};
use crate::identity::{ProjectKey, Uid};

const VALUES: Operation = Operation::get("api/settings/values");
const SET: Operation = Operation::post("api/settings/set");

/// The property of a project that says which object created it. SonarQube takes properties that it does not know, and
/// its pages do not show them.
const CREATED_BY: &str = "bindery.createdBy";

#[derive(Deserialize)]
struct ValuesBody {
    settings: Vec<SettingBody>,
}

#[derive(Deserialize)]
struct SettingBody {
    key: String,
    value: Option<String>,
}

impl Client {
    /// The values of those settings that have one; a setting with many values is left out.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn settings(&self, keys: &[&str]) -> Result<BTreeMap<String, String>, Error> {
        let call = Call::new(VALUES).query("keys", keys.join(","));
        let body: ValuesBody = self.read(call).await?;
        let pair = |row: SettingBody| row.value.map(|value| (row.key, value));
        Ok(body.settings.into_iter().filter_map(pair).collect())
    }

    /// Sets a setting; its value is not checked. Wants Administer System.
    ///
    /// # Errors
    /// `Rejected` for an empty value.
    pub async fn set_setting(&self, key: &str, value: &str) -> Result<(), Error> {
        let call = Call::new(SET).field("key", key).field("value", value);
        self.call(call).await.map(drop)
    }

    /// Writes onto a project which object created it. Wants Administer on the project.
    ///
    /// # Errors
    /// `Forbidden` without that permission, `NotFound` for an unknown project.
    pub async fn mark_project(&self, project: &ProjectKey, object: &Uid) -> Result<(), Error> {
        let call = Call::new(SET)
            .field("component", project.as_str())
            .field("key", CREATED_BY)
            .field("value", object.as_str());
        self.call(call).await.map(drop)
    }

    /// Which object created a project, if that was written onto it.
    ///
    /// # Errors
    /// `NotFound` for an unknown project.
    pub async fn project_mark(&self, project: &ProjectKey) -> Result<Option<Uid>, Error> {
        let call = Call::new(VALUES)
            .query("component", project.as_str())
            .query("keys", CREATED_BY);
        let body: ValuesBody = self.read(call).await?;
        let mut marks = body
            .settings
            .into_iter()
            .filter(|row| row.key == CREATED_BY);
        Ok(marks.find_map(|row| row.value).map(Uid::new))
    }
}
