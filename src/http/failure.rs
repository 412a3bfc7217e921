//! How a call can fail, and which failures may end by themselves.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use rustls::CertificateError;

use super::call::Operation;
use super::hosts::{HostCheckError, HostRefusal};
use crate::fence::Closed;

/// A call that brought no usable answer.
#[derive(Debug, thiserror::Error)]
#[error("{operation} failed: {problem}")]
pub struct Failure {
    /// What was called.
    pub operation: Operation,
    /// Why there is no usable answer.
    pub problem: Problem,
}

/// Why a call brought no usable answer. Texts hold no URL, no value of the call and no word of the answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Problem {
    /// The host, or an address that it resolves to, is not allowed.
    #[error("{0}")]
    HostRefused(HostRefusal),
    /// The host name does not resolve.
    #[error("the host name cannot be resolved")]
    Dns,
    /// No trusted TLS connection.
    #[error("no trusted TLS connection: {cause}")]
    Tls {
        /// What is wrong with the certificate, else what the TLS library says.
        cause: String,
        /// Whether the connection was never there, so that nothing was sent.
        connecting: bool,
    },
    /// No server listens, or none can be reached.
    #[error("no connection: {cause}")]
    Connect {
        /// What the system says, for example "connection refused".
        cause: String,
    },
    /// No complete answer in time.
    #[error("no complete answer within {} s", after.as_secs())]
    Timeout {
        /// The deadline of the call.
        after: Duration,
    },
    /// The connection ended before the answer did.
    #[error("the connection ended before the answer was complete")]
    Interrupted,
    /// A redirect, which is never followed: the token would go along.
    #[error("answered {status}, a redirect{}; redirects are not followed", Target(location.as_deref()))]
    Redirected {
        /// The status, 300 to 399.
        status: u16,
        /// Host and path of the target, without its query, cut to 300 characters.
        location: Option<String>,
    },
    /// A status that the caller had no use for.
    #[error("answered {status}")]
    Status {
        /// The status.
        status: u16,
        /// The start of the body: at most 600 characters, without tokens and control characters.
        excerpt: String,
        /// When the server wants to be asked again; at most 15 minutes.
        retry_after: Option<Duration>,
    },
    /// The server asked to be left alone, for longer than a call waits: it was not made.
    #[error("not called: the server asked to be left alone for a while")]
    Paused {
        /// For how long still.
        after: Duration,
    },
    /// The call waited for another one to show that the server is back, and this came of that: it was not made.
    #[error("{0}")]
    AsBefore(Box<Problem>),
    /// The call is a write, and this process may not begin one: it was not made.
    #[error("{0}")]
    Fenced(Closed),
    /// 404 of what every server of the kind has.
    #[error("answered 404; check the URL and its context path")]
    WrongRoute,
    /// More than a sensible answer holds.
    #[error("the answer is larger than 8 MiB")]
    BodyTooLarge,
    /// An answer of another kind than the one that was asked for.
    #[error("unexpected answer: {found}")]
    UnexpectedBody {
        /// What the body looks like.
        found: BodyKind,
    },
    /// Pages that contradict each other: what they lack must not be taken for absent.
    #[error("the pages of the list do not add up")]
    InconsistentPages,
}

/// What a body looks like that was meant to be something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// Nothing at all.
    Empty,
    /// A page for people: a login form, a proxy's error, a server that starts.
    Html,
    /// Text that is neither.
    Text,
    /// JSON that ends too early.
    TruncatedJson,
    /// JSON of another shape.
    OtherJson,
    /// What SonarQube answers.
    SonarQube,
    /// What Bitbucket answers.
    Bitbucket,
}

impl fmt::Display for BodyKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Empty => "an empty body",
            Self::Html => "an HTML page",
            Self::Text => "text that is not JSON",
            Self::TruncatedJson => "incomplete JSON",
            Self::OtherJson => "JSON of another shape",
            Self::SonarQube => "this looks like SonarQube",
            Self::Bitbucket => "this looks like Bitbucket",
        })
    }
}

struct Target<'a>(Option<&'a str>);

impl fmt::Display for Target<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .map_or(Ok(()), |location| write!(formatter, " to {location}"))
    }
}

impl Failure {
    /// Whether the same call may succeed later without any change.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self.problem.itself() {
            Problem::Dns
            | Problem::Connect { .. }
            | Problem::Timeout { .. }
            | Problem::Interrupted
            // So does a proxy answer while what is behind it starts.
            | Problem::WrongRoute
            | Problem::InconsistentPages
            | Problem::Paused { .. }
            | Problem::Fenced(_)
            | Problem::AsBefore(_) => true,
            // A server that starts answers so, or the proxy before it.
            Problem::UnexpectedBody { found } => match found {
                BodyKind::Empty | BodyKind::Html | BodyKind::Text | BodyKind::TruncatedJson => true,
                BodyKind::OtherJson | BodyKind::SonarQube | BodyKind::Bitbucket => false,
            },
            Problem::Status { status, .. } => {
                matches!(status, 408 | 425 | 429) || (*status >= 500 && *status != 501)
            }
            Problem::HostRefused(_)
            | Problem::Tls { .. }
            | Problem::Redirected { .. }
            | Problem::BodyTooLarge => false,
        }
    }

    /// When the server wants to be asked again.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self.problem.itself() {
            Problem::Status { retry_after, .. } => *retry_after,
            Problem::Paused { after } => Some(*after),
            Problem::HostRefused(_)
            | Problem::Dns
            | Problem::Tls { .. }
            | Problem::Connect { .. }
            | Problem::Timeout { .. }
            | Problem::Interrupted
            | Problem::Redirected { .. }
            | Problem::WrongRoute
            | Problem::BodyTooLarge
            | Problem::UnexpectedBody { .. }
            | Problem::InconsistentPages
            | Problem::Fenced(_)
            | Problem::AsBefore(_) => None,
        }
    }
}

