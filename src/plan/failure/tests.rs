//! One row a failure.

use super::*;
use BitbucketProblem as B;
use Rejection as R;
use SonarQubeProblem as S;

fn row(facts: Facts) -> (Class, Reason, Blame, Option<ConditionType>) {
    let Sorted {
        class,
        reason,
        blame,
        condition,
    } = sort(facts);
    (class, reason, blame, condition)
}

#[test]
fn answers_of_sonarqube_are_classified() {
    use Blame::{Object, SonarQube};
    use Class::{Denied, Invalid, Transient};
    let credentials = Some(ConditionType::CredentialsValid);
    for (problem, expected) in [
        (
            S::Unauthorized,
            (
                Transient,
                Reason::AuthenticationFailed,
                SonarQube,
                credentials,
            ),
        ),
        (
            S::Forbidden,
            (Invalid, Reason::PermissionMissing, Object, credentials),
        ),
        (
            S::UnknownUrl,
            (Transient, Reason::UnsupportedVersion, SonarQube, None),
        ),
        (
            S::NotFound,
            (Transient, Reason::ProgressingWithRetry, Object, None),
        ),
        (
            S::Rejected(R::BitbucketRefusedToken),
            (Denied, Reason::AuthenticationFailed, Object, None),
        ),
        (
            S::Rejected(R::BitbucketUnreachable),
            (Transient, Reason::ConnectionUnavailable, Object, None),
        ),
        (
            S::Rejected(R::BitbucketUnexpected),
            (Transient, Reason::UnexpectedResponse, Object, None),
        ),
        (
            S::Rejected(R::BitbucketRefused),
            (Invalid, Reason::UnexpectedResponse, Object, None),
        ),
        (
            S::Rejected(R::Race),
            (Transient, Reason::InvalidSpec, Object, None),
        ),
        (
            S::Rejected(R::Request),
            (Invalid, Reason::InvalidSpec, Object, None),
        ),
    ] {
        assert_eq!(row(Facts::SonarQube(problem)), expected, "{problem:?}");
    }
}

#[test]
fn answers_of_bitbucket_are_classified() {
    use Blame::{Bitbucket, Object};
    use Class::{Denied, Invalid, Transient};
    let (credentials, reachable) = (
        ConditionType::CredentialsValid,
        ConditionType::BitbucketReachable,
    );
    for refused in [B::InvalidToken, B::Captcha, B::Unlicensed] {
        let expected = (
            Denied,
            Reason::AuthenticationFailed,
            Bitbucket,
            Some(credentials),
        );
        assert_eq!(row(Facts::Bitbucket(refused)), expected, "{refused:?}");
    }
    let missing = (
        Invalid,
        Reason::PermissionMissing,
        Object,
        Some(credentials),
    );
    assert_eq!(row(Facts::Bitbucket(B::PermissionDenied)), missing);
    for (problem, class, reason, blame) in [
        (
            B::WrongRoute,
            Invalid,
            Reason::UnexpectedResponse,
            Bitbucket,
        ),
        (B::NotFound, Transient, Reason::RepositoryNotFound, Object),
        (B::RateLimited, Transient, Reason::RateLimited, Bitbucket),
        (B::Rejected, Invalid, Reason::UnexpectedResponse, Object),
    ] {
        let expected = (class, reason, blame, Some(reachable));
        assert_eq!(row(Facts::Bitbucket(problem)), expected, "{problem:?}");
    }
}

/// Who does not answer says nothing about a token, and no other object need find it out.
#[test]
fn calls_without_an_answer_are_classified() {
    use CallProblem as P;
    use Class::{Invalid, Transient};
    let server = true;
    let call = false;
    for (problem, is_transient, reason, blamed) in [
        (P::Dns, true, Reason::DNSFailed, server),
        (P::Timeout, true, Reason::Timeout, server),
        (P::TooMany, true, Reason::RateLimited, server),
        (P::Unavailable, true, Reason::ConnectionUnavailable, server),
        (P::Unavailable, false, Reason::ConnectionUnavailable, call),
        (P::Unexpected, true, Reason::UnexpectedResponse, server),
        (P::Unexpected, false, Reason::UnexpectedResponse, call),
        (P::Tls, false, Reason::TLSFailed, server),
        (P::HostRefused, false, Reason::HostNotAllowed, server),
        (P::Redirected, false, Reason::RedirectRefused, server),
    ] {
        let failure = CallFailure {
            problem,
            is_transient,
        };
        let class = if is_transient { Transient } else { Invalid };
        let blame = |server| if blamed { server } else { Blame::Object };
        let of_sonarqube = (
            class,
            reason,
            blame(Blame::SonarQube),
            Some(ConditionType::SonarQubeReachable),
        );
        assert_eq!(
            row(Facts::SonarQube(S::Call(failure))),
            of_sonarqube,
            "{failure:?}"
        );
        let of_bitbucket = (
            class,
            reason,
            blame(Blame::Bitbucket),
            Some(ConditionType::BitbucketReachable),
        );
        assert_eq!(
            row(Facts::Bitbucket(B::Call(failure))),
            of_bitbucket,
            "{failure:?}"
        );
    }
}

#[test]
fn failures_without_a_call_are_classified() {
    use Class::{Bug, Denied, Invalid, Transient, Waiting};
    let retry = Reason::ProgressingWithRetry;
    let by = System::SonarQube;
    let reason = Reason::SecretEmpty;
    for (facts, class, reason, blame, condition) in [
        (Facts::Kubernetes, Transient, retry, Blame::Kubernetes, None),
        (Facts::Refused(reason), Invalid, reason, Blame::Object, None),
        (Facts::Waiting(reason), Waiting, reason, Blame::Object, None),
        (
            Facts::Transient(reason),
            Transient,
            reason,
            Blame::Object,
            None,
        ),
        (
            Facts::TokenRefused { by, reason },
            Denied,
            reason,
            Blame::Token(by),
            None,
        ),
        (
            Facts::NotUp,
            Transient,
            Reason::ServerNotUp,
            Blame::SonarQube,
            Some(ConditionType::SonarQubeReachable),
        ),
        (
            Facts::Deadline,
            Transient,
            Reason::Timeout,
            Blame::Object,
            None,
        ),
        (Facts::Unstable, Transient, retry, Blame::Object, None),
        (
            Facts::Panicked,
            Bug,
            Reason::InternalError,
            Blame::Bindery,
            None,
        ),
    ] {
        assert_eq!(row(facts), (class, reason, blame, condition), "{facts:?}");
    }
}

#[test]
fn whom_a_failure_concerns() {
    let all = [
        Blame::Object,
        Blame::SonarQube,
        Blame::Bitbucket,
        Blame::Token(System::SonarQube),
        Blame::Token(System::Bitbucket),
        Blame::Token(System::BitbucketImport),
        Blame::Kubernetes,
        Blame::Bindery,
    ];
    let those = |so: fn(Blame) -> bool| {
        all.into_iter()
            .filter(|blame| so(*blame))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        those(Blame::is_outage),
        [Blame::SonarQube, Blame::Bitbucket]
    );
    assert_eq!(
        those(Blame::is_of_others),
        [Blame::SonarQube, Blame::Bitbucket, Blame::Kubernetes]
    );
    assert_eq!(
        those(Blame::is_outage_of_sonarqube),
        [Blame::SonarQube, Blame::Token(System::SonarQube)]
    );
}
