//! The plain facts of an error, for the core to judge.

use crate::http::{Failure, Problem};
use crate::plan::Reason;
use crate::plan::failure::{
    BitbucketProblem, CallFailure, CallProblem, Facts, Rejection, SonarQubeProblem,
};
use crate::sonarqube::BitbucketAnswer;
use crate::{bitbucket, sonarqube};

use super::Error;

pub(super) fn of(error: &Error) -> Facts {
    match error {
        Error::Kubernetes(_) => Facts::Kubernetes,
        Error::Refused(refusal) => Facts::Refused(refusal.reason),
        Error::Waiting(refusal) => Facts::Waiting(refusal.reason),
        Error::Reserved => Facts::Waiting(Reason::ProgressingWithRetry),
        Error::Retry(refusal) | Error::AtWork { refusal, .. } => Facts::Transient(refusal.reason),
        Error::Denied { by, refusal } => Facts::TokenRefused {
            by: *by,
            reason: refusal.reason,
        },
        Error::SonarQube { source, .. } => Facts::SonarQube(of_sonarqube(source)),
        Error::Bitbucket { source, .. } => Facts::Bitbucket(of_bitbucket(source)),
        Error::NotUp { .. } => Facts::NotUp,
        Error::Deadline { .. } => Facts::Deadline,
        Error::Unstable { .. } => Facts::Unstable,
        Error::Panicked => Facts::Panicked,
    }
}

fn of_sonarqube(error: &sonarqube::Error) -> SonarQubeProblem {
    match error {
        sonarqube::Error::Unauthorized { .. } => SonarQubeProblem::Unauthorized,
        sonarqube::Error::Forbidden { .. } => SonarQubeProblem::Forbidden,
        sonarqube::Error::UnknownUrl { .. } => SonarQubeProblem::UnknownUrl,
        sonarqube::Error::NotFound { .. } => SonarQubeProblem::NotFound,
        sonarqube::Error::Rejected { .. } => SonarQubeProblem::Rejected(rejection(error)),
        sonarqube::Error::Transport(failure) => SonarQubeProblem::Call(of_call(failure)),
    }
}

fn rejection(error: &sonarqube::Error) -> Rejection {
    match error.bitbucket_answer() {
        Some(BitbucketAnswer::InvalidToken) => Rejection::BitbucketRefusedToken,
        Some(BitbucketAnswer::Unreachable) => Rejection::BitbucketUnreachable,
        Some(BitbucketAnswer::Unexpected) => Rejection::BitbucketUnexpected,
        Some(
            BitbucketAnswer::NotFoundOrUnreachable
            | BitbucketAnswer::TokenMissing
            | BitbucketAnswer::IncompleteConfiguration
            | BitbucketAnswer::MalformedUrl,
        ) => Rejection::BitbucketRefused,
        None if error.is_similar_key() || error.is_name_mismatch() => Rejection::Race,
        None => Rejection::Request,
    }
}

fn of_bitbucket(error: &bitbucket::Error) -> BitbucketProblem {
    match error {
        bitbucket::Error::InvalidToken { .. } => BitbucketProblem::InvalidToken,
        bitbucket::Error::Captcha { .. } => BitbucketProblem::Captcha,
        bitbucket::Error::Unlicensed { .. } => BitbucketProblem::Unlicensed,
        bitbucket::Error::PermissionDenied { .. } => BitbucketProblem::PermissionDenied,
        bitbucket::Error::WrongRoute { .. } => BitbucketProblem::WrongRoute,
        bitbucket::Error::NotFound { .. } => BitbucketProblem::NotFound,
        bitbucket::Error::RateLimited { .. } => BitbucketProblem::RateLimited,
        bitbucket::Error::Rejected { .. } => BitbucketProblem::Rejected,
        bitbucket::Error::Transport(failure) => BitbucketProblem::Call(of_call(failure)),
    }
}

fn of_call(failure: &Failure) -> CallFailure {
    let problem = match failure.problem.itself() {
        Problem::HostRefused(_) => CallProblem::HostRefused,
        Problem::Dns => CallProblem::Dns,
        Problem::Tls { .. } => CallProblem::Tls,
        Problem::Timeout { .. } => CallProblem::Timeout,
        Problem::Redirected { .. } => CallProblem::Redirected,
        Problem::Status { status: 429, .. } | Problem::Paused { .. } => CallProblem::TooMany,
        Problem::Status { .. }
        | Problem::Connect { .. }
        | Problem::Interrupted
        | Problem::Fenced(_)
        | Problem::AsBefore(_) => CallProblem::Unavailable,
        Problem::WrongRoute
        | Problem::UnexpectedBody { .. }
        | Problem::BodyTooLarge
        | Problem::InconsistentPages => CallProblem::Unexpected,
    };
    CallFailure {
        problem,
        is_transient: failure.is_transient(),
    }
}
