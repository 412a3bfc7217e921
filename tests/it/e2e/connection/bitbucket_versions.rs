//! The same repositories on every version of Bitbucket from 5.15 on: what differs between them (errors, the call for
//! the default branch, archived repositories) is not to be seen.

use bindery::crd::ProjectBinding;
use serde_json::json;
use simulators::bitbucket::{Profile, Right};

use crate::e2e::environment::Stage;
use crate::e2e::environment::waiting::condition;
use crate::support::server::{Server, on};

on!([simulated_26_9_enterprise] => a_repository_lives_alike_on_every_version);

/// Promise: imported on its default branch, in any letter case, personal or not; reported if it was renamed; archived
/// if that exists; and its project kept when it is gone.
async fn a_repository_lives_alike_on_every_version(server: Server) {
    for version in Profile::ALL {
        lives(server, version).await;
    }
}

async fn lives(server: Server, version: Profile) {
    let stage = Stage::set_beside(server, version, &["--minimum-interval", "10s"]).await;
    let able = json!({"sonarqube": {"serverBaseURL": "https://sonarqube.example.com"}});
    stage.connection(able);
    let connection = stage.connection_is("bitbucket", ("Ready", "True")).await;
    let reported = connection.status.unwrap().bitbucket.unwrap().version;
    let (major, minor, patch) = version.version();
    assert_eq!(reported, format!("{major}.{minor}.{patch}"));

    stage.bitbucket.world(|world| {
        world.repository("~jdoe", "notes");
        world.grant_project("bindery", "~jdoe", Right::Write);
    });
    for (name, repository) in [("checkout", "pay/Checkout"), ("notes", "~JDoe/notes")] {
        stage.binding("platform", name, repository, json!({}));
        stage.binding_is("platform", name, ("Ready", "True")).await;
    }
    let bound = |key| stage.sonarqube.bound_to(key);
    assert_eq!(
        bound("PAY:checkout").as_deref(),
        Some("PAY/checkout"),
        "{reported}"
    );
    assert_eq!(
        bound("_jdoe:notes").as_deref(),
        Some("~jdoe/notes"),
        "{reported}"
    );
    assert_eq!(
        stage.sonarqube.main_branch("PAY:checkout"),
        "main",
        "{reported}"
    );

    stage.bitbucket.world(|world| {
        world.rename_repository("PAY", "checkout", "till").unwrap();
        world.delete_repository("~jdoe", "notes").unwrap();
    });
    stage.look_now("renamed").await;
    let message = stage
        .binding_reason("platform", "checkout", "RepositoryMoved")
        .await;
    assert!(message.contains("PAY/till"), "{reported}: {message}");
    stage
        .binding_reason("platform", "notes", "RepositoryNotFound")
        .await;
    assert!(
        stage.sonarqube.project("_jdoe:notes").is_some(),
        "{reported}"
    );

    // Before 8.0 nothing can be archived.
    if version.is_at_least((8, 0)) {
        is_archived(&stage).await;
    }
}

/// Its binding stays Ready, and reports that no pull request will be decorated.
async fn is_archived(stage: &Stage) {
    stage.binding("platform", "ledger", "PAY/ledger", json!({}));
    stage
        .binding_is("platform", "ledger", ("Ready", "True"))
        .await;
    stage
        .bitbucket
        .world(|world| world.repository("PAY", "ledger").archived = true);
    stage.look_now("archived").await;
    let archived = |binding: &ProjectBinding| {
        condition(binding, "DecorationReady")
            .is_some_and(|condition| condition["reason"] == "RepositoryArchived")
    };
    stage.until("platform", "ledger", archived).await;
    stage
        .binding_is("platform", "ledger", ("Ready", "True"))
        .await;
}
