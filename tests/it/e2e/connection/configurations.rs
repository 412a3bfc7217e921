//! SonarQube's configurations: whose they are, and what they are called.

use bindery::crd::BitbucketConnection;
use kube::api::DeleteParams;
use serde_json::{Value, json};
use simulators::sonarqube::Platform;

use crate::e2e::environment::Stage;
use crate::e2e::environment::snapshot::Tally;
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
    let stage = Stage::set(server).await;
    stage.connection(json!({}));
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    let theirs = ("https://gitlab.example.com", "glpat-of-somebody-else");
    stage.sonarqube.simulated().world(|world| {
        let id = world.setting("bitbucket").unwrap().id.clone();
        world.delete_setting(&id);
        world.create_setting(Platform::GitLab, "bitbucket", theirs.0, theirs.1);
    });
    stage.look_now("replaced").await;
    let message = stage
        .connection_reason("bitbucket", "AdoptionRefused")
        .await;
    assert!(message.contains("another platform"), "{message}");
    stage.look_now("again").await;
    stage.sonarqube.simulated().world(|world| {
        let left = world.setting("bitbucket").unwrap();
        assert_eq!(left.platform, Platform::GitLab);
        assert_eq!((left.url.as_str(), left.token.as_str()), theirs);
    });
}

/// Promise: a name may be as long as SonarQube takes, also where the id is made of it.
async fn a_configuration_may_have_the_longest_name_that_sonarqube_takes(server: Server) {
    let stage = Stage::set(server).await;
    let name = "n".repeat(200);
    stage.connection(json!({"configurationName": name}));
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    assert_eq!(stage.sonarqube.settings()[0]["key"], name);
}

/// Promise: a rename gives the earlier name up at once, and takes the new one; who waited follows.
async fn a_name_is_free_as_soon_as_its_owner_has_another_one(server: Server) {
    let stage = Stage::set(server).await;
    stage.connection(json!({"configurationName": "x"}));
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    // It is not its interval that has it reconciled.
    let waiting = json!({"configurationName": "x", "interval": "1h"});
    stage.connection_named("second", waiting);
    stage.connection_reason("second", "AlreadyManaged").await;

    stage.connection(json!({"configurationName": "y"}));
    let first = stage.connection_is("bitbucket", ("Ready", "True")).await;
    let second = stage.connection_is("second", ("Ready", "True")).await;
    let name = |connection: &BitbucketConnection| {
        let status = connection.status.clone().unwrap();
        status.configuration.unwrap().name
    };
    assert_eq!((name(&first), name(&second)), ("y".into(), "x".into()));
    assert_eq!(stage.sonarqube.settings().len(), 2);
    let note = stage.reported_once(&first, "Changed");
    assert!(note.contains("renamed"), "{note}");
    let reported = stage.reasons(&first);
    assert!(
        !reported.contains(&"DriftCorrected".to_owned()),
        "{reported:?}"
    );
}

/// Promise: what another connection has accepted is not deleted with the one that created it.
async fn a_deleted_connection_leaves_what_its_successor_has_accepted(server: Server) {
    let stage = Stage::set_with(
        server,
        &["--minimum-interval", "10s", "--allow-project-deletion"],
    )
    .await;
    stage.connection(json!({"deletionPolicy": "Delete"}));
    let first = stage.connection_is("bitbucket", ("Ready", "True")).await;
    let project = json!({"deletionPolicy": "DeleteProject"});
    stage.binding("payments", "ledger", "PAY/ledger", project);
    stage
        .binding_is("payments", "ledger", ("Ready", "True"))
        .await;
    stage.connection_named("second", json!({"configurationName": "bitbucket"}));
    stage.connection_reason("second", "AlreadyManaged").await;

    let api = stage.api::<BitbucketConnection>("platform");
    api.delete("bitbucket", &DeleteParams::default())
        .await
        .unwrap();
    stage.connection_is("second", ("Ready", "True")).await;
    let before = stage.sonarqube.settings();
    stage.delete_binding("payments", "ledger").await;
    stage
        .gone::<BitbucketConnection>("platform", "bitbucket")
        .await;
    assert_eq!(stage.sonarqube.settings(), before);
    let note = stage.reported_once(&first, "Orphaned");
    assert!(note.contains("another BitbucketConnection"), "{note}");
}

/// Promise: a server has one base URL; of two connections that declare different ones the older decides, the other says
/// so.
async fn of_two_base_urls_for_one_server_the_older_is_kept(server: Server) {
    let stage = Stage::set(server).await;
    let declaring = |url: &str| json!({"sonarqube": {"serverBaseURL": url}});
    stage.connection(declaring("https://first.example.com"));
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    // An age is given in whole seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    stage.connection_named("second", declaring("https://second.example.com"));
    let message = stage.connection_reason("second", "AlreadyManaged").await;
    for word in ["platform/bitbucket", "spec.sonarqube.serverBaseURL"] {
        assert!(message.contains(word), "no {word} in {message}");
    }
    let base_url = || {
        let found = stage.sonarqube.get(
            "api/settings/values",
            &[("keys", "sonar.core.serverBaseURL")],
        );
        found["settings"][0]["value"].clone()
    };
    stage.look_now("the first one").await;
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    assert_eq!(base_url(), "https://first.example.com");

    stage.connection_named("second", declaring("https://first.example.com/"));
    stage.connection_is("second", ("Ready", "True")).await;
    assert_eq!(base_url(), "https://first.example.com");
}

/// Promise: a call that a server lacks, and has rejected once, is not tried again at every interval.
async fn a_limit_that_shows_when_it_is_met_is_met_once(server: Server) {
    let stage = Stage::set(server).await;
    stage
        .sonarqube
        .create_setting("corporate", stage.bitbucket.url().as_str(), "by hand");
    stage.connection(json!({}));
    stage
        .connection_reason("bitbucket", "ConfigurationLimit")
        .await;
    let before = Tally::now(&stage).await;
    let passes = || stage.operator.passes("bitbucketconnection");
    let then = passes();
    stage
        .eventually("an interval goes by", || passes() > then)
        .await;
    let done = before.since(&stage).await;
    assert_eq!((done.writes(), done.status_writes), (0, 0), "{done:?}");
}

/// Promise: an edition that takes more is noticed: by what it lists, or, if it lists nothing, on request.
async fn another_edition_is_noticed_without_a_restart(server: Server) {
    let stage = Stage::set(server).await;
    let url = stage.bitbucket.url();
    stage
        .sonarqube
        .create_setting("corporate", url.as_str(), "by hand");
    stage.connection(json!({}));
    let message = stage
        .connection_reason("bitbucket", "ConfigurationLimit")
        .await;
    assert!(message.contains("Enterprise Edition"), "{message}");

    let simulated = stage.sonarqube.simulated();
    simulated.become_edition(simulators::sonarqube::Edition::Enterprise);
    if server.version == "8.9" {
        stage.look_now("bought Enterprise").await;
    }
    let connection = stage.connection_is("bitbucket", ("Ready", "True")).await;
    let reported: Value = serde_json::to_value(connection.status).unwrap();
    assert_eq!(reported["sonarqube"]["capabilities"][0], "SetBinding");
    assert_eq!(stage.sonarqube.settings().len(), 2);
}
