//! Whether pull requests are decorated, from the binding's own mouth.

use bindery::crd::ProjectBinding;
use serde_json::json;
use simulators::bitbucket::Permission;
use simulators::sonarqube::{AnalysedPullRequest, Decoration};

use super::stage::{BITBUCKET_TOKEN, Stage};
use super::waiting::condition;
use crate::support::server::{Server, on};

on!([simulated_26_9_enterprise, simulated_26_9_developer, simulated_26_9_branch_plugin] =>
    a_binding_tells_whether_its_pull_requests_are_decorated,
    a_binding_that_was_pointed_at_another_repository_tells_nothing_of_the_former,
);

/// Promise: a report on the latest commit is seen; a missing one is told, with the way out; and Ready is never held back.
async fn a_binding_tells_whether_its_pull_requests_are_decorated(server: Server) {
    let stage = Stage::set(server).await;
    let able = json!({"sonarqube": {"serverBaseURL": "https://sonarqube.example.com"}});
    stage.connection(able);
    stage.binding("platform", "checkout", "PAY/checkout", json!({}));
    stage
        .binding_is("platform", "checkout", ("Ready", "True"))
        .await;
    let message = told(&stage, "nothing was analysed", "NotChecked").await;
    assert!(message.contains("no analysed pull request"), "{message}");

    assert!(matches!(analyse(&stage, 'a').await, Decoration::Done));
    let message = told(&stage, "one is decorated", "Succeeded").await;
    assert!(message.contains("is decorated"), "{message}");

    // As if Bitbucket had refused the report.
    stage
        .bitbucket
        .world(|world| world.repository("PAY", "checkout").reports.clear());
    let message = told(&stage, "the report is missing", "NotDecorated").await;
    assert!(message.contains("has no report of it"), "{message}");

    // SonarQube's token loses the right to write.
    stage.bitbucket.world(|world| {
        world.token(BITBUCKET_TOKEN, "bindery", &[Permission::RepoRead]);
        world.repository("PAY", "checkout").grants.clear();
    });
    told(&stage, "the right is gone", "PermissionMissing").await;
    stage
        .binding_is("platform", "checkout", ("Ready", "True"))
        .await;
}

/// Promise: what is told of pull requests is told of the repository that stands beside it.
async fn a_binding_that_was_pointed_at_another_repository_tells_nothing_of_the_former(
    server: Server,
) {
    let stage = Stage::set(server).await;
    let able = json!({"sonarqube": {"serverBaseURL": "https://sonarqube.example.com"}});
    stage.connection(able);
    stage.binding("platform", "checkout", "PAY/checkout", json!({}));
    stage
        .binding_is("platform", "checkout", ("Ready", "True"))
        .await;
    assert!(matches!(analyse(&stage, 'a').await, Decoration::Done));
    told(&stage, "one is decorated", "Succeeded").await;
    stage.binding("platform", "checkout", "PAY/ledger", json!({}));
    let binding = stage
        .binding_is("platform", "checkout", ("Ready", "True"))
        .await;
    let condition = condition(&binding, "DecorationReady").unwrap();
    assert_eq!(condition["reason"], "NotChecked", "{condition}");
}

/// Opens a pull request, and has it analysed.
async fn analyse(stage: &Stage, digit: char) -> Decoration {
    let commit = digit.to_string().repeat(40);
    let id = stage.bitbucket.world(|world| {
        world
            .open_pull_request("PAY", "checkout", "feature", &commit)
            .unwrap()
    });
    let pull_request = AnalysedPullRequest {
        key: id.to_string(),
        title: "A change".to_owned(),
        branch: "feature".to_owned(),
        base: "main".to_owned(),
        commit,
        date: "2099-01-15T08:00:00+0000".to_owned(),
        warnings: Vec::new(),
    };
    let simulated = stage.sonarqube.simulated();
    let analysed = simulated.analyse_pull_request("PAY:checkout", pull_request);
    analysed.await.unwrap()
}

/// Has the binding looked at, waits until it says this of decoration, and returns its message.
async fn told(stage: &Stage, request: &str, reason: &str) -> String {
    stage.look_now(request).await;
    stage.look_at("platform", "checkout", request).await;
    let says = |binding: &ProjectBinding| {
        condition(binding, "DecorationReady").is_some_and(|condition| condition["reason"] == reason)
    };
    let binding = stage.until("platform", "checkout", says).await;
    let condition = condition(&binding, "DecorationReady").unwrap();
    condition["message"].as_str().unwrap().to_owned()
}
