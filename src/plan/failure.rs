//! What follows from a failure: the one place that sorts them. The shell states the facts of an error of its clients.

#[cfg(test)]
mod tests;

use super::Reason;
use super::condition::ConditionType;
use super::retry::Class;

/// What ended a reconcile before everything was as declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Facts {
    /// Kubernetes did not do what it was asked.
    Kubernetes,
    /// A person must do something first.
    Refused(Reason),
    /// Another object, or a server that starts, must be ready first.
    Waiting(Reason),
    /// A temporary failure that was found by other means than a failed call.
    Transient(Reason),
    /// A server refuses its token, and that is confirmed.
    TokenRefused {
        /// The server that the token is for.
        by: System,
        /// Why.
        reason: Reason,
    },
    /// SonarQube answers, and is not ready to serve.
    NotUp,
    /// SonarQube did not do what it was asked.
    SonarQube(SonarQubeProblem),
    /// Bitbucket did not do what it was asked.
    Bitbucket(BitbucketProblem),
    /// The reconcile met its deadline.
    Deadline,
    /// The plan did not come to an end.
    Unstable,
    /// The reconcile panicked.
    Panicked,
}

/// A server that takes tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// SonarQube, with the operator's own token.
    SonarQube,
    /// Bitbucket, with the token that SonarQube decorates with.
    Bitbucket,
    /// Bitbucket, with the token that SonarQube imports with.
    BitbucketImport,
}

/// Why a call to SonarQube failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SonarQubeProblem {
    /// 401.
    Unauthorized,
    /// 403.
    Forbidden,
    /// The call itself is not known.
    UnknownUrl,
    /// What the call is about is not there.
    NotFound,
    /// The request was refused.
    Rejected(Rejection),
    /// No answer, or none of SonarQube's.
    Call(CallFailure),
}

/// Why SonarQube refused a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Bitbucket refused SonarQube's token.
    BitbucketRefusedToken,
    /// Bitbucket did not answer SonarQube.
    BitbucketUnreachable,
    /// What answered SonarQube is not Bitbucket.
    BitbucketUnexpected,
    /// Bitbucket, or the configuration, refused otherwise.
    BitbucketRefused,
    /// Another client wrote first: the next read shows what it left.
    Race,
    /// Anything else.
    Request,
}

/// Why a call to Bitbucket failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitbucketProblem {
    /// The token is refused.
    InvalidToken,
    /// The user must solve a CAPTCHA first.
    Captcha,
    /// The user has no licence.
    Unlicensed,
    /// The user lacks a permission.
    PermissionDenied,
    /// What answers is not Bitbucket's API.
    WrongRoute,
    /// What the call is about is not there.
    NotFound,
    /// Too many calls.
    RateLimited,
    /// The request was refused.
    Rejected,
    /// No answer, or none of Bitbucket's.
    Call(CallFailure),
}

/// A call without a proper answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallFailure {
    /// What went wrong.
    pub problem: CallProblem,
    /// Whether the same call may do better later.
    pub is_transient: bool,
}

/// What went wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallProblem {
    /// The host is not among those that tokens may be sent to.
    HostRefused,
    /// Its name cannot be resolved.
    Dns,
    /// TLS failed.
    Tls,
    /// No answer in time.
    Timeout,
    /// It redirects elsewhere.
    Redirected,
    /// It asks to be called less often.
    TooMany,
    /// It cannot be reached, or answers with an error.
    Unavailable,
    /// It does not answer as such a server does.
    Unexpected,
}

/// What follows from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sorted {
    /// Who has to do something before another try can help.
    pub class: Class,
    /// What a condition gives as its reason.
    pub reason: Reason,
    /// What is the trouble.
    pub blame: Blame,
    /// The condition of a connection that it speaks of; none: the one that was being found out.
    pub condition: Option<ConditionType>,
}

/// What is the trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The object itself, or what it waits for.
    Object,
    /// SonarQube: no other object of the connection need find out by itself.
    SonarQube,
    /// Bitbucket: no other object of the connection need find out by itself.
    Bitbucket,
    /// A token that its own server refuses.
    Token(System),
    /// Kubernetes.
    Kubernetes,
    /// Bindery.
    Bindery,
}

impl Blame {
    /// Whether a server of the connection is the trouble.
    #[must_use]
    pub fn is_outage(self) -> bool {
        matches!(self, Self::SonarQube | Self::Bitbucket)
    }

    /// Whether the object cannot change it, and does not report it while it is up to date.
    #[must_use]
    pub fn is_of_others(self) -> bool {
        self.is_outage() || self == Self::Kubernetes
    }

    /// Whether nothing can be undone meanwhile.
    #[must_use]
    pub fn is_outage_of_sonarqube(self) -> bool {
        matches!(self, Self::SonarQube | Self::Token(System::SonarQube))
    }
}

