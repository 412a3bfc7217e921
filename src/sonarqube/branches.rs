//! A project's main branch. Source: `api/project_branches`.

use serde::Deserialize;

use super::{Client, Error};
use crate::http::{Call, Operation};
use crate::identity::ProjectKey;

const LIST: Operation = Operation::get("api/project_branches/list");
const RENAME: Operation = Operation::post("api/project_branches/rename");

#[derive(Deserialize)]
struct ListBody {
    branches: Vec<BranchBody>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BranchBody {
    name: String,
    #[serde(default)]
    is_main: bool,
}

impl Client {
    /// The name of a project's main branch.
    ///
    /// # Errors
    /// `NotFound` when there is no such project.
    pub async fn main_branch(&self, project: &ProjectKey) -> Result<Option<String>, Error> {
        let call = Call::new(LIST).query("project", project.as_str());
        let body: ListBody = self.read(call).await?;
        let main = body.branches.into_iter().find(|branch| branch.is_main);
        Ok(main.map(|branch| branch.name))
    }

    /// Renames a project's main branch; the same twice is the same once. Wants Administer on it.
    ///
    /// # Errors
    /// `NotFound` when there is no such project.
    pub async fn rename_main_branch(&self, project: &ProjectKey, name: &str) -> Result<(), Error> {
        let call = Call::new(RENAME)
            .field("project", project.as_str())
            .field("name", name);
        self.call(call).await.map(drop)
    }
}
