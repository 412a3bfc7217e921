//! What Bitbucket says when it does not do what it was asked.

use std::time::Duration;

use serde::Deserialize;

use crate::http::{Answer, Failure, Operation, Problem};

/// A call to Bitbucket that did not succeed. Messages are Bitbucket's own: cut to 600 characters, without tokens.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// 401: the token is unknown, expired or revoked; Bitbucket does not distinguish these.
    #[error("{operation}: the token was not accepted")]
    InvalidToken {
        /// What was called.
        operation: Operation,
    },
    /// 401 of another kind: the token is good, the right is missing.
    #[error("{operation}: the token's user may not do this: {message}")]
    PermissionDenied {
        /// What was called.
        operation: Operation,
        /// Bitbucket's words.
        message: String,
    },
    /// 401: the token's user has no Bitbucket licence.
    #[error("{operation}: the token's user is not licensed to use Bitbucket")]
    Unlicensed {
        /// What was called.
        operation: Operation,
    },
    /// 403: too many failed logins; a person must log in once and solve the CAPTCHA.
    #[error("{operation}: the account is locked behind a CAPTCHA; log in to Bitbucket once")]
    Captcha {
        /// What was called.
        operation: Operation,
    },
    /// 404 of a thing that Bitbucket names.
    #[error("{operation}: not found: {message}")]
    NotFound {
        /// What was called.
        operation: Operation,
        /// The last part of the exception's name, for example `NoSuchRepositoryException`.
        exception: String,
        /// Bitbucket's words.
        message: String,
    },
    /// 404 of the call itself: a wrong context path, or a version that does not have it. Nothing is gone.
    #[error("{operation}: no such call; check the context path of the URL")]
    WrongRoute {
        /// What was called.
        operation: Operation,
    },
    /// 429: too many calls with this token.
    #[error("{operation}: too many calls with this token")]
    RateLimited {
        /// What was called.
        operation: Operation,
        /// When Bitbucket wants to be asked again; at most 15 minutes.
        retry_after: Option<Duration>,
    },
    /// Any other 4xx with words of Bitbucket.
    #[error("{operation}: refused: {message}")]
    Rejected {
        /// What was called.
        operation: Operation,
        /// The status, 400 to 499.
        status: u16,
        /// Bitbucket's words.
        message: String,
    },
    /// No usable answer; 5xx included.
    #[error("no usable answer from Bitbucket")]
    Transport(#[source] Failure),
}

#[derive(Deserialize)]
struct ErrorBody {
    errors: Vec<ErrorLine>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErrorLine {
    message: Option<String>,
    exception_name: Option<String>,
}

/// What is said to be wrong: `errors[]`, of which the first with a name decides.
struct Explanation {
    exception: Option<String>,
    message: String,
}

impl Error {
    /// Sorts an answer that is no success.
    pub(super) fn of(answer: &Answer) -> Self {
        let operation = answer.operation();
        let explanation = explanation(answer);
        match (answer.status(), explanation) {
            (401, explanation) => Self::unauthorized(answer, explanation),
            (403, _) if is_captcha(answer) => Self::Captcha { operation },
            (403, explanation) => Self::PermissionDenied {
                operation,
                message: explanation
                    .map(|explanation| explanation.message)
                    .unwrap_or_default(),
            },
            (
                404,
                Some(Explanation {
                    exception: Some(exception),
                    message,
                }),
            ) => Self::NotFound {
                operation,
                exception,
                message,
            },
            (404, _) => Self::WrongRoute { operation },
            (429, _) => Self::RateLimited {
                operation,
                retry_after: answer.unwanted().retry_after(),
            },
            (status @ 400..=499, Some(explanation)) if !matches!(status, 408 | 425) => {
                Self::Rejected {
                    operation,
                    status,
                    message: explanation.message,
                }
            }
            _ => Self::Transport(answer.unwanted()),
        }
    }

    /// Bitbucket says 401 for a missing right as well; the exception, or a known user, distinguishes them.
    fn unauthorized(answer: &Answer, explanation: Option<Explanation>) -> Self {
        let operation = answer.operation();
        let (exception, message) = explanation.map_or((None, String::new()), |explanation| {
            (explanation.exception, explanation.message)
        });
        match exception.as_deref() {
            Some("NoAccessAuthenticationException") => Self::Unlicensed { operation },
            Some("AuthorisationException" | "AuthorizationException") => {
                Self::PermissionDenied { operation, message }
            }
            _ if answer.header("X-AUSERNAME").is_some() => {
                Self::PermissionDenied { operation, message }
            }
            _ => Self::InvalidToken { operation },
        }
    }

    /// The target of a redirect, if this is one: host and path.
    pub(super) fn redirect(&self) -> Option<&str> {
        match self {
            Self::Transport(Failure {
                problem: Problem::Redirected { location, .. },
                ..
            }) => Some(location.as_deref().unwrap_or_default()),
            Self::Transport(_)
            | Self::InvalidToken { .. }
            | Self::PermissionDenied { .. }
            | Self::Unlicensed { .. }
            | Self::Captcha { .. }
            | Self::NotFound { .. }
            | Self::WrongRoute { .. }
            | Self::RateLimited { .. }
            | Self::Rejected { .. } => None,
        }
    }
}

fn is_captcha(answer: &Answer) -> bool {
    answer
        .header("X-Authentication-Denied-Reason")
        .is_some_and(|reason| reason.starts_with("CAPTCHA"))
        || explanation(answer).is_some_and(|explanation| {
            explanation.exception.as_deref() == Some("CaptchaRequiredAuthenticationException")
        })
}

fn explanation(answer: &Answer) -> Option<Explanation> {
    let body: ErrorBody = answer.json().ok()?;
    let exception = body.errors.iter().find_map(|line| {
        let name = line.exception_name.as_deref()?;
        name.rsplit('.').next().map(str::to_owned)
    });
    let messages: Vec<_> = body
        .errors
        .into_iter()
        .filter_map(|line| line.message)
        .collect();
    Some(Explanation {
        exception: exception.map(|name| answer.excerpt(&name)),
        message: answer.excerpt(&messages.join("; ")),
    })
}
