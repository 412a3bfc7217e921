//! A binding that is moved from one connection to another.

use bindery::crd::{BitbucketConnection, ProjectBinding};
use kube::ResourceExt as _;
use serde_json::json;
use simulators::sonarqube::Fault;

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::snapshot::Snapshot;
use crate::e2e::environment::waiting::says;
use crate::support::server::{Server, on, simulated_26_9};
use crate::support::sonarqube::SonarQube;

on!([simulated_26_9, simulated_9_9, real_26_9] => a_binding_moves_to_a_connection_of_the_same_configuration);
on!([simulated_26_9_enterprise] => a_binding_does_not_move_to_another_configuration);
on!([simulated_26_9_enterprise] => a_binding_does_not_move_while_its_import_is_unanswered);
on!([simulated_26_9, real_26_9] => a_binding_does_not_move_to_another_server);

const READY: (&str, &str) = ("Ready", "True");

/// Refers to another connection.
fn move_to(env: &TestEnvironment, connection: &str) {
    let reference =
        json!({"connectionRef": {"name": connection}, "deletionPolicy": "DeleteProject"});
    env.binding("payments", "checkout", "PAY/checkout", reference);
}

fn accepted_by(binding: &ProjectBinding) -> Option<&str> {
    let record = &binding.status.as_ref()?.record;
    Some(&*record.connection.as_ref()?.name)
}

/// Promise: a platform team replaces a connection by another one of the same configuration. Its bindings move without a
/// write to any server, what Bindery created stays its own, and the old connection can be deleted.
async fn a_binding_moves_to_a_connection_of_the_same_configuration(server: Server) {
    let arguments = ["--minimum-interval", "10s", "--allow-project-deletion"];
    let env = TestEnvironment::set_with(server, &arguments).await;
    env.connection(json!({}));
    move_to(&env, "bitbucket");
    env.binding_is("payments", "checkout", READY).await;
    // A suspended connection releases its configuration to the next one.
    env.connection(json!({"suspend": true}));
    env.connection_named("successor", json!({"configurationName": "bitbucket"}));
    env.connection_is("successor", READY).await;
    let everything = env.sonarqube.everything();
    let before = Snapshot::now(&env).await;
    move_to(&env, "successor");
    let is_moved = |binding: &ProjectBinding| {
        accepted_by(binding) == Some("successor") && says(binding, READY)
    };
    let moved = env.until("payments", "checkout", is_moved).await;
    let done = before.since(&env).await;
    assert_eq!(done.writes(), 0, "{:?}", done.calls);
    assert_eq!(env.sonarqube.everything(), everything);
    let record = &moved.status.as_ref().unwrap().record;
    assert_eq!(record.created_by, moved.uid());
    env.connection(json!({"suspend": false}));
    env.kubectl(&["delete", "bbconn", "bitbucket", "--namespace", "platform"]);
    env.connection_is("successor", READY).await;
    env.delete_binding("payments", "checkout").await;
    assert_eq!(env.sonarqube.project_keys(), Vec::<String>::new());
}

/// Promise: another configuration is refused in words, and nothing is written. Set back, the binding is Ready again,
/// without a write.
async fn a_binding_does_not_move_to_another_configuration(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.connection_named("another", json!({}));
    env.connection_is("another", READY).await;
    is_refused_and_goes_back(&env).await;
}

/// Promise: another server is refused likewise.
async fn a_binding_does_not_move_to_another_server(server: Server) {
    let env = TestEnvironment::set(server).await;
    let other = SonarQube::at(simulated_26_9()).await;
    env.secret("second-token", &other.token);
    env.connection(json!({}));
    let there = json!({"url": other.url, "tokenSecretRef": {"name": "second-token"}});
    env.connection_named(
        "another",
        json!({"configurationName": "bitbucket", "sonarqube": there}),
    );
    env.connection_is("another", READY).await;
    let before = other.everything();
    is_refused_and_goes_back(&env).await;
    assert_eq!(other.everything(), before);
}

async fn is_refused_and_goes_back(env: &TestEnvironment) {
    move_to(env, "bitbucket");
    let before = env.binding_is("payments", "checkout", READY).await;
    let everything = env.sonarqube.everything();
    let snapshot = Snapshot::now(env).await;
    move_to(env, "another");
    assert_refused(env).await;
    let refused = env.api::<ProjectBinding>("payments").get("checkout").await;
    let refused = refused.unwrap();
    for condition in [
        ("Ready", "False"),
        ("Stalled", "True"),
        ("Accepted", "False"),
    ] {
        assert!(says(&refused, condition), "{condition:?}");
    }
    assert_eq!(accepted_by(&refused), Some("bitbucket"));
    move_to(env, "bitbucket");
    let back = env.binding_is("payments", "checkout", READY).await;
    let record = |binding: &ProjectBinding| binding.status.clone().unwrap().record;
    assert_eq!(record(&back), record(&before));
    let done = snapshot.since(env).await;
    assert_eq!(done.writes(), 0, "{:?}", done.calls);
    assert_eq!(env.sonarqube.everything(), everything);
}

async fn assert_refused(env: &TestEnvironment) {
    let message = env
        .binding_reason("payments", "checkout", "ConnectionMismatch")
        .await;
    assert!(message.contains("Set connectionRef back"), "{message}");
    assert!(message.contains("platform/another"), "{message}");
}

/// Promise: a project that may exist is not created a second time through another configuration.
async fn a_binding_does_not_move_while_its_import_is_unanswered(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.connection_named("another", json!({}));
    env.connection_is("another", READY).await;
    let simulated = env.sonarqube.simulated();
    let bind = Fault::at("POST /api/alm_settings/set_bitbucket_binding");
    simulated.fault(bind.answer(502, ""));
    move_to(&env, "bitbucket");
    // It is created first, then bound.
    let is_made = || env.sonarqube.project_keys() == ["PAY:checkout"];
    env.eventually("the project is made", is_made).await;
    let everything = env.sonarqube.everything();
    move_to(&env, "another");
    assert_refused(&env).await;
    simulated.clear_faults();
    env.requested_reconcile("payments", "checkout", "again")
        .await;
    assert_refused(&env).await;
    assert_eq!(env.sonarqube.everything(), everything);
    move_to(&env, "bitbucket");
    let back = env.binding_is("payments", "checkout", READY).await;
    let record = &back.status.as_ref().unwrap().record;
    assert_eq!(record.created_by, back.uid());
    assert_eq!(env.sonarqube.project_keys(), ["PAY:checkout"]);
    let api = env.api::<BitbucketConnection>("platform");
    assert!(says(&api.get("another").await.unwrap(), READY));
}
