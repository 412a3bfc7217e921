//! What SonarQube says when it does not do what it was asked.

use serde::Deserialize;

use crate::http::{Answer, Failure, Operation, Problem};

/// A call to SonarQube that did not succeed. Messages are SonarQube's own: cut to 600 characters, without tokens.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// 401: the token is unknown, expired or revoked, *or* the server is still starting.
    #[error("{operation}: the token was not accepted")]
    Unauthorized {
        /// What was called.
        operation: Operation,
    },
    /// 403: a permission is missing.
    #[error("{operation}: the token's user lacks a permission: {message}")]
    Forbidden {
        /// What was called.
        operation: Operation,
        /// SonarQube's words.
        message: String,
    },
    /// 404 of a thing, as opposed to `UnknownUrl`.
    #[error("{operation}: not found: {message}")]
    NotFound {
        /// What was called.
        operation: Operation,
        /// SonarQube's words.
        message: String,
    },
    /// 404 of the call itself: this version or edition does not have it, or the server is not ready yet.
    #[error("{operation}: not supported by this server, or not ready yet")]
    UnknownUrl {
        /// What was called.
        operation: Operation,
    },
    /// 400 and the like: SonarQube, or Bitbucket behind it, turned the call down.
    #[error("{operation}: refused: {message}")]
    Rejected {
        /// What was called.
        operation: Operation,
        /// The status, 400 to 499.
        status: u16,
        /// SonarQube's words.
        message: String,
    },
    /// No usable answer; 5xx and 429 included.
    #[error("no usable answer from SonarQube")]
    Transport(#[source] Failure),
}

/// What Bitbucket answered SonarQube, as far as SonarQube returns it (9.9 to 26.9; always with status 400).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitbucketAnswer {
    /// 401: a bad token, or one without the right (Bitbucket does not distinguish them here).
    InvalidToken,
    /// 404: no such repository, or the URL leads nowhere.
    NotFoundOrUnreachable,
    /// No answer, or one of another status; may be temporary.
    Unreachable,
    /// An answer that is not Bitbucket's.
    Unexpected,
    /// SonarQube has no token of this user for the setting.
    TokenMissing,
    /// The setting itself lacks its URL or its token.
    IncompleteConfiguration,
    /// The setting's URL is none.
    MalformedUrl,
}

impl BitbucketAnswer {
    /// Whether Bitbucket, or what stands before it, said so, and not SonarQube of what it holds itself.
    #[must_use]
    pub fn is_of_bitbucket(self) -> bool {
        match self {
            Self::InvalidToken
            | Self::NotFoundOrUnreachable
            | Self::Unreachable
            | Self::Unexpected => true,
            Self::TokenMissing | Self::IncompleteConfiguration | Self::MalformedUrl => false,
        }
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    #[serde(default)]
    errors: Vec<ErrorLine>,
    message: Option<String>,
}

#[derive(Deserialize)]
struct ErrorLine {
    #[serde(default)]
    msg: String,
}

impl Error {
    /// Sorts an answer that is no success.
    pub(super) fn of(answer: &Answer) -> Self {
        let operation = answer.operation();
        let message_of = message_of(answer);
        let message = answer.excerpt(message_of.as_deref().unwrap_or_default());
        match (answer.status(), message_of) {
            (401, _) => Self::Unauthorized { operation },
            (403, _) => Self::Forbidden { operation, message },
            (404, Some(text)) if !is_unknown_url(&text) => Self::NotFound { operation, message },
            (404, _) => Self::UnknownUrl { operation },
            (status @ 400..=499, Some(_)) if !matches!(status, 408 | 425 | 429) => Self::Rejected {
                operation,
                status,
                message,
            },
            _ => Self::Transport(answer.unwanted()),
        }
    }

