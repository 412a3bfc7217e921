//! Where tokens may be sent is declared twice: by the administrator of the operator, and by the owner of the Secret.

use serde_json::json;
use simulators::bitbucket::{Caller, Credential};

use crate::e2e::environment::operator::LOOPBACK;
use crate::e2e::environment::{BITBUCKET_TOKEN, TestEnvironment};
use crate::support::server::{Server, simulated};

simulated!(no_token_goes_where_its_owner_or_the_operator_does_not_want_it);

/// The calls to SonarQube that carry a token of Bitbucket's.
const CARRIERS: [&str; 3] = ["/create_bitbucket", "/update_bitbucket", "/set_pat"];
const SECRETS: [&str; 2] = ["bitbucket-token", "sonarqube-token"];
const INTERVAL: [&str; 2] = ["--minimum-interval", "10s"];

/// Promise: a token that may not travel does not, the reason is named, and it works as soon as it may.
async fn no_token_goes_where_its_owner_or_the_operator_does_not_want_it(server: Server) {
    let mut env = TestEnvironment::set(server).await;
    allow(&env, "bitbucket-token", Some("other.example.com"));
    env.connection(json!({}));
    // SonarQube is asked with its own, which may travel.
    let tokens = &SECRETS[..1];
    kept(&env, tokens, "HostNotAllowed", "127.0.0.1").await;
    allow(&env, "bitbucket-token", Some("https://127.0.0.1"));
    kept(&env, tokens, "HostNotAllowed", "is not a host: use host").await;
    allow(&env, "bitbucket-token", Some("127.0.0.1"));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    for secret in SECRETS {
        assert!(travelled(&env, secret) > 0, "{secret}");
    }
    // SonarQube's own token has a word of its own.
    allow(&env, "sonarqube-token", Some("127.0.0.1:1"));
    let message = env.connection_reason("bitbucket", "HostNotAllowed").await;
    assert!(message.contains("which is in a blocked range"), "{message}");
    allow(&env, "sonarqube-token", None);
    env.connection_is("bitbucket", ("Ready", "True")).await;

    allow(&env, "bitbucket-token", None);
    restart(&mut env, &[&LOOPBACK[..], &["--require-secret-hosts"]]);
    let word = "has no annotation bindery.dev/allowed-hosts";
    kept(&env, &SECRETS, "HostNotAllowed", word).await;
    for secret in SECRETS {
        allow(&env, secret, Some("127.0.0.1"));
    }
    env.connection_is("bitbucket", ("Ready", "True")).await;

    restart(&mut env, &[&LOOPBACK[1..]]);
    kept(&env, &SECRETS, "InsecureURL", "start with --allow-http").await;
    for secret in SECRETS {
        allow(&env, secret, None);
    }
    restart(&mut env, &[&LOOPBACK[..1]]);
    let word = "which is in a blocked range";
    kept(&env, &SECRETS, "HostNotAllowed", word).await;
    env.restart_operator(&INTERVAL);
    env.connection_is("bitbucket", ("Ready", "True")).await;
}

/// Another operator, with these arguments.
fn restart(env: &mut TestEnvironment, arguments: &[&[&str]]) {
    let arguments = arguments.concat();
    env.operator.kill();
    forget(env);
    env.restart_strict_operator(&[&arguments[..], &INTERVAL].concat());
}

/// Says in its annotation where the token of a Secret may go, or nothing.
fn allow(env: &TestEnvironment, secret: &str, hosts: Option<&str>) {
    let token = if secret == "sonarqube-token" {
        &env.sonarqube.token
    } else {
        BITBUCKET_TOKEN
    };
    let annotations = hosts.map(|hosts| json!({"bindery.dev/allowed-hosts": hosts}));
    env.apply(&json!({
        "apiVersion": "v1", "kind": "Secret", "stringData": {"token": token},
        "metadata": {"name": secret, "namespace": "platform", "annotations": annotations},
    }));
}

/// Waits until the connection says why a token may not travel, and sees that those of these Secrets did not, also when
/// it checks again.
async fn kept(env: &TestEnvironment, secrets: &[&str], reason: &str, word: &str) {
    let says = |connection: &bindery::crd::BitbucketConnection| {
        crate::e2e::environment::waiting::condition(connection, "Ready").is_some_and(|ready| {
            let message = ready["message"].as_str().unwrap_or_default();
            ready["reason"] == reason && message.contains(word)
        })
    };
    env.until("platform", "bitbucket", says).await;
    env.reconcile_now(&format!("{reason} {word}")).await;
    for secret in secrets {
        assert_eq!(travelled(env, secret), 0, "{secret}: {reason} {word}");
    }
}

/// How many calls carried the token of a Secret, those of the test aside: to the server that it is for, or, in what is
/// written to SonarQube, Bitbucket's.
fn travelled(env: &TestEnvironment, secret: &str) -> usize {
    let of_sonarqube = env.sonarqube.simulated().calls();
    let (mut calls, mut writes) = (of_sonarqube, Vec::new());
    if secret == "bitbucket-token" {
        (calls, writes) = (env.bitbucket.calls(), calls);
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

fn forget(env: &TestEnvironment) {
    env.bitbucket.clear_calls();
    env.sonarqube.simulated().clear_calls();
}
