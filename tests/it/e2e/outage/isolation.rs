//! What goes wrong stops as little as it can, and says little.

use std::time::Duration;

use bindery::crd::{BitbucketConnection, FINALIZER, FORCE_ORPHAN, ProjectBinding};
use kube::ResourceExt as _;
use kube::core::PartialObjectMeta;
use serde_json::{Value, json};
use simulators::bitbucket::Fault;

use crate::e2e::environment::Stage;
use crate::e2e::environment::manifests::merge;
use crate::e2e::environment::many;
use crate::e2e::environment::newer_definition::{NewerDefinition, UNHEARD_OF};
use crate::e2e::environment::proxy::Proxy;
use crate::e2e::environment::waiting::{condition, counts, says};
use crate::support::server::{Server, on, simulated};

simulated!(
    an_object_that_cannot_be_read_stops_only_itself,
    an_object_that_cannot_be_read_is_let_go_when_somebody_says_so,
    an_outage_of_sonarqube_leaves_what_is_settled_and_costs_one_probe_per_back_off,
    an_outage_of_bitbucket_leaves_what_is_settled,
    a_status_changes_only_when_something_changes,
);

on!([simulated_26_9] => what_was_done_before_an_outage_is_remembered_and_told);

const UNREAD: [&str; 3] = ["pbind/unread", "--namespace", "payments"];

/// A binding of `PAY/ledger`, with this metadata beside its name, that this Bindery cannot read.
async fn apply_unread(stage: &Stage, metadata: &Value) -> NewerDefinition {
    let newer = NewerDefinition::install(stage, ("projectbindings", "mode"), UNREAD);
    let mut unread = many::bindings(&["ledger".to_owned()])["items"][0].take();
    merge(&mut unread["metadata"], metadata.clone());
    unread["metadata"]["name"] = "unread".into();
    unread["spec"]["mode"] = UNHEARD_OF.into();
    let file = stage.directory.join("unread.json");
    std::fs::write(&file, unread.to_string()).unwrap();
    let file = file.to_str().unwrap();
    let apply = ["apply", "--server-side", "--filename", file];
    newer.write(stage, &apply).await;
    newer
}

/// Promise: an object that this version cannot read, as after a rollback, stops only itself.
async fn an_object_that_cannot_be_read_stops_only_itself(server: Server) {
    let mut stage = Stage::set(server).await;
    stage.connection(json!({}));
    let newer = apply_unread(&stage, &json!({})).await;
    // Its neighbours, those that come later, and those of an operator that finds it at its start.
    stage.binding("payments", "checkout", "PAY/checkout", json!({}));
    stage
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    stage.restart_operator(&["--minimum-interval", "10s"]);
    stage.binding("payments", "payments-api", "PAY/payments-api", json!({}));
    stage
        .binding_is("payments", "payments-api", ("Ready", "True"))
        .await;
    let conditions = ["--output", "jsonpath={.status.conditions}"];
    let status = [&["get"], &UNREAD[..], &conditions].concat();
    assert_eq!(stage.kubectl(&status), "", "nobody touched it");
    assert_eq!(stage.sonarqube.project("PAY:ledger"), None);
    // Readable again, it is taken up.
    stage.binding(
        "payments",
        "unread",
        "PAY/ledger",
        json!({"mode": "ImportOrBind"}),
    );
    stage
        .binding_is("payments", "unread", ("Ready", "True"))
        .await;
    drop(newer);
}

/// Promise: SonarQube goes away right after a write. The object stays as it was, and what was done is on record all the
/// same: who bound a project decides who may unbind it.
async fn what_was_done_before_an_outage_is_remembered_and_told(server: Server) {
    let stage = Stage::set(server).await;
    let proxy = Proxy::start(&stage.sonarqube.url).await;
    stage.connection(json!({"sonarqube": {"url": proxy.url}}));
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    let setting = stage.setting_id();
    stage
        .sonarqube
        .bind("legacy", "Legacy", &setting, "PAY/ledger");
    let given = json!({"sonarqubeProject": {"key": "legacy"}});
    stage.binding("platform", "ledger", "PAY/ledger", given);
    let adopted = stage
        .binding_is("platform", "ledger", ("Ready", "True"))
        .await;
    let bound_by = |binding: &ProjectBinding| {
        let status = binding.status.as_ref()?;
        status.record.bound_by.clone()
    };
    assert_eq!(bound_by(&adopted), None);

    stage.sonarqube.re_point("legacy", &setting, "PAY/checkout");
    proxy.shut_after_import();
    let rebound = |binding: &ProjectBinding| bound_by(binding) == binding.uid();
    let rebound = stage.until("platform", "ledger", rebound).await;
    assert!(says(&rebound, ("Ready", "True")));
    stage
        .eventually("it is reported", || {
            stage
                .reasons(&rebound)
                .contains(&"DriftCorrected".to_owned())
        })
        .await;
    proxy.open();
    stage.connection_is("bitbucket", ("Ready", "True")).await;
}

/// Promise: a deletion always ends, also of an object that this version cannot read; until a user says so it waits for
/// one that can.
async fn an_object_that_cannot_be_read_is_let_go_when_somebody_says_so(server: Server) {
    let stage = Stage::set(server).await;
    stage.connection(json!({}));
    let newer = apply_unread(&stage, &json!({"finalizers": [FINALIZER]})).await;
    stage.kubectl(&[&["delete", "--wait=false"], &UNREAD[..]].concat());
    let api = stage.api::<PartialObjectMeta<ProjectBinding>>("payments");
    let leaving = api.get("unread").await.unwrap();
    assert!(leaving.metadata.deletion_timestamp.is_some());
    let forced = format!("{FORCE_ORPHAN}=true");
    stage.kubectl(&[&["annotate"], &UNREAD[..], &[&forced]].concat());
    let gone = ["delete", "--ignore-not-found", "--timeout", "60s"];
    stage.kubectl(&[&gone[..], &UNREAD].concat());
    assert_eq!(stage.reasons(&leaving), ["Orphaned"]);
    drop(newer);
}

