//! What a status remembers of a project, also after failures: who made it, who bound it, and to what.

use bindery::crd::{BitbucketConnection, FORCE_ORPHAN, ProjectBinding};
use kube::ResourceExt as _;
use serde_json::{Value, json};
use simulators::bitbucket::Caller;
use simulators::sonarqube::Fault;

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::proxy::Proxy;
use crate::support::server::{Server, on};

on!([simulated_26_9] =>
    the_record_names_the_connection,
    a_connection_that_was_created_again_loses_no_memory_in_an_outage,
);
on!([simulated_26_9_branch_plugin] =>
    a_failed_re_pointing_keeps_the_record_of_the_bound_repository,
    a_call_that_sonarqube_does_not_know_any_more_is_no_outage,
);
on!([simulated_9_9] =>
    an_outage_that_a_spread_read_meets_is_diagnosed,
    a_lost_import_token_that_a_check_meets_is_stored_again,
);

fn project(binding: &ProjectBinding) -> Value {
    let status = serde_json::to_value(&binding.status).unwrap();
    status["sonarqubeProject"].clone()
}

/// What the operator remembers, but for the connection that accepted the binding.
fn record(binding: &ProjectBinding) -> Value {
    let status = serde_json::to_value(&binding.status).unwrap();
    let mut record = status["record"].clone();
    record
        .as_object_mut()
        .map(|record| record.remove("connection"));
    record
}

/// Promise: what was bound right before an outage is kept through all failed reconciles after it.
async fn the_record_names_the_connection(server: Server) {
    let env = TestEnvironment::set(server).await;
    let proxy = Proxy::start(&env.sonarqube.url).await;
    env.connection(json!({"sonarqube": {"url": proxy.url}}));
    let connection = env.connection_is("bitbucket", ("Ready", "True")).await;
    env.sonarqube.create_project("legacy", "Legacy");
    proxy.shut_after_import();
    let given = json!({"sonarqubeProject": {"key": "legacy"}});
    env.binding("platform", "ledger", "PAY/ledger", given);
    let is_bound = |binding: &ProjectBinding| {
        record(binding)["boundBy"].as_str() == binding.metadata.uid.as_deref()
    };
    let bound = env.until("platform", "ledger", is_bound).await;
    let by = bound.status.unwrap().record.connection.unwrap();
    assert_eq!(Some(by.uid.to_string()), connection.uid());
    proxy.open();
    env.binding_is("platform", "ledger", ("Ready", "True"))
        .await;
}

/// Promise: a connection that was deleted and created again accepts its bindings anew, and no outage in between takes
/// from them what they made.
async fn a_connection_that_was_created_again_loses_no_memory_in_an_outage(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({"interval": "1h"}));
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    let before = env
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    let connection = ["bbconn/bitbucket", "--namespace", "platform"];
    let forced = format!("{FORCE_ORPHAN}=true");
    env.kubectl(&[&["annotate"], &connection[..], &[&forced]].concat());
    env.kubectl(&[&["delete", "--wait=false"], &connection[..]].concat());
    env.gone::<BitbucketConnection>("platform", "bitbucket")
        .await;
    env.binding_reason("payments", "checkout", "ConnectionNotFound")
        .await;
    let simulated = env.sonarqube.simulated();
    let away = Fault::at("/api/alm_settings/get_binding").caller(Caller::Bindery);
    simulated.fault(away.answer(503, "{}"));
    simulated.clear_calls();
    env.connection(json!({"interval": "1h"}));
    let now = env.connection_is("bitbucket", ("Ready", "True")).await;
    let looks = || calls(&env, "/api/alm_settings/get_binding") > 2;
    env.eventually("reconciles meet the outage", looks).await;
    let met = env
        .binding_is("payments", "checkout", ("Ready", "False"))
        .await;
    assert_eq!(project(&met), project(&before));
    assert_eq!(record(&met), record(&before));
    simulated.clear_faults();
    let accepted_by = |binding: &ProjectBinding| {
        let status = binding.status.as_ref().unwrap();
        status.record.connection.as_ref().unwrap().uid.to_string()
    };
    let is_accepted = |binding: &ProjectBinding| Some(accepted_by(binding)) == now.uid();
    let after = env.until("payments", "checkout", is_accepted).await;
    assert_eq!(project(&after), project(&before));
    assert_eq!(record(&after), record(&before));
}

