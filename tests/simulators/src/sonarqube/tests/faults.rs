//! What goes wrong on demand, and how a person asks for it.

use std::time::{Duration, Instant};

use super::{
    super::{Caller, Effect, Fault, Outcome, Profile, Scripted, SonarQube},
    ADMIN, Answer, TOKEN, send, send_with, start,
};

const CREATE: &str = "POST /api/projects/create";

async fn create(sonarqube: &SonarQube, key: &str) -> Answer {
    send(sonarqube, CREATE, &format!("project={key}&name=x")).await
}

fn is_there(sonarqube: &SonarQube, key: &str) -> bool {
    sonarqube.world(|world| world.project(key).is_some())
}

#[tokio::test]
async fn a_fault_comes_before_or_after_the_deed() {
    let sonarqube = start(Profile::V25_1).await;
    let cases = [
        (Effect::Drop, 0, false),
        (Effect::CommitThenDrop, 0, true),
        (Effect::Truncate, 200, true),
        (Effect::Answer(Scripted::new(500, "{}")), 500, false),
        (
            Effect::CommitThenAnswer(Scripted::new(500, "{}")),
            500,
            true,
        ),
    ];
    for (number, (effect, status, done)) in cases.into_iter().enumerate() {
        let key = format!("p{number}");
        sonarqube.fault(Fault::at(CREATE).effect(effect).times(1));
        let answer = create(&sonarqube, &key).await;
        assert_eq!(answer.status, status, "{key}");
        assert_eq!(is_there(&sonarqube, &key), done, "{key}");
    }
    sonarqube.fault(Fault::at("/api/projects/*").answer(503, "<html>"));
    let answer = create(&sonarqube, "p9").await;
    assert_eq!((answer.status, answer.body.as_str()), (503, "<html>"));
    sonarqube.clear_faults();
    assert_eq!(create(&sonarqube, "p9").await.status, 200);
}

#[tokio::test]
async fn the_third_request_is_hit_when_two_faults_without_effect_come_before() {
    let sonarqube = start(Profile::V26_9).await;
    sonarqube.fault(Fault::at(CREATE).times(2));
    sonarqube.fault(Fault::at(CREATE).commit_then_answer(500, "{}").times(1));
    let mut reported = Vec::new();
    for key in ["a", "b", "c", "d"] {
        reported.push(create(&sonarqube, key).await.status);
        assert!(is_there(&sonarqube, key));
    }
    assert_eq!(reported, [200, 200, 500, 200]);
}

