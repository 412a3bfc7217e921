//! SonarQube's configurations: whose they are, and what they are called.

use bindery::crd::BitbucketConnection;
use serde_json::{Value, json};
use simulators::sonarqube::Platform;

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::snapshot::Snapshot;
use crate::support::server::{Server, on};

on!([simulated_9_9, simulated_26_9] => a_configuration_of_another_platform_is_left_alone);
on!([simulated_9_9, simulated_26_9] => a_configuration_may_have_the_longest_name_that_sonarqube_takes);
on!([simulated_26_9_enterprise, simulated_9_9_enterprise] => a_name_is_free_as_soon_as_its_owner_has_another_one);
on!([simulated_26_9] => a_deleted_connection_leaves_what_its_successor_has_accepted);
on!([simulated_26_9_enterprise] => of_two_base_urls_for_one_server_the_older_is_kept);
on!([simulated_8_9_developer] => a_limit_that_shows_when_it_is_met_is_met_once);
on!([simulated_26_9, simulated_8_9_developer] => another_edition_is_noticed_without_a_restart);

/// Promise: what was made for another platform belongs to its maker. Before 10.5 its id is made of its name, as
/// that of ours was.
async fn a_configuration_of_another_platform_is_left_alone(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let theirs = ("https://gitlab.example.com", "glpat-of-somebody-else");
    env.sonarqube.simulated().world(|world| {
        let id = world.setting("bitbucket").unwrap().id.clone();
        world.delete_setting(&id);
        world.create_setting(Platform::GitLab, "bitbucket", theirs.0, theirs.1);
    });
    env.reconcile_now("replaced").await;
    let message = env.connection_reason("bitbucket", "AdoptionRefused").await;
    assert!(message.contains("another platform"), "{message}");
    env.reconcile_now("again").await;
    env.sonarqube.simulated().world(|world| {
        let left = world.setting("bitbucket").unwrap();
        assert_eq!(left.platform, Platform::GitLab);
        assert_eq!((left.url.as_str(), left.token.as_str()), theirs);
    });
}

