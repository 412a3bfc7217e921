//! What goes wrong on demand, and what the log keeps of it.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{
    super::{
        Bitbucket, Caller, Change, Credential, DEMO, Effect, Fault, Outcome, Profile, Right,
        SIGN_ON_PAGE, WorldError,
    },
    client::{READ, WRITE, read, send, start},
};

const REPOS: &str = "/rest/api/1.0/repos";

#[tokio::test]
async fn a_fault_hits_as_often_as_it_should() {
    let bitbucket = start(Profile::V9_4).await;
    bitbucket.fault(Fault::at("repositories").answer(200, SIGN_ON_PAGE).times(2));
    for _ in 0..2 {
        let answer = read(&bitbucket, READ, REPOS).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, SIGN_ON_PAGE));
        assert_eq!(
            answer.header("content-type"),
            Some("text/html;charset=UTF-8")
        );
    }
    assert_eq!(read(&bitbucket, READ, REPOS).await.json()["size"], 3);
}

#[tokio::test]
async fn a_fault_hits_the_path_method_caller_and_token_that_it_names() {
    let bitbucket = start(Profile::V9_4).await;
    let id = bitbucket.world(|world| world.token("third", "reader", &[]).id.clone());
    bitbucket.fault(
        Fault::at("GET /rest/*/repos")
            .answer(500, "{}")
            .token_id(&id),
    );
    bitbucket.fault(
        Fault::at("/rest/*")
            .answer(502, "<html>")
            .caller(Caller::SonarQube),
    );
    bitbucket.fault(Fault::at("POST *").answer(503, ""));
    assert_eq!(read(&bitbucket, "third", REPOS).await.status, 500);
    assert_eq!(read(&bitbucket, READ, REPOS).await.status, 200);
    let headers = format!("authorization: Bearer {READ}\r\nuser-agent: SonarQube/26.9\r\n");
    assert_eq!(
        send(&bitbucket, &format!("GET {REPOS}"), &headers, "")
            .await
            .status,
        502
    );
    bitbucket.clear_faults();
    assert_eq!(
        send(&bitbucket, &format!("GET {REPOS}"), &headers, "")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_dropped_request_does_nothing_and_a_committed_one_does_it_unanswered() {
    let bitbucket = start(Profile::V9_4).await;
    bitbucket.world(|world| world.grant_project("writer", "PAY", Right::Admin));
    bitbucket.world(|world| {
        world.token("admin", "writer", &[super::super::Permission::ProjectAdmin]);
    });
    bitbucket.fault(Fault::at("delete-repository").effect(Effect::Drop).times(1));
    bitbucket.fault(
        Fault::at("delete-repository")
            .effect(Effect::CommitThenDrop)
            .times(1),
    );
    let line = "DELETE /rest/api/1.0/projects/PAY/repos/ledger";
    for left in [3, 2] {
        let answer = send(&bitbucket, line, "authorization: Bearer admin\r\n", "").await;
        assert_eq!(
            (answer.status, answer.head.as_str()),
            (0, ""),
            "not a byte comes back"
        );
        assert_eq!(read(&bitbucket, READ, REPOS).await.json()["size"], left);
    }
    let ends: Vec<_> = bitbucket.calls().iter().map(|call| call.outcome).collect();
    let (lost, done) = (Outcome::Dropped, Outcome::Status(200));
    assert_eq!(ends, [lost, done, lost, done]);
}

#[tokio::test]
async fn a_truncated_answer_starts_well_and_breaks_off() {
    let bitbucket = start(Profile::V9_4).await;
    let whole = read(&bitbucket, READ, REPOS).await.body;
    bitbucket.fault(Fault::at("repositories").effect(Effect::Truncate));
    let answer = read(&bitbucket, READ, REPOS).await;
    assert_eq!(answer.status, 200);
    let half = answer.body.lines().nth(1).unwrap();
    assert!(
        whole.starts_with(half) && half.len() == whole.len() / 2,
        "{half}"
    );
    assert!(
        !answer.body.ends_with("0\r\n\r\n"),
        "the end of the body is missing"
    );
}

#[tokio::test]
async fn a_slow_route_is_in_the_log_before_it_answers() {
    let bitbucket = start(Profile::V9_4).await;
    let endless = std::time::Duration::from_hours(1);
    bitbucket.fault(Fault::at("users").delay(endless).times(1));
    let slow = read(&bitbucket, READ, "/rest/api/1.0/users");
    let logged = async {
        while bitbucket.calls().is_empty() {
            tokio::task::yield_now().await;
        }
        bitbucket.calls()[0].outcome
    };
    tokio::select! {
        _ = slow => panic!("answered before its time"),
        outcome = logged => assert_eq!(outcome, Outcome::Pending),
    }
}

#[tokio::test]
async fn the_log_distinguishes_callers_and_has_no_token() {
    let bitbucket = start(Profile::V9_4).await;
    let id = bitbucket.world(|world| world.token(READ, "reader", &[]).id.clone());
    let agents = [
        "okhttp/4.12.0",
        "SonarQube/26.9.0.129388",
        "bindery/0.1.0",
        "curl/8",
    ];
    for agent in agents {
        let headers = format!("authorization: Bearer {READ}\r\nuser-agent: {agent}\r\n");
        send(
            &bitbucket,
            &format!("GET {REPOS}?name={WRITE}"),
            &headers,
            "",
        )
        .await;
    }
    read(&bitbucket, "never-heard-of", "/rest/api/1.0/nope").await;
    let calls = bitbucket.calls();
    assert_eq!(calls[0].credential, Credential::Token(id));
    assert_eq!(
        (calls[4].operation, &calls[4].credential),
        ("unknown", &Credential::Unknown)
    );
    let shown = format!("{calls:?} {}", serde_json::to_string(&calls).unwrap());
    for secret in [READ, WRITE, "never-heard-of"] {
        assert!(!shown.contains(secret), "{shown}");
        let state = bitbucket.world(|world| format!("{world:?}"));
        assert!(!state.contains(secret), "{state}");
    }
    let counts = bitbucket.counts();
    assert_eq!(counts[&(Caller::SonarQube, "repositories")], 2);
    assert_eq!(counts[&(Caller::Bindery, "repositories")], 1);
    bitbucket.clear_calls();
    assert!(bitbucket.calls().is_empty());
}

#[tokio::test]
async fn a_world_that_runs_by_hand_is_changed_over_the_control_path() {
    let bitbucket = Bitbucket::start_live(Profile::V9_4, "", 0).await.unwrap();
    let post = async |path: &str, body: &str| {
        send(&bitbucket, &format!("POST /-/{path}"), "", body)
            .await
            .status
    };
    assert_eq!(post("changes", DEMO).await, 204);
    let grant = r#"[
        { "do": "token", "user": "reader", "token": "given", "permissions": ["REPO_READ"] },
        { "do": "grant", "user": "reader", "project": "PAY", "right": "read" }
    ]"#;
    assert_eq!(post("changes", grant).await, 204);
    assert_eq!(read(&bitbucket, "given", REPOS).await.json()["size"], 3);
    let rename = r#"{ "do": "rename-repository", "project": "PAY", "repository": "ledger", "name": "book" }"#;
    assert_eq!(post("changes", rename).await, 204);
    assert_eq!(post("changes", rename).await, 409);
    assert_eq!(post("changes", r#"{ "do": "dance" }"#).await, 400);
    assert_eq!(
        post("faults", r#"{ "at": "repositories", "effect": "drop" }"#).await,
        204
    );
    assert_eq!(read(&bitbucket, "given", REPOS).await.status, 0);
    assert_eq!(
        send(&bitbucket, "DELETE /-/faults", "", "").await.status,
        204
    );
    let calls = send(&bitbucket, "GET /-/calls", "", "").await.json();
    assert_eq!(
        calls.as_array().unwrap().len(),
        2,
        "the control path is not in the log"
    );
}

#[tokio::test]
async fn without_being_run_by_hand_there_is_no_control_path() {
    let bitbucket = start(Profile::V9_4).await;
    assert_eq!(send(&bitbucket, "GET /-/calls", "", "").await.status, 404);
}

#[tokio::test]
async fn an_instance_that_stopped_no_longer_listens() {
    let bitbucket = start(Profile::V9_4).await;
    let address = format!("127.0.0.1:{}", bitbucket.url().port().unwrap());
    bitbucket.stop().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn an_idle_connection_of_a_dropped_instance_is_closed() {
    let bitbucket = start(Profile::V9_4).await;
    let address = format!("127.0.0.1:{}", bitbucket.url().port().unwrap());
    let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    stream
        .write_all(b"GET /status HTTP/1.1\r\nhost: it\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 15];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    drop(bitbucket);
    // Ends only because the other side closes.
    stream.read_to_end(&mut Vec::new()).await.unwrap();
}

#[test]
fn a_refused_change_says_why() {
    let mut world = super::super::World::default();
    let change = r#"{ "do": "delete-project", "project": "PAY" }"#;
    let change: Change = serde_json::from_str(change).unwrap();
    let refused = world.apply(change.clone()).unwrap_err();
    assert_eq!(
        refused,
        WorldError::NoProject {
            key: "PAY".to_owned()
        }
    );
    world.repository("PAY", "ledger");
    assert_eq!(
        world.apply(change).unwrap_err().to_string(),
        "project PAY has repositories"
    );
}
