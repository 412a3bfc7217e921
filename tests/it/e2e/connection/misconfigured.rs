//! What can be wrong with a connection: each has its reason and a message that says what to do, and forgotten once it
//! is put right.

use std::time::Duration;

use bindery::crd::BitbucketConnection;
use kube::ResourceExt as _;
use serde_json::{Value, json};
use simulators::bitbucket::{Caller, Effect, Fault, SIGN_ON_PAGE, Scripted};
use simulators::sonarqube::Phase;
use tokio::net::TcpListener;

use crate::e2e::environment::waiting::{condition, says};
use crate::e2e::environment::{BITBUCKET_TOKEN, TestEnvironment};
use crate::support::server::{Server, simulated};

simulated!(each_error_of_a_connection_is_named_and_can_be_corrected);

/// What is made wrong.
enum Wrong {
    Spec(Value),
    /// What the Secret of Bitbucket's token holds.
    Token(&'static str),
    SonarQube(Fault),
    Bitbucket(Fault),
    Phase(Phase),
    /// SonarQube, when it next has reason to try its configuration, does not get through to Bitbucket.
    Between,
}

/// Who has to do something: a person, or time.
const PERSON: &str = "Stalled";
const TIME: &str = "Reconciling";

/// What is wrong, who has to do something, and what is said.
type Row = (Wrong, &'static str, &'static str, &'static [&'static str]);

/// Promise: every mistake has its reason, says who must act, and is over when it is corrected. What was up to date
/// before stays as it was all the time.
async fn each_error_of_a_connection_is_named_and_can_be_corrected(server: Server) {
    let env = TestEnvironment::set(server).await;
    // Takes connections and never answers: half a minute, while all else is tried.
    let deaf = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", deaf.local_addr().unwrap());
    env.connection_named("deaf", json!({"sonarqube": {"url": address}}));

    assert_adopts_when_allowed(&env).await;
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    env.counted(1).await;
    let settled = env
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    let rows = [specs(&env), tokens(), answers(&env)];
    for (number, (wrong, who, reason, words)) in rows.into_iter().flatten().enumerate() {
        make(&env, wrong);
        env.reconcile_now(&format!("wrong {number}")).await;
        let reported = reported(&env, "bitbucket", who, reason).await;
        for word in words {
            assert!(reported.contains(word), "no {word:?} in {reported:?}");
        }
        put_right(&env);
        env.reconcile_now(&format!("right {number}")).await;
        env.connection_is("bitbucket", ("Ready", "True")).await;
    }
    assert_calls_as_rarely_as_asked(&env).await;
    let now = env
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    assert_eq!(now.resource_version(), settled.resource_version());
    let stolen = |call: &simulators::bitbucket::Call| call.target.contains(ELSEWHERE);
    assert!(
        !env.bitbucket.calls().iter().any(stolen),
        "a redirect was followed"
    );
    let reported = reported(&env, "deaf", TIME, "Timeout").await;
    assert!(
        reported.contains("no complete answer within 30 s"),
        "{reported}"
    );
}

/// A path that is only redirected to.
const ELSEWHERE: &str = "/rest/api/1.0/elsewhere";

