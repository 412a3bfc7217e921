//! How much a server is asked, by all connections together.

use std::time::Duration;

use bindery::crd::ProjectBinding;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use simulators::sonarqube::{Call, Caller, Effect, Fault, Outcome, Scripted};

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::manifests::list;
use crate::e2e::environment::many;
use crate::support::server::{Server, on};

// An edition that takes two configurations.
on!([simulated_26_9_enterprise] =>
    connections_to_one_server_share_its_budget,
    a_server_that_asks_for_it_is_left_alone_by_all_connections,
    a_server_that_is_back_is_not_asked_by_all_at_once,
    a_person_goes_before_the_imports_of_all_connections
);

/// The first write for a new binding in this edition.
const CREATE: &str = "POST /api/projects/create";

/// What may be in progress at once.
const CONCURRENCY: usize = 5;

/// What the server asks for, in seconds.
const RETRY_AFTER: u64 = 8;

/// Calls that are in progress when the server asks for it arrive no later, also on a busy machine.
const IN_PROGRESS: u64 = 4;

/// Two connections to the same two servers with the same tokens.
async fn two_connections(server: Server, arguments: &[&str]) -> TestEnvironment {
    let mut env = TestEnvironment::set_with(server, arguments).await;
    env.patience = Duration::from_mins(3);
    env.connection(json!({"interval": "1h"}));
    env.connection_named("second", json!({"interval": "1h"}));
    for name in ["bitbucket", "second"] {
        env.connection_is(name, ("Ready", "True")).await;
    }
    env
}

/// New bindings, each second one of the second connection.
fn bind(env: &TestEnvironment, slugs: &[String]) {
    let of = |(number, slug): (usize, &String)| {
        json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding",
            "metadata": {"name": slug, "namespace": "platform"},
            "spec": {
                "connectionRef": {"name": (if number % 2 == 0 { "bitbucket" } else { "second" })},
                "repository": {"project": "PAY", "slug": slug},
            },
        })
    };
    let all: Vec<_> = slugs.iter().enumerate().map(of).collect();
    env.apply(&list(&all));
}

async fn are_ready(env: &TestEnvironment, slugs: &[String]) {
    for slug in slugs {
        env.binding_is("platform", slug, ("Ready", "True")).await;
    }
}

/// The operator's calls to SonarQube.
fn calls(env: &TestEnvironment) -> Vec<Call> {
    let calls = env.sonarqube.simulated().calls().into_iter();
    calls
        .filter(|call| call.caller == Caller::Bindery)
        .collect()
}

fn is_import(call: &Call) -> bool {
    call.target.starts_with("/api/projects/create")
}

fn imports(env: &TestEnvironment) -> usize {
    calls(env).iter().filter(|call| is_import(call)).count()
}

fn most_at_once(calls: &[Call]) -> usize {
    calls
        .iter()
        .map(|call| call.at_once)
        .max()
        .unwrap_or_default()
}

/// Promise: however many connections lead to a server with one token, together they make no more calls at once than
/// one.
async fn connections_to_one_server_share_its_budget(server: Server) {
    let env = two_connections(server, &["--sonarqube-concurrency", "5"]).await;
    let slugs = many::repositories(&env, 30);
    let slow = Fault::at("/api/*").delay(Duration::from_millis(100));
    env.sonarqube.simulated().fault(slow);
    env.sonarqube.simulated().clear_calls();
    bind(&env, &slugs);
    are_ready(&env, &slugs).await;
    let most = most_at_once(&calls(&env));
    // Two are left to connections that look after themselves, and to people.
    assert!(
        (CONCURRENCY - 2..=CONCURRENCY).contains(&most),
        "{most} at once"
    );
}

