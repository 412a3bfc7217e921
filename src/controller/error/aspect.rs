//! What of a connection a failure is about.

use crate::plan::verdict::Aspect;
use crate::{bitbucket, sonarqube};

use super::Error;

impl Error {
    /// What of a connection a failure is about: `at` is what the pass was finding out when it failed. Whoever does not
    /// answer says nothing about a token.
    pub(crate) fn aspect(&self, at: Aspect) -> Aspect {
        match self {
            Self::NotUp { .. } => Aspect::SonarQubeReachable,
            Self::SonarQube { source, .. } => match source {
                sonarqube::Error::Transport(_) => Aspect::SonarQubeReachable,
                sonarqube::Error::Unauthorized { .. } | sonarqube::Error::Forbidden { .. } => {
                    Aspect::CredentialsValid
                }
                sonarqube::Error::UnknownUrl { .. }
                | sonarqube::Error::NotFound { .. }
                | sonarqube::Error::Rejected { .. } => at,
            },
            Self::Bitbucket { source, .. } => match source {
                bitbucket::Error::InvalidToken { .. }
                | bitbucket::Error::PermissionDenied { .. }
                | bitbucket::Error::Unlicensed { .. }
                | bitbucket::Error::Captcha { .. } => Aspect::CredentialsValid,
                bitbucket::Error::WrongRoute { .. }
                | bitbucket::Error::RateLimited { .. }
                | bitbucket::Error::NotFound { .. }
                | bitbucket::Error::Rejected { .. }
                | bitbucket::Error::Transport(_) => Aspect::BitbucketReachable,
            },
            Self::Kubernetes { .. }
            | Self::Refused(_)
            | Self::Waiting(_)
            | Self::Reserved
            | Self::Retry(_)
            | Self::Denied { .. }
            | Self::Deadline { .. }
            | Self::Unstable { .. }
            | Self::Panicked => at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Failure, Operation, Problem};
    use crate::plan::Reason;

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
        use Aspect::{
            BitbucketReachable, ConfigurationSynced, CredentialsValid, SonarQubeReachable,
        };
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
}
