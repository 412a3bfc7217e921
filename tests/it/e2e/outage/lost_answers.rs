//! Answers of SonarQube that never come, for binding methods that take several calls; and calls that were
//! never sent.

use bindery::crd::ProjectBinding;
use bindery::plan::capability::BindingMethod;
use futures::StreamExt as _;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;
use simulators::bitbucket::Caller;
use simulators::sonarqube::{Effect, Fault, Outcome, Scripted};

use crate::e2e::environment::TestEnvironment;
use crate::support::server::{Server, on};

on!([simulated_9_9, simulated_26_9_developer, simulated_26_9, simulated_25_1] => no_lost_answer_makes_a_second_project);
on!([simulated_9_9, simulated_26_9] => no_listing_that_lags_makes_a_second_project);
on!([simulated_26_9, simulated_25_1] => a_project_created_by_another_client_after_an_unsent_call_is_not_adopted);

/// The calls by which a server imports a repository.
fn imports(server: Server) -> &'static [&'static str] {
    match server.capabilities().method {
        BindingMethod::ImportRepository => {
            &["/api/alm_integrations/import_bitbucketserver_project"]
        }
        BindingMethod::SetBinding => &[
            "/api/projects/create",
            "/api/alm_settings/set_bitbucket_binding",
        ],
        BindingMethod::PutBoundProject | BindingMethod::PostBoundProject => {
            &["/api/v2/dop-translation/bound-projects"]
        }
    }
}

/// Promise: whichever call to SonarQube was done and not answered, answered with 500, or answered in part, there is one
/// project, under our key, and remembered as ours.
async fn no_lost_answer_makes_a_second_project(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let mut wanted = Vec::new();
    for path in imports(server) {
        let error = Scripted::new(500, r#"{"errors":[{"msg":"An error has occurred."}]}"#);
        for effect in [
            Effect::CommitThenDrop,
            Effect::CommitThenAnswer(error),
            Effect::Truncate,
        ] {
            let slug = format!("lost-{}", wanted.len());
            assert_survives_the_loss(&env, (path, effect), &slug).await;
            wanted.push(format!("PAY:{slug}"));
        }
    }
    let mut keys = env.sonarqube.project_keys();
    keys.sort();
    assert_eq!(keys, wanted);
}

/// Imports a repository of `PAY` while the answer to one call is lost.
async fn assert_survives_the_loss(
    env: &TestEnvironment,
    (path, effect): (&str, Effect),
    slug: &str,
) {
    let sonarqube = &env.sonarqube;
    sonarqube.simulated().clear_calls();
    let fault = Fault::at(path).caller(Caller::Bindery).effect(effect);
    sonarqube.simulated().fault(fault.times(1));
    env.bitbucket.world(|world| {
        world.repository("PAY", slug);
    });
    let repository = format!("PAY/{slug}");
    env.binding("payments", slug, &repository, json!({}));
    let binding = env.binding_is("payments", slug, ("Ready", "True")).await;
    let calls = sonarqube.simulated().calls().into_iter();
    let lost = calls.filter(|call| {
        let is_lost = [Outcome::Dropped, Outcome::Status(500)].contains(&call.outcome);
        call.operation == path && is_lost
    });
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

/// Promise: an import whose answer was lost is not made again under another key while SonarQube's lists do not show it.
async fn no_listing_that_lags_makes_a_second_project(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let sonarqube = env.sonarqube.simulated();
    let [path] = imports(server) else {
        panic!("these import by one call");
    };
    let lost = Fault::at(path).effect(Effect::CommitThenDrop);
    sonarqube.fault(lost.caller(Caller::Bindery).times(1));
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    let dropped = || {
        let mut calls = sonarqube.calls().into_iter();
        calls.any(|call| call.operation == *path && call.outcome == Outcome::Dropped)
    };
    env.eventually("the answer is lost", dropped).await;
    let lags = |path: &str, rows: &str| {
        let total = r#""paging":{"pageIndex":1,"pageSize":500,"total":0},"page":{"pageIndex":1,"pageSize":500,"total":0}"#;
        let body = format!("{{{total},\"{rows}\":[]}}");
        let fault = Fault::at(&format!("GET {path}")).caller(Caller::Bindery);
        sonarqube.fault(fault.answer(200, &body).times(2));
    };
    lags("/api/projects/search", "components");
    lags(
        "/api/v2/dop-translation/project-bindings",
        "projectBindings",
    );
    env.binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    let keys = env.sonarqube.project_keys();
    assert_eq!(keys.len(), 1, "{keys:?}");
    let repository = env.sonarqube.bound_to(&keys[0]);
    assert_eq!(repository.as_deref(), Some("PAY/checkout"));
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