#[tokio::test]
async fn a_fault_hits_the_project_and_the_caller_that_it_names() {
    let sonarqube = start(Profile::V26_9).await;
    sonarqube.fault(Fault::at("*").with("project", "a").answer(500, "{}"));
    sonarqube.fault(Fault::at("*").with("projectKey", "a").answer(502, "{}"));
    let operator = Fault::at("*").caller(Caller::Bindery);
    sonarqube.fault(operator.answer(503, "{}"));
    assert_eq!(create(&sonarqube, "a").await.status, 500);
    assert_eq!(create(&sonarqube, "aa").await.status, 200);
    let branches = "GET /api/project_branches/list?project=a";
    assert_eq!(send(&sonarqube, branches, "").await.status, 500);
    assert_eq!(
        send(&sonarqube, &format!("{branches}a"), "").await.status,
        200
    );
    let bound = "PUT /api/v2/dop-translation/bound-projects";
    let json = "content-type: application/json\r\n";
    for (key, status) in [("a", 502), ("b", 400)] {
        let body = format!(r#"{{"projectKey":"{key}"}}"#);
        let answer = send_with(TOKEN, &sonarqube, (bound, json), &body).await;
        assert_eq!(answer.status, status, "{key}");
    }
    let ping = "GET /api/system/ping";
    let agent = "user-agent: bindery/0.1\r\n";
    let answer = send_with(TOKEN, &sonarqube, (ping, agent), "").await;
    assert_eq!(answer.status, 503);
    assert_eq!(
        sonarqube.calls().last().unwrap().headers["user-agent"],
        "bindery/0.1"
    );
    assert_eq!(send(&sonarqube, ping, "").await.status, 200);
}

#[tokio::test]
async fn a_server_goes_on_when_its_caller_has_left() {
    let sonarqube = start(Profile::V26_9).await;
    let while_away = Duration::from_millis(100);
    sonarqube.fault(Fault::at(CREATE).delay(while_away).times(1));
    sonarqube.fault(
        Fault::at(CREATE)
            .answer_delay(Duration::from_hours(1))
            .times(1),
    );
    for key in ["before", "after"] {
        let left = tokio::time::timeout(Duration::from_millis(20), create(&sonarqube, key)).await;
        assert!(left.is_err(), "{key} was answered at once");
        let begun = Instant::now();
        while !is_there(&sonarqube, key) {
            assert!(begun.elapsed() < Duration::from_secs(30), "{key}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let outcomes = sonarqube.calls().into_iter().map(|call| call.outcome);
    assert_eq!(outcomes.collect::<Vec<_>>(), [Outcome::Pending; 2]);
}

/// Sends a line to a server whose URL has a context path.
async fn at(sonarqube: &SonarQube, line: &str, body: &str) -> Answer {
    let url = sonarqube.url();
    let context = url.path().trim_end_matches('/');
    let line = line.replacen(" /", &format!(" {context}/"), 1);
    send(sonarqube, &line, body).await
}

async fn by_hand(context: &str) -> SonarQube {
    let sonarqube = SonarQube::start_live(Profile::V26_9, context, 0).await;
    let sonarqube = sonarqube.unwrap();
    sonarqube.world(|world| world.set_up(ADMIN, TOKEN));
    sonarqube
}

#[tokio::test]
async fn faults_and_calls_of_a_server_that_runs_by_hand_are_below_its_url() {
    for context in ["", "/sonarqube"] {
        let sonarqube = by_hand(context).await;
        let status = async || at(&sonarqube, "GET /api/system/status", "").await.status;
        let post = async |fault| at(&sonarqube, "POST /-/faults", fault).await.status;
        let fault = r#"{
            "at": "GET */system/status", "caller": "other", "delayMilliseconds": 1,
            "answerDelayMilliseconds": 1, "times": 1, "with": ["a", "b"],
            "effect": {"commit-then-answer": {"status": 418, "headers": [["retry-after", "7"]]}}
        }"#;
        assert_eq!(post(fault).await, 204);
        assert_eq!(status().await, 200);
        let hit = at(&sonarqube, "GET /api/system/status?a=b", "").await;
        assert_eq!(hit.status, 418);
        assert!(hit.head.contains("retry-after: 7"), "{}", hit.head);
        assert_eq!(post(r#"{"at": "*", "effect": "drop"}"#).await, 204);
        assert_eq!(status().await, 0);
        assert_eq!(at(&sonarqube, "DELETE /-/faults", "").await.status, 204);
        assert_eq!(status().await, 200);
        for unknown in [
            r#"{"at": "*", "nth": 3}"#,
            r#"{"at": "*", "effect": "dance"}"#,
        ] {
            assert_eq!(post(unknown).await, 400);
        }

        let calls = at(&sonarqube, "GET /-/calls", "").await.json();
        assert_eq!(calls[0]["operation"], "/api/system/status");
        assert!(!calls.to_string().contains("/-/"), "{calls}");
        assert_eq!(at(&sonarqube, "DELETE /-/calls", "").await.status, 204);
        assert_eq!(at(&sonarqube, "GET /-/calls", "").await.body, "[]");
        assert_eq!(at(&sonarqube, "GET /-/no-such", "").await.status, 404);
    }
    let sonarqube = start(Profile::V26_9).await;
    assert_ne!(send(&sonarqube, "GET /-/calls", "").await.body, "[]");
}

#[tokio::test]
async fn phase_and_day_of_a_server_that_runs_by_hand_are_set_below_its_url() {
    let sonarqube = by_hand("/sonarqube").await;
    let phase = async |word| at(&sonarqube, "POST /-/phase", word).await.status;
    let settings = async || {
        let line = "GET /api/v2/dop-translation/dop-settings";
        at(&sonarqube, line, "").await.status
    };
    assert_eq!(phase(r#""starting-unauthenticated""#).await, 204);
    assert_eq!(settings().await, 401);
    assert_eq!(phase(r#""away""#).await, 204);
    assert_eq!(settings().await, 0);
    assert_eq!(phase(r#""dancing""#).await, 400);
    assert_eq!(phase(r#""up""#).await, 204);
    assert_eq!(settings().await, 200);

    let form = "name=dated&expirationDate=2027-02-01";
    let made = at(&sonarqube, "POST /api/user_tokens/generate", form).await;
    let made = made.json();
    let token = made["token"].as_str().unwrap();
    let line = ("GET /sonarqube/api/users/current", "");
    assert_eq!(send_with(token, &sonarqube, line, "").await.status, 200);
    let today = async |day| at(&sonarqube, "POST /-/today", day).await.status;
    assert_eq!(today(r#""soon""#).await, 409);
    assert_eq!(today(r#""2027-02-01""#).await, 204);
    assert_eq!(send_with(token, &sonarqube, line, "").await.status, 401);
}
