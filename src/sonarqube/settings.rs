//! The server's own settings. Source: `api/settings`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Client, Error};
use crate::http::{Call, Operation};

const VALUES: Operation = Operation::get("api/settings/values");
const SET: Operation = Operation::post("api/settings/set");

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
}
