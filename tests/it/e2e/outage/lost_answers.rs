//! Answers of SonarQube that never come, for binding methods that take several calls; and calls that were
//! never sent.

use bindery::crd::ProjectBinding;
use futures::StreamExt as _;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;
use simulators::sonarqube::{Effect, Fault, Outcome};

use crate::e2e::environment::TestEnvironment;
use crate::support::server::{Server, on};

on!([simulated_9_9, simulated_26_9_developer] => no_lost_answer_makes_a_second_project);
on!([simulated_26_9, simulated_25_1] => a_project_created_by_another_client_after_an_unsent_call_is_not_adopted);

/// Promise: whichever call to SonarQube was done and not answered, there is one project, under our key, and remembered
/// as ours.
async fn no_lost_answer_makes_a_second_project(server: Server) {
    let lost: &[&str] = match server.capabilities().method.name() {
        "ImportRepository" => &["/api/alm_integrations/import_bitbucketserver_project"],
        "SetBinding" => &[
            "/api/projects/create",
            "/api/alm_settings/set_bitbucket_binding",
        ],
        other => panic!("{other} takes one call: see crash.rs"),
    };
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let mut wanted = Vec::new();
    for (path, slug) in lost.iter().zip(["checkout", "ledger"]) {
        assert_survives_the_loss(&env, path, slug).await;
        wanted.push(format!("PAY:{slug}"));
    }
    let mut keys = env.sonarqube.project_keys();
    keys.sort();
    assert_eq!(keys, wanted);
}

/// Imports a repository of `PAY` while the answer to one call is lost.
async fn assert_survives_the_loss(env: &TestEnvironment, path: &str, slug: &str) {
    let sonarqube = &env.sonarqube;
    let fault = Fault::at(&format!("POST {path}")).effect(Effect::CommitThenDrop);
    sonarqube.simulated().fault(fault.times(1));
    let repository = format!("PAY/{slug}");
    env.binding("payments", slug, &repository, json!({}));
    let binding = env.binding_is("payments", slug, ("Ready", "True")).await;
    let calls = sonarqube.simulated().calls().into_iter();
    let lost = calls.filter(|call| call.operation == path && call.outcome == Outcome::Dropped);
    assert_eq!(lost.count(), 1, "no answer of {path} was lost");
    let status = binding.status.as_ref().unwrap();
    assert_eq!(status.record.intent, None);
    let project = status.sonarqube_project.as_ref().unwrap();
    assert_eq!(project.key, format!("PAY:{slug}"));
    assert_eq!(status.record.created_by, binding.uid());
    assert_eq!(status.record.bound_by, binding.uid());
    assert_eq!(sonarqube.bound_to(&project.key), Some(repository));
    env.reported_once(&binding, "Imported");
}

/// Promise: a project is deleted only where Bindery created it. Here its import was announced, and never asked for: the
/// check before the call failed. Another client then created the project under the announced key.
async fn a_project_created_by_another_client_after_an_unsent_call_is_not_adopted(server: Server) {
    let env = TestEnvironment::set_with(
        server,
        &["--minimum-interval", "60s", "--allow-project-deletion"],
    )
    .await;
    env.connection(json!({}));
    // The connection checks SonarQube twice at first, by the same call: from here on only the import makes it.
    env.binding("payments", "ledger", "PAY/ledger", json!({}));
    env.binding_is("payments", "ledger", ("Ready", "True"))
        .await;
    let setting = env.setting_id();
    let bindings: Api<ProjectBinding> = env.api("payments");
    let before = bindings
        .list(&ListParams::default())
        .await
        .unwrap()
        .metadata;
    let simulated = env.sonarqube.simulated();
    let path = "/api/v2/dop-translation/dop-settings";
    simulated.fault(Fault::at(&format!("GET {path}")).effect(Effect::Drop));
    let change = json!({"deletionPolicy": "DeleteProject"});
    env.binding("payments", "checkout", "PAY/checkout", change);
    env.binding_is("payments", "checkout", ("Ready", "False"))
        .await;
    let announced = was_announced(&bindings, &before.resource_version.unwrap()).await;
    assert!(announced, "the check that failed was not that of an import");
    assert_eq!(env.sonarqube.project("PAY:checkout"), None);

    let made = env
        .sonarqube
        .bind("PAY:checkout", "Checkout", &setting, "PAY/checkout");
    let repository = env.sonarqube.bound_to("PAY:checkout");
    assert_eq!(repository.as_deref(), Some("PAY/checkout"), "{made}");
    env.sonarqube.let_operator_administer("PAY:checkout");
    simulated.clear_faults();
    let binding = env
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    let record = binding.status.unwrap().record;
    assert_eq!(record.created_by, None, "it was taken for our import");
    env.delete_binding("payments", "checkout").await;
    let mut left = env.sonarqube.project_keys();
    left.sort();
    assert_eq!(left, ["PAY:checkout", "PAY:ledger"]);
}

/// Whether the binding announced an import since this version of the list: what a watch from there on shows of it.
async fn was_announced(bindings: &Api<ProjectBinding>, since: &str) -> bool {
    let parameters = WatchParams::default()
        .fields("metadata.name=checkout")
        .timeout(5);
    let events = bindings.watch(&parameters, since).await.unwrap();
    let announced = events.any(async |event| match event.unwrap() {
        WatchEvent::Added(binding) | WatchEvent::Modified(binding) => binding
            .status
            .is_some_and(|status| status.record.intent.is_some()),
        WatchEvent::Deleted(_) | WatchEvent::Bookmark(_) | WatchEvent::Error(_) => false,
    });
    announced.await
}
