//! Where tokens may go is said twice: by whoever runs the operator, and by whoever owns the Secret.

use serde_json::json;
use simulators::bitbucket::{Caller, Credential};

use super::operator::LOOPBACK;
use super::stage::{BITBUCKET_TOKEN, Stage};
use crate::support::server::{Server, simulated};

simulated!(no_token_goes_where_its_owner_or_the_operator_does_not_want_it);

const SECRETS: [&str; 2] = ["bitbucket-token", "sonarqube-token"];
const INTERVAL: [&str; 2] = ["--minimum-interval", "10"];

/// Promise: a token that may not travel does not, the reason is named, and it works as soon as it may.
async fn no_token_goes_where_its_owner_or_the_operator_does_not_want_it(server: Server) {
    let mut stage = Stage::set(server).await;
    allow(&stage, "bitbucket-token", Some("other.example.com"));
    stage.connection(json!({}));
    kept(&stage, "HostNotAllowed", "127.0.0.1").await;
    allow(&stage, "bitbucket-token", Some("https://127.0.0.1"));
    kept(&stage, "HostNotAllowed", "is not an allowed host").await;
    allow(&stage, "bitbucket-token", Some("127.0.0.1"));
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    assert!(travelled(&stage) > 0);
    // SonarQube's own token has a word of its own.
    allow(&stage, "sonarqube-token", Some("127.0.0.1:1"));
    let message = stage.connection_reason("bitbucket", "HostNotAllowed").await;
    assert!(message.contains("which is in a blocked range"), "{message}");
    allow(&stage, "sonarqube-token", None);
    stage.connection_is("bitbucket", ("Ready", "True")).await;

    allow(&stage, "bitbucket-token", None);
    restart(&mut stage, &[&LOOPBACK[..], &["--require-secret-hosts"]]);
    kept(
        &stage,
        "HostNotAllowed",
        "has no annotation bindery.dev/allowed-hosts",
    )
    .await;
    for secret in SECRETS {
        allow(&stage, secret, Some("127.0.0.1"));
    }
    stage.connection_is("bitbucket", ("Ready", "True")).await;

    restart(&mut stage, &[&LOOPBACK[1..]]);
    kept(&stage, "InsecureURL", "start with --allow-http").await;
    for secret in SECRETS {
        allow(&stage, secret, None);
    }
    restart(&mut stage, &[&LOOPBACK[..1]]);
    kept(&stage, "HostNotAllowed", "which is in a blocked range").await;
    stage.restart_operator(&INTERVAL);
    stage.connection_is("bitbucket", ("Ready", "True")).await;
}

/// Another operator, with these arguments.
fn restart(stage: &mut Stage, arguments: &[&[&str]]) {
    let arguments = arguments.concat();
    stage.operator.kill();
    forget(stage);
    stage.restart_strict_operator(&[&arguments[..], &INTERVAL].concat());
}

/// Says in its annotation where the token of a Secret may go, or nothing.
fn allow(stage: &Stage, secret: &str, hosts: Option<&str>) {
    let token = if secret == "sonarqube-token" {
        &stage.sonarqube.token
    } else {
        BITBUCKET_TOKEN
    };
    let annotations = hosts.map(|hosts| json!({"bindery.dev/allowed-hosts": hosts}));
    stage.apply(&json!({
        "apiVersion": "v1", "kind": "Secret", "stringData": {"token": token},
        "metadata": {"name": secret, "namespace": "platform", "annotations": annotations},
    }));
}

/// Waits until the connection says why a token may not travel, and sees that none did, also when it looks again.
async fn kept(stage: &Stage, reason: &str, word: &str) {
    let says = |connection: &bindery::crd::BitbucketConnection| {
        super::waiting::condition(connection, "Ready").is_some_and(|ready| {
            let message = ready["message"].as_str().unwrap_or_default();
            ready["reason"] == reason && message.contains(word)
        })
    };
    stage.until("platform", "bitbucket", says).await;
    stage.look_now(&format!("{reason} {word}")).await;
    assert_eq!(travelled(stage), 0, "{reason} {word}");
}

/// How many calls to either server carried a token, those of the test aside.
fn travelled(stage: &Stage) -> usize {
    let calls = [stage.bitbucket.calls(), stage.sonarqube.simulated().calls()].concat();
    let with_token = calls
        .iter()
        .filter(|call| call.caller != Caller::Other && call.credential != Credential::Anonymous);
    with_token.count()
}

fn forget(stage: &Stage) {
    stage.bitbucket.clear_calls();
    stage.sonarqube.simulated().clear_calls();
}
