//! How much a server is asked, by all connections together.

use std::time::Duration;

use bindery::crd::ProjectBinding;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use simulators::sonarqube::{Call, Caller, Effect, Fault, Outcome, Scripted};

use crate::e2e::environment::Stage;
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
async fn twins(server: Server, arguments: &[&str]) -> Stage {
    let mut stage = Stage::set_with(server, arguments).await;
    stage.patience = Duration::from_mins(3);
    stage.connection(json!({"interval": "1h"}));
    stage.connection_named("twin", json!({"interval": "1h"}));
    for name in ["bitbucket", "twin"] {
        stage.connection_is(name, ("Ready", "True")).await;
    }
    stage
}

/// New bindings, each second one of the twin.
fn bind(stage: &Stage, slugs: &[String]) {
    let of = |(number, slug): (usize, &String)| {
        json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding",
            "metadata": {"name": slug, "namespace": "platform"},
            "spec": {
                "connectionRef": {"name": (if number % 2 == 0 { "bitbucket" } else { "twin" })},
                "repository": {"project": "PAY", "slug": slug},
            },
        })
    };
    let all: Vec<_> = slugs.iter().enumerate().map(of).collect();
    stage.apply(&list(&all));
}

async fn are_ready(stage: &Stage, slugs: &[String]) {
    for slug in slugs {
        stage.binding_is("platform", slug, ("Ready", "True")).await;
    }
}

/// The operator's calls to SonarQube.
fn calls(stage: &Stage) -> Vec<Call> {
    let calls = stage.sonarqube.simulated().calls().into_iter();
    calls
        .filter(|call| call.caller == Caller::Bindery)
        .collect()
}

fn is_import(call: &Call) -> bool {
    call.target.starts_with("/api/projects/create")
}

fn imports(stage: &Stage) -> usize {
    calls(stage).iter().filter(|call| is_import(call)).count()
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
    let stage = twins(server, &["--sonarqube-concurrency", "5"]).await;
    let slugs = many::repositories(&stage, 30);
    let slow = Fault::at("/api/*").delay(Duration::from_millis(100));
    stage.sonarqube.simulated().fault(slow);
    stage.sonarqube.simulated().clear_calls();
    bind(&stage, &slugs);
    are_ready(&stage, &slugs).await;
    let most = most_at_once(&calls(&stage));
    // Two are left to connections that look after themselves, and to people.
    assert!(
        (CONCURRENCY - 2..=CONCURRENCY).contains(&most),
        "{most} at once"
    );
}

/// Promise: one answer that asks for a pause is obeyed by all connections to that server.
async fn a_server_that_asks_for_it_is_left_alone_by_all_connections(server: Server) {
    let stage = twins(server, &[]).await;
    let slugs = many::repositories(&stage, 20);
    let sonarqube = stage.sonarqube.simulated();
    sonarqube.clear_calls();
    sonarqube.fault(Fault::at(CREATE).times(2));
    let busy = Effect::Answer(Scripted {
        headers: vec![("retry-after".to_owned(), RETRY_AFTER.to_string())],
        ..Scripted::new(429, "{}")
    });
    sonarqube.fault(Fault::at(CREATE).effect(busy).times(1));
    bind(&stage, &slugs);
    are_ready(&stage, &slugs).await;
    let calls = calls(&stage);
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
    let stage = twins(server, &arguments).await;
    let slugs = many::repositories(&stage, 100);
    let sonarqube = stage.sonarqube.simulated();
    sonarqube.fault(Fault::at("/api/*").answer(503, "{}"));
    bind(&stage, &slugs);
    for slug in &slugs {
        let reason = "ConnectionUnavailable";
        stage.binding_reason("platform", slug, reason).await;
    }
    sonarqube.clear_faults();
    sonarqube.fault(Fault::at("/api/*").delay(Duration::from_millis(100)));
    sonarqube.clear_calls();
    are_ready(&stage, &slugs).await;
    let calls = calls(&stage);
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
    let stage = twins(server, &["--sonarqube-concurrency", "3"]).await;
    stage.binding("platform", "own", "PAY/checkout", json!({}));
    stage.binding_is("platform", "own", ("Ready", "True")).await;
    let slugs = many::repositories(&stage, 90);
    let sonarqube = stage.sonarqube.simulated();
    sonarqube.clear_calls();
    sonarqube.fault(Fault::at(CREATE).delay(Duration::from_millis(100)));
    bind(&stage, &slugs);
    let many = || imports(&stage) >= 10;
    stage.eventually("imports are in progress", many).await;
    let private = json!({"spec": {"sonarqubeProject": {"visibility": "Private"}}});
    let api = stage.api::<ProjectBinding>("platform");
    let patch = Patch::Merge(&private);
    let before = imports(&stage);
    api.patch("own", &PatchParams::default(), &patch)
        .await
        .unwrap();
    let changed = |call: &Call| call.target.contains("update_visibility");
    let is_done = || calls(&stage).iter().any(changed);
    stage.eventually("the visibility is changed", is_done).await;
    let calls = calls(&stage);
    let done = calls.iter().position(changed).unwrap();
    let overtaken = calls[..done].iter().filter(|call| is_import(call)).count() - before;
    // One may be in progress at each of its calls, and until the watch shows the change.
    assert!(
        overtaken <= 20,
        "{overtaken} imports went before a person's change"
    );
    are_ready(&stage, &slugs).await;
}
