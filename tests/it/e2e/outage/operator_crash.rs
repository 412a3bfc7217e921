//! Never twice: after any crash of the operator, or lost answer, an import is made once and remembered as ours.

use std::collections::BTreeMap;
use std::time::Duration;

use bindery::crd::ProjectBinding;
use kube::ResourceExt as _;
use kube::api::ListParams;
use serde_json::json;
use simulators::bitbucket::{Caller, Fault};

use crate::e2e::environment::Stage;
use crate::e2e::environment::many::{bindings, repositories};
use crate::e2e::environment::proxy::Proxy;
use crate::support::server::{Server, everywhere, on};

everywhere!(an_import_whose_answer_is_lost_is_adopted_as_our_own);
on!([simulated_26_9, real_26_9, simulated_25_1] => no_import_is_made_twice_or_forgotten_however_often_the_operator_is_killed);

on!([simulated_26_9, real_26_9] => an_import_under_way_goes_with_the_object_that_wanted_it);

const ARGUMENTS: &[&str] = &["--minimum-interval", "10s"];

async fn all(stage: &Stage) -> Vec<ProjectBinding> {
    let api = stage.api::<ProjectBinding>("payments");
    api.list(&ListParams::default()).await.unwrap().items
}

fn intends(binding: &ProjectBinding) -> bool {
    let status = binding.status.as_ref();
    status.is_some_and(|status| status.record.intent.is_some())
}

/// Promise: SIGKILL at any moment of many imports leaves one project for each repository, all of them ours.
async fn no_import_is_made_twice_or_forgotten_however_often_the_operator_is_killed(server: Server) {
    let mut stage = Stage::set(server).await;
    let slugs = repositories(&stage, 30);
    // While SonarQube waits for Bitbucket, there is an import to be killed in.
    let slow = Fault::at("repository").caller(Caller::SonarQube);
    stage
        .bitbucket
        .fault(slow.delay(Duration::from_millis(400)));
    stage.connection(json!({}));
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    stage.apply(&bindings(&slugs));
    let mut interrupted = 0;
    for reached in [2, 11, 20] {
        let sonarqube = &stage.sonarqube;
        let enough = || sonarqube.project_keys().len() > reached;
        stage
            .eventually(&format!("{reached} projects"), enough)
            .await;
        stage.operator.kill();
        interrupted += all(&stage).await.into_iter().filter(intends).count();
        stage.restart_operator(ARGUMENTS);
    }
    assert!(interrupted > 0, "no import was in progress at any kill");

    let mut projects = BTreeMap::new();
    for slug in &slugs {
        let binding = stage.binding_is("payments", slug, ("Ready", "True")).await;
        assert!(!intends(&binding), "{slug} still intends to import");
        let own = binding.uid();
        let status = binding.status.unwrap();
        assert_eq!(status.record.created_by, own, "{slug}");
        assert_eq!(status.record.bound_by, own, "{slug}");
        let project = status.sonarqube_project.unwrap();
        projects.insert(project.key, format!("PAY/{slug}"));
    }
    let mut keys = stage.sonarqube.project_keys();
    keys.sort();
    assert_eq!(keys, projects.keys().cloned().collect::<Vec<_>>());
    for (key, repository) in projects {
        assert_eq!(stage.sonarqube.bound_to(&key), Some(repository));
    }
}

/// Promise: an import that SonarQube made, and whose answer never came, is recognised and not repeated.
async fn an_import_whose_answer_is_lost_is_adopted_as_our_own(server: Server) {
    let stage = Stage::set(server).await;
    let proxy = Proxy::start(&stage.sonarqube.url).await;
    stage.connection(json!({"sonarqube": {"url": proxy.url}}));
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    proxy.lose_the_answer_of_import(2);
    let slugs = ["checkout", "ledger", "payments-api"];
    for slug in slugs {
        stage.binding("payments", slug, &format!("PAY/{slug}"), json!({}));
    }
    for slug in slugs {
        let binding = stage.binding_is("payments", slug, ("Ready", "True")).await;
        let status = binding.status.as_ref().unwrap();
        let project = status.sonarqube_project.as_ref().unwrap();
        assert_eq!(project.key, format!("PAY:{slug}"));
        assert_eq!(status.record.created_by, binding.uid(), "{slug}");
        assert!(!intends(&binding), "{slug}");
        stage.reported_once(&binding, "Imported");
    }
    assert_eq!(proxy.lost(), 1, "no answer was lost");
    let mut keys = stage.sonarqube.project_keys();
    keys.sort();
    assert_eq!(keys, ["PAY:checkout", "PAY:ledger", "PAY:payments-api"]);
}

/// Promise: an object that is deleted while its import is in progress leaves nothing behind that it asked to be
/// deleted, and an operator that starts meanwhile reports nothing about what it has not reconciled yet.
async fn an_import_under_way_goes_with_the_object_that_wanted_it(server: Server) {
    let deleting = ["--minimum-interval", "10s", "--allow-project-deletion"];
    let mut stage = Stage::set_with(server, &deleting).await;
    let proxy = Proxy::start(&stage.sonarqube.url).await;
    stage.connection(json!({"sonarqube": {"url": proxy.url}}));
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    proxy.lose_the_answer_of_import(1);
    let doomed = json!({"deletionPolicy": "DeleteProject"});
    stage.binding("payments", "checkout", "PAY/checkout", doomed);
    stage
        .eventually("the answer is lost", || proxy.lost() == 1)
        .await;
    stage.operator.kill();
    let api = stage.api::<ProjectBinding>("payments");
    let interrupted = api.get("checkout").await.unwrap();
    assert!(intends(&interrupted), "{interrupted:?}");
    assert!(stage.sonarqube.project("PAY:checkout").is_some());
    let object = ["pbind/checkout", "--namespace", "payments"];
    stage.kubectl(&[&["delete", "--wait=false"], &object[..]].concat());
    stage.restart_operator(&deleting);
    stage.gone::<ProjectBinding>("payments", "checkout").await;
    assert_eq!(stage.sonarqube.project("PAY:checkout"), None);
    assert_eq!(
        stage.reasons(&interrupted).last().unwrap(),
        "ProjectDeleted"
    );
    let reported = stage.reported(&interrupted);
    let alarmed = reported.iter().any(|reported| {
        reported.note.contains("DeletionBlocked")
            || reported.note.contains("could not be carried out")
    });
    assert!(!alarmed, "{reported:?}");
}
