//! Why a pull request is not decorated, as far as servers and repository tell before there is one.

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

/// The condition `DecorationReady`. It never holds `Ready` back.
#[must_use]
pub fn verdict(server: Server, repository: Option<Repository>) -> Verdict {
    let no = |reason, message| Verdict::new(Aspect::DecorationReady, State::False, reason, message);
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
        Server::Able => Verdict::new(
            Aspect::DecorationReady,
            State::Unknown,
            Reason::NotChecked,
            "nothing speaks against it; whether a pull request was decorated is not looked at",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(server: Server, archived: bool, writable: Option<bool>) -> Reason {
        let repository = Repository { archived, writable };
        verdict(server, Some(repository)).reason
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
            let verdict = verdict(
                able,
                Some(Repository {
                    archived: false,
                    writable,
                }),
            );
            assert_eq!(
                (verdict.state, verdict.reason),
                (State::Unknown, Reason::NotChecked)
            );
        }
    }
}
