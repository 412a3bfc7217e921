//! Why a pass stopped, and what follows from it. The one place that sorts failures.

mod access;
mod aspect;

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use crate::bitbucket;
use crate::http::{Failure, Problem};
use crate::identity::ServerUrl;
use crate::inventory::SweepError;
use crate::kubernetes;
use crate::plan::{Class, Reason, Refusal};
use crate::sonarqube::{self, BitbucketAnswer};

/// What ended a pass before everything was as declared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Kubernetes did not do what it was asked.
    #[error(transparent)]
    Kubernetes(#[from] kubernetes::Error),
    /// A person must do something first.
    #[error("{}", .0.message)]
    Refused(Refusal),
    /// Another object, or a server that starts, must be ready first.
    #[error("{}", .0.message)]
    Waiting(Refusal),
    /// Another object is being reconciled for the same thing: its end wakes this one, which says nothing meanwhile.
    #[error("another object is being reconciled for the same thing")]
    Reserved,
    /// Something that may pass was found out in another way than by a failed call.
    #[error("{}", .0.message)]
    Retry(Refusal),
    /// A token that its own server refuses, confirmed.
    #[error("{}", .refusal.message)]
    Denied {
        /// The server that the token is for.
        by: System,
        refusal: Refusal,
    },
    /// SonarQube did not do what it was asked.
    #[error("SonarQube at {url} failed")]
    SonarQube {
        url: String,
        #[source]
        source: sonarqube::Error,
    },
    /// Bitbucket did not do what it was asked.
    #[error("Bitbucket at {url} failed")]
    Bitbucket {
        url: String,
        #[source]
        source: bitbucket::Error,
    },
    /// SonarQube answers, and is not ready to serve.
    #[error("SonarQube at {url} is not up: {phase}")]
    NotUp { url: String, phase: String },
    /// The reconcile took longer than it may.
    #[error(
        "{doing} did not end within the {} s that a reconcile may take. Bindery tries again, at last every 5 minutes; if it always takes this long, raise the operator's --reconcile-timeout",
        after.as_secs()
    )]
    Deadline {
        /// What was under way.
        doing: Doing,
        after: Duration,
    },
    /// The plan did not come to an end.
    #[error(
        "the servers do not keep what is written to them: still different after {rounds} rounds"
    )]
    Unstable { rounds: u32 },
    /// The pass panicked.
    #[error("the pass panicked: this is a defect of Bindery, please report it with the log")]
    Panicked,
}

/// What a reconcile is doing: where it meets its deadline, its status says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Doing {
    #[default]
    Reconciling,
    Reading,
    Writing,
    Importing,
    Undoing,
    Checking,
    Synchronizing,
    Listing,
}

impl fmt::Display for Doing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Reconciling => "the reconcile",
            Self::Reading => "reading the project and the repository",
            Self::Writing => "writing to SonarQube",
            Self::Importing => "the import into SonarQube",
            Self::Undoing => "undoing what Bindery did in SonarQube",
            Self::Checking => "the check of both servers",
            Self::Synchronizing => "the update of SonarQube's configuration",
            Self::Listing => "reading the lists of projects, bindings and repositories",
        })
    }
}

/// A server that takes tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    SonarQube,
    /// With the token that SonarQube decorates with.
    Bitbucket,
    /// With the token that SonarQube imports with.
    BitbucketImport,
}

impl Error {
    pub(crate) fn refused(reason: Reason, message: impl Into<String>) -> Self {
        Self::Refused(Refusal::new(reason, message))
    }

    /// The same, if it met its deadline, with what was under way.
    pub(crate) fn during(self, doing: Doing) -> Self {
        if let Self::Deadline { after, .. } = self {
            Self::Deadline { doing, after }
        } else {
            self
        }
    }

    pub(crate) fn sweep(error: SweepError, sonarqube: &ServerUrl, bitbucket: &ServerUrl) -> Self {
        match error {
            SweepError::SonarQube(source) => Self::SonarQube {
                url: sonarqube.to_string(),
                source,
            },
            SweepError::Bitbucket(source) => Self::Bitbucket {
                url: bitbucket.to_string(),
                source,
            },
        }
    }

