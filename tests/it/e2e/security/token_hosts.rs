//! Where tokens may be sent is declared twice: by the administrator of the operator, and by the owner of the Secret.

use serde_json::json;
use simulators::bitbucket::{Caller, Credential};

use crate::e2e::environment::operator::LOOPBACK;
use crate::e2e::environment::{BITBUCKET_TOKEN, Stage};
use crate::support::server::{Server, simulated};

simulated!(no_token_goes_where_its_owner_or_the_operator_does_not_want_it);

/// The calls to SonarQube that carry a token of Bitbucket's.
const CARRIERS: [&str; 3] = ["/create_bitbucket", "/update_bitbucket", "/set_pat"];
const SECRETS: [&str; 2] = ["bitbucket-token", "sonarqube-token"];
const INTERVAL: [&str; 2] = ["--minimum-interval", "10s"];

/// Promise: a token that may not travel does not, the reason is named, and it works as soon as it may.
async fn no_token_goes_where_its_owner_or_the_operator_does_not_want_it(server: Server) {
    let mut stage = Stage::set(server).await;
    allow(&stage, "bitbucket-token", Some("other.example.com"));
    stage.connection(json!({}));
    // SonarQube is asked with its own, which may travel.
    let tokens = &SECRETS[..1];
    kept(&stage, tokens, "HostNotAllowed", "127.0.0.1").await;
    allow(&stage, "bitbucket-token", Some("https://127.0.0.1"));
    kept(&stage, tokens, "HostNotAllowed", "is not a host: use host").await;
    allow(&stage, "bitbucket-token", Some("127.0.0.1"));
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    for secret in SECRETS {
        assert!(travelled(&stage, secret) > 0, "{secret}");
    }
    // SonarQube's own token has a word of its own.
    allow(&stage, "sonarqube-token", Some("127.0.0.1:1"));
    let message = stage.connection_reason("bitbucket", "HostNotAllowed").await;
    assert!(message.contains("which is in a blocked range"), "{message}");
    allow(&stage, "sonarqube-token", None);
    stage.connection_is("bitbucket", ("Ready", "True")).await;

    allow(&stage, "bitbucket-token", None);
    restart(&mut stage, &[&LOOPBACK[..], &["--require-secret-hosts"]]);
    let word = "has no annotation bindery.dev/allowed-hosts";
    kept(&stage, &SECRETS, "HostNotAllowed", word).await;
    for secret in SECRETS {
        allow(&stage, secret, Some("127.0.0.1"));
    }
    stage.connection_is("bitbucket", ("Ready", "True")).await;

    restart(&mut stage, &[&LOOPBACK[1..]]);
    kept(&stage, &SECRETS, "InsecureURL", "start with --allow-http").await;
    for secret in SECRETS {
        allow(&stage, secret, None);
    }
    restart(&mut stage, &[&LOOPBACK[..1]]);
    let word = "which is in a blocked range";
    kept(&stage, &SECRETS, "HostNotAllowed", word).await;
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

/// Waits until the connection says why a token may not travel, and sees that those of these Secrets did not, also when
/// it checks again.
async fn kept(stage: &Stage, secrets: &[&str], reason: &str, word: &str) {
    let says = |connection: &bindery::crd::BitbucketConnection| {
        crate::e2e::environment::waiting::condition(connection, "Ready").is_some_and(|ready| {
            let message = ready["message"].as_str().unwrap_or_default();
            ready["reason"] == reason && message.contains(word)
        })
    };
    stage.until("platform", "bitbucket", says).await;
    stage.look_now(&format!("{reason} {word}")).await;
    for secret in secrets {
        assert_eq!(travelled(stage, secret), 0, "{secret}: {reason} {word}");
    }
}

/// How many calls carried the token of a Secret, those of the test aside: to the server that it is for, or, in what is
/// written to SonarQube, Bitbucket's.
fn travelled(stage: &Stage, secret: &str) -> usize {
    let of_sonarqube = stage.sonarqube.simulated().calls();
    let (mut calls, mut writes) = (of_sonarqube, Vec::new());
    if secret == "bitbucket-token" {
        (calls, writes) = (stage.bitbucket.calls(), calls);
    }
    calls.retain(|call| call.credential != Credential::Anonymous);
    writes.retain(|call| {
        CARRIERS
            .iter()
            .any(|carrier| call.target.ends_with(carrier))
    });
    let all = calls.iter().chain(&writes);
    all.filter(|call| call.caller != Caller::Other).count()
}

fn forget(stage: &Stage) {
    stage.bitbucket.clear_calls();
    stage.sonarqube.simulated().clear_calls();
}
