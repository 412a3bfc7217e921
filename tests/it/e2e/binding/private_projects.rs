//! A SonarQube whose new projects no user may browse.

use serde_json::json;

use crate::e2e::environment::TestEnvironment;
use crate::support::server::{Server, on};

on!([simulated_26_9, simulated_26_9_branch_plugin, simulated_25_1, simulated_9_9] =>
    the_operator_grants_itself_access_to_its_private_imports,
);

/// Promise: a default permission template without Browse is no obstacle to an operator that administers the system.
async fn the_operator_grants_itself_access_to_its_private_imports(server: Server) {
    let env = TestEnvironment::set(server).await;
    let simulated = env.sonarqube.simulated();
    simulated.world(|world| world.hides_new_projects = true);
    env.connection(json!({}));
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    let binding = env
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    let note = env.reported_once(&binding, "PermissionsGranted");
    assert!(note.contains("Browse and Administer"), "{note}");
    let own = binding.metadata.uid;
    let record = binding.status.unwrap().record;
    assert_eq!(record.created_by, own);
    // No other user may see that.
    let asked = [("project", "PAY:checkout")];
    let bound = env
        .sonarqube
        .get_as_operator("api/alm_settings/get_binding", &asked);
    assert_eq!(bound["slug"], "checkout", "{bound}");
}
