//! Imports, and the token that SonarQube imports with, kept for each of its users. Source: `api/alm_integrations`.

use serde::Deserialize;

use super::{Client, Error, WHILE_SONARQUBE_CALLS_BITBUCKET};
use crate::http::{Call, Operation, Token};
use crate::identity::{ProjectKey, RepositoryPath, SettingKey};

const SET_PAT: Operation = Operation::post("api/alm_integrations/set_pat");
const SEARCH: Operation = Operation::get("api/alm_integrations/search_bitbucketserver_repos");
const GET_IMPORT: Operation = Operation::get("api/alm_integrations/import_bitbucketserver_project");
const IMPORT: Operation = Operation::post("api/alm_integrations/import_bitbucketserver_project");

#[derive(Deserialize)]
struct SearchBody {
    repositories: Vec<RowBody>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RowBody {
    slug: String,
    project_key: String,
    sq_project_key: Option<String>,
}

#[derive(Deserialize)]
struct ImportBody {
    project: ImportedBody,
}

#[derive(Deserialize)]
struct ImportedBody {
    key: String,
}

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

    /// The project that a repository is bound to through a setting, the first by its key where several are. `None` for
    /// the whole answer: SonarQube found no such repository by the names that Bitbucket has for it and its project.
    ///
    /// SonarQube asks Bitbucket for repositories of these names (8.9 to 10.7: the first 25 of them alone).
    ///
    /// # Errors
    /// `bitbucket_answer` has what Bitbucket answered, or that no token is stored.
    pub async fn project_of(
        &self,
        setting: &SettingKey,
        repository: &RepositoryPath,
        (project_name, repository_name): (&str, &str),
    ) -> Result<Option<Option<ProjectKey>>, Error> {
        let call = Call::new(SEARCH)
            .query("almSetting", setting.as_str())
            .query("projectName", project_name)
            .query("repositoryName", repository_name)
            .within(WHILE_SONARQUBE_CALLS_BITBUCKET);
        let body: SearchBody = self.read(call).await?;
        let mut rows = body.repositories.into_iter();
        let row = rows.find(|row| {
            RepositoryPath::reported(row.project_key.clone(), row.slug.clone()).same(repository)
        });
        Ok(row.map(|row| row.sq_project_key.map(ProjectKey::reported)))
    }

    /// Creates a bound project under a key of SonarQube's choice, which is returned. A second call makes a second
    /// project (9.9 and later). Takes up to 200 s.
    ///
    /// # Errors
    /// `is_similar_key` where that key is taken (8.9); `bitbucket_answer`.
    pub async fn import_repository(
        &self,
        setting: &SettingKey,
        repository: &RepositoryPath,
    ) -> Result<ProjectKey, Error> {
        let call = Call::new(IMPORT)
            .field("almSetting", setting.as_str())
            .field("projectKey", repository.project())
            .field("repositorySlug", repository.slug())
            .within(WHILE_SONARQUBE_CALLS_BITBUCKET);
        let body: ImportBody = self.read(call).await?;
        Ok(ProjectKey::reported(body.project.key))
    }

    /// Whether `import_repository` exists: 8.2 and later.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn has_import_repository(&self) -> Result<bool, Error> {
        // Another method than its own: it imports nothing.
        match self.call(Call::new(GET_IMPORT)).await {
            Err(Error::UnknownUrl { .. }) => Ok(false),
            Err(Error::Rejected { status: 405, .. }) => Ok(true),
            Err(error) => Err(error),
            Ok(answer) => Err(Error::Transport(answer.unwanted())),
        }
    }
}
