//! A connection that this version cannot read, as after a rollback of the operator.

use bindery::crd::{FORCE_ORPHAN, ProjectBinding};
use kube::ResourceExt as _;
use serde_json::json;

use super::stage::Stage;
use super::waiting::condition;
use crate::support::parts::Parts;
use crate::support::server::{Server, simulated};

simulated!(a_connection_that_cannot_be_read_alarms_nobody_and_holds_nobody_for_ever);

/// The definition of connections takes a `managementPolicy` that this Bindery has never heard of, and the connection has
/// it. Dropped, also by a panic, the definition is as it was, and the connection gone.
struct NewerConnection;

const CONNECTION: [&str; 3] = ["bbconn/bitbucket", "--namespace", "platform"];

impl NewerConnection {
    async fn install(stage: &Stage) -> Self {
        let guard = Self;
        let place = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/managementPolicy/enum/-";
        let patch = json!([{"op": "add", "path": place, "value": "Telepathy"}]).to_string();
        let definition = ["crd", "bitbucketconnections.bindery.dev"];
        stage.kubectl(
            &[
                &["patch"],
                &definition[..],
                &["--type", "json", "--patch", &patch],
            ]
            .concat(),
        );
        let change = r#"{"spec": {"managementPolicy": "Telepathy"}}"#;
        let patch = [
            &["patch"],
            &CONNECTION[..],
            &["--type", "merge", "--patch", change],
        ]
        .concat();
        let is_served = || stage.parts.kubectl(&patch).is_ok();
        stage
            .eventually("the newer definition is served", is_served)
            .await;
        let is_met = || stage.operator.metrics().contains("undecodable");
        stage.eventually("the connection was met", is_met).await;
        guard
    }
}

impl Drop for NewerConnection {
    fn drop(&mut self) {
        let parts = Parts::from_env();
        let released = r#"{"metadata": {"finalizers": null}}"#;
        let released = [
            &["patch"],
            &CONNECTION[..],
            &["--type", "merge", "--patch", released],
        ];
        let _ = parts.kubectl(&released.concat());
        let deleted = [&["delete"], &CONNECTION[..], &["--ignore-not-found"]].concat();
        let restored = [
            "apply",
            "--server-side",
            "--force-conflicts",
            "--kustomize",
            "deploy",
        ];
        let ended = [parts.kubectl(&deleted), parts.kubectl(&restored)];
        if !std::thread::panicking() {
            for ended in ended {
                ended.unwrap();
            }
        }
    }
}

/// Promise: what is settled stays as it is, what is not says what it waits for, nobody learns of a connection whom it may
/// not admit, and a deletion ends when somebody says that everything may stay.
async fn a_connection_that_cannot_be_read_alarms_nobody_and_holds_nobody_for_ever(server: Server) {
    let stage = Stage::set_with(
        server,
        &["--minimum-interval", "10", "--allow-project-deletion"],
    )
    .await;
    stage.connection(json!({"interval": "1h"}));
    for slug in ["checkout", "ledger", "payments-api"] {
        let doomed = json!({"deletionPolicy": "DeleteProject"});
        stage.binding("payments", slug, &format!("PAY/{slug}"), doomed);
    }
    let settled = stage
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    for slug in ["ledger", "payments-api"] {
        stage.binding_is("payments", slug, ("Ready", "True")).await;
    }
    let newer = NewerConnection::install(&stage).await;

    stage.nudge(&settled, 0).await;
    // One that has another generation now, and one that nobody knew of.
    let changed = json!({"followRepository": true});
    stage.binding("payments", "ledger", "PAY/ledger", changed);
    stage.binding("platform", "neighbour", "PAY/checkout", json!({}));
    for (namespace, name) in [("payments", "ledger"), ("platform", "neighbour")] {
        let message = stage
            .binding_reason(namespace, name, "ConnectionNotReady")
            .await;
        assert!(
            message.contains("cannot be read by this version"),
            "{message}"
        );
    }
    stage.binding("outsiders", "newcomer", "PAY/checkout", json!({}));
    stage
        .binding_reason("outsiders", "newcomer", "ConnectionNotFound")
        .await;
    let api = stage.api::<ProjectBinding>("payments");
    let now = api.get("checkout").await.unwrap();
    assert_eq!(now.resource_version(), settled.resource_version());

    let leaving = ["pbind/payments-api", "--namespace", "payments"];
    stage.kubectl(&[&["delete", "--wait=false"], &leaving[..]].concat());
    let is_blocked = |binding: &ProjectBinding| {
        condition(binding, "Stalled").is_some_and(|stalled| {
            assert!(!stalled.to_string().contains("Telepathy"), "{stalled}");
            stalled["reason"] == "DeletionBlocked"
        })
    };
    stage.until("payments", "payments-api", is_blocked).await;
    let forced = format!("{FORCE_ORPHAN}=true");
    stage.kubectl(&[&["annotate"], &leaving[..], &[&forced]].concat());
    stage
        .gone::<ProjectBinding>("payments", "payments-api")
        .await;
    assert!(stage.sonarqube.project("PAY:payments-api").is_some());
    drop(newer);
}