impl Problem {
    /// What the server did: for a call that was not made, what it did with another one.
    #[must_use]
    pub fn itself(&self) -> &Self {
        let mut problem = self;
        while let Self::AsBefore(before) = problem {
            problem = before;
        }
        problem
    }

    /// Whether the server said nothing at all, although the failure is temporary.
    pub(super) fn is_silence(&self) -> bool {
        matches!(
            self,
            Self::Dns | Self::Connect { .. } | Self::Timeout { .. } | Self::Interrupted
        )
    }

    /// Whether nothing of the call was sent, so that the server cannot have done anything.
    #[must_use]
    pub fn was_never_sent(&self) -> bool {
        match self {
            Self::HostRefused(_)
            | Self::Dns
            | Self::Connect { .. }
            | Self::Paused { .. }
            | Self::Fenced(_)
            | Self::AsBefore(_) => true,
            Self::Tls { connecting, .. } => *connecting,
            Self::Timeout { .. }
            | Self::Interrupted
            | Self::Redirected { .. }
            | Self::Status { .. }
            | Self::WrongRoute
            | Self::BodyTooLarge
            | Self::UnexpectedBody { .. }
            | Self::InconsistentPages => false,
        }
    }

    /// A word for metrics, of a small fixed set.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::HostRefused(_) => "host_refused",
            Self::Dns => "dns",
            Self::Tls { .. } => "tls",
            Self::Connect { .. } => "connect",
            Self::Timeout { .. } => "timeout",
            Self::Interrupted => "interrupted",
            Self::Redirected { .. } => "redirected",
            Self::Status { .. } | Self::WrongRoute => "status",
            Self::Paused { .. } => "paused",
            Self::Fenced(_) => "fenced",
            Self::AsBefore(before) => before.label(),
            Self::BodyTooLarge => "body_too_large",
            Self::UnexpectedBody { .. } => "unexpected_body",
            Self::InconsistentPages => "inconsistent_pages",
        }
    }

    /// Reads the cause out of the client's error, of whose own text (it names the URL) nothing is kept.
    pub(super) fn of(error: &reqwest::Error, deadline: Duration) -> Self {
        let mut link: Option<&(dyn Error + 'static)> = Some(error);
        let mut system = None;
        while let Some(cause) = link {
            if let Some(HostCheckError::Refused(refusal)) = cause.downcast_ref() {
                return Self::HostRefused(refusal.clone());
            }
            if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
                return Self::tls(tls, error.is_connect());
            }
            link = match cause.downcast_ref::<io::Error>() {
                // An io::Error hides what it wraps: its source is that of the wrapped error.
                Some(io) => {
                    system = Some(io.kind());
                    io.get_ref().map(|inner| inner as &(dyn Error + 'static))
                }
                None => cause.source(),
            };
        }
        if error.is_timeout() && error.is_connect() {
            let cause = "timed out".to_owned();
            Self::Connect { cause }
        } else if error.is_timeout() {
            Self::Timeout { after: deadline }
        } else if error.is_dns() {
            Self::Dns
        } else if error.is_connect() {
            let cause = system.map_or_else(|| "unknown cause".to_owned(), |kind| kind.to_string());
            Self::Connect { cause }
        } else {
            Self::Interrupted
        }
    }

    fn tls(error: &rustls::Error, connecting: bool) -> Self {
        let cause = if let rustls::Error::InvalidCertificate(fault) = error {
            certificate(fault)
        } else {
            error.to_string()
        };
        Self::Tls {
            cause: cause.chars().take(300).collect(),
            connecting,
        }
    }
}

/// What is wrong with a server's certificate, and what to do. The library's own words on validity
/// name the second of the check, which would make a new message of every check.
fn certificate(fault: &CertificateError) -> String {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the others are rare, and the library's words for them are constant"
    )]
    match fault {
        // The signature does not match where the authority got a new key and kept its name.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its certificate was issued by an authority that is not trusted; name the bundle that \
             holds the authority's certificate in caBundleRef, and have the server send all \
             intermediate ones"
                .to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet; one of the two clocks may be wrong".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another host".to_owned()
        }
        other => format!("its certificate is not accepted: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failures_that_may_end_by_themselves_are_transient() {
        let status = |status| Problem::Status {
            status,
            excerpt: String::new(),
            retry_after: None,
        };
        let body = |found| Problem::UnexpectedBody { found };
        let cause = String::new;
        let tls = |connecting| Problem::Tls {
            cause: cause(),
            connecting,
        };
        for (problem, transient) in [
            (Problem::Dns, true),
            (Problem::Connect { cause: cause() }, true),
            (Problem::Interrupted, true),
            (status(429), true),
            (status(503), true),
            (body(BodyKind::Html), true),
            (tls(true), false),
            (status(400), false),
            (status(501), false),
            (body(BodyKind::OtherJson), false),
            (body(BodyKind::Bitbucket), false),
            (Problem::BodyTooLarge, false),
        ] {
            let failure = Failure {
                operation: Operation::get("api/read"),
                problem,
            };
            assert_eq!(failure.is_transient(), transient, "{failure}");
        }
    }
}
