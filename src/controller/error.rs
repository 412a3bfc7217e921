//! Why a reconcile stopped, in words. What follows from it is for `plan::failure` to say.

mod access;
mod facts;

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use crate::bitbucket;
use crate::http::Failure;
use crate::identity::ServerUrl;
use crate::inventory::SweepError;
use crate::kubernetes;
use crate::plan::failure::{Sorted, System, sort};
use crate::plan::{Blocked, Bounds, Class, Reason};
use crate::sonarqube;

/// What ended a reconcile before everything was as declared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Kubernetes did not do what it was asked.
    #[error(transparent)]
    Kubernetes(#[from] kubernetes::Error),
    /// A person must do something first.
    #[error("{}", .0.message)]
    Refused(Blocked),
    /// Another object, or a server that starts, must be ready first.
    #[error("{}", .0.message)]
    Waiting(Blocked),
    /// Another object is being reconciled for the same thing: its end wakes this one, which says nothing meanwhile.
    #[error("another object is being reconciled for the same thing")]
    Reserved,
    /// A temporary failure that was found by other means than a failed call.
    #[error("{}", .0.message)]
    Retry(Blocked),
    /// SonarQube may still be at work on an import whose answer did not come: for so long at most.
    #[error("{}", .refusal.message)]
    AtWork { refusal: Blocked, left: Duration },
    /// A token that its own server refuses, confirmed.
    #[error("{}", .refusal.message)]
    Denied {
        /// The server that the token is for.
        by: System,
        refusal: Blocked,
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
        /// What was in progress.
        doing: Doing,
        after: Duration,
    },
    /// The plan did not come to an end.
    #[error(
        "the servers do not keep what is written to them: still different after {rounds} rounds"
    )]
    Unstable { rounds: u32 },
    /// The reconcile panicked.
    #[error("the reconcile panicked: this is a defect of Bindery, please report it with the log")]
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

impl Error {
    pub(crate) fn refused(reason: Reason, message: impl Into<String>) -> Self {
        Self::Refused(Blocked::new(reason, message))
    }

    /// The same, if it met its deadline, with what was in progress.
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

    /// Whether the object was written by another client meanwhile.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Kubernetes(error) if error.is_conflict())
    }

    /// What follows from it.
    pub(crate) fn sorted(&self) -> Sorted {
        sort(facts::of(self))
    }

    /// Who has to do something before another try can help.
    pub(crate) fn class(&self) -> Class {
        self.sorted().class
    }

    /// When another attempt helps.
    pub(crate) fn bounds(&self) -> Bounds {
        let at_most = if let Self::AtWork { left, .. } = self {
            Some(*left)
        } else {
            None
        };
        Bounds {
            at_least: self.retry_after(),
            at_most,
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
        if let Self::Kubernetes(error) = self {
            return error.retry_after();
        }
        self.failure().and_then(Failure::retry_after)
    }

    /// What a condition says of it: the whole chain, joined once.
    pub(crate) fn refusal(&self) -> Blocked {
        if let Self::Refused(refusal)
        | Self::Waiting(refusal)
        | Self::AtWork { refusal, .. }
        | Self::Denied { refusal, .. }
        | Self::Retry(refusal) = self
        {
            return refusal.clone();
        }
        if let Self::Kubernetes(error) = self {
            return Blocked::new(self.reason(), error.message());
        }
        let mut message = self.to_string();
        let mut source = self.source();
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        Blocked::new(self.reason(), message)
    }

    fn reason(&self) -> Reason {
        self.sorted().reason
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
