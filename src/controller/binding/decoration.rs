//! Checks whether the latest pull requests of a repository were decorated: some calls for each spread read.

use crate::bitbucket::Access;
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::crd::Kind as _;
use crate::fleet::SPREAD;
use crate::fleet::link::ServerAccess;
use crate::fleet::{Found, Outcomes};
use crate::identity::{ProjectKey, RepositoryPath, Uid};
use crate::kubernetes::status;
use crate::kubernetes::uid;
use crate::plan::condition::{Condition, ConditionType};
use crate::plan::decoration::{self, Facts, Finding, Latest, PullRequest, Repository, Server};
use crate::sonarqube::{AnalysedPullRequest, SERVER_BASE_URL};

use super::report::Report;

/// The pull requests that are read: at most so many, at two calls each and one for warnings.
const LATEST: usize = 3;

/// Whether pull requests of the repository are decorated, as far as the inventory and the latest look show.
pub(super) fn condition(report: &Report, access: &ServerAccess, context: &Context) -> Condition {
    let shown = report.repository.as_ref();
    let path = shown.and_then(|shown| RepositoryPath::parse(&shown.project, &shown.slug).ok());
    let repository = {
        let inventory = access.inventory();
        let row = path.as_ref().and_then(|path| inventory.repository(path));
        row.map(|row| Repository {
            archived: row.archived,
            writable: inventory.writable(row.id),
        })
    };
    let binding = &report.binding;
    let outcome = report.accepted().zip(path).and_then(|(accepted, path)| {
        let outcomes = &context.decorations;
        outcomes.of(&uid(binding), &accepted.key, &path)
    });
    // What was said of another repository is of no use.
    let of_before = || binding.status.as_ref()?.repository.as_ref();
    let is_same = of_before().is_some_and(|of| shown.is_some_and(|shown| shown.id == of.id));
    let before =
        is_same.then(|| status::said(binding.conditions(), ConditionType::DecorationReady));
    decoration::condition(&Facts {
        server: access.decoration,
        repository,
        outcome: outcome.as_ref(),
        before: before.flatten().as_ref(),
        intervals: u64::from(SPREAD),
    })
}

/// What holds for the whole server now. Costs one call; none on a server that cannot analyse pull requests.
pub(super) async fn server(access: &ServerAccess) -> Result<Server, Error> {
    if access.decoration == Server::Unsupported {
        return Ok(Server::Unsupported);
    }
    let settings = access.sonarqube.settings(&[SERVER_BASE_URL]).await;
    let mut settings = settings.map_err(|source| access.failed(source))?;
    let base_url = settings.remove(SERVER_BASE_URL);
    Ok(Server::of(true, base_url.as_deref()))
}

/// Asks whether the configuration's token may write to one repository, and puts that into the inventory. One call.
pub(super) async fn ask_for_the_right(path: &RepositoryPath, access: &ServerAccess) {
    let row = access.inventory().repository(path);
    let Some(row) = row.filter(|_| access.decoration != Server::Unsupported) else {
        return;
    };
    let writer = &access.writer;
    match writer.has_access(Access::Write, row.id, &row.name).await {
        Ok(right) => access.inventory().learn_right(row.id, right),
        // It never holds a binding back: what was known stays.
        Err(error) => tracing::warn!(%error, "failed to ask for the rights of SonarQube's token"),
    }
}

/// Looks, where the server can decorate at all.
pub(super) async fn read(
    binding: &Uid,
    (project, repository): (&ProjectKey, &RepositoryPath),
    access: &ServerAccess,
    outcomes: &Outcomes,
) -> Result<(), Error> {
    if access.decoration != Server::Able {
        return Ok(());
    }
    let before = outcomes.of(binding, project, repository);
    let sonarqube = &access.sonarqube;
    let analysed = sonarqube.pull_requests(project).await;
    let mut analysed = analysed.map_err(|source| access.failed(source))?;
    analysed.sort_by_key(|one| std::cmp::Reverse(seconds(&one.analysed)));
    let mut seen = Vec::new();
    let mut outcome = decoration::outcome(&seen, project, before.as_ref());
    for one in analysed.iter().take(LATEST) {
        seen.push(pull_request(one, repository, access).await?);
        outcome = decoration::outcome(&seen, project, before.as_ref());
        if outcome.is_proof() {
            break;
        }
    }
    if let Finding::Undecorated { id, warnings, .. } = &mut outcome.finding {
        // Without Administer on the project SonarQube shows no warnings; that there is no report stays true.
        let warned = sonarqube.task_warnings(project, id).await;
        *warnings = warned.unwrap_or_default();
    }
    let found = Found {
        project: project.clone(),
        repository: repository.clone(),
        outcome,
    };
    outcomes.learn(binding, found);
    Ok(())
}

/// A pull request, with the reports on its latest commit where Bitbucket has it.
async fn pull_request(
    analysed: &AnalysedPullRequest,
    repository: &RepositoryPath,
    access: &ServerAccess,
) -> Result<PullRequest, Error> {
    let bitbucket = &access.bitbucket;
    let failed = |source| access.bitbucket_failed(source);
    let id = analysed.key.clone();
    let found = bitbucket.pull_request(repository, &id).await;
    let Some(found) = found.map_err(failed)? else {
        return Ok(PullRequest { id, found: None });
    };
    let keys = bitbucket.reports(repository, &found.commit).await;
    let analysed_at = seconds(&analysed.analysed);
    let latest = Latest {
        changed_since: analysed_at.is_none_or(|then| found.updated / 1000 > then),
        reports: keys.map_err(failed)?,
        commit: found.commit,
    };
    Ok(PullRequest {
        id,
        found: Some(latest),
    })
}

/// A time of SonarQube, `2026-11-24T10:00:00+0000`, in seconds of the Unix epoch.
fn seconds(text: &str) -> Option<i64> {
    let time = jiff::Timestamp::strptime("%Y-%m-%dT%H:%M:%S%z", text);
    time.ok().map(jiff::Timestamp::as_second)
}
