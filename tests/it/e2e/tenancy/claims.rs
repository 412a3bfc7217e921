//! Who holds a project or a configuration, and who must wait for it.

use std::time::Duration;

use bindery::crd::{BitbucketConnection, ProjectBinding};
use kube::ResourceExt as _;
use kube::api::ListParams;
use serde_json::json;
use simulators::bitbucket::Fault;

use crate::e2e::environment::manifests::list;
use crate::e2e::environment::{PATIENT, TestEnvironment};
use crate::support::server::{Server, on, simulated};
use crate::support::sonarqube::SonarQube;

simulated!(
    a_server_that_reports_the_id_of_another_one_holds_none_of_its_projects,
    a_server_that_reports_the_id_of_another_one_holds_none_of_its_configurations,
    bindings_that_lost_a_claim_call_no_server,
    a_connection_that_waits_for_another_one_says_nothing_of_it,
);
on!([simulated_26_9_enterprise] => a_claim_ends_with_the_connection_of_its_holder);

/// Another server that reports the id of the environment's SonarQube.
async fn impostor(env: &TestEnvironment, server: Server) -> SonarQube {
    let impostor = SonarQube::at(server).await;
    let sonarqube = env.sonarqube.simulated();
    let id = sonarqube.world(|world| world.server_id.clone());
    impostor.simulated().world(|world| world.server_id = id);
    impostor
}

/// Promise (D2): a server is where it is and what it says it is; the id alone gives no right to a project.
async fn a_server_that_reports_the_id_of_another_one_holds_none_of_its_projects(server: Server) {
    let env = TestEnvironment::set(server).await;
    let impostor = impostor(&env, server).await;
    let there = json!({"interval": "1h", "sonarqube": {"url": impostor.url}});
    env.connection_named("impostor", there);
    let through_it = json!({"connectionRef": {"name": "impostor"}});
    env.binding("platform", "squatter", "PAY/checkout", through_it);
    env.binding_is("platform", "squatter", ("Ready", "True"))
        .await;
    env.connection(json!({"interval": "1h"}));
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    env.binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    let bound = env.sonarqube.bound_to("PAY:checkout");
    assert_eq!(bound.as_deref(), Some("PAY/checkout"));
}

/// Promise (D2): nor to a configuration, nor to a base URL.
async fn a_server_that_reports_the_id_of_another_one_holds_none_of_its_configurations(
    server: Server,
) {
    let env = TestEnvironment::set(server).await;
    let impostor = impostor(&env, server).await;
    let named = |url: &str, base_url: &str| {
        let sonarqube = json!({"url": url, "serverBaseURL": base_url});
        json!({"interval": "1h", "configurationName": "shared", "sonarqube": sonarqube})
    };
    let there = named(&impostor.url, "https://impostor.example.com");
    env.connection_named("impostor", there);
    env.connection_is("impostor", ("Ready", "True")).await;
    let base_url = "https://sonarqube.example.com";
    env.connection(named(&env.sonarqube.url, base_url));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let setting = [("keys", "sonar.core.serverBaseURL")];
    let setting = env.sonarqube.get("api/settings/values", &setting);
    assert_eq!(setting["settings"][0]["value"], base_url, "{setting}");
}

/// Promise (D4): a claim ends with the connection through which its holder has it.
async fn a_claim_ends_with_the_connection_of_its_holder(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({"interval": "1h"}));
    env.connection_named("doomed", json!({"interval": "1h"}));
    let through_it = json!({"connectionRef": {"name": "doomed"}});
    env.binding("platform", "first", "PAY/checkout", through_it);
    env.binding_is("platform", "first", ("Ready", "True")).await;
    let same = json!({"sonarqubeProject": {"key": "PAY:checkout"}});
    env.binding("payments", "second", "PAY/checkout", same);
    env.binding_reason("payments", "second", "AlreadyManaged")
        .await;
    let connection = ["bbconn/doomed", "--namespace", "platform"];
    let released = r#"{"metadata": {"finalizers": null}}"#;
    let released = ["--type", "merge", "--patch", released];
    env.kubectl(&[&["delete"], &connection[..], &["--wait=false"]].concat());
    env.kubectl(&[&["patch"], &connection[..], &released].concat());
    env.gone::<BitbucketConnection>("platform", "doomed").await;
    // No claim blocks it any more; what the holder left in SonarQube still does.
    env.binding_reason("payments", "second", "ProjectAlreadyBound")
        .await;
    env.binding_reason("platform", "first", "ConnectionNotFound")
        .await;
    let project = [("project", "PAY:checkout")];
    env.sonarqube
        .post("api/alm_settings/delete_binding", &project);
    env.requested_reconcile("payments", "second", "unbound by hand")
        .await;
    env.binding_is("payments", "second", ("Ready", "True"))
        .await;
}

