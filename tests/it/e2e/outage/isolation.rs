//! What goes wrong stops as little as it can, and says little.

use std::time::Duration;

use bindery::crd::{BitbucketConnection, FINALIZER, FORCE_ORPHAN, ProjectBinding};
use kube::ResourceExt as _;
use kube::core::PartialObjectMeta;
use serde_json::{Value, json};
use simulators::bitbucket::Fault;

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::manifests::merge;
use crate::e2e::environment::many;
use crate::e2e::environment::newer_definition::{NewerDefinition, UNHEARD_OF};
use crate::e2e::environment::proxy::Proxy;
use crate::e2e::environment::waiting::{condition, counts, says};
use crate::support::server::{Server, on, simulated};

simulated!(
    an_object_that_cannot_be_read_stops_only_itself,
    an_undecodable_object_is_released_on_request,
    an_outage_of_sonarqube_keeps_settled_bindings_and_costs_one_probe_per_back_off,
    an_outage_of_bitbucket_keeps_settled_bindings,
    a_status_changes_only_when_something_changes,
);

on!([simulated_26_9] => work_done_before_an_outage_is_stored_and_reported);

const UNREAD: [&str; 3] = ["pbind/unread", "--namespace", "payments"];

/// A binding of `PAY/ledger`, with this metadata beside its name, that this Bindery cannot read.
async fn apply_unread(env: &TestEnvironment, metadata: &Value) -> NewerDefinition {
    let newer = NewerDefinition::install(env, ("projectbindings", "mode"), UNREAD);
    let mut unread = many::bindings(&["ledger".to_owned()])["items"][0].take();
    merge(&mut unread["metadata"], metadata.clone());
    unread["metadata"]["name"] = "unread".into();
    unread["spec"]["mode"] = UNHEARD_OF.into();
    let file = env.directory.join("unread.json");
    std::fs::write(&file, unread.to_string()).unwrap();
    let file = file.to_str().unwrap();
    let apply = ["apply", "--server-side", "--filename", file];
    newer.write(env, &apply).await;
    newer
}

/// Promise: an object that this version cannot read, as after a rollback, stops only itself.
async fn an_object_that_cannot_be_read_stops_only_itself(server: Server) {
    let mut env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    let newer = apply_unread(&env, &json!({})).await;
    // Its neighbours, those that come later, and those of an operator that finds it at its start.
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    env.binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    env.restart_operator(&["--minimum-interval", "10s"]);
    env.binding("payments", "payments-api", "PAY/payments-api", json!({}));
    env.binding_is("payments", "payments-api", ("Ready", "True"))
        .await;
    let conditions = ["--output", "jsonpath={.status.conditions}"];
    let status = [&["get"], &UNREAD[..], &conditions].concat();
    assert_eq!(env.kubectl(&status), "", "nobody touched it");
    assert_eq!(env.sonarqube.project("PAY:ledger"), None);
    // Readable again, it is taken up.
    env.binding(
        "payments",
        "unread",
        "PAY/ledger",
        json!({"mode": "ImportOrBind"}),
    );
    env.binding_is("payments", "unread", ("Ready", "True"))
        .await;
    drop(newer);
}