/// Promise: the status says to what a project is bound, not to what it was to be bound: that is what a deletion undoes.
async fn a_failed_re_pointing_keeps_the_record_of_the_bound_repository(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({"interval": "1h"}));
    env.binding("platform", "checkout", "PAY/checkout", json!({}));
    env.binding_is("platform", "checkout", ("Ready", "True"))
        .await;
    let refused = Fault::at("POST /api/alm_settings/set_bitbucket_binding");
    let refused = refused.answer(400, r#"{"errors": [{"msg": "Not today"}]}"#);
    env.sonarqube.simulated().fault(refused);
    env.binding("platform", "checkout", "PAY/ledger", json!({}));
    let stopped = env
        .binding_is("platform", "checkout", ("Stalled", "True"))
        .await;
    let shown = stopped.status.as_ref().unwrap().repository.as_ref();
    assert_eq!(shown.unwrap().path, "PAY/checkout");
    env.delete_binding("platform", "checkout").await;
    env.reported_once(&stopped, "Unbound");
    assert_eq!(env.sonarqube.bound_to("PAY:checkout"), None);
}

/// Promise: a server that is up and lost a call is not down: that is reported, and what it still offers is
/// found out and used.
async fn a_call_that_sonarqube_does_not_know_any_more_is_no_outage(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({"interval": "1h"}));
    env.binding("platform", "checkout", "PAY/checkout", json!({}));
    env.binding_is("platform", "checkout", ("Ready", "True"))
        .await;
    let sonarqube = &env.sonarqube;
    sonarqube.re_point("PAY:checkout", &env.setting_id(), "PAY/ledger");
    let call = "/api/alm_settings/set_bitbucket_binding";
    let unknown = format!(r#"{{"errors": [{{"msg": "Unknown url : {call}"}}]}}"#);
    let unknown = Fault::at(&format!("POST {call}")).answer(404, &unknown);
    sonarqube.simulated().fault(unknown);
    let reported = env.binding_reason("platform", "checkout", "UnsupportedVersion");
    let asked = env.requested_reconcile("platform", "checkout", "after the edit");
    let (message, _) = futures::join!(reported, asked);
    assert!(message.contains("is up and does not know"), "{message}");
    env.binding_is("platform", "checkout", ("Ready", "True"))
        .await;
    assert_eq!(
        sonarqube.bound_to("PAY:checkout").as_deref(),
        Some("PAY/checkout")
    );
}

/// How often the operator called this.
fn calls(env: &TestEnvironment, operation: &'static str) -> usize {
    let counts = env.sonarqube.simulated().counts();
    let called = counts.get(&(Caller::Bindery, operation));
    called.copied().unwrap_or_default()
}

/// Promise: one server, one trouble: whichever call of a binding meets it, the connection looks into it for all.
async fn an_outage_that_a_spread_read_meets_is_diagnosed(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({"interval": "1h"}));
    env.binding("platform", "checkout", "PAY/checkout", json!({}));
    let settled = env
        .binding_is("platform", "checkout", ("Ready", "True"))
        .await;
    let simulated = env.sonarqube.simulated();
    let probes = || calls(&env, "/api/system/status");
    env.nudge(&settled, 0).await;
    simulated.clear_calls();
    // A request reads at once what the spread read of the binding reads otherwise.
    env.requested_reconcile("platform", "checkout", "what no listing has")
        .await;
    let usual = probes();
    let away = Fault::at("/api/alm_settings/get_binding").caller(Caller::Bindery);
    simulated.fault(away.answer(503, "{}").times(1));
    simulated.clear_calls();
    env.requested_reconcile("platform", "checkout", "the same, and that read fails")
        .await;
    let is_asked = || probes() > usual;
    env.eventually(
        "the connection asks SonarQube once more how it is",
        is_asked,
    )
    .await;
}

/// Promise: a configuration that was deleted and made again has no import token, and gets ours as soon as any reconcile
/// finds that out.
async fn a_lost_import_token_that_a_check_meets_is_stored_again(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({"interval": "1h"}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let sonarqube = &env.sonarqube;
    let key = [("key", "bitbucket")];
    sonarqube.post("api/alm_settings/delete", &key);
    let url = env.bitbucket.url();
    let url = url.as_str().trim_end_matches('/');
    sonarqube.create_setting("bitbucket", url, crate::e2e::environment::BITBUCKET_TOKEN);
    env.binding("platform", "checkout", "PAY/checkout", json!({}));
    env.binding_is("platform", "checkout", ("Ready", "True"))
        .await;
}
