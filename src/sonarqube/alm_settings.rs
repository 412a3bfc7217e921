//! DevOps platform configurations. Source: `api/alm_settings`.

use serde::Deserialize;

use super::{Client, DopSetting, Error, WHILE_SONARQUBE_CALLS_BITBUCKET};
use crate::http::{Call, Operation, Token};
use crate::identity::{ProjectKey, RepositoryPath, ServerUrl, SettingId, SettingKey};

const LIST: Operation = Operation::get("api/alm_settings/list_definitions");
const LIST_FOR_IMPORT: Operation = Operation::get("api/alm_settings/list");
const CREATE: Operation = Operation::post("api/alm_settings/create_bitbucket");
const UPDATE: Operation = Operation::post("api/alm_settings/update_bitbucket");
const DELETE: Operation = Operation::post("api/alm_settings/delete");
const COUNT_BINDING: Operation = Operation::get("api/alm_settings/count_binding");
const VALIDATE: Operation = Operation::get("api/alm_settings/validate");
const GET_BINDING: Operation = Operation::get("api/alm_settings/get_binding");
const SET_BITBUCKET_BINDING: Operation = Operation::post("api/alm_settings/set_bitbucket_binding");
const DELETE_BINDING: Operation = Operation::post("api/alm_settings/delete_binding");

/// Every configuration of the server; keys are unique over all platforms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definitions {
    /// Those of Bitbucket Server / Data Center.
    pub bitbucket: Vec<Definition>,
    /// All others. One of `bitbucketcloud` counts against the limit of Bitbucket settings.
    pub foreign: Vec<ForeignDefinition>,
}

/// A configuration of Bitbucket Server. The token is never returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Its key, "configuration name" to users.
    pub key: SettingKey,
    /// Its URL, verbatim; may be anything (`ServerUrl::same` compares).
    pub url: String,
}

/// A configuration of another platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignDefinition {
    /// The platform: `github`, `azure`, `gitlab` or `bitbucketcloud`.
    pub platform: &'static str,
    /// Its key.
    pub key: SettingKey,
}

/// What a project is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The platform: `bitbucket` for Bitbucket Server.
    pub platform: String,
    /// The key of the setting.
    pub setting: SettingKey,
    /// The repository, as it was once spelled; none if another platform has none.
    pub repository: Option<RepositoryPath>,
    /// Whether several projects may share the repository.
    pub monorepo: bool,
}

#[derive(Deserialize)]
struct DefinitionsBody {
    bitbucket: Vec<DefinitionBody>,
    #[serde(default)]
    github: Vec<DefinitionBody>,
    #[serde(default)]
    azure: Vec<DefinitionBody>,
    #[serde(default)]
    gitlab: Vec<DefinitionBody>,
    #[serde(default)]
    bitbucketcloud: Vec<DefinitionBody>,
}

#[derive(Deserialize)]
struct DefinitionBody {
    key: String,
    #[serde(default)]
    url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListBody {
    alm_settings: Vec<ListedBody>,
}

#[derive(Deserialize)]
struct ListedBody {
    key: String,
    alm: String,
    url: Option<String>,
}

#[derive(Deserialize)]
struct CountBody {
    projects: u64,
}

#[derive(Deserialize)]
struct BindingBody {
    key: String,
    alm: String,
    repository: Option<String>,
    slug: Option<String>,
    #[serde(default)]
    monorepo: bool,
}

impl Client {
    /// Every configuration. Wants Administer System.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn definitions(&self) -> Result<Definitions, Error> {
        let body: DefinitionsBody = self.read(Call::new(LIST)).await?;
        let foreign = [
            ("github", body.github),
            ("azure", body.azure),
            ("gitlab", body.gitlab),
            ("bitbucketcloud", body.bitbucketcloud),
        ];
        let named = |(platform, rows): (&'static str, Vec<DefinitionBody>)| {
            rows.into_iter().map(move |row| ForeignDefinition {
                platform,
                key: SettingKey::reported(row.key),
            })
        };
        let own = |row: DefinitionBody| Definition {
            key: SettingKey::reported(row.key),
            url: row.url,
        };
        Ok(Definitions {
            bitbucket: body.bitbucket.into_iter().map(own).collect(),
            foreign: foreign.into_iter().flat_map(named).collect(),
        })
    }

    /// Every configuration of every platform, before 10.5. Wants Create Projects.
    pub(super) async fn listed_settings(&self) -> Result<Vec<DopSetting>, Error> {
        let body: ListBody = self.read(Call::new(LIST_FOR_IMPORT)).await?;
        let setting = |row: ListedBody| {
            let key = SettingKey::reported(row.key);
            DopSetting {
                id: SettingId::of_key(&key),
                platform: row.alm,
                key,
                url: row.url,
            }
        };
        Ok(body.alm_settings.into_iter().map(setting).collect())
    }

