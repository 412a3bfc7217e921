//! Who may use a connection for what, and who comes first.

use serde_json::json;
use simulators::bitbucket::Right;

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::waiting::says;
use crate::support::server::{Server, on, simulated};

simulated!(
    a_connection_that_admits_no_other_namespace_is_reported_as_missing,
    a_repository_outside_the_access_is_denied_and_nothing_is_created,
    a_binding_that_loses_its_access_stops_and_leaves_everything,
    of_two_bindings_for_one_project_the_older_wins_until_it_goes,
);

on!([simulated_26_9, simulated_9_9] => a_repository_moved_outside_the_access_does_not_show_its_new_place);

/// Promise: a namespace that is not admitted learns nothing, not even that the connection is there.
async fn a_connection_that_admits_no_other_namespace_is_reported_as_missing(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    env.binding("outsiders", "shut-out", "PAY/checkout", json!({}));
    let nowhere = json!({"connectionRef": {"name": "nowhere"}});
    env.binding("outsiders", "lost", "PAY/checkout", nowhere);
    let mut reported = Vec::new();
    for name in ["shut-out", "lost"] {
        env.binding_reason("outsiders", name, "ConnectionNotFound")
            .await;
        let binding = env.binding_is("outsiders", name, ("Ready", "False")).await;
        let mut status = serde_json::to_value(binding.status).unwrap();
        for condition in status["conditions"].as_array_mut().unwrap() {
            condition["lastTransitionTime"] = json!(null);
        }
        reported.push(status.to_string());
    }
    assert!(
        reported[0].contains("platform/bitbucket"),
        "{}",
        reported[0]
    );
    assert_eq!(
        reported[0].replace("platform/bitbucket", "platform/nowhere"),
        reported[1]
    );
    assert_eq!(env.sonarqube.project_keys(), [""; 0]);
}

/// Promise: an admitted namespace gets what its entry admits, under the keys that it admits, and no more.
async fn a_repository_outside_the_access_is_denied_and_nothing_is_created(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let sonarqube = &env.sonarqube;
    sonarqube.create_project("secret-ledger", "Made by hand");
    sonarqube.bind(
        "secret-ledger",
        "Made by hand",
        &env.setting_id(),
        "PAY/ledger",
    );
    let before = sonarqube.everything();

    let foreign_key = json!({"sonarqubeProject": {"key": "OPS:deploy"}});
    env.binding("payments", "foreign-repository", "OPS/deploy", json!({}));
    env.binding("payments", "foreign-key", "PAY/checkout", foreign_key);
    env.binding("payments", "foreign-project", "PAY/ledger", json!({}));
    // One that exists, and one that does not, get the same message.
    env.binding("payments", "no-repository", "OPS/nothing", json!({}));
    for name in [
        "foreign-repository",
        "foreign-key",
        "foreign-project",
        "no-repository",
    ] {
        let message = env.binding_reason("payments", name, "AccessDenied").await;
        assert!(message.contains("owner of the connection"), "{message}");
        assert!(!message.contains("secret-ledger"), "{message}");
    }
    assert_eq!(sonarqube.everything(), before);
    for name in ["foreign-repository", "no-repository"] {
        let binding = env.binding_is("payments", name, ("Stalled", "True")).await;
        let status = binding.status.unwrap();
        assert_eq!(status.repository, None, "an oracle of what is there");
    }
    let asked = env.bitbucket.calls().into_iter();
    let asked: Vec<_> = asked
        .filter(|call| call.target.contains("/OPS/repos/"))
        .collect();
    assert!(asked.is_empty(), "{asked:?}");
}

/// Promise: where a repository went is not shown to a tenant that may not know that place.
async fn a_repository_moved_outside_the_access_does_not_show_its_new_place(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    env.bitbucket.world(|world| {
        world.project("HR");
        world.grant_project("bindery", "HR", Right::Write);
        world.move_repository("PAY", "checkout", "HR").unwrap();
    });
    let follows = json!({"onRepositoryMoved": "Follow"});
    env.binding("payments", "checkout", "PAY/checkout", follows);
    let message = env
        .binding_reason("payments", "checkout", "RepositoryMoved")
        .await;
    assert!(message.contains("outside your access"), "{message}");
    let binding = env
        .binding_is("payments", "checkout", ("Stalled", "True"))
        .await;
    let reported = serde_json::to_string(&binding.status).unwrap();
    assert!(!reported.contains("HR"), "{reported}");
}

/// Promise: access withdrawn stops a binding, and leaves SonarQube as it is, not even drift is corrected.
async fn a_binding_that_loses_its_access_stops_and_leaves_everything(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    env.binding("platform", "deploy", "OPS/deploy", json!({}));
    env.binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    env.binding_is("platform", "deploy", ("Ready", "True"))
        .await;

    env.connection(json!({"access": []}));
    env.binding_reason("payments", "checkout", "ConnectionNotFound")
        .await;
    let sonarqube = &env.sonarqube;
    assert_eq!(
        sonarqube.bound_to("PAY:checkout").as_deref(),
        Some("PAY/checkout")
    );

    let setting = env.setting_id();
    for (key, name) in [("PAY:checkout", "checkout"), ("OPS:deploy", "deploy")] {
        sonarqube.let_operator_administer(key);
        let edited = sonarqube.bind(key, name, &setting, "PAY/ledger");
        assert_eq!(edited["newProjectCreated"], false, "{edited}");
    }
    env.reconcile_now("after the edits").await;
    env.eventually("the binding that has access is mended", || {
        sonarqube.bound_to("OPS:deploy").as_deref() == Some("OPS/deploy")
    })
    .await;
    assert_eq!(
        sonarqube.bound_to("PAY:checkout").as_deref(),
        Some("PAY/ledger")
    );

    env.connection(json!({}));
    env.binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    assert_eq!(
        sonarqube.bound_to("PAY:checkout").as_deref(),
        Some("PAY/checkout")
    );
}

/// Promise: one project, one owner. The older wins; the other says so without naming who is none of its business,
/// and takes over when the first is gone.
async fn of_two_bindings_for_one_project_the_older_wins_until_it_goes(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    let orphan = json!({"deletionPolicy": "Orphan"});
    env.binding("platform", "first", "PAY/checkout", orphan);
    let first = env.binding_is("platform", "first", ("Ready", "True")).await;
    env.binding("payments", "second", "PAY/checkout", json!({}));
    let message = env
        .binding_reason("payments", "second", "AlreadyManaged")
        .await;
    assert!(message.contains("PAY:checkout"), "{message}");
    assert!(!message.contains("platform"), "{message}");
    let still = env.binding_is("platform", "first", ("Ready", "True")).await;
    assert_eq!(
        still.metadata.resource_version,
        first.metadata.resource_version
    );
    let before = env.sonarqube.everything();

    env.delete_binding("platform", "first").await;
    let second = env
        .binding_is("payments", "second", ("Ready", "True"))
        .await;
    assert!(says(&second, ("Accepted", "True")));
    let record = second.status.unwrap().record;
    assert_eq!((record.created_by, record.bound_by), (None, None));
    assert_eq!(env.sonarqube.everything(), before);
}
