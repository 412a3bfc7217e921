//! Why a pull request is not decorated: what stands in the way before there is one, and what became of the latest.

use crate::identity::ProjectKey;

use super::Reason;
use super::verdict::{Aspect, State, Verdict};

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

/// What the sweep knows of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Whether it is read-only.
    pub archived: bool,
    /// Whether the configuration's token may write to it; `None` where that was not looked at.
    pub writable: Option<bool>,
}

/// An analysed pull request, and what Bitbucket has of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    /// Its id in Bitbucket.
    pub id: String,
    /// Whether it changed since it was analysed: a missing report then proves nothing.
    pub changed_since: bool,
    /// The keys of the reports on its latest commit.
    pub reports: Vec<String>,
}

/// What became of the latest pull requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// None was analysed, or none that tells anything.
    Untold,
    /// This one was decorated.
    Decorated(String),
    /// This one was analysed, and Bitbucket has no report of it.
    Undecorated {
        /// Its id.
        id: String,
        /// What its background task warns of, once it was asked.
        warnings: Vec<String>,
    },
}

/// Looks through pull requests, the one that was analysed last first.
#[must_use]
pub fn outcome(pull_requests: &[PullRequest], project: &ProjectKey) -> Outcome {
    let is_own = |keys: &[String]| keys.iter().any(|key| is_report_of(key, project));
    let telling = pull_requests
        .iter()
        .find(|one| is_own(&one.reports) || !one.changed_since);
    match telling {
        None => Outcome::Untold,
        Some(one) if is_own(&one.reports) => Outcome::Decorated(one.id.clone()),
        Some(one) => Outcome::Undecorated {
            id: one.id.clone(),
            warnings: Vec::new(),
        },
    }
}

/// Whether SonarQube puts its report under this key: one for all, or, in a monorepo, one with the project's key in it. The
/// plugin takes the project's key alone there, and of a long one the last 48 characters; its oldest versions have a name
/// of their own.
fn is_report_of(key: &str, project: &ProjectKey) -> bool {
    const ONE_FOR_ALL: &str = "com.sonarsource.sonarqube";
    let project = project.as_str();
    let end: String = project.chars().rev().take(48).collect();
    let end: String = end.chars().rev().collect();
    let of_project = key
        .strip_prefix(ONE_FOR_ALL)
        .and_then(|rest| rest.strip_prefix('_'));
    // A hash in place of the project's key is later versions' way with long ones.
    let is_hash = |text: &str| text.len() >= 32 && text.chars().all(|c| c.is_ascii_hexdigit());
    key == ONE_FOR_ALL
        || of_project.is_some_and(|rest| rest == project || is_hash(rest))
        || key == project
        || key.strip_prefix("t-") == Some(&*end)
        || key == "com.github.mc1arke.sonarqube"
}

/// The condition `DecorationReady`. It never holds `Ready` back. Without an outcome nothing was looked at in this process: what
/// an earlier one told stays, which is `None`.
#[must_use]
pub fn verdict(
    server: Server,
    repository: Option<Repository>,
    outcome: Option<&Outcome>,
) -> Option<Verdict> {
    in_the_way(server, repository).or_else(|| outcome.map(told))
}

fn told(outcome: &Outcome) -> Verdict {
    let verdict =
        |state, reason, message| Verdict::new(Aspect::DecorationReady, state, reason, message);
    match outcome {
        Outcome::Untold => verdict(
            State::Unknown,
            Reason::NotChecked,
            "nothing speaks against it; no analysed pull request tells more".to_owned(),
        ),
        Outcome::Decorated(id) => verdict(
            State::True,
            Reason::Succeeded,
            format!("pull request {id} is decorated"),
        ),
        Outcome::Undecorated { id, warnings } => verdict(
            State::False,
            Reason::NotDecorated,
            format!(
                "pull request {id} was analysed, and Bitbucket has no report of it on its latest commit: {}",
                if warnings.is_empty() {
                    "look into SonarQube's ce.log for that analysis, and check that the token of the configuration may write".to_owned()
                } else {
                    format!("its background task warns: {}", warnings.join("; "))
                }
            ),
        ),
    }
}