    /// Creates a configuration; SonarQube checks neither URL nor token.
    ///
    /// # Errors
    /// `is_configuration_limit` where the edition allows one only; `Rejected` for a key that is taken.
    pub async fn create_bitbucket(
        &self,
        key: &SettingKey,
        url: &ServerUrl,
        token: &Token,
    ) -> Result<(), Error> {
        let call = Call::new(CREATE)
            .field("key", key.as_str())
            .field("url", url.as_str())
            .secret("personalAccessToken", token);
        self.call(call).await.map(drop)
    }

    /// Changes a configuration in place, its id and bindings stay. A new URL wants the token (9.9 and later).
    ///
    /// Updates the key of any platform: read it first.
    ///
    /// # Errors
    /// `NotFound` for an unknown key.
    pub async fn update_bitbucket(
        &self,
        key: &SettingKey,
        new_key: &SettingKey,
        url: &ServerUrl,
        token: Option<&Token>,
    ) -> Result<(), Error> {
        let mut call = Call::new(UPDATE)
            .field("key", key.as_str())
            .field("url", url.as_str());
        if new_key != key {
            call = call.field("newKey", new_key.as_str());
        }
        if let Some(token) = token {
            call = call.secret("personalAccessToken", token);
        }
        self.call(call).await.map(drop)
    }

    /// Deletes a configuration with *all* its project bindings and all users' tokens for it.
    ///
    /// # Errors
    /// `NotFound` for an unknown key.
    pub async fn delete_setting(&self, key: &SettingKey) -> Result<(), Error> {
        let call = Call::new(DELETE).field("key", key.as_str());
        self.call(call).await.map(drop)
    }

    /// How many projects are bound to a configuration, those hidden from this user included.
    ///
    /// # Errors
    /// `NotFound` for an unknown key.
    pub async fn count_binding(&self, key: &SettingKey) -> Result<u64, Error> {
        let call = Call::new(COUNT_BINDING).query("almSetting", key.as_str());
        let body: CountBody = self.read(call).await?;
        Ok(body.projects)
    }

    /// Lets SonarQube try the configuration's own token on Bitbucket; takes up to 200 s.
    ///
    /// Reads only: says nothing about the right to write. Up to 10.7 it needs anonymous access as well.
    ///
    /// # Errors
    /// `bitbucket_answer` has what Bitbucket answered.
    pub async fn validate(&self, key: &SettingKey) -> Result<(), Error> {
        let call = Call::new(VALIDATE)
            .query("key", key.as_str())
            .within(WHILE_SONARQUBE_CALLS_BITBUCKET);
        self.call(call).await.map(drop)
    }

    /// What a project is bound to; none when it is not bound. Wants Browse, up to 10.0 Administer.
    ///
    /// # Errors
    /// `NotFound` when there is no such project.
    pub async fn binding(&self, project: &ProjectKey) -> Result<Option<Binding>, Error> {
        let call = Call::new(GET_BINDING).query("project", project.as_str());
        let body: BindingBody = match self.read(call).await {
            // "… is not bound to any DevOps Platform", on 8.9 "… to any ALM"; the project's absence reads otherwise.
            Err(Error::NotFound { message, .. }) if message.contains(" is not bound to any ") => {
                return Ok(None);
            }
            answer => answer?,
        };
        let repository = match (body.repository, body.slug) {
            (Some(project), Some(slug)) => Some(RepositoryPath::reported(project, slug)),
            _ => None,
        };
        Ok(Some(Binding {
            platform: body.alm,
            setting: SettingKey::reported(body.key),
            repository,
            monorepo: body.monorepo,
        }))
    }

    /// Binds an existing project, also one that is bound already. Developer Edition and later, or the community
    /// branch plugin. SonarQube does not read the repository, and keeps its spelling.
    ///
    /// # Errors
    /// `Forbidden` without Administer on the project; `NotFound` for an unknown setting or project.
    pub async fn set_bitbucket_binding(
        &self,
        project: &ProjectKey,
        setting: &SettingKey,
        repository: &RepositoryPath,
        monorepo: bool,
    ) -> Result<(), Error> {
        let call = Call::new(SET_BITBUCKET_BINDING)
            .field("almSetting", setting.as_str())
            .field("project", project.as_str())
            .field("repository", repository.project())
            .field("slug", repository.slug())
            .field("monorepo", monorepo.to_string());
        self.call(call).await.map(drop)
    }

    /// Removes the binding of one project, to any repository. Available where `set_bitbucket_binding` is.
    ///
    /// # Errors
    /// `Forbidden` without Administer on the project; `NotFound` when there is no such project.
    pub async fn delete_binding(&self, project: &ProjectKey) -> Result<(), Error> {
        let call = Call::new(DELETE_BINDING).field("project", project.as_str());
        self.call(call).await.map(drop)
    }

    /// Whether bindings can be set directly: from Developer Edition on, or with the community branch plugin.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn has_set_bitbucket_binding(&self) -> Result<bool, Error> {
        // Without a parameter it can do nothing but name the first one missing.
        match self.call(Call::new(SET_BITBUCKET_BINDING).probe()).await {
            Ok(_) | Err(Error::Rejected { status: 400, .. }) => Ok(true),
            Err(Error::UnknownUrl { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
