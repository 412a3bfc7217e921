//! A connection that this version cannot read, as after a rollback of the operator.

use bindery::crd::{FORCE_ORPHAN, ProjectBinding};
use kube::ResourceExt as _;
use serde_json::json;

use crate::e2e::environment::Stage;
use crate::e2e::environment::newer_definition::{NewerDefinition, UNHEARD_OF};
use crate::e2e::environment::waiting::condition;
use crate::support::server::{Server, simulated};

simulated!(a_connection_that_cannot_be_read_alarms_nobody_and_holds_nobody_for_ever);

const CONNECTION: [&str; 3] = ["bbconn/bitbucket", "--namespace", "platform"];

/// Promise: what is up to date stays as it is, the rest says what it waits for, no tenant learns of a connection that
/// may not admit it, and a deletion ends when a user says that everything may stay.
async fn a_connection_that_cannot_be_read_alarms_nobody_and_holds_nobody_for_ever(server: Server) {
    let stage = Stage::set_with(
        server,
        &["--minimum-interval", "10s", "--allow-project-deletion"],
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
    let field = ("bitbucketconnections", "managementPolicy");
    let newer = NewerDefinition::install(&stage, field, CONNECTION);
    let change = json!({"spec": {"managementPolicy": UNHEARD_OF}}).to_string();
    let change = ["--type", "merge", "--patch", &change];
    let change = [&["patch"], &CONNECTION[..], &change].concat();
    newer.write(&stage, &change).await;

    stage.nudge(&settled, 0).await;
    // One that has another generation now, and one that was not known before.
    let changed = json!({"onRepositoryMoved": "Follow"});
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
            assert!(!stalled.to_string().contains(UNHEARD_OF), "{stalled}");
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
