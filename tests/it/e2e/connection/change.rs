//! A binding that is moved from one connection to another.

use bindery::crd::{BitbucketConnection, ProjectBinding};
use kube::ResourceExt as _;
use serde_json::json;
use simulators::sonarqube::Fault;

use crate::e2e::environment::Stage;
use crate::e2e::environment::snapshot::Tally;
use crate::e2e::environment::waiting::says;
use crate::support::server::{Server, on, simulated_26_9};
use crate::support::sonarqube::SonarQube;

on!([simulated_26_9, simulated_9_9, real_26_9] => a_binding_moves_to_a_connection_of_the_same_configuration);
on!([simulated_26_9_enterprise] => a_binding_does_not_move_to_another_configuration);
on!([simulated_26_9_enterprise] => a_binding_does_not_move_while_its_import_is_unanswered);
on!([simulated_26_9, real_26_9] => a_binding_does_not_move_to_another_server);

const READY: (&str, &str) = ("Ready", "True");

/// Refers to another connection.
fn move_to(stage: &Stage, connection: &str) {
    let reference =
        json!({"connectionRef": {"name": connection}, "deletionPolicy": "DeleteProject"});
    stage.binding("payments", "checkout", "PAY/checkout", reference);
}

fn accepted_by(binding: &ProjectBinding) -> Option<&str> {
    let record = &binding.status.as_ref()?.record;
    Some(&*record.connection.as_ref()?.name)
}

/// Promise: a platform team replaces a connection by another one of the same configuration. Its bindings move without a
/// write to any server, what Bindery created stays its own, and the old connection can be deleted.
async fn a_binding_moves_to_a_connection_of_the_same_configuration(server: Server) {
    let arguments = ["--minimum-interval", "10s", "--allow-project-deletion"];
    let stage = Stage::set_with(server, &arguments).await;
    stage.connection(json!({}));
    move_to(&stage, "bitbucket");
    stage.binding_is("payments", "checkout", READY).await;
    // A suspended connection releases its configuration to the next one.
    stage.connection(json!({"suspend": true}));
    stage.connection_named("successor", json!({"configurationName": "bitbucket"}));
    stage.connection_is("successor", READY).await;
    let everything = stage.sonarqube.everything();
    let before = Tally::now(&stage).await;
    move_to(&stage, "successor");
    let is_moved = |binding: &ProjectBinding| {
        accepted_by(binding) == Some("successor") && says(binding, READY)
    };
    let moved = stage.until("payments", "checkout", is_moved).await;
    let done = before.since(&stage).await;
    assert_eq!(done.writes(), 0, "{:?}", done.calls);
    assert_eq!(stage.sonarqube.everything(), everything);
    let record = &moved.status.as_ref().unwrap().record;
    assert_eq!(record.created_by, moved.uid());
    stage.connection(json!({"suspend": false}));
    stage.kubectl(&["delete", "bbconn", "bitbucket", "--namespace", "platform"]);
    stage.connection_is("successor", READY).await;
    stage.delete_binding("payments", "checkout").await;
    assert_eq!(stage.sonarqube.project_keys(), Vec::<String>::new());
}

/// Promise: another configuration is refused in words, and nothing is written. Set back, the binding is Ready again,
/// without a write.
async fn a_binding_does_not_move_to_another_configuration(server: Server) {
    let stage = Stage::set(server).await;
    stage.connection(json!({}));
    stage.connection_named("another", json!({}));
    stage.connection_is("another", READY).await;
    is_refused_and_goes_back(&stage).await;
}

/// Promise: another server is refused likewise.
async fn a_binding_does_not_move_to_another_server(server: Server) {
    let stage = Stage::set(server).await;
    let other = SonarQube::at(simulated_26_9()).await;
    stage.secret("second-token", &other.token);
    stage.connection(json!({}));
    let there = json!({"url": other.url, "tokenSecretRef": {"name": "second-token"}});
    stage.connection_named(
        "another",
        json!({"configurationName": "bitbucket", "sonarqube": there}),
    );
    stage.connection_is("another", READY).await;
    let before = other.everything();
    is_refused_and_goes_back(&stage).await;
    assert_eq!(other.everything(), before);
}

async fn is_refused_and_goes_back(stage: &Stage) {
    move_to(stage, "bitbucket");
    let before = stage.binding_is("payments", "checkout", READY).await;
    let everything = stage.sonarqube.everything();
    let tally = Tally::now(stage).await;
    move_to(stage, "another");
    assert_refused(stage).await;
    let refused = stage
        .api::<ProjectBinding>("payments")
        .get("checkout")
        .await;
    let refused = refused.unwrap();
    for condition in [
        ("Ready", "False"),
        ("Stalled", "True"),
        ("Accepted", "False"),
    ] {
        assert!(says(&refused, condition), "{condition:?}");
    }
    assert_eq!(accepted_by(&refused), Some("bitbucket"));
    move_to(stage, "bitbucket");
    let back = stage.binding_is("payments", "checkout", READY).await;
    let record = |binding: &ProjectBinding| binding.status.clone().unwrap().record;
    assert_eq!(record(&back), record(&before));
    let done = tally.since(stage).await;
    assert_eq!(done.writes(), 0, "{:?}", done.calls);
    assert_eq!(stage.sonarqube.everything(), everything);
}

async fn assert_refused(stage: &Stage) {
    let message = stage
        .binding_reason("payments", "checkout", "ConnectionMismatch")
        .await;
    assert!(message.contains("Set connectionRef back"), "{message}");
    assert!(message.contains("platform/another"), "{message}");
}

/// Promise: a project that may exist is not created a second time through another configuration.
async fn a_binding_does_not_move_while_its_import_is_unanswered(server: Server) {
    let stage = Stage::set(server).await;
    stage.connection(json!({}));
    stage.connection_named("another", json!({}));
    stage.connection_is("another", READY).await;
    let simulated = stage.sonarqube.simulated();
    let bind = Fault::at("POST /api/alm_settings/set_bitbucket_binding");
    simulated.fault(bind.answer(502, ""));
    move_to(&stage, "bitbucket");
    // It is created first, then bound.
    let is_made = || stage.sonarqube.project_keys() == ["PAY:checkout"];
    stage.eventually("the project is made", is_made).await;
    let everything = stage.sonarqube.everything();
    move_to(&stage, "another");
    assert_refused(&stage).await;
    simulated.clear_faults();
    stage.look_at("payments", "checkout", "again").await;
    assert_refused(&stage).await;
    assert_eq!(stage.sonarqube.everything(), everything);
    move_to(&stage, "bitbucket");
    let back = stage.binding_is("payments", "checkout", READY).await;
    let record = &back.status.as_ref().unwrap().record;
    assert_eq!(record.created_by, back.uid());
    assert_eq!(stage.sonarqube.project_keys(), ["PAY:checkout"]);
    let api = stage.api::<BitbucketConnection>("platform");
    assert!(says(&api.get("another").await.unwrap(), READY));
}
