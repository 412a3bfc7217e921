//! Another writer undoes what Bindery writes.

use serde_json::json;
use simulators::bitbucket::Fault;
use simulators::sonarqube::{SERVER_BASE_URL, World};

use crate::e2e::environment::Stage;
use crate::e2e::environment::waiting::condition;
use crate::support::server::{Server, simulated};

simulated!(what_is_undone_again_and_again_is_said_and_seldom_written);
simulated!(a_configuration_that_is_changed_back_is_said_and_seldom_written);
simulated!(a_base_url_that_is_changed_back_is_said_and_holds_up_no_binding);

const WRITE: &str = "POST /api/projects/update_visibility";
const UPDATE: &str = "POST /api/alm_settings/update_bitbucket";

/// Promise: a fight with another writer is named, once, and costs one write an interval.
async fn what_is_undone_again_and_again_is_said_and_seldom_written(server: Server) {
    let stage = Stage::set_with(server, &["--minimum-interval", "60s"]).await;
    stage.connection(json!({"interval": "1m"}));
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    // Another client changes it back before SonarQube answers.
    let undone = Fault::at(WRITE).answer(204, "");
    stage.sonarqube.simulated().fault(undone);
    let project = json!({"sonarqubeProject": {"visibility": "Private"}});
    stage.binding("payments", "checkout", "PAY/checkout", project);
    let said = stage
        .binding_reason("payments", "checkout", "FightDetected")
        .await;
    assert!(
        said.contains("the visibility Private of SonarQube project PAY:checkout"),
        "{said}"
    );
    assert_eq!(writes(&stage), 3);
    for round in 0..3 {
        stage.look_now(&format!("again-{round}")).await;
        let once = || writes(&stage) >= 4 + round;
        stage.eventually("written once more", once).await;
    }
    let binding = stage
        .binding_is("payments", "checkout", ("Stalled", "True"))
        .await;
    let events = stage.reasons(&binding);
    let count = |reason: &str| events.iter().filter(|event| *event == reason).count();
    assert_eq!(count("NotReady"), 1, "{events:?}");
    assert!(count("DriftCorrected") <= 3, "{events:?}");
    assert!(writes(&stage) <= 6 + 2, "{}", writes(&stage));
    stage.sonarqube.simulated().clear_faults();
    stage.look_now("the-other-is-gone").await;
    stage.look_now("and-nothing-is-undone").await;
    stage
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
}

/// Promise: the same of a connection, whose bindings wait: SonarQube would send their tokens to a URL that another
/// client set.
async fn a_configuration_that_is_changed_back_is_said_and_seldom_written(server: Server) {
    let stage = Stage::set(server).await;
    stage.connection(json!({"interval": "1h"}));
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    let sonarqube = stage.sonarqube.simulated();
    // Another client changes it back before SonarQube answers.
    sonarqube.fault(Fault::at(UPDATE).answer(204, ""));
    let theirs = "https://theirs.example.com";
    sonarqube.world(|world| theirs.clone_into(&mut world.settings[0].url));
    sonarqube.clear_calls();
    stage.look_now("changed").await;
    let said = stage.connection_reason("bitbucket", "FightDetected").await;
    assert!(
        said.contains("configuration bitbucket of SonarQube"),
        "{said}"
    );
    // A request that comes during a reconcile is seen by it, and has another one follow: one write more.
    let first = written(&stage, "update_bitbucket");
    assert!((3..=4).contains(&first), "{first}");
    for round in 0..2 {
        let before = written(&stage, "update_bitbucket");
        stage.look_now(&format!("again-{round}")).await;
        let more = written(&stage, "update_bitbucket") - before;
        assert!((1..=2).contains(&more), "{more}");
    }
    let connection = stage.connection_is("bitbucket", ("Stalled", "True")).await;
    let synced = condition(&connection, "ConfigurationSynced").unwrap();
    assert_eq!(synced["reason"], "FightDetected", "{synced}");
    let events = stage.reasons(&connection);
    let count = |reason: &str| events.iter().filter(|event| *event == reason).count();
    assert!(count("DriftCorrected") <= 3, "{events:?}");
    sonarqube.clear_faults();
    stage.look_now("the-other-is-gone").await;
    stage.look_now("and-nothing-is-undone").await;
    stage.connection_is("bitbucket", ("Ready", "True")).await;
}

/// Promise: what is as declared after all serves its bindings, while the condition says who has to stop.
async fn a_base_url_that_is_changed_back_is_said_and_holds_up_no_binding(server: Server) {
    let stage = Stage::set(server).await;
    let ours = "https://sonarqube.example.com";
    stage.connection(json!({"interval": "1h", "sonarqube": {"serverBaseURL": ours}}));
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    // The first write undid nothing.
    stage.look_now("quiet").await;
    let change_back = async |round: u32| {
        stage.sonarqube.simulated().world(|world| {
            let theirs = "https://theirs.example.com".to_owned();
            world.properties.insert(SERVER_BASE_URL.to_owned(), theirs);
        });
        stage.look_now(&format!("changed-back-{round}")).await;
        let now = |world: &mut World| world.properties[SERVER_BASE_URL].clone();
        assert_eq!(stage.sonarqube.simulated().world(now), ours);
    };
    for round in 0..3 {
        change_back(round).await;
        stage.connection_is("bitbucket", ("Ready", "True")).await;
    }
    change_back(3).await;
    let said = stage.connection_reason("bitbucket", "FightDetected").await;
    for part in [ours, "leave out spec.sonarqube.serverBaseURL"] {
        assert!(said.contains(part), "{said}");
    }
    stage.binding("payments", "checkout", "PAY/checkout", json!({}));
    stage
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    stage.look_now("nothing-is-undone").await;
    stage.connection_is("bitbucket", ("Ready", "True")).await;
}

fn writes(stage: &Stage) -> usize {
    written(stage, "update_visibility")
}

fn written(stage: &Stage, call: &str) -> usize {
    let calls = stage.sonarqube.simulated().calls();
    let writes = calls
        .iter()
        .filter(|one| one.method == "POST" && one.target.contains(call));
    writes.count()
}
