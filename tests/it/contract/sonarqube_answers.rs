//! SonarQube's answers that a healthy server does not give, word for word as 8.9 to 26.9 gave them.

use bindery::http::{BodyKind, Problem};
use bindery::identity::{ProjectKey, RepositoryPath, SettingId, SettingKey};
use bindery::sonarqube::{BitbucketAnswer, Client, Error, NewBinding, Phase};

use super::scripted::{CANARY, Scripted, answer, canary};

fn saying(status: &str, body: &str) -> (Scripted, Client) {
    let server = Scripted::saying(&[answer(status, "", body)]);
    let client = Client::new(server.transport(), canary());
    (server, client)
}

fn setting() -> SettingKey {
    SettingKey::parse("bitbucket").unwrap()
}

#[tokio::test]
async fn a_starting_server_has_no_calls_yet_and_that_is_no_missing_thing() {
    for body in [
        r#"{"errors":[{"msg":"Unknown url : /api/alm_settings/get_binding"}]}"#,
        r#"{"message":"Resource not found."}"#,
        "<html>404</html>",
    ] {
        let (_server, client) = saying("404 Not Found", body);
        let error = client
            .binding(&ProjectKey::parse("PAY:a").unwrap())
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::UnknownUrl { .. }),
            "{body}: {error:?}"
        );
    }
}