/// Promise (D24): bindings that want a project of another one cost no call, however many they are and however often they
/// are reconciled. When the holder is gone, one of them has the project.
async fn bindings_that_lost_a_claim_call_no_server(server: Server) {
    let env = TestEnvironment::set_with(server, &PATIENT).await;
    env.connection(json!({"interval": "1h"}));
    env.binding("payments", "holder", "PAY/checkout", json!({}));
    env.binding_is("payments", "holder", ("Ready", "True"))
        .await;
    let losers: Vec<_> = (0..499).map(|nth| format!("loser-{nth:03}")).collect();
    let manifests = losers.iter();
    let manifests = manifests
        .map(|name| TestEnvironment::binding_manifest("payments", name, "PAY/checkout", json!({})));
    env.apply(&list(&manifests.collect::<Vec<_>>()));
    for name in &losers {
        env.binding_reason("payments", name, "AlreadyManaged").await;
    }
    // New bindings ask for a listing.
    env.reconcile_now("listed").await;
    let sonarqube = env.sonarqube.simulated();
    sonarqube.clear_calls();
    env.bitbucket.clear_calls();
    for name in losers.iter().step_by(100) {
        env.requested_reconcile("payments", name, "once more").await;
    }
    let (of_one, of_other) = (sonarqube.calls(), env.bitbucket.calls());
    let calls = of_one.iter().chain(&of_other).map(|call| call.operation);
    assert_eq!(calls.collect::<Vec<_>>(), [""; 0]);
    env.delete_binding("payments", "holder").await;
    let next = oldest(&env).await;
    env.binding_is("payments", &next, ("Ready", "True")).await;
}

/// The binding that is next: the oldest one, and of several the one with the smallest uid.
async fn oldest(env: &TestEnvironment) -> String {
    let bindings = env.api::<ProjectBinding>("payments");
    let bindings = bindings.list(&ListParams::default()).await.unwrap().items;
    let next = bindings
        .iter()
        .min_by_key(|it| (it.creation_timestamp(), it.uid()));
    next.unwrap().name_any()
}

/// Promise: while a configuration is reserved for one connection, the next one waits, and its status stays as it is.
async fn a_connection_that_waits_for_another_one_says_nothing_of_it(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({"interval": "1h", "deletionPolicy": "Delete"}));
    let first = env.connection_is("bitbucket", ("Ready", "True")).await;
    let same = json!({"interval": "1h", "configurationName": "bitbucket"});
    env.connection_named("second", same);
    env.connection_reason("second", "AlreadyManaged").await;
    let late = Fault::at("GET /api/alm_settings/list_definitions").delay(Duration::from_secs(3));
    env.sonarqube.simulated().fault(late);
    env.ask_for_deletion_of_connection().await;
    env.gone::<BitbucketConnection>("platform", "bitbucket")
        .await;
    let second = env.connection_is("second", ("Ready", "True")).await;
    // Either may have come first.
    let reported = [env.reported(&first), env.reported(&second)].concat();
    let waits = ["DeletionBlocked", "ProgressingWithRetry"];
    let waits = |note: &str| waits.iter().any(|reason| note.contains(reason));
    assert!(
        !reported.iter().any(|reported| waits(&reported.note)),
        "{reported:?}"
    );
}
