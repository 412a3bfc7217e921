//! One slow server is the trouble of its own bindings.

use std::time::Duration;

use serde_json::json;
use simulators::bitbucket::Fault;

use super::stage::Stage;
use crate::support::server::{Server, simulated};
use crate::support::sonarqube::SonarQube;

simulated!(a_slow_server_holds_up_its_own_bindings_only);

/// Promise: more bindings than there are workers wait for a slow server, and those of another connection do not.
async fn a_slow_server_holds_up_its_own_bindings_only(server: Server) {
    let mut stage = Stage::set(server).await;
    let slow = SonarQube::at(server).await;
    let slugs: Vec<_> = (0..24).map(|number| format!("slow{number:02}")).collect();
    stage.bitbucket.world(|world| {
        for slug in &slugs {
            world.repository("PAY", slug);
        }
    });
    stage.connection(json!({}));
    stage.connection_named(
        "slow",
        json!({"interval": "1h", "sonarqube": {"url": slow.url}}),
    );
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    stage.connection_is("slow", ("Ready", "True")).await;

    let late = Fault::at("/api/*").delay(Duration::from_secs(12));
    slow.simulated().fault(late);
    slow.simulated().clear_calls();
    for slug in &slugs {
        let elsewhere = json!({"connectionRef": {"name": "slow"}});
        stage.binding("platform", slug, &format!("PAY/{slug}"), elsewhere);
    }
    let asked = || slow.simulated().calls().len() >= 8;
    stage
        .eventually("the slow server has its hands full", asked)
        .await;
    stage.binding("platform", "checkout", "PAY/checkout", json!({}));
    stage.patience = Duration::from_secs(10);
    stage
        .binding_is("platform", "checkout", ("Ready", "True"))
        .await;
}
