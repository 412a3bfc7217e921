//! SonarQube before 10.5 imports under keys of its own choice, and not everything.

use serde_json::json;
use simulators::bitbucket::Right;

use crate::e2e::environment::Stage;
use crate::support::server::{Server, on};

on!([simulated_8_9] => what_8_9_cannot_import_is_said_and_stays_said);

/// Promise: a refusal stays the same in each reconcile, and leaves no intent behind that could take what a user
/// makes later for our own.
async fn what_8_9_cannot_import_is_said_and_stays_said(server: Server) {
    let stage = Stage::set(server).await;
    stage.bitbucket.world(|world| {
        world.repository("~jdoe", "notes");
        world.grant_project("bindery", "~jdoe", Right::Write);
    });
    stage.connection(json!({}));
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    stage
        .sonarqube
        .create_project("PAY_checkout", "Made by hand");
    for (name, repository, reason, words) in [
        (
            "notes",
            "~jdoe/notes",
            "UnsupportedVersion",
            "personal repositories",
        ),
        ("checkout", "PAY/checkout", "ProjectExists", "PROJECT_slug"),
    ] {
        stage.binding("platform", name, repository, json!({}));
        for look in ["first", "second"] {
            let message = stage.binding_reason("platform", name, reason).await;
            assert!(message.contains(words), "{look}: {message}");
            stage.look_at("platform", name, look).await;
        }
        let binding = stage
            .binding_is("platform", name, ("Stalled", "True"))
            .await;
        let status = binding.status.unwrap();
        assert!(status.record.intent.is_none(), "{:?}", status.record.intent);
        assert!(status.sonarqube_project.is_none());
    }
    assert_eq!(stage.sonarqube.project_keys(), ["PAY_checkout"]);
}