/// Promise: one answer that asks for a pause is obeyed by all connections to that server.
async fn a_server_that_asks_for_it_is_left_alone_by_all_connections(server: Server) {
    let env = two_connections(server, &[]).await;
    let slugs = many::repositories(&env, 20);
    let sonarqube = env.sonarqube.simulated();
    sonarqube.clear_calls();
    sonarqube.fault(Fault::at(CREATE).times(2));
    let busy = Effect::Answer(Scripted {
        headers: vec![("retry-after".to_owned(), RETRY_AFTER.to_string())],
        ..Scripted::new(429, "{}")
    });
    sonarqube.fault(Fault::at(CREATE).effect(busy).times(1));
    bind(&env, &slugs);
    are_ready(&env, &slugs).await;
    let calls = calls(&env);
    let refused = |call: &&Call| call.outcome == Outcome::Status(429);
    let refused = calls.iter().find(refused).unwrap().at_milliseconds;
    let too_early = |call: &&Call| {
        let after = call.at_milliseconds.saturating_sub(refused);
        (IN_PROGRESS * 1000..RETRY_AFTER * 1000).contains(&after)
    };
    assert_eq!(calls.iter().find(too_early), None);
    assert!(
        calls
            .iter()
            .any(|call| call.at_milliseconds > refused + RETRY_AFTER * 1000)
    );
}

/// Promise: after an outage the server is asked by one, then by two, then by four, however many wait.
async fn a_server_that_is_back_is_not_asked_by_all_at_once(server: Server) {
    let arguments = ["--concurrency", "80", "--sonarqube-concurrency", "64"];
    let env = two_connections(server, &arguments).await;
    let slugs = many::repositories(&env, 100);
    let sonarqube = env.sonarqube.simulated();
    sonarqube.fault(Fault::at("/api/*").answer(503, "{}"));
    bind(&env, &slugs);
    for slug in &slugs {
        let reason = "ConnectionUnavailable";
        env.binding_reason("platform", slug, reason).await;
    }
    sonarqube.clear_faults();
    sonarqube.fault(Fault::at("/api/*").delay(Duration::from_millis(100)));
    sonarqube.clear_calls();
    are_ready(&env, &slugs).await;
    let calls = calls(&env);
    let of_a_binding = |call: &Call| call.target.contains("service-") || is_import(call);
    let first = calls.iter().position(of_a_binding).unwrap();
    for (number, call) in calls[first..].iter().enumerate() {
        // With each answer one more may be in progress; the connections have some of their own.
        let most = 3 + number / 2;
        let found = call.at_once;
        assert!(
            found <= most,
            "call {number} is one of {found}, of {most} at most"
        );
    }
    assert!(most_at_once(&calls) > 8, "in the end many are in progress");
}

/// Promise: what a person changes is done while hundreds of imports wait, of all connections to the server.
async fn a_person_goes_before_the_imports_of_all_connections(server: Server) {
    // Bindings are left one call at a time.
    let env = two_connections(server, &["--sonarqube-concurrency", "3"]).await;
    env.binding("platform", "own", "PAY/checkout", json!({}));
    env.binding_is("platform", "own", ("Ready", "True")).await;
    let slugs = many::repositories(&env, 90);
    let sonarqube = env.sonarqube.simulated();
    sonarqube.clear_calls();
    sonarqube.fault(Fault::at(CREATE).delay(Duration::from_millis(100)));
    bind(&env, &slugs);
    let many = || imports(&env) >= 10;
    env.eventually("imports are in progress", many).await;
    let private = json!({"spec": {"sonarqubeProject": {"visibility": "Private"}}});
    let api = env.api::<ProjectBinding>("platform");
    let patch = Patch::Merge(&private);
    let before = imports(&env);
    api.patch("own", &PatchParams::default(), &patch)
        .await
        .unwrap();
    let changed = |call: &Call| call.target.contains("update_visibility");
    let is_done = || calls(&env).iter().any(changed);
    env.eventually("the visibility is changed", is_done).await;
    let calls = calls(&env);
    let done = calls.iter().position(changed).unwrap();
    let overtaken = calls[..done].iter().filter(|call| is_import(call)).count() - before;
    // One may be in progress at each of its calls, and until the watch shows the change.
    assert!(
        overtaken <= 20,
        "{overtaken} imports went before a person's change"
    );
    are_ready(&env, &slugs).await;
}
