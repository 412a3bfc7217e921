//! Permissions on projects. Source: `api/permissions`.

use super::{Client, Error};
use crate::http::{Call, Operation};
use crate::identity::ProjectKey;

const ADD_USER: Operation = Operation::post("api/permissions/add_user");

/// A permission on a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// To see that it exists.
    Browse,
    /// To change its settings and its binding.
    Administer,
}

impl Permission {
    fn word(self) -> &'static str {
        match self {
            Self::Browse => "user",
            Self::Administer => "admin",
        }
    }
}

impl Client {
    /// Gives a user a permission on a project; who has Administer System may give it to himself.
    ///
    /// # Errors
    /// `NotFound` for an unknown project or login.
    pub async fn add_user_permission(
        &self,
        login: &str,
        permission: Permission,
        project: &ProjectKey,
    ) -> Result<(), Error> {
        let call = Call::new(ADD_USER)
            .field("login", login)
            .field("permission", permission.word())
            .field("projectKey", project.as_str());
        self.call(call).await.map(drop)
    }
}
