//! What the one transport promises, on the wire.

use std::error::Error as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bindery::http::{
    Authorization, BodyKind, Budgets, Call, Failure, HostPolicy, Operation, Options, Outcome,
    Problem, Recorder, Refusal, Token, Transport,
};
use bindery::identity::ServerUrl;

use simulators::bitbucket::{Bitbucket, Fault, Profile};

use super::scripted::{CANARY, Scripted, answer, canary, loopback};

const READ: Operation = Operation::get("api/read");
const WRITE: Operation = Operation::post("api/write");

async fn read(transport: &Transport) -> Result<serde_json::Value, Failure> {
    let authorization = Authorization::Bearer(canary());
    let call = Call::new(READ).authorized(&authorization);
    transport.send(call).await?.json()
}

fn shown(failure: &Failure) -> String {
    let mut text = format!("{failure} {failure:?}");
    let mut source = failure.source();
    while let Some(cause) = source {
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[tokio::test]
async fn a_call_carries_its_token_in_the_header_or_the_form_and_nowhere_else() {
    let server = Scripted::saying(&[answer("200 OK", "", "{}")]);
    let token = canary();
    let authorization = Authorization::Basic(token.clone());
    let call = Call::new(WRITE)
        .field("key", "a&b")
        .secret("pat", &token)
        .authorized(&authorization);
    server.transport().send(call).await.unwrap();
    let request = server.requests().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    // A user without a password: `base64` of the token and a colon.
    let credentials = "\r\nauthorization: Basic c3F1X2NhbmFyeS8wMTIzNDU2Nzg5K2FiY2RlZjo=\r\n";
    assert_eq!(head.matches(credentials).count(), 1, "{head}");
    assert_eq!(head.matches("authorization").count(), 1, "{head}");
    assert!(!head.contains(CANARY) && !head.contains("canary"), "{head}");
    assert!(
        request.starts_with("POST /api/write HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(request.contains("user-agent: bindery/"), "{request}");
    assert!(
        request.contains("content-type: application/x-www-form-urlencoded"),
        "{request}"
    );
    assert_eq!(body, "key=a%26b&pat=squ_canary%2F0123456789%2Babcdef");

    let server = Scripted::saying(&[answer("200 OK", "", "{}")]);
    read(&server.transport()).await.unwrap();
    let request = server.requests().remove(0);
    let credentials = format!("\r\nauthorization: Bearer {CANARY}\r\n");
    assert_eq!(request.matches(&credentials).count(), 1, "{request}");
    assert_eq!(request.matches(CANARY).count(), 1, "{request}");

    let server = Scripted::saying(&[answer("200 OK", "", "{}")]);
    server.transport().send(Call::new(READ)).await.unwrap();
    let request = server.requests().remove(0).to_lowercase();
    assert!(!request.contains("authorization"), "{request}");
}

#[tokio::test]
async fn a_redirect_is_reported_and_not_followed() {
    let target = Scripted::saying(&[answer("200 OK", "", "{}")]);
    let location = format!(
        "Location: http://127.0.0.1:{}/login?next={CANARY}\r\n",
        target.port()
    );
    let server = Scripted::saying(&[answer("302 Found", &location, "")]);
    let failure = read(&server.transport()).await.unwrap_err();
    let Problem::Redirected {
        status: 302,
        location: Some(location),
    } = &failure.problem
    else {
        panic!("{failure:?}");
    };
    assert_eq!(*location, format!("127.0.0.1:{}/login", target.port()));
    assert!(target.requests().is_empty());
    assert!(!failure.is_transient());
}

#[tokio::test]
async fn no_answer_in_time_is_a_timeout() {
    let server = Scripted::saying(&[String::new()]);
    let options = Options {
        timeout: Duration::from_millis(50),
        ..loopback()
    };
    let failure = read(&Transport::new(server.url(), options).unwrap())
        .await
        .unwrap_err();
    assert!(
        matches!(failure.problem, Problem::Timeout { .. }),
        "{failure:?}"
    );
    assert!(failure.is_transient());
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_no_answer() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a\":".to_owned();
    let server = Scripted::saying(&[cut]);
    let failure = read(&server.transport()).await.unwrap_err();
    assert!(
        matches!(failure.problem, Problem::Interrupted),
        "{failure:?}"
    );
    assert!(failure.is_transient());
    assert!(!failure.problem.was_never_sent());
}

#[tokio::test]
async fn a_body_is_read_up_to_eight_mebibytes() {
    let body = |size: usize| answer("200 OK", "", &format!("\"{}\"", "x".repeat(size - 2)));
    let limit = 8 * 1024 * 1024;
    let server = Scripted::saying(&[body(limit), body(limit + 1)]);
    assert!(read(&server.transport()).await.is_ok());
    let failure = read(&server.transport()).await.unwrap_err();
    assert!(
        matches!(failure.problem, Problem::BodyTooLarge),
        "{failure:?}"
    );
}

/// Promise: the limit counts what an answer becomes, not what was sent: a few bytes cannot fill our memory.
#[tokio::test]
async fn a_compressed_body_is_read_up_to_eight_mebibytes() {
    let bitbucket = Bitbucket::start(Profile::V9_4).await.unwrap();
    let url = ServerUrl::parse(bitbucket.url().as_str()).unwrap();
    let transport = Transport::new(url, loopback()).unwrap();
    let limit = 8 * 1024 * 1024;
    for (size, is_read) in [(limit, true), (limit + 1, false)] {
        bitbucket.clear_faults();
        let body = format!("\"{}\"", "x".repeat(size - 2));
        bitbucket.fault(Fault::at("*").answer(200, &body));
        let answer = read(&transport).await;
        let is_refused = |failure: &Failure| matches!(failure.problem, Problem::BodyTooLarge);
        assert_eq!(answer.is_ok(), is_read, "{size}");
        assert!(
            answer.is_ok() || answer.is_err_and(|failure| is_refused(&failure)),
            "{size}"
        );
    }
}

/// Promise: listings are asked for in compressed form.
#[tokio::test]
async fn compressed_answers_are_asked_for() {
    let server = Scripted::saying(&[answer("200 OK", "", "{}")]);
    read(&server.transport()).await.unwrap();
    let request = server.requests().remove(0);
    assert!(
        request.contains("\r\naccept-encoding: gzip\r\n"),
        "{request}"
    );
}

#[tokio::test]
async fn an_answer_that_is_not_json_is_described() {
    for (body, kind) in [
        ("", BodyKind::Empty),
        ("  <!doctype html><html>login</html>", BodyKind::Html),
        ("Service starting", BodyKind::Text),
        ("{\"a\": [1,", BodyKind::TruncatedJson),
    ] {
        let server = Scripted::saying(&[answer("200 OK", "", body)]);
        let failure = read(&server.transport()).await.unwrap_err();
        let found = matches!(failure.problem, Problem::UnexpectedBody { found } if found == kind);
        assert!(found, "{body:?}: {failure:?}");
    }
}

#[tokio::test]
async fn a_host_that_may_not_be_called_never_is() {
    let server = Scripted::saying(&[answer("200 OK", "", "{}")]);
    let forbidden = Options {
        hosts: HostPolicy::default(),
        ..loopback()
    };
    let by_address = Transport::new(server.url(), forbidden.clone());
    assert!(
        matches!(by_address, Err(Refusal::Host(_))),
        "{by_address:?}"
    );

    // The name says nothing: only its address does, when the connection is made.
    let named = ServerUrl::parse(&format!("http://localhost:{}", server.port())).unwrap();
    let failure = read(&Transport::new(named.clone(), forbidden).unwrap())
        .await
        .unwrap_err();
    assert!(
        matches!(failure.problem, Problem::HostRefused(_)),
        "{failure:?}"
    );
    assert!(!failure.is_transient());
    assert!(server.requests().is_empty());

    let list = format!("localhost:{}", server.port());
    let allowed = Options {
        hosts: HostPolicy::parse(&list).unwrap(),
        ..loopback()
    };
    assert!(read(&Transport::new(named, allowed).unwrap()).await.is_ok());
}

#[tokio::test]
async fn a_call_without_answer_reports_the_cause() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = ServerUrl::parse(&format!("http://{closed}")).unwrap();
    let failure = read(&Transport::new(url, loopback()).unwrap())
        .await
        .unwrap_err();
    let refused =
        matches!(&failure.problem, Problem::Connect { cause } if cause == "connection refused");
    assert!(refused, "{failure:?}");
    assert!(failure.problem.was_never_sent());

    let url = ServerUrl::parse("http://no-such-host.invalid").unwrap();
    let options = Options {
        hosts: HostPolicy::default(),
        ..loopback()
    };
    let failure = read(&Transport::new(url, options).unwrap())
        .await
        .unwrap_err();
    assert!(matches!(failure.problem, Problem::Dns), "{failure:?}");
    assert!(failure.problem.was_never_sent());
}

#[tokio::test]
async fn a_server_without_tls_is_not_trusted() {
    let server = Scripted::saying(&[answer("400 Bad Request", "", "")]);
    let url = ServerUrl::parse(&format!("https://127.0.0.1:{}", server.port())).unwrap();
    let options = Options {
        timeout: Duration::from_secs(5),
        ..loopback()
    };
    let failure = read(&Transport::new(url, options).unwrap())
        .await
        .unwrap_err();
    assert!(
        matches!(failure.problem, Problem::Tls { .. }),
        "{failure:?}"
    );
    assert!(failure.problem.was_never_sent());
}

#[test]
fn plain_http_is_refused_unless_allowed() {
    let url = ServerUrl::parse("http://sq.example.com").unwrap();
    let refused = Transport::new(url, Options::default());
    assert!(matches!(refused, Err(Refusal::InsecureUrl)), "{refused:?}");
}

#[tokio::test]
async fn no_error_shows_a_token_that_a_server_gives_back() {
    let echo = format!("you sent {CANARY} and Basic c3F1X2NhbmFyeS8wMTIzNDU2Nzg5K2FiY2RlZjo=");
    for status in [
        "400 Bad Request",
        "500 Internal Server Error",
        "503 Service Unavailable",
    ] {
        let server = Scripted::saying(&[answer(status, "Retry-After: 7\r\n", &echo)]);
        let authorization = Authorization::Basic(canary());
        let call = Call::new(READ).authorized(&authorization);
        let failure = server.transport().send(call).await.unwrap().unwanted();
        assert_eq!(failure.retry_after(), Some(Duration::from_secs(7)));
        let text = shown(&failure);
        assert!(text.contains("you sent ***"), "{text}");
        assert!(
            !text.contains("canary") && !text.contains("c3F1X2Nh"),
            "{text}"
        );
    }
}

#[derive(Debug, Default)]
struct Recorded(Mutex<Vec<(String, Outcome)>>);

impl Recorder for Recorded {
    fn record(&self, system: &'static str, operation: Operation, outcome: Outcome, _: Duration) {
        self.0
            .lock()
            .unwrap()
            .push((format!("{system} {operation}"), outcome));
    }
}

#[tokio::test]
async fn every_call_is_recorded_with_its_outcome() {
    let recorded = Arc::new(Recorded::default());
    let options = || Options {
        system: "test",
        recorder: recorded.clone(),
        ..loopback()
    };
    let server = Scripted::saying(&[answer("404 Not Found", "", "")]);
    let _ = read(&Transport::new(server.url(), options()).unwrap()).await;
    let closed = ServerUrl::parse("http://127.0.0.1:1").unwrap();
    let _ = read(&Transport::new(closed, options()).unwrap()).await;
    let name = "test GET api/read".to_owned();
    assert_eq!(
        *recorded.0.lock().unwrap(),
        [
            (name.clone(), Outcome::Status(404)),
            (name, Outcome::Failed("connect"))
        ]
    );
}

/// Promise: a server cannot silence us for a day, and one whose wish cannot be read is not left alone for long.
#[tokio::test]
async fn a_wish_to_be_left_alone_is_kept_by_all_transports_and_capped() {
    let fine = answer("200 OK", "", "{}");
    for (header, longest) in [
        ("Retry-After: 86400\r\n", Some(15 * 60)),
        ("Retry-After: 99999999999999999999999\r\n", Some(15 * 60)),
        ("Retry-After: 60\r\n", Some(60)),
        ("Retry-After: soon\r\n", None),
        ("Retry-After: -5\r\n", None),
        (
            "Date: Sun, 22 Nov 2026 10:00:00 GMT\r\nRetry-After: Sun, 22 Nov 2026 09:00:00 GMT\r\n",
            None,
        ),
    ] {
        let busy = answer("429 Too Many Requests", header, "");
        let server = Scripted::saying(&[busy, fine.clone()]);
        let budgets = Budgets::default();
        let transport = || {
            let options = Options {
                budgets: budgets.clone(),
                ..loopback()
            };
            let transport = Transport::new(server.url(), options).unwrap();
            transport.for_token(&canary())
        };
        // Before the first is dropped: a budget lives as long as it is used.
        let (first, other) = (transport(), transport());
        let _ = read(&first).await;
        let next = read(&other).await;
        let Some(longest) = longest else {
            assert!(next.is_ok(), "{header}: {next:?}");
            continue;
        };
        let failure = next.unwrap_err();
        let reported = failure.retry_after().unwrap();
        assert!(
            reported <= Duration::from_secs(longest),
            "{header}: {reported:?}"
        );
        assert!(
            reported > Duration::from_secs(longest - 30),
            "{header}: {reported:?}"
        );
        assert!(failure.is_transient() && failure.problem.was_never_sent());
        assert_eq!(server.requests().len(), 1, "{header}");
        // Another token has a budget of its own.
        let stranger = Token::parse(b"another-token").unwrap();
        assert!(read(&transport().for_token(&stranger)).await.is_ok());
    }
}
