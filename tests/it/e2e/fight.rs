//! Another writer undoes what Bindery writes.

use serde_json::json;
use simulators::bitbucket::Fault;

use super::stage::Stage;
use crate::support::server::{Server, simulated};

simulated!(what_is_undone_again_and_again_is_said_and_seldom_written);

const WRITE: &str = "POST /api/projects/update_visibility";

/// Promise: a fight with another writer is named, once, and costs one write an interval.
async fn what_is_undone_again_and_again_is_said_and_seldom_written(server: Server) {
    let stage = Stage::set_with(server, &["--minimum-interval", "60"]).await;
    stage.connection(json!({"interval": "1m"}));
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    // Somebody else changes it back before SonarQube's answer is there.
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

fn writes(stage: &Stage) -> usize {
    let calls = stage.sonarqube.simulated().calls();
    let writes = calls
        .iter()
        .filter(|call| call.method == "POST" && call.target.contains("update_visibility"));
    writes.count()
}
