//! SonarQube before 10.5 imports under keys of its own choice, and not everything.

use serde_json::json;
use simulators::bitbucket::Right;

use crate::e2e::environment::TestEnvironment;
use crate::support::server::{Server, on};

on!([simulated_8_9] => what_8_9_cannot_import_is_said_and_stays_said);

/// Promise: a refusal stays the same in each reconcile, and leaves no intent behind that could take what a user
/// makes later for our own.
async fn what_8_9_cannot_import_is_said_and_stays_said(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.bitbucket.world(|world| {
        world.repository("~jdoe", "notes");
        world.grant_project("bindery", "~jdoe", Right::Write);
    });
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    env.sonarqube.create_project("PAY_checkout", "Made by hand");
    for (name, repository, reason, words) in [
        (
            "notes",
            "~jdoe/notes",
            "UnsupportedVersion",
            "personal repositories",
        ),
        ("checkout", "PAY/checkout", "ProjectExists", "PROJECT_slug"),
    ] {
        env.binding("platform", name, repository, json!({}));
        for look in ["first", "second"] {
            let message = env.binding_reason("platform", name, reason).await;
            assert!(message.contains(words), "{look}: {message}");
            env.requested_reconcile("platform", name, look).await;
        }
        let binding = env.binding_is("platform", name, ("Stalled", "True")).await;
        let status = binding.status.unwrap();
        assert!(status.record.intent.is_none(), "{:?}", status.record.intent);
        assert!(status.sonarqube_project.is_none());
    }
    assert_eq!(env.sonarqube.project_keys(), ["PAY_checkout"]);
}
