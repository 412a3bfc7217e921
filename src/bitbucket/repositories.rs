//! Repositories. Source: `/rest/api/1.0/…/repos`, 5.15 to 10.

use std::collections::HashSet;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Client, Error};
use crate::http::{Call, Failure, Operation, Problem};
use crate::identity::RepositoryPath;

const REPOSITORIES: Operation = Operation::get("rest/api/1.0/repos");
const REPOSITORY: Operation = Operation::get("rest/api/1.0/projects/{project}/repos/{slug}");
const BRANCHES: Operation = Operation::get("rest/api/1.0/projects/{project}/repos/{slug}/branches");
const DEFAULT_BRANCH: Operation =
    Operation::get("rest/api/1.0/projects/{project}/repos/{slug}/default-branch");
const OLD_DEFAULT_BRANCH: Operation =
    Operation::get("rest/api/1.0/projects/{project}/repos/{slug}/branches/default");

/// The largest page; Bitbucket lowers it silently where it allows less.
const PAGE_SIZE: &str = "1000";

/// Far more than any server holds; a server that claims more never ends.
const MOST_PAGES: usize = 1000;

/// A repository, as Bitbucket spells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Survives renames and moves; another one for a repository created again.
    pub id: i64,
    /// Where it lies.
    pub path: RepositoryPath,
    /// Its name.
    pub name: String,
    /// The name of its project; empty if Bitbucket does not return it.
    pub project_name: String,
    /// Read-only; always false before 8.0.
    pub archived: bool,
    /// Whether it was made from another one.
    pub fork: bool,
    /// Whether all users may read it.
    pub public: bool,
    /// Its page for users, if returned.
    pub url: Option<String>,
}

/// What became of looking a repository up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// There it is.
    Found(Repository),
    /// It is not there.
    Missing(MissingPart),
    /// It was renamed or moved; never followed.
    Moved {
        /// Host and path to which Bitbucket pointed.
        location: String,
        /// The place in that path.
        path: Option<RepositoryPath>,
    },
}

/// What exactly is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingPart {
    /// The Bitbucket project.
    Project,
    /// The repository in it.
    Repository,
}

/// A right on repositories that a listing asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To read.
    Read,
    /// To push, and to report on commits.
    Write,
    /// To administer.
    Administer,
}

#[derive(Deserialize)]
struct RepositoryBody {
    id: i64,
    slug: String,
    name: String,
    project: ProjectBody,
    #[serde(default)]
    archived: bool,
    #[serde(default)]
    public: bool,
    origin: Option<IgnoredAny>,
    #[serde(default)]
    links: LinksBody,
}

#[derive(Deserialize)]
struct ProjectBody {
    key: String,
    #[serde(default)]
    name: String,
}

#[derive(Default, Deserialize)]
struct LinksBody {
    #[serde(default, rename = "self")]
    own: Vec<LinkBody>,
}

#[derive(Deserialize)]
struct LinkBody {
    href: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageBody {
    values: Vec<RepositoryBody>,
    is_last_page: bool,
    next_page_start: Option<u64>,
}

#[derive(Deserialize)]
struct BranchesBody {
    values: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BranchBody {
    display_id: String,
}

impl Access {
    fn word(self) -> &'static str {
        match self {
            Self::Read => "REPO_READ",
            Self::Write => "REPO_WRITE",
            Self::Administer => "REPO_ADMIN",
        }
    }
}

impl From<RepositoryBody> for Repository {
    fn from(body: RepositoryBody) -> Self {
        Self {
            id: body.id,
            path: RepositoryPath::reported(body.project.key, body.slug),
            name: body.name,
            project_name: body.project.name,
            archived: body.archived,
            fork: body.origin.is_some(),
            public: body.public,
            url: body.links.own.into_iter().find_map(|link| link.href),
        }
    }
}

/// `PROJECT` and `slug` of `…/projects/PROJECT/repos/slug`.
fn place_in(location: &str) -> Option<RepositoryPath> {
    let (_, rest) = location.rsplit_once("/projects/")?;
    let mut parts = rest.split('/');
    let (project, _repos, slug) = (parts.next()?, parts.next()?, parts.next()?);
    let decoded = |part: &str| {
        let part = part.split(['?', '#']).next().unwrap_or(part);
        // A personal project's tilde may come escaped.
        part.replace("%7E", "~").replace("%7e", "~")
    };
    RepositoryPath::parse(&decoded(project), &decoded(slug)).ok()
}

impl Client {
    /// Looks a repository up, in any letter case.
    ///
    /// # Errors
    /// `PermissionDenied` where it may exist but not be seen; `WrongRoute` where Bitbucket is not there.
    pub async fn repository(&self, path: &RepositoryPath) -> Result<Lookup, Error> {
        let call = Call::new(REPOSITORY).segments([path.project(), path.slug()]);
        match self.read::<RepositoryBody>(call).await {
            Ok(body) => Ok(Lookup::Found(body.into())),
            Err(Error::NotFound { exception, .. }) => {
                Ok(Lookup::Missing(if exception == "NoSuchProjectException" {
                    MissingPart::Project
                } else {
                    MissingPart::Repository
                }))
            }
            Err(error) => match error.redirect() {
                // Elsewhere a redirect leads to a login page.
                Some(location) if location.contains("/repos/") => Ok(Lookup::Moved {
                    location: location.to_owned(),
                    path: place_in(location),
                }),
                _ => Err(error),
            },
        }
    }

