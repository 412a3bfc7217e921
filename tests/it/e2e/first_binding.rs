//! The main job: a repository becomes a bound SonarQube project.

use serde_json::json;

use super::stage::Stage;

/// Promise: `kubectl apply` of a connection and a binding is all it takes.
#[tokio::test(flavor = "multi_thread")]
async fn a_repository_is_imported_under_its_default_key() {
    let stage = Stage::set().await;
    stage.connection(json!({}));
    stage.binding("payments", "checkout", "pay/Checkout", json!({}));
    let binding = stage
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    let status = binding.status.unwrap();
    assert_eq!(
        status.repository.unwrap().path,
        "PAY/checkout",
        "as Bitbucket spells it"
    );
    let project = status.sonarqube_project.unwrap();
    assert_eq!(project.key, "PAY:checkout");
    assert_eq!(project.created_by, binding.metadata.uid);
    assert_eq!(status.intent, None);
    assert_eq!(
        stage.sonarqube.bound_to("PAY:checkout").as_deref(),
        Some("PAY/checkout")
    );
}
