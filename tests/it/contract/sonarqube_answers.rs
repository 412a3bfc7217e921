//! SonarQube's answers that a healthy server does not give, word for word as 8.9 to 26.9 gave them.

use bindery::http::{BodyKind, Problem, Token};
use bindery::identity::{ProjectKey, SettingId, SettingKey};
use bindery::sonarqube::{BitbucketAnswer, Client, Error, Phase};
use simulators::sonarqube::{Profile, SonarQube, Version};

use super::bench::transport;
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

/// With a wrong context path everything is 404, and nothing is gone.
#[tokio::test]
async fn a_context_path_belongs_to_the_url_and_without_it_nothing_is_missing() {
    let project = ProjectKey::parse("PAY:a").unwrap();
    for version in Version::ALL {
        let profile = Profile {
            version,
            ..Profile::default()
        };
        let server = SonarQube::start_under(profile, "/quality/sonarqube").await;
        let server = server.unwrap();
        server.world(|world| world.set_up("squ_admin", "squ_bindery"));
        let under = |path: &str| {
            let mut url = server.url();
            url.set_path(path);
            let token = Token::parse(b"squ_bindery").unwrap();
            Client::new(transport(url.as_str()), token)
        };
        let right = under("/quality/sonarqube");
        assert_eq!(right.status().await.unwrap().phase, Phase::Up);
        assert_eq!(right.current_user().await.unwrap().login, "bindery");
        assert_eq!(right.project(&project).await.unwrap(), None);
        assert!(right.has_import_repository().await.unwrap());
        for path in ["", "/quality", "/sonarqube", "/quality/sonarqubes"] {
            let wrong = under(path);
            let error = wrong.status().await.unwrap_err();
            let Error::Transport(failure) = &error else {
                panic!("{error:?}")
            };
            let is_wrong = matches!(failure.problem, Problem::WrongRoute);
            assert!(is_wrong, "{error:?}");
            let error = wrong.project(&project).await.unwrap_err();
            assert!(matches!(error, Error::UnknownUrl { .. }), "{error:?}");
            let error = wrong.binding(&project).await.unwrap_err();
            assert!(matches!(error, Error::UnknownUrl { .. }), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_configuration_without_its_parts_is_known_by_its_words() {
    for (text, expected) in [
        (
            "Your global Bitbucket Server configuration is incomplete.",
            Some(BitbucketAnswer::IncompleteConfiguration),
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
    assert_eq!(
        client
            .project_bindings::<Vec<_>>(Some(&setting))
            .await
            .unwrap()
            .len(),
        3
    );
    assert!(server.requests()[1].contains("pageIndex=2&pageSize=500&dopSettingId=s"));

    let server = Scripted::saying(&[page(&[row("1"), row("2")], 3), page(&[], 3)]);
    let error = Client::new(server.transport(), canary())
        .project_bindings::<Vec<_>>(Some(&setting))
        .await
        .unwrap_err();
    let Error::Transport(failure) = error else {
        panic!("{error:?}")
    };
    assert!(matches!(failure.problem, Problem::InconsistentPages));

    for body in ["{}", "[]", r#"{"projectBindings":null,"page":{"total":0}}"#] {
        let (_server, client) = saying("200 OK", body);
        let error = client
            .project_bindings::<Vec<_>>(Some(&setting))
            .await
            .unwrap_err();
        assert!(
            is_unexpected(&error, BodyKind::OtherJson),
            "{body}: {error:?}"
        );
    }
}