/// The bindings `service-00` to `service-19`, ready.
async fn twenty(stage: &Stage) -> Vec<ProjectBinding> {
    let slugs = many::repositories(stage, 20);
    stage.apply(&many::bindings(&slugs));
    let mut bindings = Vec::new();
    for slug in &slugs {
        bindings.push(stage.binding_is("payments", slug, ("Ready", "True")).await);
    }
    bindings
}

/// That these bindings were not touched at all.
async fn assert_untouched(stage: &Stage, bindings: &[ProjectBinding]) {
    let api = stage.api::<ProjectBinding>("payments");
    for before in bindings {
        let now = api.get(&before.name_any()).await.unwrap();
        assert_eq!(now.resource_version(), before.resource_version(), "{now:?}");
    }
}

/// A binding that comes during an outage says what it waits for, and is taken up when the outage ends.
async fn assert_a_newcomer_waits(stage: &Stage) {
    stage.binding("payments", "newcomer", "PAY/checkout", json!({}));
    stage
        .binding_reason("payments", "newcomer", "ConnectionUnavailable")
        .await;
    stage
        .binding_is("payments", "newcomer", ("Reconciling", "True"))
        .await;
}

/// Promise: an outage of SonarQube changes nothing for what is up to date, and costs one probe per back-off.
async fn an_outage_of_sonarqube_leaves_what_is_settled_and_costs_one_probe_per_back_off(
    server: Server,
) {
    let stage = Stage::set(server).await;
    let proxy = Proxy::start(&stage.sonarqube.url).await;
    stage.connection(json!({"sonarqube": {"url": proxy.url}}));
    let settled = twenty(&stage).await;
    proxy.shut();
    let connection = stage.connection_is("bitbucket", ("Ready", "False")).await;
    assert!(says(&connection, ("Reconciling", "True")));
    assert!(says(&connection, ("SonarQubeReachable", "False")));
    assert_a_newcomer_waits(&stage).await;
    // 20 s, not less: that is what is promised to cost little.
    tokio::time::sleep(Duration::from_secs(20)).await;
    // 0.75, 1.5, 3, 6, 12 s: five probes, and the first trouble. Twenty bindings would cost twenty.
    let attempts = proxy.attempts();
    assert!((2..=9).contains(&attempts), "{attempts} connections");
    assert_untouched(&stage, &settled).await;

    proxy.open();
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    stage
        .binding_is("payments", "newcomer", ("Ready", "True"))
        .await;
    assert_untouched(&stage, &settled).await;
    for binding in &settled {
        assert_eq!(stage.reasons(binding), ["Imported"]);
    }
    let mut reported = stage.reasons(&connection);
    reported.retain(|reason| reason == "Ready" || reason == "NotReady");
    // Equal events are one event with a count: their order is lost.
    reported.sort();
    assert_eq!(reported, ["NotReady", "Ready", "Ready"], "once each way");
}

/// Promise: the same holds for Bitbucket.
async fn an_outage_of_bitbucket_leaves_what_is_settled(server: Server) {
    let stage = Stage::set(server).await;
    stage.connection(json!({}));
    let settled = twenty(&stage).await;
    stage.bitbucket.fault(Fault::at("/*").answer(503, "{}"));
    let connection = stage.connection_is("bitbucket", ("Ready", "False")).await;
    assert!(says(&connection, ("BitbucketReachable", "False")));
    assert!(says(&connection, ("SonarQubeReachable", "True")));
    assert_a_newcomer_waits(&stage).await;
    assert_untouched(&stage, &settled).await;
    stage.bitbucket.clear_faults();
    stage
        .binding_is("payments", "newcomer", ("Ready", "True"))
        .await;
    assert_untouched(&stage, &settled).await;
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
    let stage = Stage::set(server).await;
    stage.connection(json!({}));
    stage.binding("payments", "checkout", "PAY/checkout", json!({}));
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
    stage.kubectl(&wait);
    let connection = stage.until("platform", "bitbucket", counts("1/1")).await;
    let binding = stage
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    assert_of_its_generation(&connection);
    assert_of_its_generation(&binding);
    assert!(condition(&binding, "DecorationReady").is_some());

    let writes = stage.operator.status_writes();
    let passes =
        || ["bitbucketconnection", "projectbinding"].map(|kind| stage.operator.passes(kind));
    let (before, calls) = (passes(), stage.operator.external_calls());
    let looked_twice = || {
        let mut both = passes().into_iter().zip(before);
        both.all(|(now, before)| now >= before + 2) && stage.operator.external_calls() != calls
    };
    stage
        .eventually("two passes over each find nothing", looked_twice)
        .await;
    assert_eq!(stage.operator.status_writes(), writes);
    let api = stage.api::<BitbucketConnection>("platform");
    let now = api.get("bitbucket").await.unwrap();
    assert_eq!(now.resource_version(), connection.resource_version());
    assert_untouched(&stage, std::slice::from_ref(&binding)).await;
    assert_eq!(stage.reasons(&binding), ["Imported"]);

    stage.delete_binding("payments", "checkout").await;
    stage.until("platform", "bitbucket", counts("0/0")).await;
}