    /// The name of a repository's default branch, pushed or not; none where an old version has none pushed.
    ///
    /// # Errors
    /// `NotFound` when the repository is gone.
    pub async fn default_branch(&self, path: &RepositoryPath) -> Result<Option<String>, Error> {
        let segments = [path.project(), path.slug()];
        let newer = self
            .call(Call::new(DEFAULT_BRANCH).segments(segments))
            .await;
        let answer = match newer {
            // Before 7.x there is another call for it.
            Err(Error::WrongRoute { .. }) => {
                self.call(Call::new(OLD_DEFAULT_BRANCH).segments(segments))
                    .await
            }
            answer => answer,
        };
        match answer {
            Ok(answer) if answer.status() == 204 => Ok(None),
            Ok(answer) => {
                let branch: BranchBody = answer.json().map_err(Error::Transport)?;
                Ok(Some(branch.display_id))
            }
            // The default branch is named but was never pushed.
            Err(Error::NotFound { exception, .. }) if exception.starts_with("NoSuchBranch") => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a repository has no branch. One call, which lists at most one of them.
    ///
    /// # Errors
    /// `NotFound` when the repository is gone.
    pub async fn is_empty(&self, path: &RepositoryPath) -> Result<bool, Error> {
        let call = Call::new(BRANCHES)
            .segments([path.project(), path.slug()])
            .query("limit", "1");
        let page: BranchesBody = self.read(call).await?;
        Ok(page.values.is_empty())
    }

    /// Whether the token has a right on one repository, by its id and name. Costs one call, or more where Bitbucket has
    /// over 1,000 repositories whose names match.
    ///
    /// # Errors
    /// `Problem::InconsistentPages` when the pages do not end.
    pub async fn has_access(&self, access: Access, id: i64, name: &str) -> Result<bool, Error> {
        let filters = [("permission", access.word()), ("name", name)];
        let rows: Vec<Repository> = self.pages(&filters).await?;
        Ok(rows.iter().any(|row| row.id == id))
    }

    /// Every repository on which the token has a right, or that it can merely see, handed on page by page; archived ones
    /// among them from 8.0 on, which are left out unless asked for.
    ///
    /// # Errors
    /// `Problem::InconsistentPages` when the pages do not end.
    pub async fn repositories<R: Default + Extend<Repository>>(
        &self,
        access: Option<Access>,
    ) -> Result<R, Error> {
        let filter = access.map(|access| ("permission", access.word()));
        self.pages(filter.as_slice()).await
    }

    /// All pages of a listing of repositories, archived ones included.
    async fn pages<R: Default + Extend<Repository>>(
        &self,
        filters: &[(&'static str, &str)],
    ) -> Result<R, Error> {
        let mut found = R::default();
        let mut seen = HashSet::new();
        let mut start = Some(0);
        for _ in 0..MOST_PAGES {
            let Some(offset) = start else {
                return Ok(found);
            };
            let mut call = Call::new(REPOSITORIES)
                .query("start", offset.to_string())
                .query("limit", PAGE_SIZE)
                .query("archived", "ALL");
            for (name, value) in filters {
                call = call.query(name, *value);
            }
            let page: PageBody = self.read(call).await?;
            // Rows that are created or deleted meanwhile move others to the next page.
            let rows = page.values.into_iter().map(Repository::from);
            found.extend(rows.filter(|row| seen.insert(row.id)));
            start = match (page.is_last_page, page.next_page_start) {
                (true, _) => None,
                (false, Some(next)) if next > offset => Some(next),
                (false, _) => break,
            };
        }
        if start.is_none() {
            return Ok(found);
        }
        Err(Error::Transport(Failure {
            operation: REPOSITORIES,
            problem: Problem::InconsistentPages,
        }))
    }
}