/// Promise: a name may be as long as SonarQube takes, also where the id is made of it.
async fn a_configuration_may_have_the_longest_name_that_sonarqube_takes(server: Server) {
    let env = TestEnvironment::set(server).await;
    let name = "n".repeat(200);
    env.connection(json!({"configurationName": name}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    assert_eq!(env.sonarqube.settings()[0]["key"], name);
}

/// Promise: a rename gives the earlier name up at once, and takes the new one; who waited follows.
async fn a_name_is_free_as_soon_as_its_owner_has_another_one(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({"configurationName": "x"}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    // It is not its interval that has it reconciled.
    let waiting = json!({"configurationName": "x", "interval": "1h"});
    env.connection_named("second", waiting);
    env.connection_reason("second", "AlreadyManaged").await;

    env.connection(json!({"configurationName": "y"}));
    let first = env.connection_is("bitbucket", ("Ready", "True")).await;
    let second = env.connection_is("second", ("Ready", "True")).await;
    let name = |connection: &BitbucketConnection| {
        let status = connection.status.clone().unwrap();
        status.configuration.unwrap().name
    };
    assert_eq!((name(&first), name(&second)), ("y".into(), "x".into()));
    assert_eq!(env.sonarqube.settings().len(), 2);
    let note = env.reported_once(&first, "Changed");
    assert!(note.contains("renamed"), "{note}");
    let reported = env.reasons(&first);
    assert!(
        !reported.contains(&"DriftCorrected".to_owned()),
        "{reported:?}"
    );
}

/// Promise: what another connection has accepted is not deleted with the one that created it.
async fn a_deleted_connection_leaves_what_its_successor_has_accepted(server: Server) {
    let env = TestEnvironment::set_with(
        server,
        &["--minimum-interval", "10s", "--allow-project-deletion"],
    )
    .await;
    env.connection(json!({"deletionPolicy": "Delete"}));
    let first = env.connection_is("bitbucket", ("Ready", "True")).await;
    let project = json!({"deletionPolicy": "DeleteProject"});
    env.binding("payments", "ledger", "PAY/ledger", project);
    env.binding_is("payments", "ledger", ("Ready", "True"))
        .await;
    env.connection_named("second", json!({"configurationName": "bitbucket"}));
    env.connection_reason("second", "AlreadyManaged").await;

    env.ask_for_deletion_of_connection().await;
    env.connection_is("second", ("Ready", "True")).await;
    let before = env.sonarqube.settings();
    env.delete_binding("payments", "ledger").await;
    env.gone::<BitbucketConnection>("platform", "bitbucket")
        .await;
    assert_eq!(env.sonarqube.settings(), before);
    let note = env.reported_once(&first, "Orphaned");
    assert!(note.contains("another BitbucketConnection"), "{note}");
}

/// Promise: a server has one base URL; of two connections that declare different ones the older decides, the other says
/// so.
async fn of_two_base_urls_for_one_server_the_older_is_kept(server: Server) {
    let env = TestEnvironment::set(server).await;
    let declaring = |url: &str| json!({"sonarqube": {"serverBaseURL": url}});
    env.connection(declaring("https://first.example.com"));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    // An age is given in whole seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    env.connection_named("second", declaring("https://second.example.com"));
    let message = env.connection_reason("second", "AlreadyManaged").await;
    for word in ["platform/bitbucket", "spec.sonarqube.serverBaseURL"] {
        assert!(message.contains(word), "no {word} in {message}");
    }
    let base_url = || {
        let found = env.sonarqube.get(
            "api/settings/values",
            &[("keys", "sonar.core.serverBaseURL")],
        );
        found["settings"][0]["value"].clone()
    };
    env.reconcile_now("the first one").await;
    env.connection_is("bitbucket", ("Ready", "True")).await;
    assert_eq!(base_url(), "https://first.example.com");

    env.connection_named("second", declaring("https://first.example.com/"));
    env.connection_is("second", ("Ready", "True")).await;
    assert_eq!(base_url(), "https://first.example.com");
}

/// Promise: a call that a server lacks, and has rejected once, is not tried again at every interval.
async fn a_limit_that_shows_when_it_is_met_is_met_once(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.sonarqube
        .create_setting("corporate", env.bitbucket.url().as_str(), "by hand");
    env.connection(json!({}));
    env.connection_reason("bitbucket", "ConfigurationLimit")
        .await;
    let before = Snapshot::now(&env).await;
    let reconciles = || env.operator.reconciles("bitbucketconnection");
    let then = reconciles();
    env.eventually("an interval goes by", || reconciles() > then)
        .await;
    let done = before.since(&env).await;
    assert_eq!((done.writes(), done.status_writes), (0, 0), "{done:?}");
}

/// Promise: an edition that takes more is noticed: by what it lists, or, if it lists nothing, on request.
async fn another_edition_is_noticed_without_a_restart(server: Server) {
    let env = TestEnvironment::set(server).await;
    let url = env.bitbucket.url();
    env.sonarqube
        .create_setting("corporate", url.as_str(), "by hand");
    env.connection(json!({}));
    let message = env
        .connection_reason("bitbucket", "ConfigurationLimit")
        .await;
    assert!(message.contains("Enterprise Edition"), "{message}");

    let simulated = env.sonarqube.simulated();
    simulated.become_edition(simulators::sonarqube::Edition::Enterprise);
    if server.version == "8.9" {
        env.reconcile_now("bought Enterprise").await;
    }
    let connection = env.connection_is("bitbucket", ("Ready", "True")).await;
    let reported: Value = serde_json::to_value(connection.status).unwrap();
    assert_eq!(reported["sonarqube"]["capabilities"][0], "SetBinding");
    assert_eq!(env.sonarqube.settings().len(), 2);
}