    /// SonarQube's own words, where there are any.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        match self {
            Self::Forbidden { message, .. }
            | Self::NotFound { message, .. }
            | Self::Rejected { message, .. } => Some(message),
            Self::Unauthorized { .. } | Self::UnknownUrl { .. } | Self::Transport(_) => None,
        }
    }

    /// A project key that differs from the wanted one at most in letter case exists already (9.9 to 26.9).
    #[must_use]
    pub fn is_similar_key(&self) -> bool {
        self.is_rejected_with("A similar key already exists")
            || self.is_rejected_with("key already exists")
    }

    /// SonarQube made a project key of a repository's place, and would not take it (8.9, personal repositories).
    #[must_use]
    pub fn is_malformed_key(&self) -> bool {
        self.is_rejected_with("Malformed key")
    }

    /// v2's answer for what is absent *or* may not be seen or changed; the answer does not say which.
    #[must_use]
    pub fn is_no_access(&self) -> bool {
        let text = "You do not have access to this resource or it does not exist.";
        matches!(self, Self::NotFound { message, .. } if message == text)
    }

    /// `PUT bound-projects` met a project of this key with another name (25.12 to 26.9).
    #[must_use]
    pub fn is_name_mismatch(&self) -> bool {
        self.is_rejected_with("cannot be bound - configuration mismatch")
    }

    /// No setting has this id (10.7 to 26.9; before 26 with a text that names neither).
    #[must_use]
    pub fn is_setting_unknown(&self) -> bool {
        self.is_rejected_with("ALM setting not found")
            || self.is_rejected_with("devOpsPlatformSettingId value not found")
    }

    /// The edition allows one Bitbucket setting and there is one.
    #[must_use]
    pub fn is_configuration_limit(&self) -> bool {
        self.is_rejected_with("A BITBUCKET setting is already defined")
            || self.is_rejected_with("A BITBUCKET_CLOUD setting is already defined")
    }

    /// A list lost rows while it was read, as often as it was read.
    #[must_use]
    pub fn is_unsteady(&self) -> bool {
        let Self::Transport(failure) = self else {
            return false;
        };
        matches!(failure.problem, Problem::InconsistentPages)
    }

    /// SonarQube answered, and with an error of its own.
    #[must_use]
    pub fn is_servers_error(&self) -> bool {
        let Self::Transport(failure) = self else {
            return false;
        };
        matches!(failure.problem, Problem::Status { status: 500.., .. })
    }

    /// What Bitbucket answered, if this is about Bitbucket.
    #[must_use]
    pub fn bitbucket_answer(&self) -> Option<BitbucketAnswer> {
        let Self::Rejected { message, .. } = self else {
            return None;
        };
        let answers = [
            (
                "Invalid personal access token",
                BitbucketAnswer::InvalidToken,
            ),
            (
                "Error 404. The requested Bitbucket server is unreachable",
                BitbucketAnswer::NotFoundOrUnreachable,
            ),
            (
                "Unable to contact Bitbucket server, got an unexpected response",
                BitbucketAnswer::Unexpected,
            ),
            (
                "Unexpected response from Bitbucket server",
                BitbucketAnswer::Unexpected,
            ),
            (
                "Unable to contact Bitbucket server",
                BitbucketAnswer::Unreachable,
            ),
            (
                "No personal access token found",
                BitbucketAnswer::TokenMissing,
            ),
            ("personal access token for ", BitbucketAnswer::TokenMissing),
            (
                "Your global Bitbucket Server configuration is incomplete",
                BitbucketAnswer::IncompleteConfiguration,
            ),
            (
                "url must start with http:// or https://",
                BitbucketAnswer::MalformedUrl,
            ),
        ];
        let matching = |(text, _): &(&str, BitbucketAnswer)| message.starts_with(text);
        answers.into_iter().find(matching).map(|(_, answer)| answer)
    }

    fn is_rejected_with(&self, text: &str) -> bool {
        matches!(self, Self::Rejected { message, .. } if message.contains(text))
    }
}

/// The text of v1's `errors[].msg` or v2's `message`.
fn message_of(answer: &Answer) -> Option<String> {
    let body: ErrorBody = answer.json().ok()?;
    let lines: Vec<_> = body.errors.into_iter().map(|line| line.msg).collect();
    if lines.is_empty() {
        body.message
    } else {
        Some(lines.join("; "))
    }
}

/// v1 to 26.9 and v2 to 9.9 name the path; v2 of 25 and later says that the resource is not there.
fn is_unknown_url(text: &str) -> bool {
    text.starts_with("Unknown url") || text == "Resource not found."
}
