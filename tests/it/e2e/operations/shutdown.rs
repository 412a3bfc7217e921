//! Work that is in progress at a shutdown, or when a right is removed.

use std::time::{Duration, Instant};

use kube::ResourceExt as _;
use serde_json::{Value, json};

use crate::e2e::environment::imports::{imports_in_progress, slow_imports};
use crate::e2e::environment::many;
use crate::e2e::environment::{TestEnvironment, install};
use crate::support::server::{Server, on, simulated};

on!([simulated_26_9, simulated_9_9] => a_stop_waits_for_imports_and_the_next_operator_goes_on);
simulated!(
    a_binding_that_goes_while_it_is_imported_leaves_no_project,
    a_right_that_is_missing_stops_no_more_than_it_must,
);

const INTERVAL: [&str; 2] = ["--minimum-interval", "10s"];

/// Promise: SIGTERM ends the operator in time, with any work in progress; the next one makes nothing twice, and all is
/// ours.
async fn a_stop_waits_for_imports_and_the_next_operator_goes_on(server: Server) {
    let mut env = TestEnvironment::set(server).await;
    let slugs = many::repositories(&env, 10);
    slow_imports(&env, Duration::from_secs(2));
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    env.apply(&many::bindings(&slugs));
    env.eventually("imports are in progress", || imports_in_progress(&env) > 3)
        .await;
    let asked = Instant::now();
    assert_eq!(env.operator.stop().code(), Some(0));
    let taken = asked.elapsed();
    assert!(taken < Duration::from_secs(12), "{taken:?}");
    assert_eq!(imports_in_progress(&env), 0, "an answer was not waited for");
    env.restart_operator(&INTERVAL);
    let mut wanted = Vec::new();
    for slug in &slugs {
        let binding = env.binding_is("payments", slug, ("Ready", "True")).await;
        let status = binding.status.as_ref().unwrap();
        assert_eq!(status.record.intent, None, "{slug}");
        let project = status.sonarqube_project.as_ref().unwrap();
        assert_eq!(status.record.created_by, binding.uid(), "{slug}");
        wanted.push(project.key.clone());
    }
    let mut keys = env.sonarqube.project_keys();
    keys.sort();
    assert_eq!(keys, wanted);
}

/// Promise: `DeleteProject` is about what Bindery creates, also where the answer that it was created comes after the
/// word that it shall go.
async fn a_binding_that_goes_while_it_is_imported_leaves_no_project(server: Server) {
    let arguments = [&INTERVAL[..], &["--allow-project-deletion"]].concat();
    let env = TestEnvironment::set_with(server, &arguments).await;
    slow_imports(&env, Duration::from_secs(3));
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let deleting = json!({"deletionPolicy": "DeleteProject"});
    env.binding("payments", "checkout", "PAY/checkout", deleting);
    env.eventually("the import is in progress", || {
        imports_in_progress(&env) == 1
    })
    .await;
    env.delete_binding("payments", "checkout").await;
    assert_eq!(imports_in_progress(&env), 0);
    assert_eq!(env.sonarqube.project_keys(), [""; 0]);
}

/// Promise: without the right to publish events all works; without the right to write statuses nothing is created that
/// could not be remembered; and each right works as soon as it is back.
async fn a_right_that_is_missing_stops_no_more_than_it_must(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    without(&env, "events", &["patch", "events.events.k8s.io"]).await;
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    let quiet = env
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    assert_eq!(env.reasons(&quiet), [""; 0]);
    install(&env.servers).unwrap();

    let write = [
        "patch",
        "projectbindings.bindery.dev",
        "--subresource",
        "status",
    ];
    without(&env, "projectbindings/status", &write).await;
    let reconciles = || env.operator.reconciles("projectbinding");
    let before = reconciles();
    env.binding("payments", "ledger", "PAY/ledger", json!({}));
    env.eventually("it is tried again", || reconciles() >= before + 3)
        .await;
    assert_eq!(env.sonarqube.project_keys(), ["PAY:checkout"]);
    install(&env.servers).unwrap();
    let ledger = env
        .binding_is("payments", "ledger", ("Ready", "True"))
        .await;
    let record = &ledger.status.as_ref().unwrap().record;
    assert_eq!(record.created_by, ledger.uid());
    let mut keys = env.sonarqube.project_keys();
    keys.sort();
    assert_eq!(keys, ["PAY:checkout", "PAY:ledger"]);
    env.reported_once(&ledger, "Imported");
}

/// Takes the rules about a resource out of the operator's role, until `deploy/` is applied again.
async fn without(env: &TestEnvironment, resource: &str, question: &[&str]) {
    let role = ["clusterrole", "bindery"];
    let found = env.kubectl(&[&["get"], &role[..], &["--output", "json"]].concat());
    let found: Value = serde_json::from_str(&found).unwrap();
    let is_about = |rule: &&Value| {
        !rule["resources"]
            .as_array()
            .unwrap()
            .contains(&json!(resource))
    };
    let left: Vec<_> = found["rules"]
        .as_array()
        .unwrap()
        .iter()
        .filter(is_about)
        .collect();
    let patch = json!({"rules": left}).to_string();
    env.kubectl(
        &[
            &["patch"],
            &role[..],
            &["--type", "merge", "--patch", &patch],
        ]
        .concat(),
    );
    let servers = &env.servers;
    let question = [question, &["--namespace", "payments"]].concat();
    env.eventually("the right is gone", || !servers.operator_may(&question))
        .await;
}
