//! The token that SonarQube imports with, kept for each of its users. Source: `api/alm_integrations`.

use super::{Client, Error, WHILE_SONARQUBE_CALLS_BITBUCKET};
use crate::http::{Call, Operation, Token};
use crate::identity::SettingKey;

const SET_PAT: Operation = Operation::post("api/alm_integrations/set_pat");
const CHECK_PAT: Operation = Operation::get("api/alm_integrations/check_pat");

impl Client {
    /// Stores the token with which SonarQube imports for this user; it is not tried.
    ///
    /// # Errors
    /// `NotFound` for an unknown setting.
    pub async fn set_pat(&self, setting: &SettingKey, token: &Token) -> Result<(), Error> {
        let call = Call::new(SET_PAT)
            .field("almSetting", setting.as_str())
            .secret("pat", token);
        self.call(call).await.map(drop)
    }

    /// Lets SonarQube try the stored token on Bitbucket; takes up to 200 s.
    ///
    /// # Errors
    /// `bitbucket_answer` tells what Bitbucket said, or that no token is stored.
    pub async fn check_pat(&self, setting: &SettingKey) -> Result<(), Error> {
        let call = Call::new(CHECK_PAT)
            .query("almSetting", setting.as_str())
            .within(WHILE_SONARQUBE_CALLS_BITBUCKET);
        self.call(call).await.map(drop)
    }
}
