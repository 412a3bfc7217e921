//! Settings, bindings and imports by id. Source: `api/v2/dop-translation`, 10.5 and later.

use serde::Deserialize;
use serde_json::json;

use super::pages::{PAGE_SIZE, Pages};
use super::{Client, Definitions, Error, Sight, WHILE_SONARQUBE_CALLS_BITBUCKET};
use crate::http::{Call, Operation};
use crate::identity::{ProjectId, ProjectKey, RepositoryPath, SettingId, SettingKey};

const DOP_SETTINGS: Operation = Operation::get("api/v2/dop-translation/dop-settings");
const PROJECT_BINDINGS: Operation = Operation::get("api/v2/dop-translation/project-bindings");
const GET_BOUND_PROJECT: Operation = Operation::get("api/v2/dop-translation/bound-projects");
const POST_BOUND_PROJECT: Operation = Operation::post("api/v2/dop-translation/bound-projects");
const PUT_BOUND_PROJECT: Operation = Operation::put("api/v2/dop-translation/bound-projects");

/// A setting of any platform with the id that survives a rename.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DopSetting {
    /// Its id.
    pub id: SettingId,
    /// The platform: `bitbucket` for Bitbucket Server.
    pub platform: String,
    /// Its key.
    pub key: SettingKey,
    /// Its URL, verbatim; none on platforms that have a fixed one.
    pub url: Option<String>,
}

/// A line in the list of bindings. Only `Client::binding` returns whether it is a monorepo's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectBindingRow {
    /// The binding's id.
    pub id: String,
    /// The setting.
    pub setting: SettingId,
    /// The project's id.
    pub project_id: ProjectId,
    /// The project's key.
    pub project_key: ProjectKey,
    /// The repository, as it was once spelled; none if another platform has none.
    pub repository: Option<RepositoryPath>,
}

/// What is to be bound to what.
#[derive(Clone, Debug)]
pub struct NewBinding<'a> {
    /// The project's key.
    pub project: &'a ProjectKey,
    /// The project's name; that of an existing project must be its current one.
    pub name: &'a str,
    /// The setting.
    pub setting: &'a SettingId,
    /// The repository, as Bitbucket spells it.
    pub repository: &'a RepositoryPath,
    /// Whether several projects may share the repository.
    pub monorepo: bool,
}

/// A project that was bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundProject {
    /// The project's id.
    pub project: ProjectId,
    /// The binding's id.
    pub binding: String,
    /// Whether the project did not exist before; not returned before 25.12.
    pub created: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DopSettingsBody {
    dop_settings: Vec<DopSettingBody>,
}