#[rustfmt::skip] // a table
fn specs(env: &TestEnvironment) -> Vec<Row> {
    let bitbucket = |url: &str| Wrong::Spec(json!({"bitbucket": {"url": url}}));
    let sonarqube = |url: &str| Wrong::Spec(json!({"sonarqube": {"url": url}}));
    let swapped = Wrong::Spec(json!({
        "bitbucket": {"url": env.sonarqube.url},
        "sonarqube": {"url": env.bitbucket.url().as_str().trim_end_matches('/')},
    }));
    let no_bundle = json!({"kind": "Secret", "name": "sonarqube-token", "key": "token"});
    vec![
        (sonarqube("http://169.254.169.254"), PERSON, "HostNotAllowed", &["169.254.169.254:80", "blocked range"]),
        (sonarqube("http://127.0.0.1:99999"), PERSON, "InvalidSpec", &["spec.sonarqube.url"]),
        (bitbucket("http://127.0.0.1:99999"), PERSON, "InvalidSpec", &["spec.bitbucket.url"]),
        (sonarqube("http://127.0.0.1:1/a b"), PERSON, "InvalidSpec", &["spec.sonarqube.url", "must not contain spaces"]),
        (bitbucket("http://127.0.0.1:1/../b"), PERSON, "InvalidSpec", &["spec.bitbucket.url", "'..'"]),
        (bitbucket("http://nowhere.invalid"), TIME, "DNSFailed", &["nowhere.invalid", "cannot be resolved"]),
        (sonarqube("http://127.0.0.1:1"), TIME, "ConnectionUnavailable", &["connection refused"]),
        (swapped, PERSON, "UnexpectedResponse", &["this looks like Bitbucket"]),
        (Wrong::Spec(json!({"sonarqube": {"caBundleRef": no_bundle}})), PERSON, "TLSFailed", &["Secret platform/sonarqube-token", "holds no certificate"]),
        (Wrong::Between, TIME, "ValidationFailed", &["configuration renamed", "SonarQube's own network"]),
    ]
}

#[rustfmt::skip] // a table
fn tokens() -> Vec<Row> {
    vec![
        (Wrong::Token(""), PERSON, "SecretEmpty", &["platform/bitbucket-token", "key token", "is empty"]),
        (Wrong::Token(" \n"), PERSON, "SecretMalformed", &["platform/bitbucket-token", "is empty"]),
        (Wrong::Token("one two"), PERSON, "SecretMalformed", &["a space or a line break"]),
        (Wrong::Token("one\0two"), PERSON, "SecretMalformed", &["a control character"]),
        (Wrong::Token("t\u{f6}ken"), PERSON, "SecretMalformed", &["a character outside ASCII"]),
        (Wrong::Token("Bearer canary"), PERSON, "SecretMalformed", &["store the token without \"Bearer\""]),
        (Wrong::Token("Y2FuYXJ5LWJpdGJ1Y2tldC13cml0ZS10b2tlbi03ZjNh"), PERSON, "SecretMalformed", &["base64 of a text", "stringData"]),
    ]
}