    /// Who has to do something before another try can help.
    pub(crate) fn class(&self) -> Class {
        match self {
            Self::Kubernetes { .. }
            | Self::Retry(_)
            | Self::NotUp { .. }
            | Self::Deadline { .. }
            | Self::Unstable { .. } => Class::Transient,
            Self::Refused(_) => Class::Invalid,
            Self::Waiting(_) | Self::Reserved => Class::Waiting,
            Self::Denied { .. } => Class::Denied,
            Self::SonarQube { source, .. } => sonarqube_class(source),
            Self::Bitbucket { source, .. } => bitbucket_class(source),
            Self::Panicked => Class::Bug,
        }
    }

    /// When the server wants to be asked again.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        if let Self::Bitbucket {
            source: bitbucket::Error::RateLimited { retry_after, .. },
            ..
        } = self
        {
            return *retry_after;
        }
        self.failure().and_then(Failure::retry_after)
    }

    /// Whether this system refuses its token.
    pub(crate) fn is_refused(&self, system: System) -> bool {
        matches!(self, Self::Denied { by, .. } if *by == system)
    }

    /// Whether SonarQube is the trouble: nothing can be undone meanwhile.
    pub(crate) fn is_outage_of_sonarqube(&self) -> bool {
        if let Self::Denied { by, .. } = self {
            return *by == System::SonarQube;
        }
        matches!(self, Self::NotUp { .. } | Self::SonarQube { .. }) && self.is_outage()
    }

    /// Whether a server of the connection, not the object, is the trouble: no other object need find out by itself.
    pub(crate) fn is_outage(&self) -> bool {
        match self {
            Self::NotUp { .. } => true,
            Self::SonarQube { source, .. } => match source {
                sonarqube::Error::Unauthorized { .. } | sonarqube::Error::UnknownUrl { .. } => true,
                sonarqube::Error::Transport(failure) => concerns_the_server(failure),
                sonarqube::Error::Forbidden { .. }
                | sonarqube::Error::NotFound { .. }
                | sonarqube::Error::Rejected { .. } => false,
            },
            Self::Bitbucket { source, .. } => match source {
                bitbucket::Error::InvalidToken { .. }
                | bitbucket::Error::Unlicensed { .. }
                | bitbucket::Error::Captcha { .. }
                | bitbucket::Error::WrongRoute { .. }
                | bitbucket::Error::RateLimited { .. } => true,
                bitbucket::Error::Transport(failure) => concerns_the_server(failure),
                bitbucket::Error::PermissionDenied { .. }
                | bitbucket::Error::NotFound { .. }
                | bitbucket::Error::Rejected { .. } => false,
            },
            Self::Kubernetes { .. }
            | Self::Refused(_)
            | Self::Waiting(_)
            | Self::Reserved
            | Self::Retry(_)
            | Self::Denied { .. }
            | Self::Deadline { .. }
            | Self::Unstable { .. }
            | Self::Panicked => false,
        }
    }

    /// What a condition says of it: the whole chain, joined once.
    pub(crate) fn refusal(&self) -> Refusal {
        if let Self::Refused(refusal)
        | Self::Waiting(refusal)
        | Self::Denied { refusal, .. }
        | Self::Retry(refusal) = self
        {
            return refusal.clone();
        }
        if let Self::Kubernetes(error) = self {
            return Refusal::new(self.reason(), error.message());
        }
        let mut message = self.to_string();
        let mut source = self.source();
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        Refusal::new(self.reason(), message)
    }

    fn reason(&self) -> Reason {
        match self {
            Self::Refused(refusal)
            | Self::Waiting(refusal)
            | Self::Denied { refusal, .. }
            | Self::Retry(refusal) => refusal.reason,
            Self::SonarQube { source, .. } => sonarqube_reason(source),
            Self::Bitbucket { source, .. } => bitbucket_reason(source),
            Self::NotUp { .. } => Reason::ServerNotUp,
            Self::Deadline { .. } => Reason::Timeout,
            Self::Kubernetes { .. } | Self::Unstable { .. } | Self::Reserved => {
                Reason::ProgressingWithRetry
            }
            Self::Panicked => Reason::InternalError,
        }
    }

    fn failure(&self) -> Option<&Failure> {
        if let Self::SonarQube {
            source: sonarqube::Error::Transport(failure),
            ..
        }
        | Self::Bitbucket {
            source: bitbucket::Error::Transport(failure),
            ..
        } = self
        {
            Some(failure)
        } else {
            None
        }
    }
}