#[derive(Deserialize)]
struct DopSettingBody {
    id: String,
    r#type: String,
    key: String,
    url: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BindingsBody {
    project_bindings: Vec<BindingBody>,
    page: PageBody,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BindingBody {
    id: String,
    dev_ops_platform_setting_id: String,
    project_id: String,
    project_key: String,
    repository: Option<String>,
    slug: Option<String>,
}

#[derive(Deserialize)]
struct PageBody {
    total: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BoundProjectBody {
    project_id: String,
    binding_id: String,
    new_project_created: Option<bool>,
}

impl From<BindingBody> for ProjectBindingRow {
    fn from(body: BindingBody) -> Self {
        Self {
            id: body.id,
            setting: SettingId::new(body.dev_ops_platform_setting_id),
            project_id: ProjectId::new(body.project_id),
            project_key: ProjectKey::reported(body.project_key),
            repository: match (body.repository, body.slug) {
                (Some(project), Some(slug)) => Some(RepositoryPath::reported(project, slug)),
                _ => None,
            },
        }
    }
}

impl NewBinding<'_> {
    /// All fields, always: some versions make up what is missing.
    fn body(&self) -> serde_json::Value {
        json!({
            "projectKey": self.project.as_str(),
            "projectName": self.name,
            "devOpsPlatformSettingId": self.setting.as_str(),
            "repositoryIdentifier": self.repository.slug(),
            "projectIdentifier": self.repository.project(),
            "monorepo": self.monorepo,
        })
    }
}

impl Client {
    /// Every setting of every platform, with ids. Before 10.5 they have none but their keys
    /// ([`SettingId::of_key`]): a rename makes another one of them.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn dop_settings(&self) -> Result<Vec<DopSetting>, Error> {
        let body: DopSettingsBody = match self.read(Call::new(DOP_SETTINGS)).await {
            Err(Error::UnknownUrl { .. }) => {
                return match self.sight() {
                    Sight::All => Ok(self.definitions().await?.into_settings()),
                    Sight::Browsed => self.listed_settings().await,
                };
            }
            answer => answer?,
        };
        let setting = |row: DopSettingBody| DopSetting {
            id: SettingId::new(row.id),
            platform: row.r#type,
            key: SettingKey::reported(row.key),
            url: row.url,
        };
        Ok(body.dop_settings.into_iter().map(setting).collect())
    }

    /// Every binding of a setting, or of all settings, handed on page by page; from 26.8 on only of projects that this user
    /// may browse.
    ///
    /// # Errors
    /// `is_unsteady` when the list lost rows while it was read, several times over.
    pub async fn project_bindings<R: Default + Extend<ProjectBindingRow>>(
        &self,
        setting: Option<&SettingId>,
    ) -> Result<R, Error> {
        self.all_bindings(setting, None).await
    }

    /// The bindings of a setting to one repository.
    ///
    /// # Errors
    /// As `project_bindings`.
    pub async fn project_bindings_of(
        &self,
        setting: &SettingId,
        repository: &RepositoryPath,
    ) -> Result<Vec<ProjectBindingRow>, Error> {
        let slug = Some(repository.slug());
        let mut rows: Vec<ProjectBindingRow> = self.all_bindings(Some(setting), slug).await?;
        // The filter also takes the slug for the key of a Bitbucket project.
        rows.retain(|row| {
            row.repository
                .as_ref()
                .is_some_and(|it| it.same(repository))
        });
        Ok(rows)
    }

    async fn all_bindings<R: Default + Extend<ProjectBindingRow>>(
        &self,
        setting: Option<&SettingId>,
        repository: Option<&str>,
    ) -> Result<R, Error> {
        let mut pages = Pages::<R>::of(PROJECT_BINDINGS);
        while let Some(number) = pages.next() {
            let mut call = Call::new(PROJECT_BINDINGS)
                .query("pageIndex", number.to_string())
                .query("pageSize", PAGE_SIZE.to_string());
            if let Some(setting) = setting {
                call = call.query("dopSettingId", setting.as_str());
            }
            if let Some(repository) = repository {
                call = call.query("repository", repository);
            }
            let body: BindingsBody = self.read(call).await?;
            pages.add(body.project_bindings, body.page.total, |row| &*row.id);
        }
        pages.finish()
    }

    /// Binds a project, and creates it where it does not exist; the same twice is the same once. 25.12 and later.
    ///
    /// Takes up to 200 s. Renames nothing; leaves main branch and visibility of an existing project alone.
    ///
    /// # Errors
    /// `is_name_mismatch`, `is_similar_key` (letter case), `is_no_access`, `bitbucket_answer`, `is_setting_unknown`.
    pub async fn put_bound_project(&self, binding: &NewBinding<'_>) -> Result<BoundProject, Error> {
        self.bind(PUT_BOUND_PROJECT, binding).await
    }

    /// Creates a bound project. 10.5 and later. Takes up to 200 s.
    ///
    /// # Errors
    /// `is_similar_key` when the project exists; `bitbucket_answer`, `is_setting_unknown`.
    pub async fn post_bound_project(
        &self,
        binding: &NewBinding<'_>,
    ) -> Result<BoundProject, Error> {
        self.bind(POST_BOUND_PROJECT, binding).await
    }

    async fn bind(
        &self,
        operation: Operation,
        binding: &NewBinding<'_>,
    ) -> Result<BoundProject, Error> {
        let call = Call::new(operation)
            .json(binding.body())
            .within(WHILE_SONARQUBE_CALLS_BITBUCKET);
        let body: BoundProjectBody = self.read(call).await?;
        Ok(BoundProject {
            project: ProjectId::new(body.project_id),
            binding: body.binding_id,
            created: body.new_project_created,
        })
    }

    /// Whether there are lists of settings and of bindings: 10.5 and later.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn has_bindings_listing(&self) -> Result<bool, Error> {
        let call = Call::new(PROJECT_BINDINGS).query("pageSize", "0");
        match self.call(call).await {
            Ok(_) => Ok(true),
            Err(Error::UnknownUrl { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether `put_bound_project` exists: 25.12 and later.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn has_put_bound_project(&self) -> Result<bool, Error> {
        // An empty body can do nothing but be refused, where the method is known.
        let answer = self
            .call(Call::new(PUT_BOUND_PROJECT).json(json!({})).probe())
            .await;
        match answer {
            Err(Error::UnknownUrl { .. }) => Ok(false),
            Err(error) if is_other_method(&error) => Ok(false),
            Ok(_) | Err(Error::Rejected { status: 400, .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Whether `post_bound_project` exists: 10.5 and later.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn has_post_bound_project(&self) -> Result<bool, Error> {
        // Never by an empty POST: 25.1 makes up a project for a body that lacks most of its fields. No version
        // reads this path, and it came into being with POST.
        match self.call(Call::new(GET_BOUND_PROJECT)).await {
            Err(Error::UnknownUrl { .. }) => Ok(false),
            Err(error) if is_other_method(&error) => Ok(true),
            Err(error) => Err(error),
            Ok(answer) => Err(Error::Transport(answer.unwanted())),
        }
    }
}

impl Definitions {
    fn into_settings(self) -> Vec<DopSetting> {
        let bitbucket = self.bitbucket.into_iter().map(|definition| DopSetting {
            id: SettingId::of_key(&definition.key),
            platform: "bitbucket".to_owned(),
            key: definition.key,
            url: Some(definition.url),
        });
        let foreign = self.foreign.into_iter().map(|definition| DopSetting {
            id: SettingId::of_key(&definition.key),
            platform: definition.platform.to_owned(),
            key: definition.key,
            url: None,
        });
        bitbucket.chain(foreign).collect()
    }
}

/// Whether the path is known, and the method is not: 405 from 25.1 on; 10.7 says what 25.12 never says of a body.
fn is_other_method(error: &Error) -> bool {
    let Error::Rejected {
        status, message, ..
    } = error
    else {
        return false;
    };
    *status == 405 || *status == 400 && message.starts_with("An error occurred")
}
