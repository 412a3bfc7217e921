//! A server whose answers are not known to be SonarQube's or Bitbucket's: no word of it is repeated, and nothing that
//! it says is about a token, since none was sent.

use bindery::http::Problem;
use bindery::{bitbucket, sonarqube};

use super::scripted::{Scripted, answer, canary};

const BODIES: [&str; 3] = [
    r#"{"message":"internal-canary"}"#,
    r#"{"errors":[{"msg":"internal-canary","message":"internal-canary","exceptionName":"internal-canary"}]}"#,
    "internal-canary",
];

/// The whole of an error, as a condition would show it.
fn shown(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[tokio::test]
async fn no_word_of_a_stranger_is_repeated_and_no_token_is_called_bad() {
    let statuses = [
        "400 Bad Request",
        "401 Unauthorized",
        "403 Forbidden",
        "404 Not Found",
        "409 Conflict",
        "500 Internal Server Error",
    ];
    for status in statuses {
        for body in BODIES {
            let server = Scripted::saying(&[answer(status, "", body)]);
            let client = sonarqube::Client::new(server.transport(), canary());
            let error = client.status().await.unwrap_err();
            assert!(matches!(error, sonarqube::Error::Transport(_)), "{error:?}");
            let error = shown(&error);
            assert!(!error.contains("internal-canary"), "{error}");
            assert!(!error.contains("token"), "{error}");

            let client = bitbucket::Client::new(server.transport(), canary());
            let error = client.server().await.unwrap_err();
            let is_told_apart = matches!(
                error,
                bitbucket::Error::Transport(_) | bitbucket::Error::WrongRoute { .. }
            );
            assert!(is_told_apart, "{error:?}");
            let error = shown(&error);
            assert!(!error.contains("internal-canary"), "{error}");
            assert!(!error.contains("token"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_wrong_context_path_is_reported_as_such() {
    let server = Scripted::saying(&[answer("404 Not Found", "", "")]);
    let client = sonarqube::Client::new(server.transport(), canary());
    let error = client.status().await.unwrap_err();
    let sonarqube::Error::Transport(failure) = &error else {
        panic!("{error:?}")
    };
    assert!(matches!(failure.problem, Problem::WrongRoute));
    let error = shown(&error);
    assert!(
        error.contains("check the URL and its context path"),
        "{error}"
    );
}
