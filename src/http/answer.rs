//! What a server answered.

use std::sync::Arc;

use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;

use super::call::Operation;
use super::failure::{BodyKind, Failure, Problem};
use super::redact::Redactor;
use super::retry_after::retry_after;

/// A complete answer of any status but a redirect.
#[derive(Debug)]
pub struct Answer {
    pub(super) operation: Operation,
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) redactor: Arc<Redactor>,
}

impl Answer {
    /// What was called.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status is 200 to 299.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The value of a header, where there is one and it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    /// `Problem::UnexpectedBody` when it is not JSON, or JSON of another shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            self.fail(Problem::UnexpectedBody {
                found: self.kind(&error),
            })
        })
    }

    /// The start of a text from this answer, fit to be shown: no tokens, no control characters, at most
    /// 600 characters.
    #[must_use]
    pub fn excerpt(&self, text: &str) -> String {
        self.redactor.excerpt(text)
    }

    /// Whether the body holds a text somewhere.
    #[must_use]
    pub fn mentions(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.body).contains(text)
    }

    /// A failure of this call for a reason that the caller knows.
    #[must_use]
    pub fn fail(&self, problem: Problem) -> Failure {
        Failure {
            operation: self.operation,
            problem,
        }
    }

    /// This answer as a failure, for a status that the caller has no use for.
    #[must_use]
    pub fn unwanted(&self) -> Failure {
        self.fail(Problem::Status {
            status: self.status,
            excerpt: self.excerpt(&String::from_utf8_lossy(&self.body)),
            retry_after: retry_after(&self.headers),
        })
    }

    fn kind(&self, error: &serde_json::Error) -> BodyKind {
        let text = String::from_utf8_lossy(&self.body);
        let start = text.trim_start();
        match start.chars().next() {
            None => BodyKind::Empty,
            Some('<') => BodyKind::Html,
            Some(_) if error.is_data() => BodyKind::OtherJson,
            Some('{' | '[') if error.is_eof() => BodyKind::TruncatedJson,
            Some(_) => BodyKind::Text,
        }
    }
}
