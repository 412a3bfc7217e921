//! The commands for people: what they print is true, and they write nothing.

mod described;
mod doctor;
mod export;
mod plan;

use serde_json::{Value, json};

use crate::e2e::environment::TestEnvironment;
use crate::support::server::Server;

/// An environment with the binding `payments/audit`, which is Stalled: its project exists. The listing
/// that a new binding may ask for was made.
async fn with_a_refused_binding(server: Server, sonarqube: Value) -> TestEnvironment {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({"interval": "1h", "sonarqube": sonarqube, "access": [{
        "name": "payments", "namespaceSelector": {}, "repositories": ["PAY/*"], "sonarqubeProjects": ["PAY:*"],
    }]}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    env.bitbucket.world(|world| {
        world.repository("PAY", "audit");
    });
    env.sonarqube.create_project("PAY:audit", "Made by hand");
    env.binding("payments", "audit", "PAY/audit", json!({}));
    env.binding_is("payments", "audit", ("Stalled", "True"))
        .await;
    env.reconcile_now("the listing that a new binding asks for")
        .await;
    env
}
