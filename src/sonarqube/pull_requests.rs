//! Analysed pull requests. Source: `api/project_pull_requests`, `api/ce`; Developer Edition and later, or the community
//! branch plugin.

use serde::Deserialize;

use super::{Client, Error};
use crate::http::{Call, Operation};
use crate::identity::ProjectKey;

const PULL_REQUESTS: Operation = Operation::get("api/project_pull_requests/list");
const ACTIVITY: Operation = Operation::get("api/ce/activity");

/// A pull request that was analysed; decorated or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnalysedPullRequest {
    /// Bitbucket's id of it.
    pub key: String,
    /// When, as SonarQube writes it: `2026-11-24T10:00:00+0000`.
    pub analysed: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PullRequestsBody {
    pull_requests: Vec<PullRequestBody>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PullRequestBody {
    key: String,
    analysis_date: Option<String>,
}

#[derive(Deserialize)]
struct ActivityBody {
    tasks: Vec<TaskBody>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TaskBody {
    pull_request: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
}

impl Client {
    /// The pull requests of a project whose analysis has ended. Wants Browse.
    ///
    /// # Errors
    /// `UnknownUrl` on plain Community; `NotFound` when there is no such project.
    pub async fn pull_requests(
        &self,
        project: &ProjectKey,
    ) -> Result<Vec<AnalysedPullRequest>, Error> {
        let call = Call::new(PULL_REQUESTS).query("project", project.as_str());
        let body: PullRequestsBody = self.read(call).await?;
        let rows = body.pull_requests.into_iter();
        // While its task is pending a pull request has no date.
        let analysed = rows.filter_map(|row| {
            Some(AnalysedPullRequest {
                key: row.key,
                analysed: row.analysis_date?,
            })
        });
        Ok(analysed.collect())
    }

    /// The warnings of the latest background task of a pull request, among the last 50 of the project. Wants Administer on
    /// the project.
    ///
    /// # Errors
    /// `Forbidden` without that permission.
    pub async fn task_warnings(
        &self,
        project: &ProjectKey,
        pull_request: &str,
    ) -> Result<Vec<String>, Error> {
        let call = Call::new(ACTIVITY)
            .query("component", project.as_str())
            .query("type", "REPORT")
            .query("ps", "50")
            .query("additionalFields", "warnings");
        let body: ActivityBody = self.read(call).await?;
        let mut tasks = body.tasks.into_iter();
        let latest = tasks.find(|task| task.pull_request.as_deref() == Some(pull_request));
        Ok(latest.map(|task| task.warnings).unwrap_or_default())
    }
}
