//! Why a pull request is not decorated: what blocks it before there is one, and the outcome of the latest.

use crate::identity::ProjectKey;

use super::Reason;
use super::condition::{Condition, ConditionType, State};

const KIND: ConditionType = ConditionType::DecorationReady;

/// What follows the proof where the token may only read. It goes as soon as the token may write.
const RISK: &str = ". Risk: the token of the connection's spec.bitbucket.tokenSecretRef has no Write on this repository. Bitbucket accepts reports with Read; if later pull requests get none, give its user Write on the repository or its project, and the token the permission Repository write";

/// What holds for a whole SonarQube server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// It cannot analyse pull requests.
    Unsupported,
    /// Its base URL is not set.
    BaseUrlUnset,
    /// Its base URL leads each reader to his own machine.
    BaseUrlLocal,
    /// Nothing speaks against it.
    Able,
}

impl Server {
    /// What speaks against decoration, the first thing first. `base_url` is `sonar.core.serverBaseURL`, which SonarQube
    /// takes as it comes.
    #[must_use]
    pub fn of(pull_requests: bool, base_url: Option<&str>) -> Self {
        match base_url.map(str::trim).filter(|url| !url.is_empty()) {
            _ if !pull_requests => Self::Unsupported,
            None => Self::BaseUrlUnset,
            Some(url) if is_local(url) => Self::BaseUrlLocal,
            Some(_) => Self::Able,
        }
    }
}

/// Whether a URL leads each reader to his own machine.
fn is_local(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let host = host.to_ascii_lowercase();
    let name = host.split(':').next().unwrap_or(&host);
    name == "localhost"
        || name.ends_with(".localhost")
        || name.starts_with("127.")
        || host.starts_with("[::1]")
}

/// Whether the token that SonarQube decorates with works, as far as the connection found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// Nothing says that it does not.
    NotRefused,
    /// Bitbucket refuses the very token that SonarQube was given last.
    Refused,
}

/// What the inventory holds of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Whether it is read-only.
    pub archived: bool,
    /// Whether the configuration's token may write to it; `None` if no listing shows it.
    pub writable: Option<bool>,
}

/// A pull request that SonarQube analysed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    /// Its id, as the scanner was given it.
    pub id: String,
    /// What Bitbucket has of it; `None` where it has no pull request of this id in the repository.
    pub found: Option<Latest>,
}

/// A pull request as Bitbucket has it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latest {
    /// The latest commit of its source branch.
    pub commit: String,
    /// Whether it changed since it was analysed, a comment included: a missing report then proves nothing.
    pub changed_since: bool,
    /// The keys of the reports on that commit.
    pub reports: Vec<String>,
}

/// What the latest pull requests show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What became of the last pull request that proves anything.
    pub finding: Finding,
    /// The ids of pull requests analysed after it that Bitbucket does not have.
    pub missing: Vec<String>,
}

/// What became of a pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// None was analysed that Bitbucket has.
    NoneAnalysed,
    /// The pull request of this id changed since its analysis.
    Changed(String),
    /// The pull request of this id has a report.
    Decorated(String),
    /// A pull request was analysed, and Bitbucket has no report of it.
    Undecorated {
        /// Its id.
        id: String,
        /// Its latest commit: as long as it stays that one, so does the finding.
        commit: String,
        /// What its background task warns of, once it was asked.
        warnings: Vec<String>,
    },
}

/// Judges pull requests, the one that was analysed last first. `before` is the previous outcome for the same
/// project and repository.
#[must_use]
pub fn outcome(
    pull_requests: &[PullRequest],
    project: &ProjectKey,
    before: Option<&Outcome>,
) -> Outcome {
    let mut missing = Vec::new();
    let mut finding = Finding::NoneAnalysed;
    for PullRequest { id, found } in pull_requests {
        let Some(latest) = found else {
            missing.push(id.clone());
            continue;
        };
        match judge(id, latest, project, before) {
            Finding::Changed(id) if finding == Finding::NoneAnalysed => {
                finding = Finding::Changed(id);
            }
            Finding::Changed(_) | Finding::NoneAnalysed => {}
            proof @ (Finding::Decorated(_) | Finding::Undecorated { .. }) => {
                finding = proof;
                break;
            }
        }
    }
    Outcome { finding, missing }
}