/// What stands in the way before there is any pull request.
fn in_the_way(server: Server, repository: Option<Repository>) -> Option<Verdict> {
    let no = |reason, message| {
        let state = State::False;
        Some(Verdict::new(
            Aspect::DecorationReady,
            state,
            reason,
            message,
        ))
    };
    let archived = repository.is_some_and(|repository| repository.archived);
    let writable = repository.and_then(|repository| repository.writable);
    match server {
        Server::Unsupported => no(
            Reason::UnsupportedEdition,
            "this SonarQube cannot analyse pull requests: Developer Edition or later, or the community branch plugin, can",
        ),
        Server::BaseUrlUnset => no(
            Reason::ServerBaseURLUnset,
            "links in pull requests would lead to localhost: set spec.sonarqube.serverBaseURL on the connection",
        ),
        Server::BaseUrlLocal => no(
            Reason::ServerBaseURLLocal,
            "SonarQube's Server base URL leads to localhost, and so would the links in pull requests: set spec.sonarqube.serverBaseURL on the connection to the URL that people use",
        ),
        Server::Able if archived => no(
            Reason::RepositoryArchived,
            "the repository is archived in Bitbucket, where nothing can be written to it: no new pull request comes to be",
        ),
        Server::Able if writable == Some(false) => no(
            Reason::PermissionMissing,
            "the token of the connection's spec.bitbucket.tokenSecretRef may not write to this repository, and SonarQube decorates with it: give its user Write on the repository or its project, and the token the permission Repository write",
        ),
        Server::Able => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(server: Server, archived: bool, writable: Option<bool>) -> Reason {
        let repository = Repository { archived, writable };
        verdict(server, Some(repository), Some(&Outcome::Untold))
            .unwrap()
            .reason
    }

    #[test]
    fn a_base_url_that_leads_home_is_as_good_as_none() {
        let of = |url| Server::of(true, Some(url));
        for url in [
            "http://localhost:9000",
            "https://LOCALHOST/sonar",
            "http://127.0.0.1",
            "http://[::1]:9000/",
            "http://user@sonar.localhost",
        ] {
            assert_eq!(of(url), Server::BaseUrlLocal, "{url}");
        }
        for url in [
            "https://sonarqube.example.com",
            "http://localhost.example.com",
        ] {
            assert_eq!(of(url), Server::Able, "{url}");
        }
        assert_eq!(of(" "), Server::BaseUrlUnset);
        assert_eq!(Server::of(true, None), Server::BaseUrlUnset);
        assert_eq!(
            Server::of(false, Some("https://s.example.com")),
            Server::Unsupported
        );
    }

    #[test]
    fn the_first_thing_that_stands_in_the_way_is_told() {
        let able = Server::Able;
        assert_eq!(
            reason(Server::Unsupported, true, Some(false)),
            Reason::UnsupportedEdition
        );
        assert_eq!(
            reason(Server::BaseUrlUnset, true, Some(false)),
            Reason::ServerBaseURLUnset
        );
        assert_eq!(reason(able, true, Some(false)), Reason::RepositoryArchived);
        assert_eq!(reason(able, false, Some(false)), Reason::PermissionMissing);
        for writable in [Some(true), None] {
            assert_eq!(reason(able, false, writable), Reason::NotChecked);
        }
        assert_eq!(verdict(able, None, None), None, "what was told stays");
    }

    fn pull_request(id: &str, changed_since: bool, reports: &[&str]) -> PullRequest {
        PullRequest {
            id: id.to_owned(),
            changed_since,
            reports: reports.iter().map(|&key| key.to_owned()).collect(),
        }
    }

    #[test]
    fn the_latest_pull_request_that_tells_anything_decides() {
        let project = ProjectKey::parse("PAY:checkout").unwrap();
        let of = |list: &[PullRequest]| outcome(list, &project);
        let changed = pull_request("3", true, &["other.tool"]);
        let bare = pull_request("2", false, &[]);
        let decorated = pull_request("1", false, &["com.sonarsource.sonarqube"]);
        assert_eq!(of(&[]), Outcome::Untold);
        assert_eq!(of(std::slice::from_ref(&changed)), Outcome::Untold);
        let found = of(&[changed.clone(), decorated.clone()]);
        assert_eq!(found, Outcome::Decorated("1".to_owned()));
        let found = of(&[changed, bare, decorated]);
        assert!(matches!(found, Outcome::Undecorated { id, .. } if id == "2"));
    }

    #[test]
    fn a_report_is_known_by_every_key_that_sonarqube_uses() {
        let project = ProjectKey::parse(&format!("PAY:{}", "k".repeat(60))).unwrap();
        let short = ProjectKey::parse("PAY:a").unwrap();
        let long = format!("t-{}", "k".repeat(48));
        assert!(is_report_of("com.sonarsource.sonarqube", &short));
        assert!(is_report_of("com.sonarsource.sonarqube_PAY:a", &short));
        assert!(is_report_of("PAY:a", &short) && is_report_of(&long, &project));
        for other in ["com.sonarsource.sonarqube_PAY:b", "PAY:b", "jenkins"] {
            assert!(!is_report_of(other, &short), "{other}");
        }
    }
}
