//! Never twice: after any crash of the operator, or lost answer, an import is made once and remembered as ours.

use std::collections::BTreeMap;
use std::time::Duration;

use bindery::crd::ProjectBinding;
use kube::ResourceExt as _;
use kube::api::ListParams;
use serde_json::json;
use simulators::bitbucket::{Caller, Fault};

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::many::{bindings, repositories};
use crate::e2e::environment::proxy::Proxy;
use crate::support::server::{Server, everywhere, on};

everywhere!(an_import_with_a_lost_answer_is_adopted);
on!([simulated_26_9, real_26_9, simulated_25_1] => no_import_is_made_twice_or_forgotten_however_often_the_operator_is_killed);

on!([simulated_26_9, real_26_9] => an_import_in_progress_is_undone_with_its_binding);

const ARGUMENTS: &[&str] = &["--minimum-interval", "10s"];

async fn all(env: &TestEnvironment) -> Vec<ProjectBinding> {
    let api = env.api::<ProjectBinding>("payments");
    api.list(&ListParams::default()).await.unwrap().items
}

fn intends(binding: &ProjectBinding) -> bool {
    let status = binding.status.as_ref();
    status.is_some_and(|status| status.record.intent.is_some())
}

/// Promise: SIGKILL at any moment of many imports leaves one project for each repository, all of them ours.
async fn no_import_is_made_twice_or_forgotten_however_often_the_operator_is_killed(server: Server) {
    no_import_is_made_twice(server).await;
}

/// The test of that name: `make chaos` runs it several times.
pub(super) async fn no_import_is_made_twice(server: Server) {
    let mut env = TestEnvironment::set(server).await;
    let slugs = repositories(&env, 30);
    // While SonarQube waits for Bitbucket, there is an import to be killed in.
    let slow = Fault::at("repository").caller(Caller::SonarQube);
    env.bitbucket.fault(slow.delay(Duration::from_millis(400)));
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    env.apply(&bindings(&slugs));
    let mut interrupted = 0;
    for reached in [2, 11, 20] {
        let sonarqube = &env.sonarqube;
        let enough = || sonarqube.project_keys().len() > reached;
        env.eventually(&format!("{reached} projects"), enough).await;
        env.operator.kill();
        interrupted += all(&env).await.into_iter().filter(intends).count();
        env.restart_operator(ARGUMENTS);
    }
    assert!(interrupted > 0, "no import was in progress at any kill");

    let mut projects = BTreeMap::new();
    for slug in &slugs {
        let binding = env.binding_is("payments", slug, ("Ready", "True")).await;
        assert!(!intends(&binding), "{slug} still intends to import");
        let own = binding.uid();
        let status = binding.status.unwrap();
        assert_eq!(status.record.created_by, own, "{slug}");
        assert_eq!(status.record.bound_by, own, "{slug}");
        let project = status.sonarqube_project.unwrap();
        projects.insert(project.key, format!("PAY/{slug}"));
    }
    let mut keys = env.sonarqube.project_keys();
    keys.sort();
    assert_eq!(keys, projects.keys().cloned().collect::<Vec<_>>());
    for (key, repository) in projects {
        assert_eq!(env.sonarqube.bound_to(&key), Some(repository));
    }
}

/// Promise: an import that SonarQube made, and whose answer never came, is recognised and not repeated.
async fn an_import_with_a_lost_answer_is_adopted(server: Server) {
    let env = TestEnvironment::set(server).await;
    let proxy = Proxy::start(&env.sonarqube.url).await;
    env.connection(json!({"sonarqube": {"url": proxy.url}}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    proxy.lose_the_answer_of_import(2);
    let slugs = ["checkout", "ledger", "payments-api"];
    for slug in slugs {
        env.binding("payments", slug, &format!("PAY/{slug}"), json!({}));
    }
    for slug in slugs {
        let binding = env.binding_is("payments", slug, ("Ready", "True")).await;
        let status = binding.status.as_ref().unwrap();
        let project = status.sonarqube_project.as_ref().unwrap();
        assert_eq!(project.key, format!("PAY:{slug}"));
        assert_eq!(status.record.created_by, binding.uid(), "{slug}");
        assert!(!intends(&binding), "{slug}");
        env.reported_once(&binding, "Imported");
    }
    assert_eq!(proxy.lost(), 1, "no answer was lost");
    let mut keys = env.sonarqube.project_keys();
    keys.sort();
    assert_eq!(keys, ["PAY:checkout", "PAY:ledger", "PAY:payments-api"]);
}

/// Promise: an object that is deleted while its import is in progress leaves nothing behind that it asked to be
/// deleted, and an operator that starts meanwhile reports nothing about what it has not reconciled yet.
async fn an_import_in_progress_is_undone_with_its_binding(server: Server) {
    let deleting = ["--minimum-interval", "10s", "--allow-project-deletion"];
    let mut env = TestEnvironment::set_with(server, &deleting).await;
    let proxy = Proxy::start(&env.sonarqube.url).await;
    env.connection(json!({"sonarqube": {"url": proxy.url}}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    proxy.lose_the_answer_of_import(1);
    let doomed = json!({"deletionPolicy": "DeleteProject"});
    env.binding("payments", "checkout", "PAY/checkout", doomed);
    env.eventually("the answer is lost", || proxy.lost() == 1)
        .await;
    env.operator.kill();
    let api = env.api::<ProjectBinding>("payments");
    let interrupted = api.get("checkout").await.unwrap();
    assert!(intends(&interrupted), "{interrupted:?}");
    assert!(env.sonarqube.project("PAY:checkout").is_some());
    let object = ["pbind/checkout", "--namespace", "payments"];
    env.kubectl(&[&["delete", "--wait=false"], &object[..]].concat());
    env.restart_operator(&deleting);
    env.gone::<ProjectBinding>("payments", "checkout").await;
    assert_eq!(env.sonarqube.project("PAY:checkout"), None);
    assert_eq!(env.reasons(&interrupted).last().unwrap(), "ProjectDeleted");
    let reported = env.reported(&interrupted);
    let alarmed = reported.iter().any(|reported| {
        reported.note.contains("DeletionBlocked")
            || reported.note.contains("could not be carried out")
    });
    assert!(!alarmed, "{reported:?}");
}
