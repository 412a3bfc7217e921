//! What the comparison with real servers (the operator's contract tests) cannot show: faults, phases, the log,
//! editions, pull requests.

mod editions;
mod faults;
mod phases;
mod pull_requests;

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{Credential, Outcome, Profile, SonarQube};

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

async fn send_as(token: &str, sonarqube: &SonarQube, line: &str, form: &str) -> Answer {
    let kind = "content-type: application/x-www-form-urlencoded\r\n";
    send_with(token, sonarqube, (line, kind), form).await
}

/// As a user name without a password: every version accepts tokens so. Headers come with their line ends.
async fn send_with(
    token: &str,
    sonarqube: &SonarQube,
    (line, headers): (&str, &str),
    body: &str,
) -> Answer {
    let credential = STANDARD.encode(format!("{token}:"));
    let url = sonarqube.url();
    let address = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let request = format!(
        "{line} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\nauthorization: Basic {credential}\r\n\
         {headers}content-length: {}\r\n\r\n{body}",
        body.len(),
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
        Credential::Token("bindery/servers".to_owned())
    );
    assert_eq!(calls[0].outcome, Outcome::Status(200));
    assert!(!format!("{calls:?}").contains(TOKEN));
    let world = sonarqube.world(|world| format!("{world:?}"));
    assert!(!world.contains(TOKEN), "{world}");
}

#[tokio::test]
async fn the_expiry_date_of_a_token_is_in_every_answer() {
    let sonarqube = start(Profile::V26_9).await;
    let expiry = "sonarqube-authentication-token-expiration: 2027-12-31T00:00:00+0000";
    let plain = send(&sonarqube, "GET /api/system/ping", "").await;
    assert!(!plain.head.contains("expiration"), "{}", plain.head);
    sonarqube.world(|world| {
        world.user("bindery").tokens[0].expires = Some("2027-12-31".to_owned());
    });
    for line in ["GET /api/system/ping", "POST /api/projects/create"] {
        let answer = send(&sonarqube, line, "").await;
        assert!(answer.head.contains(expiry), "{}", answer.head);
    }
}

#[tokio::test]
async fn a_token_ends_on_its_day() {
    for (profile, expires) in [
        (Profile::V26_9, true),
        (Profile::V9_9, true),
        (Profile::V8_9, false),
    ] {
        let sonarqube = start(profile).await;
        let generate = "POST /api/user_tokens/generate";
        let form = "name=dated&expirationDate=2027-01-16";
        let made = send_as(ADMIN, &sonarqube, generate, form).await.json();
        let token = made["token"].as_str().unwrap();
        let status = async || {
            let user = send_as(token, &sonarqube, "GET /api/users/current", "").await;
            user.status
        };
        let listed = async || {
            let search = "GET /api/user_tokens/search";
            let tokens = send_as(ADMIN, &sonarqube, search, "").await.json();
            tokens["userTokens"][0]["isExpired"].clone()
        };
        assert_eq!(status().await, 200);
        assert_eq!(listed().await.as_bool(), expires.then_some(false));
        sonarqube.world(|world| world.today = "2027-01-16".to_owned());
        assert_eq!(status().await, if expires { 401 } else { 200 });
        assert_eq!(listed().await.as_bool(), expires.then_some(true));
        let valid = send_as(token, &sonarqube, "GET /api/authentication/validate", "").await;
        assert_eq!(valid.json()["valid"], !expires);
        let again = send_as(ADMIN, &sonarqube, generate, &form.replace("dated", "late")).await;
        assert_eq!(again.status, if expires { 400 } else { 200 });
        assert_eq!(
            again.body.contains("is 2027-01-17."),
            expires,
            "{}",
            again.body
        );
    }
}
