//! Who is let in, and how others are turned away.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use super::{
    super::{
        Bitbucket, Owner, Permission, Profile, RateLimit, RateLimitBody, Role, Secret, ServerState,
        Standing, Switch,
    },
    client::{Answer, READ, WRITE, read, send, start},
};

const USERS: &str = "/rest/api/1.0/users";
const BAD: &str = "com.atlassian.bitbucket.auth.IncorrectPasswordAuthenticationException";

fn exception(answer: &Answer) -> String {
    answer.json()["errors"][0]["exceptionName"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

async fn log_in(bitbucket: &Bitbucket, user: &str, password: &str, path: &str) -> Answer {
    let basic = STANDARD.encode(format!("{user}:{password}"));
    send(
        bitbucket,
        &format!("GET {path}"),
        &format!("authorization: Basic {basic}\r\n"),
        "",
    )
    .await
}

#[tokio::test]
async fn a_valid_token_is_answered_with_its_user() {
    let bitbucket = start(Profile::V9_4).await;
    let answer = read(&bitbucket, READ, USERS).await;
    assert_eq!(
        (answer.status, answer.header("x-ausername")),
        (200, Some("reader"))
    );
    assert!(answer.header("x-auserid").is_some() && answer.header("x-arequestid").is_some());
    assert_eq!(
        answer.header("content-type"),
        Some("application/json;charset=UTF-8")
    );
}

#[tokio::test]
async fn revoked_expired_and_invented_tokens_get_the_same_answer() {
    let bitbucket = start(Profile::V9_4).await;
    bitbucket.world(|world| {
        let now = world.now();
        world
            .token("brief", "reader", &[Permission::RepoRead])
            .expires = Some(now + 1000);
        world.revoke_token(WRITE).unwrap();
    });
    assert_eq!(read(&bitbucket, "brief", USERS).await.status, 200);
    bitbucket.world(|world| world.advance(Duration::from_secs(1)));
    for token in ["brief", WRITE, "invented"] {
        let answer = read(&bitbucket, token, USERS).await;
        let expected = json!({ "errors": [{
            "message": "Authentication failed. Please check your credentials and try again.",
            "exceptionName": BAD,
        }] });
        assert_eq!((answer.status, answer.json()), (401, expected), "{token}");
        assert_eq!(answer.header("x-ausername"), None);
    }
}

#[tokio::test]
async fn a_missing_right_is_a_401_that_names_the_user() {
    let bitbucket = start(Profile::V9_4).await;
    bitbucket.world(|world| {
        world.repository("SECRET", "hidden");
    });
    let answer = read(
        &bitbucket,
        READ,
        "/rest/api/1.0/projects/SECRET/repos/hidden",
    )
    .await;
    assert_eq!(
        (answer.status, answer.header("x-ausername")),
        (401, Some("reader"))
    );
    assert_eq!(
        exception(&answer),
        "com.atlassian.bitbucket.AuthorisationException"
    );
    let path = "/rest/api/1.0/projects/PAY/repos/checkout/webhooks";
    assert_eq!(read(&bitbucket, READ, path).await.status, 401);
}

#[tokio::test]
async fn anonymous_and_administrative_refusals_name_other_exceptions_since_nine() {
    let newer = "com.atlassian.plugins.rest.api.security.exception";
    let older = "com.atlassian.bitbucket.AuthorisationException";
    for profile in Profile::ALL {
        let bitbucket = start(profile).await;
        let anonymous = send(&bitbucket, &format!("GET {USERS}"), "", "").await;
        let license = read(&bitbucket, READ, "/rest/api/1.0/admin/license").await;
        let expected = if profile >= Profile::V9_4 {
            [
                format!("{newer}.AuthenticationRequiredException"),
                format!("{newer}.AuthorizationException"),
            ]
        } else {
            [older.to_owned(), older.to_owned()]
        };
        assert_eq!(
            [exception(&anonymous), exception(&license)],
            expected,
            "{profile:?}"
        );
        assert_eq!((anonymous.status, license.status), (401, 401));
    }
}

#[tokio::test]
async fn unlicensed_users_get_an_explanation_and_inactive_ones_do_not() {
    let bitbucket = start(Profile::V9_4).await;
    bitbucket.world(|world| {
        world.user("reader").standing = Standing::Unlicensed;
        world.user("writer").standing = Standing::Inactive;
    });
    let unlicensed = read(&bitbucket, READ, USERS).await;
    let name = "com.atlassian.bitbucket.auth.NoAccessAuthenticationException";
    assert_eq!(
        (unlicensed.status, exception(&unlicensed).as_str()),
        (401, name)
    );
    assert_eq!(exception(&read(&bitbucket, WRITE, USERS).await), BAD);
}

#[tokio::test]
async fn anonymous_visitors_see_public_things_only_with_public_access() {
    let bitbucket = start(Profile::V9_4).await;
    bitbucket.world(|world| world.repository("PAY", "ledger").public = true);
    let list = "GET /rest/api/1.0/repos";
    assert_eq!(send(&bitbucket, list, "", "").await.status, 401);
    bitbucket.world(|world| world.settings.public_access = Switch::On);
    assert_eq!(send(&bitbucket, list, "", "").await.json()["size"], 1);
    let readable = format!("{list}?permission=REPO_READ");
    assert_eq!(send(&bitbucket, &readable, "", "").await.json()["size"], 0);
}

#[tokio::test]
async fn failed_logins_bring_up_the_captcha_even_for_the_right_password() {
    let bitbucket = start(Profile::V9_4).await;
    bitbucket.world(|world| {
        world.user("reader").password = Some(Secret::new("right"));
        world.settings.captcha_after = 2;
    });
    assert_eq!(
        log_in(&bitbucket, "reader", "right", USERS).await.status,
        200
    );
    assert_eq!(log_in(&bitbucket, "reader", READ, USERS).await.status, 200);
    for _ in 0..2 {
        assert_eq!(
            exception(&log_in(&bitbucket, "reader", "wrong", USERS).await),
            BAD
        );
    }
    let locked = log_in(&bitbucket, "reader", "right", USERS).await;
    assert_eq!(locked.status, 403);
    let reason = locked.header("x-authentication-denied-reason").unwrap();
    assert!(
        reason.starts_with("CAPTCHA_CHALLENGE; login-url=http://127.0.0.1"),
        "{reason}"
    );
    assert_eq!(
        read(&bitbucket, READ, USERS).await.status,
        200,
        "tokens are not locked"
    );
}

#[tokio::test]
async fn tokens_outside_rest_lead_to_the_login_page_since_they_are_confined() {
    for profile in Profile::ALL {
        let bitbucket = start(profile).await;
        let answer = read(&bitbucket, READ, "/status").await;
        if profile >= Profile::V8_9 {
            assert_eq!(answer.status, 302, "{profile:?}");
            assert!(answer.header("location").unwrap().ends_with("/login"));
            assert_eq!(
                log_in(&bitbucket, "reader", READ, "/status").await.status,
                401
            );
        } else {
            assert_eq!(answer.status, 200, "{profile:?}");
        }
        assert_eq!(
            send(&bitbucket, "GET /status", "", "").await.body,
            r#"{"state":"RUNNING"}"#
        );
    }
}

#[tokio::test]
async fn a_server_in_maintenance_answers_503_everywhere() {
    let bitbucket = start(Profile::V9_4).await;
    bitbucket.world(|world| world.settings.server_state = ServerState::Maintenance);
    let status = send(&bitbucket, "GET /status", "", "").await;
    assert_eq!(
        (status.status, status.body.as_str()),
        (503, r#"{"state":"MAINTENANCE"}"#)
    );
    assert_eq!(read(&bitbucket, READ, USERS).await.status, 503);
}

#[tokio::test]
async fn the_bucket_of_each_user_empties_and_refills_by_the_clock() {
    let bitbucket = start(Profile::V9_4).await;
    let limit = RateLimit {
        capacity: 2,
        fill_rate: 1,
        retry_after_seconds: Some(7),
        body: RateLimitBody::Message,
    };
    bitbucket.world(|world| world.settings.rate_limit = Some(limit));
    for expected in [200, 200, 429] {
        assert_eq!(read(&bitbucket, READ, USERS).await.status, expected);
    }
    let refused = read(&bitbucket, READ, USERS).await;
    assert_eq!(refused.header("retry-after"), Some("7"));
    assert!(refused.json()["errors"].is_null() && refused.json()["message"].is_string());
    assert_eq!(
        read(&bitbucket, WRITE, USERS).await.status,
        200,
        "the bucket is the user's own"
    );
    bitbucket.world(|world| world.advance(Duration::from_secs(1)));
    assert_eq!(read(&bitbucket, READ, USERS).await.status, 200);
    assert_eq!(read(&bitbucket, READ, USERS).await.status, 429);
}

#[tokio::test]
async fn tokens_are_made_with_a_password_and_shown_once() {
    let bitbucket = start(Profile::V9_4).await;
    bitbucket.world(|world| world.user("reader").password = Some(Secret::new("right")));
    let path = "/rest/access-tokens/1.0/users/reader";
    let basic = STANDARD.encode("reader:right");
    let headers = format!("authorization: Basic {basic}\r\n");
    let body = r#"{"name":"ci","permissions":["REPO_READ"],"expiryDays":2}"#;
    let made = send(&bitbucket, &format!("PUT {path}"), &headers, body).await;
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!((made.status, token.len()), (200, 44));
    let decoded = STANDARD.decode(&token).unwrap();
    assert!(decoded.starts_with(format!("{id}:").as_bytes()));
    assert_eq!(read(&bitbucket, &token, USERS).await.status, 200);

    let shown = send(&bitbucket, &format!("GET {path}/{id}"), &headers, "")
        .await
        .json();
    assert!(shown["token"].is_null() && shown["expiryDate"].is_i64());
    let bearer = format!("authorization: Bearer {token}\r\n");
    assert_eq!(
        send(&bitbucket, &format!("PUT {path}"), &bearer, body)
            .await
            .status,
        401
    );
    assert_eq!(
        send(&bitbucket, &format!("DELETE {path}/{id}"), &headers, "")
            .await
            .status,
        204
    );
    assert_eq!(exception(&read(&bitbucket, &token, USERS).await), BAD);
    let gone = send(&bitbucket, &format!("GET {path}/{id}"), &headers, "").await;
    assert_eq!((gone.status, exception(&gone).as_str()), (404, ""));
}

#[tokio::test]
async fn a_projects_token_reaches_that_project_only() {
    let bitbucket = start(Profile::V9_4).await;
    bitbucket.world(|world| {
        let id = world.project("PAY").id;
        world.repository("OPS", "deploy");
        world.add_token("service", Owner::Project(id), &[Permission::ProjectRead]);
        world.user("root").role = Role::Administrator;
    });
    let page = read(&bitbucket, "service", "/rest/api/1.0/repos")
        .await
        .json();
    assert_eq!(page["size"], 3);
    let path = "/rest/api/1.0/projects/OPS/repos/deploy";
    assert_eq!(read(&bitbucket, "service", path).await.status, 401);
    bitbucket.world(|world| world.settings.service_tokens_list_users = Switch::Off);
    assert_eq!(read(&bitbucket, "service", USERS).await.status, 401);
}