fn judge(id: &str, latest: &Latest, project: &ProjectKey, before: Option<&Outcome>) -> Finding {
    let id = id.to_owned();
    if latest.reports.iter().any(|key| is_report_of(key, project)) {
        return Finding::Decorated(id);
    }
    let is_known = before.is_some_and(|before| {
        matches!(&before.finding, Finding::Undecorated { id: then, commit, .. } if *then == id && *commit == latest.commit)
    });
    if latest.changed_since && !is_known {
        return Finding::Changed(id);
    }
    Finding::Undecorated {
        id,
        commit: latest.commit.clone(),
        warnings: Vec::new(),
    }
}

impl Outcome {
    /// Whether older pull requests can add nothing.
    #[must_use]
    pub fn is_proof(&self) -> bool {
        match self.finding {
            Finding::Decorated(_) | Finding::Undecorated { .. } => true,
            Finding::NoneAnalysed | Finding::Changed(_) => false,
        }
    }
}

/// Whether SonarQube puts its report under this key: one for all, or, in a monorepo, one with the project's key in it.
/// The plugin takes the project's key alone there, and of a long one the last 48 characters; its oldest versions have a
/// name of their own.
fn is_report_of(key: &str, project: &ProjectKey) -> bool {
    const ONE_FOR_ALL: &str = "com.sonarsource.sonarqube";
    let project = project.as_str();
    let end: String = project.chars().rev().take(48).collect();
    let end: String = end.chars().rev().collect();
    let of_project = key
        .strip_prefix(ONE_FOR_ALL)
        .and_then(|rest| rest.strip_prefix('_'));
    // A hash in place of the project's key replaces long ones in later versions.
    let is_hash = |text: &str| text.len() >= 32 && text.chars().all(|c| c.is_ascii_hexdigit());
    key == ONE_FOR_ALL
        || of_project.is_some_and(|rest| rest == project || is_hash(rest))
        || key == project
        || key.strip_prefix("t-") == Some(&*end)
        || key == "com.github.mc1arke.sonarqube"
}

/// Everything that the condition `DecorationReady` of a binding that is up to date depends on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What holds for the whole server.
    pub server: Server,
    /// The repository; `None` where the inventory does not have it.
    pub repository: Option<Repository>,
    /// What the latest pull requests showed; `None` if this process has not looked yet.
    pub outcome: Option<&'a Outcome>,
    /// What the condition said last of this repository, by whichever process.
    pub before: Option<&'a Condition>,
    /// Pull requests are read once in so many intervals of the connection.
    pub intervals: u64,
}

/// The condition `DecorationReady`. It never holds `Ready` back.
#[must_use]
pub fn condition(facts: &Facts<'_>) -> Condition {
    let archived = facts
        .repository
        .is_some_and(|repository| repository.archived);
    let readonly = facts
        .repository
        .is_some_and(|repository| repository.writable == Some(false));
    if let Some((reason, message)) = blocker(facts.server, archived) {
        return no(reason, message);
    }
    match (facts.outcome, facts.before) {
        (Some(outcome), _) => shown(outcome, readonly, facts.intervals),
        (None, Some(before)) if still_holds(before, readonly) => repeated(before, readonly),
        (None, _) => unproven("no pull request was checked yet", readonly, facts.intervals),
    }
}

/// The condition while Bitbucket refuses the very token that SonarQube decorates with. `None` where it stays as it is:
/// a server that cannot analyse pull requests does not miss the token.
#[must_use]
pub fn token_refused(connection: &str, before: Option<&Condition>) -> Option<Condition> {
    if before.is_some_and(|before| before.reason == Reason::UnsupportedEdition) {
        return None;
    }
    let message = format!(
        "Bitbucket refuses the token that SonarQube decorates with: BitbucketConnection {connection} has AuthenticationFailed. Put a valid token into the Secret of its spec.bitbucket.tokenSecretRef"
    );
    Some(no(Reason::AuthenticationFailed, message))
}

/// The condition of a binding that is not brought to its desired state.
#[must_use]
pub fn not_settled() -> Condition {
    let message = "not checked while the binding is not Ready: the condition Ready says why. The check follows as soon as it is Ready";
    unknown(Reason::NotChecked, message)
}

/// Whether a change of the condition is worth an event of the binding. What holds for the whole server is not: it would
/// be one for each binding.
#[must_use]
pub fn is_news(before: Option<&Condition>, after: &Condition) -> bool {
    let is_own = matches!(
        after.reason,
        Reason::Succeeded
            | Reason::NotDecorated
            | Reason::PermissionMissing
            | Reason::RepositoryArchived
    );
    let same = |before: &Condition| (before.state, before.reason) == (after.state, after.reason);
    is_own && after.state != State::Unknown && !before.is_some_and(same)
}

