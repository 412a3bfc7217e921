//! Tokens are only where they belong, also after failures.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use simulators::bitbucket::{Caller, Fault, Outcome};
use url::form_urlencoded;

use crate::e2e::environment::{BITBUCKET_TOKEN, TestEnvironment};
use crate::support::server::{Server, everywhere};

everywhere!(no_token_leaks_in_any_failure);

const BAD_TOKEN: &str = "canary+bad/token=with&special%characters";

/// Promise: no token in any log, event, status, metric, argument or URL, and trace shows everything else.
async fn no_token_leaks_in_any_failure(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    env.binding_is("payments", "checkout", ("Ready", "True"))
        .await;

    let echo = format!("{{\"echo\": \"{BITBUCKET_TOKEN}\"}}");
    let refused = Fault::at("repository").caller(Caller::SonarQube);
    env.bitbucket.fault(refused.answer(500, BITBUCKET_TOKEN));
    env.binding("payments", "ledger", "PAY/ledger", json!({}));
    env.binding_reason("payments", "ledger", "ConnectionUnavailable")
        .await;
    assert_echoed(&env, Caller::SonarQube, "repository");
    let broken = Fault::at("repositories").caller(Caller::Bindery);
    env.bitbucket.fault(broken.answer(500, &echo));
    env.reconcile_now("broken").await;
    env.connection_reason("bitbucket", "ConnectionUnavailable")
        .await;
    assert_echoed(&env, Caller::Bindery, "repositories");
    env.bitbucket.clear_faults();

    env.secret("bitbucket-token", BAD_TOKEN);
    env.connection_reason("bitbucket", "AuthenticationFailed")
        .await;
    env.secret("bitbucket-token", BITBUCKET_TOKEN);
    env.secret("sonarqube-token", BAD_TOKEN);
    env.connection_reason("bitbucket", "AuthenticationFailed")
        .await;
    env.secret("sonarqube-token", &env.sonarqube.token);
    env.connection(json!({"sonarqube": {"url": "http://127.0.0.1:1"}}));
    env.connection_is("bitbucket", ("SonarQubeReachable", "False"))
        .await;

    let log = std::fs::read_to_string(&env.operator.log).unwrap();
    let traces = |target: &str| {
        let target = format!("\"target\":\"{target}");
        log.lines()
            .any(|line| line.contains("\"level\":\"TRACE\"") && line.contains(&target))
    };
    assert!(traces("hyper"), "the log is at trace");
    let tokens = [BITBUCKET_TOKEN, BAD_TOKEN, &env.sonarqube.token];
    assert_no_leak(&env, &tokens);
}

/// That Bitbucket answered 500, and the token with it, to this program.
fn assert_echoed(env: &TestEnvironment, caller: Caller, operation: &str) {
    let calls = env.bitbucket.calls();
    let echoed = calls.iter().any(|call| {
        (call.caller, call.operation, call.outcome) == (caller, operation, Outcome::Status(500))
    });
    assert!(echoed, "no echo to {caller:?} at {operation}: {calls:#?}");
}

/// Looks for tokens wherever the operator, or the servers that it talked to, could have put them.
pub(crate) fn assert_no_leak(env: &TestEnvironment, tokens: &[&str]) {
    let kubectl = |what: &str| {
        let arguments = [
            "get",
            what,
            "--all-namespaces",
            "--output",
            "json",
            "--show-managed-fields",
        ];
        env.servers.kubectl(&arguments).unwrap()
    };
    let read = |path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    let places = [
        ("the operator's log", read(&env.operator.log)),
        ("the operator's arguments", env.operator.visible()),
        ("its metrics", env.operator.metrics()),
        ("events", kubectl("events")),
        ("bindings", kubectl("projectbindings")),
        ("connections", kubectl("bitbucketconnections")),
        ("SonarQube's access log", env.sonarqube.requests()),
        ("Bitbucket's calls", format!("{:?}", env.bitbucket.calls())),
    ];
    for (place, text) in places {
        assert!(!text.is_empty(), "{place}: nothing to look through");
        assert_eq!(leaks(&text, tokens), Vec::<String>::new(), "in {place}");
    }
}

/// How the simulated servers show a token that they know, where it stood in a URL.
const MASKED: &str = "<token ";

/// The spellings of tokens that stand in a text.
fn leaks(text: &str, tokens: &[&str]) -> Vec<String> {
    let spellings = tokens.iter().flat_map(|token| {
        let encoded = form_urlencoded::byte_serialize(token.as_bytes()).collect();
        // Without the end, which depends on what follows.
        let base64 = STANDARD.encode(token);
        let base64 = base64.trim_end_matches('=');
        [
            (*token).to_owned(),
            encoded,
            base64[..base64.len() - 1].to_owned(),
            STANDARD.encode(format!("{token}:")),
        ]
    });
    spellings
        .chain([MASKED.to_owned()])
        .filter(|spelling| text.contains(spelling))
        .collect()
}

#[test]
fn a_planted_token_is_found_in_every_spelling() {
    for planted in [
        "Authorization: Bearer a+token/x=",
        "?token=a%2Btoken%2Fx%3D&",
        "YSt0b2tlbi94PQ==",
        "Basic YSt0b2tlbi94PTo=",
        "?token=<token bindery/servers>&",
    ] {
        assert_ne!(
            leaks(planted, &["a+token/x="]),
            Vec::<String>::new(),
            "{planted}"
        );
    }
    assert_eq!(
        leaks("another token", &["a+token/x="]),
        Vec::<String>::new()
    );
}
