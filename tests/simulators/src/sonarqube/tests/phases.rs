//! How a server starts, and where it lies. The operator's tests hold the phases of a restart to a real server's.

use std::time::{Duration, Instant};

use super::{
    super::{Phase, Profile, SonarQube, Visibility},
    ADMIN, TOKEN, send, send_as, start,
};

const V1: &str = "GET /api/users/current";
const PING: &str = "GET /api/system/ping";
const LIST: &str = "GET /api/alm_settings/list";
const V2: &str = "GET /api/v2/dop-translation/dop-settings";

/// What `system/status` says; `nobody` where there is no answer.
async fn status(sonarqube: &SonarQube) -> String {
    let answer = send(sonarqube, "GET /api/system/status", "").await;
    let status = answer.json()["status"].as_str().map(str::to_owned);
    status.unwrap_or_else(|| "nobody".to_owned())
}

/// Status and body of an answer.
async fn reported(sonarqube: &SonarQube, token: &str, line: &str) -> String {
    let answer = send_as(token, sonarqube, line, "").await;
    format!("{} {}", answer.status, answer.body)
}

/// Neither of the two APIs is there.
#[tokio::test]
async fn a_server_that_starts_or_migrates_has_no_calls() {
    let sonarqube = start(Profile::V26_9).await;
    for (phase, status) in [
        (Phase::Starting, "STARTING"),
        (Phase::MigrationNeeded, "DB_MIGRATION_NEEDED"),
        (Phase::MigrationRunning, "DB_MIGRATION_RUNNING"),
        (Phase::MigrationFailed, "DOWN"),
    ] {
        sonarqube.world(|world| world.hold(phase));
        assert_eq!(self::status(&sonarqube).await, status);
        for token in [TOKEN, "squ_nobody"] {
            for (line, answer) in [
                (
                    V1,
                    r#"404 {"errors":[{"msg":"Unknown url : /api/users/current"}]}"#,
                ),
                (
                    PING,
                    r#"404 {"errors":[{"msg":"Unknown url : /api/system/ping"}]}"#,
                ),
                (V2, r#"404 {"message":"Resource not found."}"#),
            ] {
                let reported = reported(&sonarqube, token, line).await;
                assert_eq!(reported, answer, "{phase:?} {token}");
            }
        }
    }
    sonarqube.world(|world| world.hold(Phase::Away));
    assert_eq!(status(&sonarqube).await, "nobody");
    assert_eq!(reported(&sonarqube, TOKEN, V1).await, "0 ");
}

/// The second API comes before the first one, and both before any user is known.
#[tokio::test]
async fn a_server_that_has_nearly_started_accepts_no_token() {
    let nobody = r#"401 {"errors":[{"msg":"User is not authenticated"}]}"#;
    let sonarqube = start(Profile::V26_9).await;
    sonarqube.world(|world| {
        world.create_project("p", "P", Visibility::Private, "main");
    });
    let binding = |key: &str| format!("GET /api/alm_settings/get_binding?project={key}");
    for token in [TOKEN, "squ_nobody"] {
        for phase in [Phase::StartingSecondApi, Phase::StartingUnauthenticated] {
            sonarqube.world(|world| world.hold(phase));
            assert_eq!(status(&sonarqube).await, "STARTING");
            let v2 = reported(&sonarqube, token, V2).await;
            assert_eq!(v2, r#"401 {"message":"User is not authenticated"}"#);
        }
        for line in [V1, LIST, &binding("p"), "POST /api/user_tokens/generate"] {
            assert_eq!(reported(&sonarqube, token, line).await, nobody, "{line}");
        }
        assert_eq!(reported(&sonarqube, token, PING).await, "200 pong");
        let missing = reported(&sonarqube, token, &binding("nope")).await;
        assert!(missing.contains("Project 'nope' not found"), "{missing}");
        sonarqube.world(|world| world.hold(Phase::StartingSecondApi));
        let v1 = reported(&sonarqube, token, V1).await;
        assert!(v1.starts_with("404 "), "{v1}");
    }
    sonarqube.world(|world| world.hold(Phase::Up));
    assert_eq!(status(&sonarqube).await, "UP");
    assert!(reported(&sonarqube, TOKEN, V1).await.starts_with("200 "));
    for line in [V1, V2, PING] {
        assert_eq!(reported(&sonarqube, "squ_nobody", line).await, "401 ");
    }
}

#[tokio::test]
async fn a_restart_goes_away_and_comes_back_by_itself() {
    let sonarqube = start(Profile::V26_9).await;
    sonarqube.world(|world| world.restart_step = Duration::from_millis(300));
    let restart = "POST /api/system/restart";
    assert!(
        reported(&sonarqube, TOKEN, restart)
            .await
            .starts_with("200 ")
    );
    sonarqube.world(|world| world.hold(Phase::Up));
    assert_eq!(reported(&sonarqube, "squ_nobody", restart).await, "401 ");
    assert_eq!(status(&sonarqube).await, "UP", "only who may restarts");

    assert_eq!(reported(&sonarqube, ADMIN, restart).await, "200 ");
    let begun = Instant::now();
    let mut reported = Vec::new();
    while reported.last().is_none_or(|last| last != "UP") {
        let next = status(&sonarqube).await;
        if reported.last() != Some(&next) {
            reported.push(next);
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{reported:?}");
    }
    // The moment before it goes is short, and may be missed.
    reported.retain(|phase| phase != "RESTARTING");
    assert_eq!(reported, ["nobody", "STARTING", "UP"]);
}

#[tokio::test]
async fn outside_of_its_context_path_there_is_no_sonarqube() {
    let sonarqube = SonarQube::start_under(Profile::V26_9, "/sonarqube")
        .await
        .unwrap();
    sonarqube.world(|world| world.set_up(ADMIN, TOKEN));
    assert!(sonarqube.url().as_str().ends_with("/sonarqube"));
    for path in [
        "/api/users/current",
        "/sonarqubes/api/users/current",
        "/other/api/users/current",
        "/sonarqube-api/users/current",
        "/",
    ] {
        let reported = reported(&sonarqube, TOKEN, &format!("GET {path}")).await;
        assert!(
            reported.starts_with("404 <!doctype html>"),
            "{path}: {reported}"
        );
    }
    let line = "GET /sonarqube/api/users/current";
    assert!(reported(&sonarqube, TOKEN, line).await.starts_with("200 "));
    let unknown = r#"404 {"errors":[{"msg":"Unknown url : /api/no/such"}]}"#;
    let line = "GET /sonarqube/api/no/such";
    assert_eq!(reported(&sonarqube, TOKEN, line).await, unknown);
    let operations = sonarqube.calls();
    let known: Vec<_> = operations
        .iter()
        .map(|call| call.operation)
        .filter(|operation| *operation != "unknown")
        .collect();
    assert_eq!(known, ["/api/users/current"]);
}
