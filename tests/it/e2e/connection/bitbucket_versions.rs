//! The same repositories on every version of Bitbucket from 5.15 on: what differs between them (errors, the call for
//! the default branch, archived repositories) is not to be seen.

use bindery::crd::ProjectBinding;
use serde_json::json;
use simulators::bitbucket::{Profile, Right};

use crate::e2e::environment::TestEnvironment;
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
    let env = TestEnvironment::set_beside(server, version, &["--minimum-interval", "10s"]).await;
    let able = json!({"sonarqube": {"serverBaseURL": "https://sonarqube.example.com"}});
    env.connection(able);
    let connection = env.connection_is("bitbucket", ("Ready", "True")).await;
    let reported = connection.status.unwrap().bitbucket.unwrap().version;
    let (major, minor, patch) = version.version();
    assert_eq!(reported, format!("{major}.{minor}.{patch}"));

    env.bitbucket.world(|world| {
        world.repository("~jdoe", "notes");
        world.grant_project("bindery", "~jdoe", Right::Write);
    });
    for (name, repository) in [("checkout", "pay/Checkout"), ("notes", "~JDoe/notes")] {
        env.binding("platform", name, repository, json!({}));
        env.binding_is("platform", name, ("Ready", "True")).await;
    }
    let bound = |key| env.sonarqube.bound_to(key);
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
        env.sonarqube.main_branch("PAY:checkout"),
        "main",
        "{reported}"
    );

    env.bitbucket.world(|world| {
        world.rename_repository("PAY", "checkout", "till").unwrap();
        world.delete_repository("~jdoe", "notes").unwrap();
    });
    env.reconcile_now("renamed").await;
    let message = env
        .binding_reason("platform", "checkout", "RepositoryMoved")
        .await;
    assert!(message.contains("PAY/till"), "{reported}: {message}");
    env.binding_reason("platform", "notes", "RepositoryNotFound")
        .await;
    assert!(env.sonarqube.project("_jdoe:notes").is_some(), "{reported}");

    // Before 8.0 nothing can be archived.
    if version.is_at_least((8, 0)) {
        is_archived(&env).await;
    }
}

/// Its binding stays Ready, and reports that no pull request will be decorated.
async fn is_archived(env: &TestEnvironment) {
    env.binding("platform", "ledger", "PAY/ledger", json!({}));
    env.binding_is("platform", "ledger", ("Ready", "True"))
        .await;
    env.bitbucket
        .world(|world| world.repository("PAY", "ledger").archived = true);
    env.reconcile_now("archived").await;
    let archived = |binding: &ProjectBinding| {
        condition(binding, "DecorationReady")
            .is_some_and(|condition| condition["reason"] == "RepositoryArchived")
    };
    env.until("platform", "ledger", archived).await;
    env.binding_is("platform", "ledger", ("Ready", "True"))
        .await;
}