fn no(reason: Reason, message: impl Into<String>) -> Condition {
    Condition::new(KIND, State::False, reason, message)
}

fn unknown(reason: Reason, message: impl Into<String>) -> Condition {
    Condition::new(KIND, State::Unknown, reason, message)
}

/// What the pull requests show.
fn shown(outcome: &Outcome, readonly: bool, intervals: u64) -> Condition {
    let missing = missing(&outcome.missing);
    match &outcome.finding {
        Finding::NoneAnalysed => unproven(
            &format!("no analysed pull request found in Bitbucket{missing}"),
            readonly,
            intervals,
        ),
        Finding::Changed(id) => unproven(
            &format!(
                "pull request {id} changed after its analysis, and its latest commit has no report{missing}"
            ),
            readonly,
            intervals,
        ),
        Finding::Decorated(id) => decorated(
            &format!("pull request {id} is decorated{missing}"),
            readonly,
        ),
        Finding::Undecorated {
            id,
            commit,
            warnings,
        } => {
            let reason = if readonly {
                Reason::PermissionMissing
            } else {
                Reason::NotDecorated
            };
            let also = if warnings.is_empty() {
                String::new()
            } else {
                format!(". Also: its background task warns: {}", warnings.join("; "))
            };
            let token = if readonly {
                "the token of the connection's spec.bitbucket.tokenSecretRef has no Write on this repository: give its user Write on the repository or its project, and the token the permission Repository write"
            } else {
                "the token of the configuration may not work any more"
            };
            let message = format!(
                "pull request {id} was analysed, and Bitbucket has no report of it on its latest commit {commit}. Possible causes: {token}; the analysis was of another commit (Jenkins analyses a local merge commit unless sonar.scm.revision names that of the pull request); SonarQube failed to send the report, see ce.log{missing}{also}"
            );
            no(reason, message)
        }
    }
}

fn missing(ids: &[String]) -> String {
    if ids.is_empty() {
        return String::new();
    }
    format!(
        ". SonarQube analysed pull request {}, which Bitbucket does not have in this repository: check sonar.pullrequest.key",
        ids.join(", ")
    )
}

fn decorated(message: &str, readonly: bool) -> Condition {
    let risk = if readonly { RISK } else { "" };
    let message = format!("{message}{risk}");
    Condition::new(KIND, State::True, Reason::Succeeded, message)
}

/// No pull request proves anything: what is known, and when the next check comes.
fn unproven(message: &str, readonly: bool, intervals: u64) -> Condition {
    let (reason, risk) = if readonly {
        (Reason::PermissionMissing, RISK)
    } else {
        (Reason::NotChecked, "")
    };
    unknown(
        reason,
        format!(
            "{message}{risk}. Next check: within {intervals} intervals of the connection, or at once if you annotate the binding with bindery.dev/reconcile-requested-at"
        ),
    )
}

/// Whether what an earlier process found in pull requests still says something.
fn still_holds(before: &Condition, readonly: bool) -> bool {
    match (before.state, before.reason) {
        (State::True, Reason::Succeeded) | (State::False, Reason::NotDecorated) => true,
        (State::False, Reason::PermissionMissing) => readonly,
        _ => false,
    }
}

fn repeated(before: &Condition, readonly: bool) -> Condition {
    if before.state == State::True {
        let message = before.message.strip_suffix(RISK);
        return decorated(message.unwrap_or(&before.message), readonly);
    }
    before.clone()
}

/// What prevents the decoration of all pull requests.
fn blocker(server: Server, archived: bool) -> Option<(Reason, &'static str)> {
    match server {
        Server::Unsupported => Some((
            Reason::UnsupportedEdition,
            "this SonarQube cannot analyse pull requests: Developer Edition or later, or the community branch plugin, can",
        )),
        Server::BaseUrlUnset => Some((
            Reason::ServerBaseURLUnset,
            "links in pull requests would lead to localhost: set spec.sonarqube.serverBaseURL on the connection",
        )),
        Server::BaseUrlLocal => Some((
            Reason::ServerBaseURLLocal,
            "SonarQube's Server base URL leads to localhost, and so would the links in pull requests: set spec.sonarqube.serverBaseURL on the connection to the URL that people use",
        )),
        Server::Able if archived => Some((
            Reason::RepositoryArchived,
            "the repository is archived in Bitbucket and read-only: no pull requests can be opened",
        )),
        Server::Able => None,
    }
}

#[cfg(test)]
mod tests;