#[tokio::test]
async fn an_unbound_project_and_no_project_differ_by_words_alone() {
    let project = ProjectKey::parse("PAY:a").unwrap();
    for words in ["to any DevOps Platform", "to any ALM"] {
        let body = format!(r#"{{"errors":[{{"msg":"Project 'PAY:a' is not bound {words}"}}]}}"#);
        let (_server, client) = saying("404 Not Found", &body);
        assert_eq!(client.binding(&project).await.unwrap(), None);
    }
    let (_server, client) = saying(
        "404 Not Found",
        r#"{"errors":[{"msg":"Project 'PAY:a' not found"}]}"#,
    );
    let error = client.binding(&project).await.unwrap_err();
    assert_eq!(error.message(), Some("Project 'PAY:a' not found"));
    assert!(matches!(error, Error::NotFound { .. }));
}

#[tokio::test]
async fn what_bitbucket_answered_sonarqube_is_known_by_its_words() {
    use BitbucketAnswer as B;
    for (text, expected) in [
        ("Invalid personal access token", Some(B::InvalidToken)),
        (
            "Error 404. The requested Bitbucket server is unreachable.",
            Some(B::NotFoundOrUnreachable),
        ),
        ("Unable to contact Bitbucket server", Some(B::Unreachable)),
        (
            "Unexpected response from Bitbucket server",
            Some(B::Unexpected),
        ),
        (
            "Unable to contact Bitbucket server, got an unexpected response",
            Some(B::Unexpected),
        ),
        (
            "personal access token for 'bitbucket' is missing",
            Some(B::TokenMissing),
        ),
        ("No personal access token found", Some(B::TokenMissing)),
        (
            "Your global Bitbucket Server configuration is incomplete.",
            Some(B::IncompleteConfiguration),
        ),
        (
            "url must start with http:// or https://",
            Some(B::MalformedUrl),
        ),
        ("Something new", None),
    ] {
        let body = serde_json::json!({ "errors": [{ "msg": text }] }).to_string();
        let (_server, client) = saying("400 Bad Request", &body);
        let error = client.validate(&setting()).await.unwrap_err();
        assert_eq!(error.bitbucket_answer(), expected, "{text}");
    }
}

#[tokio::test]
async fn a_message_never_gives_a_token_back() {
    let body = format!(r#"{{"errors":[{{"msg":"the value {CANARY} was refused"}}]}}"#);
    let (_server, client) = saying("400 Bad Request", &body);
    let error = client.set_pat(&setting(), &canary()).await.unwrap_err();
    assert_eq!(error.message(), Some("the value *** was refused"));
    assert!(!format!("{error} {error:?} {client:?}").contains("canary"));
}

#[tokio::test]
async fn a_server_in_trouble_is_no_refusal() {
    for status in [
        "429 Too Many Requests",
        "500 Internal Server Error",
        "503 Service Unavailable",
    ] {
        let (_server, client) = saying(status, r#"{"errors":[{"msg":"An error has occurred."}]}"#);
        let error = client.definitions().await.unwrap_err();
        let Error::Transport(failure) = error else {
            panic!("{status}: {error:?}")
        };
        assert!(failure.is_transient(), "{failure:?}");
    }
}

#[tokio::test]
async fn a_status_is_read_and_other_servers_are_recognised() {
    let up = r#"{"id":"A1","version":"26.9.0.129388","status":"DB_MIGRATION_NEEDED"}"#;
    let (server, client) = saying("200 OK", up);
    assert_eq!(client.status().await.unwrap().phase, Phase::MigrationNeeded);
    assert!(!server.requests()[0].contains("authorization"));

    let (_server, client) = saying("200 OK", "<html>SSO</html>");
    let error = client.status().await.unwrap_err();
    assert!(is_unexpected(&error, BodyKind::Html), "{error:?}");

    let bitbucket = answer("404 Not Found", "X-AREQUESTID: @1\r\n", "<html></html>");
    let server = Scripted::saying(&[bitbucket]);
    let error = Client::new(server.transport(), canary())
        .status()
        .await
        .unwrap_err();
    assert!(is_unexpected(&error, BodyKind::Bitbucket), "{error:?}");
}

fn is_unexpected(error: &Error, kind: BodyKind) -> bool {
    let Error::Transport(failure) = error else {
        return false;
    };
    matches!(failure.problem, Problem::UnexpectedBody { found } if found == kind)
}

/// What is missing in a list that does not add up would be taken for deleted, and created again.
#[tokio::test]
async fn a_list_is_never_short() {
    let row = |id: &str| {
        format!(
            r#"{{"id":"{id}","devOpsPlatformSettingId":"s","projectId":"p{id}","projectKey":"k{id}","repository":"PAY","slug":"r"}}"#
        )
    };
    let page = |rows: &[String], total: u32| {
        let body = format!(
            r#"{{"projectBindings":[{}],"page":{{"total":{total}}}}}"#,
            rows.join(",")
        );
        answer("200 OK", "", &body)
    };
    let setting = SettingId::new("s");
    let server = Scripted::saying(&[page(&[row("1"), row("2")], 3), page(&[row("3")], 3)]);
    let client = Client::new(server.transport(), canary());
    assert_eq!(client.project_bindings(&setting).await.unwrap().len(), 3);
    assert!(server.requests()[1].contains("dopSettingId=s&pageIndex=2&pageSize=500"));

    let server = Scripted::saying(&[page(&[row("1"), row("2")], 3), page(&[], 3)]);
    let error = Client::new(server.transport(), canary())
        .project_bindings(&setting)
        .await
        .unwrap_err();
    let Error::Transport(failure) = error else {
        panic!("{error:?}")
    };
    assert!(matches!(failure.problem, Problem::InconsistentPages));

    for body in ["{}", "[]", r#"{"projectBindings":null,"page":{"total":0}}"#] {
        let (_server, client) = saying("200 OK", body);
        let error = client.project_bindings(&setting).await.unwrap_err();
        assert!(
            is_unexpected(&error, BodyKind::OtherJson),
            "{body}: {error:?}"
        );
    }
}

#[tokio::test]
async fn the_day_on_which_the_token_expires_is_remembered() {
    let header = "SonarQube-Authentication-Token-Expiration: 2026-12-31T00:00:00+0000\r\n";
    let server = Scripted::saying(&[answer("200 OK", header, r#"{"valid":true}"#)]);
    let client = Client::new(server.transport(), canary());
    assert_eq!(client.token_expiration(), None);
    assert!(client.validate_token().await.unwrap());
    assert_eq!(client.token_expiration().as_deref(), Some("2026-12-31"));
}

#[tokio::test]
async fn before_25_12_putting_a_bound_project_is_not_offered() {
    for (status, body) in [
        (
            "405 Method Not Allowed",
            r#"{"message":"Method not supported."}"#,
        ),
        (
            "404 Not Found",
            r#"{"errors":[{"msg":"Unknown url : /api/v2/x"}]}"#,
        ),
        (
            "400 Bad Request",
            r#"{"message":"An error occurred while processing the request."}"#,
        ),
    ] {
        let (_server, client) = saying(status, body);
        assert!(!client.has_put_bound_project().await.unwrap(), "{status}");
    }
}

/// Promise: nobody has to create anything to find out.
#[tokio::test]
async fn whether_a_bound_project_may_be_posted_is_known_without_posting() {
    for (status, body, expected) in [
        (
            "405 Method Not Allowed",
            r#"{"message":"Method not supported."}"#,
            true,
        ),
        (
            "400 Bad Request",
            r#"{"message":"An error occurred while processing the request."}"#,
            true,
        ),
        (
            "404 Not Found",
            r#"{"errors":[{"msg":"Unknown url : /api/v2/x"}]}"#,
            false,
        ),
        ("404 Not Found", "<html>404</html>", false),
    ] {
        let (server, client) = saying(status, body);
        assert_eq!(
            client.has_post_bound_project().await.unwrap(),
            expected,
            "{status}"
        );
        assert!(server.requests()[0].starts_with("GET "));
    }
    let (_server, client) = saying("401 Unauthorized", "");
    assert!(client.has_post_bound_project().await.is_err());
}

#[tokio::test]
async fn a_setting_that_is_gone_is_known_by_the_words_of_old_and_new_servers() {
    let setting = SettingId::new("s");
    let project = ProjectKey::parse("PAY:a").unwrap();
    let repository = RepositoryPath::parse("PAY", "a").unwrap();
    let binding = NewBinding {
        project: &project,
        name: "a",
        setting: &setting,
        repository: &repository,
        monorepo: false,
        new_code: None,
    };
    for (text, expected) in [
        ("ALM setting not found", true),
        (
            "devOpsPlatformSettingId value not found, must be the ID of the DevOps Platform configuration",
            true,
        ),
        ("Invalid type: FOO", false),
    ] {
        let (_server, client) = saying("400 Bad Request", &format!(r#"{{"message":"{text}"}}"#));
        let error = client.post_bound_project(&binding).await.unwrap_err();
        assert_eq!(error.is_setting_unknown(), expected, "{text}");
    }
}
