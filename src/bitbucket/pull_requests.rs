//! Pull requests, and the reports on their commits. Source: `/rest/api/1.0` and `/rest/insights/1.0`, 5.15 to 10.

use serde::Deserialize;

use super::{Client, Error};
use crate::http::{Call, Operation};
use crate::identity::RepositoryPath;

const PULL_REQUEST: Operation =
    Operation::get("rest/api/1.0/projects/{project}/repos/{slug}/pull-requests/{id}");
const REPORTS: Operation =
    Operation::get("rest/insights/1.0/projects/{project}/repos/{slug}/commits/{commit}/reports");

/// A pull request, as far as its decoration is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    /// The latest commit of its source: reports are shown for that one alone.
    pub commit: String,
    /// When anything of it changed last, a comment included; milliseconds of the Unix epoch.
    pub updated: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PullRequestBody {
    from_ref: RefBody,
    updated_date: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RefBody {
    latest_commit: String,
}

#[derive(Deserialize)]
struct ReportsBody {
    values: Vec<ReportBody>,
}

#[derive(Deserialize)]
struct ReportBody {
    key: String,
}

impl Client {
    /// A pull request; none where there is none of this id.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn pull_request(
        &self,
        path: &RepositoryPath,
        id: &str,
    ) -> Result<Option<PullRequest>, Error> {
        let call = Call::new(PULL_REQUEST).segments([path.project(), path.slug(), id]);
        match self.read::<PullRequestBody>(call).await {
            Ok(body) => Ok(Some(PullRequest {
                commit: body.from_ref.latest_commit,
                updated: body.updated_date,
            })),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The keys of the first reports on a commit, up to 100.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn reports(&self, path: &RepositoryPath, commit: &str) -> Result<Vec<String>, Error> {
        let call = Call::new(REPORTS)
            .segments([path.project(), path.slug(), commit])
            .query("limit", "100");
        let body: ReportsBody = self.read(call).await?;
        Ok(body.values.into_iter().map(|report| report.key).collect())
    }
}