/// What follows from a failure.
#[must_use]
pub fn sort(facts: Facts) -> Sorted {
    let of = |class, reason, blame| Sorted {
        class,
        reason,
        blame,
        condition: None,
    };
    match facts {
        Facts::Kubernetes => of(
            Class::Transient,
            Reason::ProgressingWithRetry,
            Blame::Kubernetes,
        ),
        Facts::Refused(reason) => of(Class::Invalid, reason, Blame::Object),
        Facts::Waiting(reason) => of(Class::Waiting, reason, Blame::Object),
        Facts::Transient(reason) => of(Class::Transient, reason, Blame::Object),
        Facts::TokenRefused { by, reason } => of(Class::Denied, reason, Blame::Token(by)),
        Facts::NotUp => Sorted {
            condition: Some(ConditionType::SonarQubeReachable),
            ..of(Class::Transient, Reason::ServerNotUp, Blame::SonarQube)
        },
        Facts::SonarQube(problem) => of_sonarqube(problem),
        Facts::Bitbucket(problem) => of_bitbucket(problem),
        Facts::Deadline => of(Class::Transient, Reason::Timeout, Blame::Object),
        Facts::Unstable => of(
            Class::Transient,
            Reason::ProgressingWithRetry,
            Blame::Object,
        ),
        Facts::Panicked => of(Class::Bug, Reason::InternalError, Blame::Bindery),
    }
}

fn of_sonarqube(problem: SonarQubeProblem) -> Sorted {
    use SonarQubeProblem::{Call, Forbidden, NotFound, Rejected, Unauthorized, UnknownUrl};
    let of = |class, reason, blame, condition| Sorted {
        class,
        reason,
        blame,
        condition,
    };
    let (transient, credentials) = (Class::Transient, Some(ConditionType::CredentialsValid));
    match problem {
        // A server that restarts answers so for a while; the connection finds out which it is.
        Unauthorized => of(
            transient,
            Reason::AuthenticationFailed,
            Blame::SonarQube,
            credentials,
        ),
        UnknownUrl => of(
            transient,
            Reason::UnsupportedVersion,
            Blame::SonarQube,
            None,
        ),
        Forbidden => of(
            Class::Invalid,
            Reason::PermissionMissing,
            Blame::Object,
            credentials,
        ),
        // It may just have been deleted: the next read shows it.
        NotFound => of(transient, Reason::ProgressingWithRetry, Blame::Object, None),
        Rejected(rejection) => {
            let (class, reason) = of_rejection(rejection);
            of(class, reason, Blame::Object, None)
        }
        Call(failure) => {
            let reachable = Some(ConditionType::SonarQubeReachable);
            of(
                class_of(failure),
                reason_of(failure.problem),
                blame_of(failure, Blame::SonarQube),
                reachable,
            )
        }
    }
}

fn of_rejection(rejection: Rejection) -> (Class, Reason) {
    match rejection {
        Rejection::BitbucketRefusedToken => (Class::Denied, Reason::AuthenticationFailed),
        Rejection::BitbucketUnreachable => (Class::Transient, Reason::ConnectionUnavailable),
        Rejection::BitbucketUnexpected => (Class::Transient, Reason::UnexpectedResponse),
        Rejection::BitbucketRefused => (Class::Invalid, Reason::UnexpectedResponse),
        Rejection::Race => (Class::Transient, Reason::InvalidSpec),
        Rejection::Request => (Class::Invalid, Reason::InvalidSpec),
    }
}

fn of_bitbucket(problem: BitbucketProblem) -> Sorted {
    use BitbucketProblem::{
        Call, Captcha, InvalidToken, NotFound, PermissionDenied, RateLimited, Rejected, Unlicensed,
        WrongRoute,
    };
    let of = |class, reason, blame, condition_type| Sorted {
        class,
        reason,
        blame,
        condition: Some(condition_type),
    };
    let (credentials, reachable) = (
        ConditionType::CredentialsValid,
        ConditionType::BitbucketReachable,
    );
    match problem {
        InvalidToken | Captcha | Unlicensed => of(
            Class::Denied,
            Reason::AuthenticationFailed,
            Blame::Bitbucket,
            credentials,
        ),
        PermissionDenied => of(
            Class::Invalid,
            Reason::PermissionMissing,
            Blame::Object,
            credentials,
        ),
        WrongRoute => of(
            Class::Invalid,
            Reason::UnexpectedResponse,
            Blame::Bitbucket,
            reachable,
        ),
        Rejected => of(
            Class::Invalid,
            Reason::UnexpectedResponse,
            Blame::Object,
            reachable,
        ),
        NotFound => of(
            Class::Transient,
            Reason::RepositoryNotFound,
            Blame::Object,
            reachable,
        ),
        RateLimited => of(
            Class::Transient,
            Reason::RateLimited,
            Blame::Bitbucket,
            reachable,
        ),
        Call(failure) => of(
            class_of(failure),
            reason_of(failure.problem),
            blame_of(failure, Blame::Bitbucket),
            reachable,
        ),
    }
}

fn class_of(failure: CallFailure) -> Class {
    if failure.is_transient {
        Class::Transient
    } else {
        Class::Invalid
    }
}

/// The server, where no call to it can do better; else the one call.
fn blame_of(failure: CallFailure, server: Blame) -> Blame {
    let concerns_every_call = matches!(
        failure.problem,
        CallProblem::Tls | CallProblem::HostRefused | CallProblem::Redirected
    );
    if failure.is_transient || concerns_every_call {
        server
    } else {
        Blame::Object
    }
}

fn reason_of(problem: CallProblem) -> Reason {
    match problem {
        CallProblem::HostRefused => Reason::HostNotAllowed,
        CallProblem::Dns => Reason::DNSFailed,
        CallProblem::Tls => Reason::TLSFailed,
        CallProblem::Timeout => Reason::Timeout,
        CallProblem::Redirected => Reason::RedirectRefused,
        CallProblem::TooMany => Reason::RateLimited,
        CallProblem::Unavailable => Reason::ConnectionUnavailable,
        CallProblem::Unexpected => Reason::UnexpectedResponse,
    }
}
