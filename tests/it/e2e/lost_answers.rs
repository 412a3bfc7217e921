//! Answers of SonarQube that never come, on the ways to a bound project that take several calls.

use kube::ResourceExt as _;
use serde_json::json;
use simulators::sonarqube::{Effect, Fault, Outcome};

use super::stage::Stage;
use crate::support::server::{Server, on};

on!([simulated_9_9, simulated_26_9_developer] => no_lost_answer_makes_a_second_project);

/// Promise: whichever call to SonarQube was done and not answered, there is one project, under our key, and remembered
/// as ours.
async fn no_lost_answer_makes_a_second_project(server: Server) {
    let lost: &[&str] = match server.capabilities().way.name() {
        "ImportRepository" => &["/api/alm_integrations/import_bitbucketserver_project"],
        "SetBinding" => &[
            "/api/projects/create",
            "/api/alm_settings/set_bitbucket_binding",
        ],
        other => panic!("{other} takes one call: see crash.rs"),
    };
    let stage = Stage::set(server).await;
    stage.connection(json!({}));
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    let mut wanted = Vec::new();
    for (path, slug) in lost.iter().zip(["checkout", "ledger"]) {
        assert_survives_the_loss(&stage, path, slug).await;
        wanted.push(format!("PAY:{slug}"));
    }
    let mut keys = stage.sonarqube.project_keys();
    keys.sort();
    assert_eq!(keys, wanted);
}

/// Imports a repository of `PAY` while the answer to one call is lost.
async fn assert_survives_the_loss(stage: &Stage, path: &str, slug: &str) {
    let sonarqube = &stage.sonarqube;
    let fault = Fault::at(&format!("POST {path}")).effect(Effect::CommitThenDrop);
    sonarqube.simulated().fault(fault.times(1));
    let repository = format!("PAY/{slug}");
    stage.binding("payments", slug, &repository, json!({}));
    let binding = stage.binding_is("payments", slug, ("Ready", "True")).await;
    let calls = sonarqube.simulated().calls().into_iter();
    let lost = calls.filter(|call| call.operation == path && call.outcome == Outcome::Dropped);
    assert_eq!(lost.count(), 1, "no answer of {path} was lost");
    let status = binding.status.as_ref().unwrap();
    assert_eq!(status.intent, None);
    let project = status.sonarqube_project.as_ref().unwrap();
    assert_eq!(project.key, format!("PAY:{slug}"));
    assert_eq!(project.created_by, binding.uid());
    assert_eq!(project.bound_by, binding.uid());
    assert_eq!(sonarqube.bound_to(&project.key), Some(repository));
    stage.told_once(&binding, "Imported");
}