/// Promise: SonarQube goes away right after a write. The object stays as it was, and what was done is on record all the
/// same: who bound a project decides who may unbind it.
async fn work_done_before_an_outage_is_stored_and_reported(server: Server) {
    let env = TestEnvironment::set(server).await;
    let proxy = Proxy::start(&env.sonarqube.url).await;
    env.connection(json!({"sonarqube": {"url": proxy.url}}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let setting = env.setting_id();
    env.sonarqube
        .bind("legacy", "Legacy", &setting, "PAY/ledger");
    let given = json!({"sonarqubeProject": {"key": "legacy"}});
    env.binding("platform", "ledger", "PAY/ledger", given);
    let adopted = env
        .binding_is("platform", "ledger", ("Ready", "True"))
        .await;
    let bound_by = |binding: &ProjectBinding| {
        let status = binding.status.as_ref()?;
        status.record.bound_by.clone()
    };
    assert_eq!(bound_by(&adopted), None);

    env.sonarqube.re_point("legacy", &setting, "PAY/checkout");
    proxy.shut_after_import();
    let rebound = |binding: &ProjectBinding| bound_by(binding) == binding.uid();
    let rebound = env.until("platform", "ledger", rebound).await;
    assert!(says(&rebound, ("Ready", "True")));
    env.eventually("it is reported", || {
        env.reasons(&rebound).contains(&"DriftCorrected".to_owned())
    })
    .await;
    proxy.open();
    env.connection_is("bitbucket", ("Ready", "True")).await;
}

/// Promise: a deletion always ends, also of an object that this version cannot read; until a user says so it waits for
/// one that can.
async fn an_undecodable_object_is_released_on_request(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    let newer = apply_unread(&env, &json!({"finalizers": [FINALIZER]})).await;
    env.kubectl(&[&["delete", "--wait=false"], &UNREAD[..]].concat());
    let api = env.api::<PartialObjectMeta<ProjectBinding>>("payments");
    let leaving = api.get("unread").await.unwrap();
    assert!(leaving.metadata.deletion_timestamp.is_some());
    let forced = format!("{FORCE_ORPHAN}=true");
    env.kubectl(&[&["annotate"], &UNREAD[..], &[&forced]].concat());
    let gone = ["delete", "--ignore-not-found", "--timeout", "60s"];
    env.kubectl(&[&gone[..], &UNREAD].concat());
    assert_eq!(env.reasons(&leaving), ["Orphaned"]);
    drop(newer);
}

/// The bindings `service-00` to `service-19`, ready.
async fn twenty(env: &TestEnvironment) -> Vec<ProjectBinding> {
    let slugs = many::repositories(env, 20);
    env.apply(&many::bindings(&slugs));
    let mut bindings = Vec::new();
    for slug in &slugs {
        bindings.push(env.binding_is("payments", slug, ("Ready", "True")).await);
    }
    bindings
}

/// That these bindings were not touched at all.
async fn assert_untouched(env: &TestEnvironment, bindings: &[ProjectBinding]) {
    let api = env.api::<ProjectBinding>("payments");
    for before in bindings {
        let now = api.get(&before.name_any()).await.unwrap();
        assert_eq!(now.resource_version(), before.resource_version(), "{now:?}");
    }
}

/// A binding that comes during an outage says what it waits for, and is taken up when the outage ends.
async fn assert_a_newcomer_waits(env: &TestEnvironment) {
    env.binding("payments", "newcomer", "PAY/checkout", json!({}));
    env.binding_reason("payments", "newcomer", "ConnectionUnavailable")
        .await;
    env.binding_is("payments", "newcomer", ("Reconciling", "True"))
        .await;
}

/// Promise: an outage of SonarQube changes nothing for what is up to date, and costs one probe per back-off.
async fn an_outage_of_sonarqube_keeps_settled_bindings_and_costs_one_probe_per_back_off(
    server: Server,
) {
    let env = TestEnvironment::set(server).await;
    let proxy = Proxy::start(&env.sonarqube.url).await;
    env.connection(json!({"sonarqube": {"url": proxy.url}}));
    let settled = twenty(&env).await;
    proxy.shut();
    let connection = env.connection_is("bitbucket", ("Ready", "False")).await;
    assert!(says(&connection, ("Reconciling", "True")));
    assert!(says(&connection, ("SonarQubeReachable", "False")));
    assert_a_newcomer_waits(&env).await;
    // 20 s, not less: that is what is promised to cost little.
    tokio::time::sleep(Duration::from_secs(20)).await;
    // 0.75, 1.5, 3, 6, 12 s: five probes, and the first trouble. Twenty bindings would cost twenty.
    let attempts = proxy.attempts();
    assert!((2..=9).contains(&attempts), "{attempts} connections");
    assert_untouched(&env, &settled).await;

    proxy.open();
    env.connection_is("bitbucket", ("Ready", "True")).await;
    env.binding_is("payments", "newcomer", ("Ready", "True"))
        .await;
    assert_untouched(&env, &settled).await;
    for binding in &settled {
        assert_eq!(env.reasons(binding), ["Imported"]);
    }
    let mut reported = env.reasons(&connection);
    reported.retain(|reason| reason == "Ready" || reason == "NotReady");
    // Equal events are one event with a count: their order is lost.
    reported.sort();
    assert_eq!(reported, ["NotReady", "Ready", "Ready"], "once each way");
}

/// Promise: the same holds for Bitbucket.
async fn an_outage_of_bitbucket_keeps_settled_bindings(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    let settled = twenty(&env).await;
    env.bitbucket.fault(Fault::at("/*").answer(503, "{}"));
    let connection = env.connection_is("bitbucket", ("Ready", "False")).await;
    assert!(says(&connection, ("BitbucketReachable", "False")));
    assert!(says(&connection, ("SonarQubeReachable", "True")));
    assert_a_newcomer_waits(&env).await;
    assert_untouched(&env, &settled).await;
    env.bitbucket.clear_faults();
    env.binding_is("payments", "newcomer", ("Ready", "True"))
        .await;
    assert_untouched(&env, &settled).await;
}

fn assert_of_its_generation(object: &impl serde::Serialize) {
    let object = serde_json::to_value(object).unwrap();
    let generation = &object["metadata"]["generation"];
    assert_eq!(&object["status"]["observedGeneration"], generation);
    for condition in object["status"]["conditions"].as_array().unwrap() {
        assert_eq!(&condition["observedGeneration"], generation, "{condition}");
    }
}

/// Promise: quiet is quiet, and what a status says is said of its generation.
async fn a_status_changes_only_when_something_changes(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    let wait = [
        "wait",
        "pbind/checkout",
        "--namespace",
        "payments",
        "--for",
        "condition=Ready",
        "--timeout",
        "60s",
    ];
    env.kubectl(&wait);
    let connection = env.until("platform", "bitbucket", counts("1/1")).await;
    let binding = env
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    assert_of_its_generation(&connection);
    assert_of_its_generation(&binding);
    assert!(condition(&binding, "DecorationReady").is_some());

    let writes = env.operator.status_writes();
    let reconciles = || env.operator.reconciles("bitbucketconnection");
    let (before, calls) = (reconciles(), env.operator.external_calls());
    // A binding that is up to date is reconciled by its spread reads alone, which come at a moment of their own.
    for nth in 0..2 {
        env.nudge(&binding, nth).await;
    }
    let checked_twice = || reconciles() >= before + 2 && env.operator.external_calls() != calls;
    env.eventually("two reconciles over each find nothing", checked_twice)
        .await;
    assert_eq!(env.operator.status_writes(), writes);
    let api = env.api::<BitbucketConnection>("platform");
    let now = api.get("bitbucket").await.unwrap();
    assert_eq!(now.resource_version(), connection.resource_version());
    assert_untouched(&env, std::slice::from_ref(&binding)).await;
    assert_eq!(env.reasons(&binding), ["Imported"]);

    env.delete_binding("payments", "checkout").await;
    env.until("platform", "bitbucket", counts("0/0")).await;
}
