use super::*;
use crate::http::Operation;

fn status(status: u16) -> Failure {
    let (excerpt, retry_after) = (String::new(), None);
    let problem = Problem::Status {
        status,
        excerpt,
        retry_after,
    };
    let operation = Operation::get("api/users/current");
    Failure { operation, problem }
}

fn of_sonarqube(source: sonarqube::Error) -> Error {
    let url = "https://sonarqube.example.com".to_owned();
    Error::SonarQube { url, source }
}

fn of_bitbucket(source: bitbucket::Error) -> Error {
    let url = "https://bitbucket.example.com".to_owned();
    Error::Bitbucket { url, source }
}

#[test]
fn who_does_not_answer_says_nothing_about_a_token() {
    use Aspect::{BitbucketReachable, ConfigurationSynced, CredentialsValid, SonarQubeReachable};
    let operation = Operation::get("api/users/current");
    let forbidden = sonarqube::Error::Forbidden {
        operation,
        message: String::new(),
    };
    let limited = bitbucket::Error::RateLimited {
        operation,
        retry_after: None,
    };
    let unreachable = |status_| of_sonarqube(sonarqube::Error::Transport(status(status_)));
    let away = of_bitbucket(bitbucket::Error::Transport(status(503)));
    let refused = || Error::refused(Reason::SecretEmpty, "");
    for (error, at, told) in [
        (unreachable(500), CredentialsValid, SonarQubeReachable),
        (unreachable(429), ConfigurationSynced, SonarQubeReachable),
        (
            of_sonarqube(forbidden),
            ConfigurationSynced,
            CredentialsValid,
        ),
        (away, ConfigurationSynced, BitbucketReachable),
        (of_bitbucket(limited), CredentialsValid, BitbucketReachable),
        (
            of_bitbucket(bitbucket::Error::InvalidToken { operation }),
            ConfigurationSynced,
            CredentialsValid,
        ),
        (refused(), CredentialsValid, CredentialsValid),
        (refused(), ConfigurationSynced, ConfigurationSynced),
    ] {
        assert_eq!(error.aspect(at), told, "{error:?} at {at:?}");
    }
}
