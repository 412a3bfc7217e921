//! Whether the token is good. Source: `/rest/api/1.0/users`, 5.15 to 10.

use super::{Client, Error};
use crate::http::{Call, Operation};

const USERS: Operation = Operation::get("rest/api/1.0/users");

impl Client {
    /// Tries the token with what every valid user token may do, and returns its user's name, if Bitbucket returns it.
    ///
    /// # Errors
    /// `InvalidToken`, `PermissionDenied`, `Unlicensed` and `Captcha` say what is wrong with it.
    pub async fn check_token(&self) -> Result<Option<String>, Error> {
        let answer = self.call(Call::new(USERS).query("limit", "1")).await?;
        // A login page that says 200 is no proof of anything.
        let _: serde_json::Map<_, _> = answer.json().map_err(Error::Transport)?;
        Ok(answer
            .header("X-AUSERNAME")
            .map(|name| answer.excerpt(name)))
    }
}
