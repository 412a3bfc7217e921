//! Projects. Source: `api/projects`, `api/navigation`.

use serde::Deserialize;

use super::pages::{PAGE_SIZE, Pages};
use super::{Client, Error};
use crate::http::{Call, Operation};
use crate::identity::{ProjectId, ProjectKey};

const SEARCH: Operation = Operation::get("api/projects/search");
const SEARCH_BROWSED: Operation = Operation::get("api/components/search_projects");
const SHOW: Operation = Operation::get("api/components/show");
const NAVIGATION: Operation = Operation::get("api/navigation/component");
const CREATE: Operation = Operation::post("api/projects/create");
const DELETE: Operation = Operation::post("api/projects/delete");
const UPDATE_KEY: Operation = Operation::post("api/projects/update_key");
const UPDATE_VISIBILITY: Operation = Operation::post("api/projects/update_visibility");

/// A project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its key.
    pub key: ProjectKey,
    /// Its name, which scanners may change.
    pub name: String,
    /// Its id; not returned before 25.12.
    pub id: Option<ProjectId>,
    /// Who may browse it.
    pub visibility: Visibility,
}

/// Which projects a user sees, by its global permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sight {
    /// All: the user has Administer System.
    #[default]
    All,
    /// Those that the user may browse, at most 10,000 of them.
    Browsed,
}

/// Who may browse a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// All users of the server.
    Public,
    /// Who was given the permission.
    Private,
}

/// A project to be created without a binding.
#[derive(Clone, Debug)]
pub struct NewProject<'a> {
    /// Its key.
    pub key: &'a ProjectKey,
    /// Its name; SonarQube cuts it to 500 characters.
    pub name: &'a str,
    /// Who may browse it; none: as the server's default says.
    pub visibility: Option<Visibility>,
}

#[derive(Deserialize)]
struct SearchBody {
    paging: PagingBody,
    components: Vec<ProjectBody>,
}

#[derive(Deserialize)]
struct PagingBody {
    total: usize,
}

#[derive(Deserialize)]
struct ShowBody {
    component: ProjectBody,
}

#[derive(Deserialize)]
struct NavigationBody {
    id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProjectBody {
    key: String,
    name: String,
    visibility: Visibility,
    project_uuid: Option<String>,
}

impl Visibility {
    fn word(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
        }
    }
}

impl From<ProjectBody> for Project {
    fn from(body: ProjectBody) -> Self {
        Self {
            key: ProjectKey::reported(body.key),
            name: body.name,
            id: body.project_uuid.map(ProjectId::new),
            visibility: body.visibility,
        }
    }
}

impl Client {
    /// Every project that its user sees, handed on page by page.
    ///
    /// # Errors
    /// `is_unsteady` when the list lost rows while it was read, several times over.
    pub async fn projects<R: Default + Extend<Project>>(&self) -> Result<R, Error> {
        match self.sight() {
            Sight::All => self.search(SEARCH, None).await,
            Sight::Browsed => self.search(SEARCH_BROWSED, None).await,
        }
    }

    /// One project, in any letter case: SonarQube accepts no two keys that differ in it alone. Without Administer System
    /// only in this letter case.
    ///
    /// By `q`, which matches any part in any letter case on every version; `projects` wants the exact case
    /// (8.9 to 26.9), and `projectKeys` is new in 26.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn project(&self, key: &ProjectKey) -> Result<Option<Project>, Error> {
        if self.sight() == Sight::Browsed {
            return self.shown(key).await;
        }
        let found: Vec<Project> = self.search(SEARCH, Some(("q", key.as_str()))).await?;
        Ok(found.into_iter().find(|project| project.key.same(key)))
    }

    /// The id of a project before 10.0; wants Browse on it or Administer System, and is none without. Later versions
    /// return the id of the main branch here. Source: an internal call, the one that the web application begins each
    /// page of a project with (8.9 to 26.9).
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn project_id(&self, key: &ProjectKey) -> Result<Option<ProjectId>, Error> {
        let call = Call::new(NAVIGATION).query("component", key.as_str());
        match self.read::<NavigationBody>(call).await {
            Ok(body) => Ok(body.id.map(ProjectId::new)),
            Err(Error::Forbidden { .. } | Error::NotFound { .. } | Error::UnknownUrl { .. }) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The project under this very key; wants Browse on it.
    async fn shown(&self, key: &ProjectKey) -> Result<Option<Project>, Error> {
        let call = Call::new(SHOW).query("component", key.as_str());
        match self.read::<ShowBody>(call).await {
            Ok(body) => Ok(Some(body.component.into())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The projects under these very keys, spelt like this; at most 1,000 of them. Wants Administer System.
    pub(super) async fn spelt(&self, keys: &[ProjectKey]) -> Result<Vec<Project>, Error> {
        let keys: Vec<_> = keys.iter().map(ProjectKey::as_str).collect();
        self.search(SEARCH, Some(("projects", &keys.join(","))))
            .await
    }

    async fn search<R: Default + Extend<Project>>(
        &self,
        operation: Operation,
        filter: Option<(&'static str, &str)>,
    ) -> Result<R, Error> {
        let mut pages = Pages::<R>::of(operation);
        while let Some(number) = pages.next() {
            let mut call = Call::new(operation)
                .query("p", number.to_string())
                .query("ps", PAGE_SIZE.to_string());
            if let Some((name, value)) = filter {
                call = call.query(name, value);
            }
            let body: SearchBody = self.read(call).await?;
            pages.add(body.components, body.paging.total, |row| &*row.key);
        }
        pages.finish()
    }

    /// Creates a project. Wants Create Projects.
    ///
    /// # Errors
    /// `is_similar_key` when there is one.
    pub async fn create_project(&self, project: &NewProject<'_>) -> Result<(), Error> {
        let mut call = Call::new(CREATE)
            .field("project", project.key.as_str())
            .field("name", project.name);
        if let Some(visibility) = project.visibility {
            call = call.field("visibility", visibility.word());
        }
        self.call(call).await.map(drop)
    }

    /// Deletes a project with its history and its binding.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub async fn delete_project(&self, key: &ProjectKey) -> Result<(), Error> {
        let call = Call::new(DELETE).field("project", key.as_str());
        self.call(call).await.map(drop)
    }

    /// Gives a project another key; id and binding stay.
    ///
    /// # Errors
    /// `NotFound` when there is none; `Rejected` when the new key is taken.
    pub async fn update_project_key(
        &self,
        from: &ProjectKey,
        to: &ProjectKey,
    ) -> Result<(), Error> {
        let call = Call::new(UPDATE_KEY)
            .field("from", from.as_str())
            .field("to", to.as_str());
        self.call(call).await.map(drop)
    }

    /// Says who may browse a project. Wants Administer on it.
    ///
    /// # Errors
    /// `NotFound` when there is none, `Rejected` from 10.7 on.
    pub async fn update_visibility(
        &self,
        key: &ProjectKey,
        visibility: Visibility,
    ) -> Result<(), Error> {
        let call = Call::new(UPDATE_VISIBILITY)
            .field("project", key.as_str())
            .field("visibility", visibility.word());
        self.call(call).await.map(drop)
    }
}
