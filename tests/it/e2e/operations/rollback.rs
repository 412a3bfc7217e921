//! A connection that this version cannot read, as after a rollback of the operator.

use bindery::crd::{FORCE_ORPHAN, ProjectBinding};
use kube::ResourceExt as _;
use serde_json::json;

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::newer_definition::{NewerDefinition, UNHEARD_OF};
use crate::e2e::environment::waiting::condition;
use crate::support::server::{Server, simulated};

simulated!(an_undecodable_connection_raises_no_alarm_and_blocks_no_object_for_ever);

const CONNECTION: [&str; 3] = ["bbconn/bitbucket", "--namespace", "platform"];

/// Promise: what is up to date stays as it is, the rest says what it waits for, no tenant learns of a connection that
/// may not admit it, and a deletion ends when a user says that everything may stay.
async fn an_undecodable_connection_raises_no_alarm_and_blocks_no_object_for_ever(server: Server) {
    let env = TestEnvironment::set_with(
        server,
        &["--minimum-interval", "10s", "--allow-project-deletion"],
    )
    .await;
    env.connection(json!({"interval": "1h"}));
    for slug in ["checkout", "ledger", "payments-api"] {
        let doomed = json!({"deletionPolicy": "DeleteProject"});
        env.binding("payments", slug, &format!("PAY/{slug}"), doomed);
    }
    let settled = env
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    for slug in ["ledger", "payments-api"] {
        env.binding_is("payments", slug, ("Ready", "True")).await;
    }
    let field = ("bitbucketconnections", "managementPolicy");
    let newer = NewerDefinition::install(&env, field, CONNECTION);
    let change = json!({"spec": {"managementPolicy": UNHEARD_OF}}).to_string();
    let change = ["--type", "merge", "--patch", &change];
    let change = [&["patch"], &CONNECTION[..], &change].concat();
    newer.write(&env, &change).await;

    env.nudge(&settled, 0).await;
    // One that has another generation now, and one that was not known before.
    let changed = json!({"onRepositoryMoved": "Follow"});
    env.binding("payments", "ledger", "PAY/ledger", changed);
    env.binding("platform", "neighbour", "PAY/checkout", json!({}));
    for (namespace, name) in [("payments", "ledger"), ("platform", "neighbour")] {
        let message = env
            .binding_reason(namespace, name, "ConnectionNotReady")
            .await;
        assert!(
            message.contains("cannot be read by this version"),
            "{message}"
        );
    }
    env.binding("outsiders", "newcomer", "PAY/checkout", json!({}));
    env.binding_reason("outsiders", "newcomer", "ConnectionNotFound")
        .await;
    let api = env.api::<ProjectBinding>("payments");
    let now = api.get("checkout").await.unwrap();
    assert_eq!(now.resource_version(), settled.resource_version());

    let leaving = ["pbind/payments-api", "--namespace", "payments"];
    env.kubectl(&[&["delete", "--wait=false"], &leaving[..]].concat());
    let is_blocked = |binding: &ProjectBinding| {
        condition(binding, "Stalled").is_some_and(|stalled| {
            assert!(!stalled.to_string().contains(UNHEARD_OF), "{stalled}");
            stalled["reason"] == "DeletionBlocked"
        })
    };
    env.until("payments", "payments-api", is_blocked).await;
    let forced = format!("{FORCE_ORPHAN}=true");
    env.kubectl(&[&["annotate"], &leaving[..], &[&forced]].concat());
    env.gone::<ProjectBinding>("payments", "payments-api").await;
    assert!(env.sonarqube.project("PAY:payments-api").is_some());
    drop(newer);
}