#[rustfmt::skip] // a table
fn answers(env: &TestEnvironment) -> Vec<Row> {
    let sonarqube = || Fault::at("/api/system/status").caller(Caller::Bindery);
    let bitbucket = || Fault::at("application-properties").caller(Caller::Bindery);
    let elsewhere = env.bitbucket.url().join(ELSEWHERE).unwrap();
    let old_sonarqube = r#"{"id": "7D5F1B3C-AXold", "version": "7.9.6.41879", "status": "UP"}"#;
    let old_bitbucket = r#"{"version": "5.14.1", "buildNumber": "5014001", "buildDate": "1538632244000", "displayName": "Bitbucket"}"#;
    vec![
        (Wrong::SonarQube(sonarqube().redirect(302, elsewhere.as_str())), PERSON, "RedirectRefused", &["302", "not followed"]),
        (Wrong::Bitbucket(bitbucket().redirect(302, elsewhere.as_str())), PERSON, "RedirectRefused", &["302", "not followed"]),
        (Wrong::SonarQube(sonarqube().answer(200, SIGN_ON_PAGE)), TIME, "UnexpectedResponse", &["an HTML page"]),
        (Wrong::Bitbucket(bitbucket().answer(200, SIGN_ON_PAGE)), TIME, "UnexpectedResponse", &["an HTML page"]),
        (Wrong::SonarQube(sonarqube().answer(200, r#"{"id": "7D5F1B3C"#)), TIME, "UnexpectedResponse", &["incomplete JSON"]),
        (Wrong::SonarQube(sonarqube().effect(Effect::Truncate)), TIME, "ConnectionUnavailable", &["ended before the answer was complete"]),
        (Wrong::SonarQube(sonarqube().answer(200, old_sonarqube)), PERSON, "UnsupportedVersion", &["found 7.9", "need 8.9 or later"]),
        (Wrong::Bitbucket(bitbucket().answer(200, old_bitbucket)), PERSON, "UnsupportedVersion", &["found 5.14", "need 5.15 or later"]),
        (Wrong::Phase(Phase::MigrationNeeded), PERSON, "ServerNotUp", &["waits for its database migration"]),
        (Wrong::Phase(Phase::MigrationRunning), TIME, "ServerNotUp", &["is not up"]),
    ]
}

fn make(env: &TestEnvironment, wrong: Wrong) {
    let sonarqube = env.sonarqube.simulated();
    match wrong {
        Wrong::Spec(change) => env.connection(change),
        Wrong::Token(token) => env.secret("bitbucket-token", token),
        Wrong::SonarQube(fault) => sonarqube.fault(fault),
        Wrong::Bitbucket(fault) => env.bitbucket.fault(fault),
        Wrong::Phase(phase) => sonarqube.world(|world| world.hold(phase)),
        Wrong::Between => {
            let unheard = Fault::at("*").caller(Caller::SonarQube).answer(500, "no");
            env.bitbucket.fault(unheard);
            env.connection(json!({"configurationName": "renamed"}));
        }
    }
}

/// Everything as it should be.
fn put_right(env: &TestEnvironment) {
    let sonarqube = env.sonarqube.simulated();
    sonarqube.clear_faults();
    sonarqube.world(|world| world.hold(Phase::Up));
    env.bitbucket.clear_faults();
    env.secret("bitbucket-token", BITBUCKET_TOKEN);
    env.connection(json!({}));
}

/// Waits until a connection gives this reason and says who has to do something, and returns its message.
async fn reported(env: &TestEnvironment, name: &str, who: &str, reason: &str) -> String {
    let is_reported = |connection: &BitbucketConnection| {
        says(connection, (who, "True"))
            && condition(connection, "Ready").is_some_and(|ready| ready["reason"] == reason)
    };
    let connection = env.until("platform", name, is_reported).await;
    let ready = condition(&connection, "Ready").unwrap();
    ready["message"].as_str().unwrap().to_owned()
}

/// A configuration that a user made is left alone if that is declared.
async fn assert_adopts_when_allowed(env: &TestEnvironment) {
    let url = env.bitbucket.url();
    let url = url.as_str().trim_end_matches('/');
    env.sonarqube
        .create_setting("bitbucket", url, "made-by-hand");
    let before = env.sonarqube.everything();
    env.connection(json!({"adoptionPolicy": "Never"}));
    let reported = reported(env, "bitbucket", PERSON, "AdoptionRefused").await;
    assert!(
        reported.contains("set spec.adoptionPolicy: IfMatching"),
        "{reported}"
    );
    assert_eq!(env.sonarqube.everything(), before);
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
}

/// A server that says how long to leave it alone is left alone.
async fn assert_calls_as_rarely_as_asked(env: &TestEnvironment) {
    let busy = Fault::at("application-properties").caller(Caller::Bindery);
    env.bitbucket.fault(busy.effect(Effect::Answer(Scripted {
        headers: vec![("retry-after".to_owned(), "6".to_owned())],
        ..Scripted::new(429, "")
    })));
    env.reconcile_now("busy").await;
    reported(env, "bitbucket", TIME, "RateLimited").await;
    env.bitbucket.clear_calls();
    // Unasked, it would be tried again after 0.75, 1.5 and 3 s.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let calls = env.bitbucket.calls();
    assert!(
        calls.iter().all(|call| call.caller != Caller::Bindery),
        "{calls:?}"
    );
    env.bitbucket.clear_faults();
    env.connection_is("bitbucket", ("Ready", "True")).await;
}
