//! What may change in an object that is in use, and what stays possible under all rules.

use serde_json::{Value, json};

use super::binding::binding;
use super::cluster::Cluster;
use super::connection::connection;
use super::row::{Row, accepted, refused};

/// Tries every row on a binding with this spec and this status; no change is kept.
async fn check(spec: Value, status: Value, rows: Vec<Row>) {
    let cluster = Cluster::connect().await;
    let sandbox = cluster.sandbox().await;
    sandbox.create(&binding()).await;
    sandbox.change(&binding(), &json!({ "spec": spec })).await;
    sandbox.observe(&binding(), &status).await;
    let mut wrong = Vec::new();
    for row in rows {
        wrong.extend(row.objection(&sandbox.attempt(&binding(), &row.change).await));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn key(key: Option<&str>) -> Value {
    json!({"spec": {"sonarqubeProject": {"key": key}}})
}

fn no_project() -> Value {
    json!({"spec": {"sonarqubeProject": null}})
}

fn intent() -> Value {
    let intent = json!({"serverId": "server", "projectKey": "PAY:checkout", "way": "put_bound_projects", "since": "2026-01-01T00:00:00Z"});
    json!({"record": {"intent": intent}})
}

fn claimed() -> Value {
    json!({"sonarqubeProject": {"key": "PAY:checkout", "serverId": "server", "url": "https://sonarqube.example.com"}})
}

const BOUND: &str = "sonarqubeProject.key is immutable (bound to PAY:checkout)";
const UNDER_WAY: &str =
    "sonarqubeProject.key is immutable: for another project, make another ProjectBinding";

#[tokio::test]
async fn a_project_key_is_free_until_something_is_created() {
    let rows = || {
        vec![
            accepted("set or changed", key(Some("other"))),
            accepted("removed", key(None)),
            accepted("removed with all around it", no_project()),
        ]
    };
    let unseen = json!({"conditions": []});
    check(json!({}), unseen.clone(), rows()).await;
    check(
        json!({"sonarqubeProject": {"key": "first"}}),
        unseen,
        rows(),
    )
    .await;
}

#[tokio::test]
async fn a_project_key_is_immutable_during_a_creation() {
    let rows = vec![
        refused("set", key(Some("other")), UNDER_WAY),
        accepted(
            "something else changed",
            json!({"spec": {"sonarqubeProject": {"name": "Checkout"}}}),
        ),
    ];
    check(json!({}), intent(), rows).await;
    let rows = vec![
        refused("changed", key(Some("other")), UNDER_WAY),
        refused("removed", key(None), UNDER_WAY),
        refused("removed with all around it", no_project(), UNDER_WAY),
        accepted("written again", key(Some("PAY:checkout"))),
        accepted("something else changed", json!({"spec": {"suspend": true}})),
    ];
    check(
        json!({"sonarqubeProject": {"key": "PAY:checkout"}}),
        intent(),
        rows,
    )
    .await;
}

#[tokio::test]
async fn a_left_out_project_key_may_only_be_set_to_the_key_in_use() {
    let rows = vec![
        accepted("set to the key in use", key(Some("PAY:checkout"))),
        refused("set to another", key(Some("other")), BOUND),
        accepted(
            "something else changed",
            json!({"spec": {"sonarqubeProject": {"name": "Checkout"}}}),
        ),
        accepted(
            "nothing but a label",
            json!({"metadata": {"labels": {"a": "b"}}}),
        ),
    ];
    check(json!({}), claimed(), rows).await;
}

#[tokio::test]
async fn a_project_key_in_use_is_neither_changed_nor_removed() {
    let rows = vec![
        refused("changed", key(Some("other")), BOUND),
        refused("removed", key(None), BOUND),
        refused("removed with all around it", no_project(), BOUND),
        accepted(
            "the repository changed",
            json!({"spec": {"repository": {"slug": "checkout-v2"}}}),
        ),
    ];
    check(
        json!({"sonarqubeProject": {"key": "PAY:checkout"}}),
        claimed(),
        rows,
    )
    .await;
    let rows = vec![accepted(
        "corrected to the key in use",
        key(Some("PAY:checkout")),
    )];
    check(
        json!({"sonarqubeProject": {"key": "former"}}),
        claimed(),
        rows,
    )
    .await;
}

/// Admission cannot see the other connection: the operator refuses one of another server or configuration.
#[tokio::test]
async fn a_reference_to_a_connection_may_change() {
    let to = |reference: Value| json!({"spec": {"connectionRef": reference}});
    let by = json!({"namespace": "platform", "name": "bitbucket", "uid": "uid", "configurationId": "id"});
    let mut status = claimed();
    status["record"] = json!({"connection": by});
    let rows = vec![
        accepted("another name", to(json!({"name": "other"}))),
        accepted("a namespace", to(json!({"namespace": "platform"}))),
        accepted("another namespace", to(json!({"namespace": "other"}))),
        accepted("no namespace", to(json!({"namespace": null}))),
        refused(
            "another kind",
            to(json!({"kind": "ClusterConnection"})),
            "spec.connectionRef.kind: Unsupported value",
        ),
    ];
    check(json!({}), status, rows).await;
}

#[tokio::test]
async fn an_object_before_its_first_reconcile_is_not_ready() {
    let cluster = Cluster::connect().await;
    let sandbox = cluster.sandbox().await;
    for object in [connection(), binding()] {
        let created = sandbox.create(&object).await;
        assert_eq!(created["status"], json!({"observedGeneration": -1}));
        assert_eq!(created["metadata"]["generation"], 1);
    }
}

/// The operator must be able to release all that it once accepted.
#[tokio::test]
async fn status_and_finalizers_can_be_written_with_any_object_in_use() {
    let cluster = Cluster::connect().await;
    let sandbox = cluster.sandbox().await;
    for object in [connection(), binding()] {
        sandbox.create(&object).await;
        sandbox
            .change(
                &object,
                &json!({"metadata": {"finalizers": [bindery::crd::FINALIZER]}}),
            )
            .await;
        let observed = sandbox
            .observe(&object, &json!({"observedGeneration": 1}))
            .await;
        assert_eq!(observed["metadata"]["generation"], 1);
        assert_eq!(observed["status"]["observedGeneration"], 1);
    }
    sandbox.observe(&binding(), &claimed()).await;
    sandbox
        .observe(&binding(), &json!({"sonarqubeProject": null}))
        .await;
    for object in [connection(), binding()] {
        let api = sandbox.api(&object);
        let name = object["metadata"]["name"].as_str().unwrap();
        api.delete(name, &kube::api::DeleteParams::default())
            .await
            .unwrap();
        sandbox
            .change(&object, &json!({"metadata": {"finalizers": null}}))
            .await;
        assert!(api.get_opt(name).await.unwrap().is_none());
    }
}
