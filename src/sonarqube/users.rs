//! Whose token this is. Sources: `api/authentication`, `api/users`.

use serde::Deserialize;

use super::{Client, Error};
use crate::http::{Call, Operation};

const VALIDATE: Operation = Operation::get("api/authentication/validate");
const CURRENT: Operation = Operation::get("api/users/current");

/// The user behind the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The login.
    pub login: String,
    /// Global permissions, for example `admin` (Administer System) and `provisioning` (Create Projects).
    pub global_permissions: Vec<String>,
}

#[derive(Deserialize)]
struct ValidateBody {
    valid: bool,
}

#[derive(Deserialize)]
struct CurrentBody {
    login: String,
    #[serde(default)]
    permissions: PermissionsBody,
}

#[derive(Default, Deserialize)]
struct PermissionsBody {
    #[serde(default)]
    global: Vec<String>,
}

impl User {
    /// Whether the user has a global permission.
    #[must_use]
    pub fn has(&self, permission: &str) -> bool {
        self.global_permissions
            .iter()
            .any(|held| held == permission)
    }
}

impl Client {
    /// SonarQube's own word on the token: true for analysis tokens too, which serve for nothing here.
    ///
    /// # Errors
    /// When the server cannot be asked; a bad token is `false`, not an error.
    pub async fn validate_token(&self) -> Result<bool, Error> {
        let body: ValidateBody = self.read(Call::new(VALIDATE)).await?;
        Ok(body.valid)
    }

    /// The user behind the token.
    ///
    /// # Errors
    /// `Unauthorized` for a bad token.
    pub async fn current_user(&self) -> Result<User, Error> {
        let body: CurrentBody = self.read(Call::new(CURRENT)).await?;
        Ok(User {
            login: body.login,
            global_permissions: body.permissions.global,
        })
    }
}
