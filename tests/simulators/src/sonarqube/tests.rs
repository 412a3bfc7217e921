//! What the comparison with real servers (the operator's contract tests) cannot show: faults, phases, the log,
//! editions, pull requests.

mod editions;
mod pull_requests;

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{Credential, Effect, Fault, Outcome, Phase, Profile, SonarQube};

const TOKEN: &str = "squ_operator-77ab";
const ADMIN: &str = "squ_admin-1f4e";

/// Status, head and body of an answer; status 0 where there was none.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

async fn start(profile: Profile) -> SonarQube {
    let sonarqube = SonarQube::start(profile).await.unwrap();
    sonarqube.world(|world| {
        world.set_up(ADMIN, TOKEN);
        world.restart_step = Duration::from_millis(50);
    });
    sonarqube
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

async fn send(sonarqube: &SonarQube, line: &str, form: &str) -> Answer {
    send_as(TOKEN, sonarqube, line, form).await
}

/// As a user name without a password: every version takes tokens in that way.
async fn send_as(token: &str, sonarqube: &SonarQube, line: &str, form: &str) -> Answer {
    let credential = STANDARD.encode(format!("{token}:"));
    let url = sonarqube.url();
    let address = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let request = format!(
        "{line} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\nauthorization: Basic {credential}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len(),
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // A reset after the last byte is what some faults are about.
    let _ended = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
    Answer {
        status: status.unwrap_or(0),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

async fn phase(sonarqube: &SonarQube) -> String {
    let answer = send(sonarqube, "GET /api/system/status", "").await;
    answer.json()["status"]
        .as_str()
        .unwrap_or("nobody")
        .to_owned()
}

#[tokio::test]
async fn a_starting_server_lies_in_the_order_of_the_real_one() {
    let sonarqube = start(Profile::V26_9).await;
    let mut told = Vec::new();
    for phase in [
        Phase::Starting,
        Phase::StartingUnauthenticated,
        Phase::MigrationNeeded,
        Phase::Up,
    ] {
        sonarqube.world(|world| world.hold(phase));
        let status = self::phase(&sonarqube).await;
        let user = send(&sonarqube, "GET /api/users/current", "").await;
        told.push(format!("{status} {}", user.status));
        if phase == Phase::Starting {
            assert!(user.body.contains("Unknown url : /api/users/current"));
        }
    }
    let expected = [
        "STARTING 404",
        "STARTING 401",
        "DB_MIGRATION_NEEDED 404",
        "UP 200",
    ];
    assert_eq!(told, expected);
    sonarqube.world(|world| world.hold(Phase::Down));
    assert_eq!(phase(&sonarqube).await, "nobody");
}

#[tokio::test]
async fn a_restart_goes_down_and_comes_up_by_itself() {
    let sonarqube = start(Profile::V26_9).await;
    assert_eq!(
        send(&sonarqube, "POST /api/system/restart", "")
            .await
            .status,
        204
    );
    let mut told = vec![phase(&sonarqube).await];
    while told.last().is_none_or(|last| last != "UP") {
        let next = phase(&sonarqube).await;
        if told.last() != Some(&next) {
            told.push(next);
        }
    }
    let mut expected = ["RESTARTING", "nobody", "STARTING", "UP"].iter();
    assert!(
        told.iter().all(|phase| expected.any(|it| it == phase)),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_fault_comes_before_or_after_the_deed() {
    let sonarqube = start(Profile::V25_1).await;
    let create = "POST /api/projects/create";
    let cases = [
        (Effect::Drop, 0, false),
        (Effect::CommitThenDrop, 0, true),
        (Effect::Truncate, 200, true),
    ];
    for (number, (effect, status, done)) in cases.into_iter().enumerate() {
        let key = format!("p{number}");
        sonarqube.fault(Fault::at(create).effect(effect).times(1));
        let answer = send(&sonarqube, create, &format!("project={key}&name=x")).await;
        assert_eq!(answer.status, status, "{key}");
        assert_eq!(
            sonarqube.world(|world| world.project(&key).is_some()),
            done,
            "{key}"
        );
    }
    sonarqube.fault(Fault::at("/api/projects/*").answer(503, "<html>"));
    let answer = send(&sonarqube, create, "project=p9&name=x").await;
    assert_eq!((answer.status, answer.body.as_str()), (503, "<html>"));
    sonarqube.clear_faults();
    assert_eq!(
        send(&sonarqube, create, "project=p9&name=x").await.status,
        200
    );
}

#[tokio::test]
async fn the_log_names_tokens_and_never_shows_them() {
    let sonarqube = start(Profile::V26_9).await;
    send(
        &sonarqube,
        &format!("GET /api/settings/values?keys={TOKEN}"),
        "",
    )
    .await;
    let calls = sonarqube.calls();
    assert_eq!(calls[0].operation, "/api/settings/values");
    assert_eq!(
        calls[0].credential,
        Credential::Token("bindery/parts".to_owned())
    );
    assert_eq!(calls[0].outcome, Outcome::Status(200));
    assert!(!format!("{calls:?}").contains(TOKEN));
    let world = sonarqube.world(|world| format!("{world:?}"));
    assert!(!world.contains(TOKEN), "{world}");
}

#[tokio::test]
async fn the_day_on_which_a_token_ends_stands_in_every_answer() {
    let sonarqube = start(Profile::V26_9).await;
    let expiry = "sonarqube-authentication-token-expiration: 2026-12-31T00:00:00+0000";
    let plain = send(&sonarqube, "GET /api/system/ping", "").await;
    assert!(!plain.head.contains("expiration"), "{}", plain.head);
    sonarqube.world(|world| {
        world.user("bindery").tokens[0].expires = Some("2026-12-31".to_owned());
    });
    for line in ["GET /api/system/ping", "POST /api/projects/create"] {
        let answer = send(&sonarqube, line, "").await;
        assert!(answer.head.contains(expiry), "{}", answer.head);
    }
}