fn sonarqube_class(error: &sonarqube::Error) -> Class {
    use sonarqube::Error::{Forbidden, NotFound, Rejected, Transport, Unauthorized, UnknownUrl};
    match error {
        // A server that restarts answers the first two for a while; the connection's pass finds out which it
        // is. The third may just have gone: another look tells.
        Unauthorized { .. } | UnknownUrl { .. } | NotFound { .. } => Class::Transient,
        Forbidden { .. } => Class::Invalid,
        Rejected { .. } => match error.bitbucket_answer() {
            Some(BitbucketAnswer::InvalidToken) => Class::Denied,
            Some(BitbucketAnswer::Unreachable | BitbucketAnswer::Unexpected) => Class::Transient,
            // A race with another writer: the next look sees what it left.
            None if error.is_similar_key() || error.is_name_mismatch() => Class::Transient,
            _ => Class::Invalid,
        },
        Transport(failure) => failure_class(failure),
    }
}

fn sonarqube_reason(error: &sonarqube::Error) -> Reason {
    use sonarqube::Error::{Forbidden, NotFound, Rejected, Transport, Unauthorized, UnknownUrl};
    match error {
        Unauthorized { .. } => Reason::AuthenticationFailed,
        Forbidden { .. } => Reason::PermissionMissing,
        NotFound { .. } => Reason::ProgressingWithRetry,
        UnknownUrl { .. } => Reason::UnsupportedVersion,
        Rejected { .. } => match error.bitbucket_answer() {
            Some(BitbucketAnswer::InvalidToken) => Reason::AuthenticationFailed,
            Some(BitbucketAnswer::Unreachable) => Reason::ConnectionUnavailable,
            Some(_) => Reason::UnexpectedResponse,
            None => Reason::InvalidSpec,
        },
        Transport(failure) => failure_reason(failure),
    }
}

fn bitbucket_class(error: &bitbucket::Error) -> Class {
    use bitbucket::Error::{
        Captcha, InvalidToken, NotFound, PermissionDenied, RateLimited, Rejected, Transport,
        Unlicensed, WrongRoute,
    };
    match error {
        InvalidToken { .. } | Captcha { .. } | Unlicensed { .. } => Class::Denied,
        PermissionDenied { .. } | WrongRoute { .. } | Rejected { .. } => Class::Invalid,
        NotFound { .. } | RateLimited { .. } => Class::Transient,
        Transport(failure) => failure_class(failure),
    }
}

fn bitbucket_reason(error: &bitbucket::Error) -> Reason {
    use bitbucket::Error::{
        Captcha, InvalidToken, NotFound, PermissionDenied, RateLimited, Rejected, Transport,
        Unlicensed, WrongRoute,
    };
    match error {
        InvalidToken { .. } | Captcha { .. } | Unlicensed { .. } => Reason::AuthenticationFailed,
        PermissionDenied { .. } => Reason::PermissionMissing,
        NotFound { .. } => Reason::RepositoryNotFound,
        WrongRoute { .. } | Rejected { .. } => Reason::UnexpectedResponse,
        RateLimited { .. } => Reason::RateLimited,
        Transport(failure) => failure_reason(failure),
    }
}

/// Whether no call to the server can do better.
fn concerns_the_server(failure: &Failure) -> bool {
    failure.is_transient()
        || matches!(
            failure.problem,
            Problem::Tls { .. } | Problem::HostRefused(_) | Problem::Redirected { .. }
        )
}

fn failure_class(failure: &Failure) -> Class {
    if failure.is_transient() {
        Class::Transient
    } else {
        Class::Invalid
    }
}

fn failure_reason(failure: &Failure) -> Reason {
    match &failure.problem {
        Problem::HostRefused(_) => Reason::HostNotAllowed,
        Problem::Dns => Reason::DNSFailed,
        Problem::Tls { .. } => Reason::TLSFailed,
        Problem::Timeout { .. } => Reason::Timeout,
        Problem::Redirected { .. } => Reason::RedirectRefused,
        Problem::Status { status: 429, .. } => Reason::RateLimited,
        Problem::Status { .. } | Problem::Connect { .. } | Problem::Interrupted => {
            Reason::ConnectionUnavailable
        }
        Problem::WrongRoute
        | Problem::UnexpectedBody { .. }
        | Problem::BodyTooLarge
        | Problem::InconsistentPages => Reason::UnexpectedResponse,
    }
}
