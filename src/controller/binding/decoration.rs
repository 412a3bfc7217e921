//! Looks whether the latest pull requests of a repository were decorated: some calls, for one binding in its turn.

use crate::controller::error::Error;
use crate::controller::per_object::PerObject;
use crate::controller::session::View;
use crate::identity::{ProjectKey, RepositoryPath, Uid};
use crate::plan::decoration::{Outcome, PullRequest, Server, outcome};
use crate::sonarqube::AnalysedPullRequest;

/// The pull requests that are looked at: at most so many, at two calls each and one for warnings.
const LATEST: usize = 3;

/// What was found in this process, by the uid of the binding.
pub(crate) type Outcomes = PerObject<Outcome>;

impl Outcomes {
    pub(super) fn of(&self, binding: &Uid) -> Option<Outcome> {
        self.lock().get(binding).cloned()
    }

    fn put(&self, binding: &Uid, outcome: Outcome) {
        self.lock().insert(binding.clone(), outcome);
    }
}

/// Looks, where the server can decorate at all.
pub(super) async fn look(
    binding: &Uid,
    (project, repository): (&ProjectKey, &RepositoryPath),
    view: &View,
    outcomes: &Outcomes,
) -> Result<(), Error> {
    if view.decoration != Server::Able {
        return Ok(());
    }
    let sonarqube = &view.sonarqube;
    let analysed = sonarqube.pull_requests(project).await;
    let mut analysed = analysed.map_err(|source| view.failed(source))?;
    analysed.sort_by_key(|one| std::cmp::Reverse(seconds(&one.analysed)));
    let mut seen = Vec::new();
    let mut found = Outcome::Untold;
    for one in analysed.iter().take(LATEST) {
        seen.extend(reports(one, repository, view).await?);
        found = outcome(&seen, project);
        if found != Outcome::Untold {
            break;
        }
    }
    if let Outcome::Undecorated { id, warnings } = &mut found {
        // Without Administer on the project nobody tells; that there is no report stays true.
        let told = sonarqube.task_warnings(project, id).await;
        *warnings = told.unwrap_or_default();
    }
    outcomes.put(binding, found);
    Ok(())
}

/// A pull request with the reports on its latest commit; none where Bitbucket has it no more.
async fn reports(
    analysed: &AnalysedPullRequest,
    repository: &RepositoryPath,
    view: &View,
) -> Result<Option<PullRequest>, Error> {
    let bitbucket = &view.bitbucket;
    let failed = |source| view.bitbucket_failed(source);
    let found = bitbucket.pull_request(repository, &analysed.key).await;
    let Some(found) = found.map_err(failed)? else {
        return Ok(None);
    };
    let keys = bitbucket.reports(repository, &found.commit).await;
    let analysed_at = seconds(&analysed.analysed);
    Ok(Some(PullRequest {
        id: analysed.key.clone(),
        changed_since: analysed_at.is_none_or(|then| found.updated / 1000 > then),
        reports: keys.map_err(failed)?,
    }))
}

/// A time of SonarQube, `2026-11-24T10:00:00+0000`, in seconds of the Unix epoch.
fn seconds(text: &str) -> Option<i64> {
    let time = jiff::Timestamp::strptime("%Y-%m-%dT%H:%M:%S%z", text);
    time.ok().map(jiff::Timestamp::as_second)
}
