//! Who holds a project or a configuration, and who must wait for it.

use std::time::Duration;

use bindery::crd::BitbucketConnection;
use kube::Api;
use kube::api::DeleteParams;
use serde_json::json;
use simulators::bitbucket::Fault;

use crate::e2e::environment::Stage;
use crate::support::server::{Server, on, simulated};
use crate::support::sonarqube::SonarQube;

simulated!(
    a_server_that_reports_the_id_of_another_one_holds_none_of_its_projects,
    a_server_that_reports_the_id_of_another_one_holds_none_of_its_configurations,
    a_binding_that_lost_a_claim_calls_no_server,
    a_connection_that_waits_for_another_one_says_nothing_of_it,
);
on!([simulated_26_9_enterprise] => a_claim_ends_with_the_connection_of_its_holder);

/// Another server that reports the id of the stage's SonarQube.
async fn impostor(stage: &Stage, server: Server) -> SonarQube {
    let impostor = SonarQube::at(server).await;
    let sonarqube = stage.sonarqube.simulated();
    let id = sonarqube.world(|world| world.server_id.clone());
    impostor.simulated().world(|world| world.server_id = id);
    impostor
}

/// Promise (D2): a server is where it is and what it says it is; the id alone gives no right to a project.
async fn a_server_that_reports_the_id_of_another_one_holds_none_of_its_projects(server: Server) {
    let stage = Stage::set(server).await;
    let impostor = impostor(&stage, server).await;
    let there = json!({"interval": "1h", "sonarqube": {"url": impostor.url}});
    stage.connection_named("impostor", there);
    let through_it = json!({"connectionRef": {"name": "impostor"}});
    stage.binding("platform", "squatter", "PAY/checkout", through_it);
    stage
        .binding_is("platform", "squatter", ("Ready", "True"))
        .await;
    stage.connection(json!({"interval": "1h"}));
    stage.binding("payments", "checkout", "PAY/checkout", json!({}));
    stage
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    let bound = stage.sonarqube.bound_to("PAY:checkout");
    assert_eq!(bound.as_deref(), Some("PAY/checkout"));
}

/// Promise (D2): nor to a configuration, nor to a base URL.
async fn a_server_that_reports_the_id_of_another_one_holds_none_of_its_configurations(
    server: Server,
) {
    let stage = Stage::set(server).await;
    let impostor = impostor(&stage, server).await;
    let named = |url: &str, base_url: &str| {
        let sonarqube = json!({"url": url, "serverBaseURL": base_url});
        json!({"interval": "1h", "configurationName": "shared", "sonarqube": sonarqube})
    };
    let there = named(&impostor.url, "https://impostor.example.com");
    stage.connection_named("impostor", there);
    stage.connection_is("impostor", ("Ready", "True")).await;
    let base_url = "https://sonarqube.example.com";
    stage.connection(named(&stage.sonarqube.url, base_url));
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    let setting = [("keys", "sonar.core.serverBaseURL")];
    let setting = stage.sonarqube.get("api/settings/values", &setting);
    assert_eq!(setting["settings"][0]["value"], base_url, "{setting}");
}

/// Promise (D4): a claim ends with the connection through which its holder has it.
async fn a_claim_ends_with_the_connection_of_its_holder(server: Server) {
    let stage = Stage::set(server).await;
    stage.connection(json!({"interval": "1h"}));
    stage.connection_named("doomed", json!({"interval": "1h"}));
    let through_it = json!({"connectionRef": {"name": "doomed"}});
    stage.binding("platform", "first", "PAY/checkout", through_it);
    stage
        .binding_is("platform", "first", ("Ready", "True"))
        .await;
    let same = json!({"sonarqubeProject": {"key": "PAY:checkout"}});
    stage.binding("payments", "second", "PAY/checkout", same);
    stage
        .binding_reason("payments", "second", "AlreadyManaged")
        .await;
    let connection = ["bbconn/doomed", "--namespace", "platform"];
    let released = r#"{"metadata": {"finalizers": null}}"#;
    let released = ["--type", "merge", "--patch", released];
    stage.kubectl(&[&["delete"], &connection[..], &["--wait=false"]].concat());
    stage.kubectl(&[&["patch"], &connection[..], &released].concat());
    stage
        .gone::<BitbucketConnection>("platform", "doomed")
        .await;
    // No claim blocks it any more; what the holder left in SonarQube still does.
    stage
        .binding_reason("payments", "second", "ProjectAlreadyBound")
        .await;
    stage
        .binding_reason("platform", "first", "ConnectionNotFound")
        .await;
    let project = [("project", "PAY:checkout")];
    stage
        .sonarqube
        .post("api/alm_settings/delete_binding", &project);
    stage.look_at("payments", "second", "unbound by hand").await;
    stage
        .binding_is("payments", "second", ("Ready", "True"))
        .await;
}

/// Promise (D24): a binding that lost its project to another one costs no call, however often it is reconciled.
async fn a_binding_that_lost_a_claim_calls_no_server(server: Server) {
    let stage = Stage::set(server).await;
    stage.connection(json!({"interval": "1h"}));
    stage.binding("payments", "holder", "PAY/checkout", json!({}));
    stage
        .binding_is("payments", "holder", ("Ready", "True"))
        .await;
    let losers = ["loser-1", "loser-2", "loser-3"];
    for name in losers {
        stage.binding("payments", name, "PAY/checkout", json!({}));
        stage
            .binding_reason("payments", name, "AlreadyManaged")
            .await;
    }
    let sonarqube = stage.sonarqube.simulated();
    sonarqube.clear_calls();
    stage.bitbucket.clear_calls();
    for name in losers {
        stage.look_at("payments", name, "once more").await;
    }
    let (of_one, of_other) = (sonarqube.calls(), stage.bitbucket.calls());
    let calls = of_one.iter().chain(&of_other).map(|call| call.operation);
    assert_eq!(calls.collect::<Vec<_>>(), [""; 0]);
}

/// Promise: while a configuration is reserved for one connection, the next one waits, and its status stays as it is.
async fn a_connection_that_waits_for_another_one_says_nothing_of_it(server: Server) {
    let stage = Stage::set(server).await;
    stage.connection(json!({"interval": "1h", "deletionPolicy": "Delete"}));
    let first = stage.connection_is("bitbucket", ("Ready", "True")).await;
    let same = json!({"interval": "1h", "configurationName": "bitbucket"});
    stage.connection_named("second", same);
    stage.connection_reason("second", "AlreadyManaged").await;
    let late = Fault::at("GET /api/alm_settings/list_definitions").delay(Duration::from_secs(3));
    stage.sonarqube.simulated().fault(late);
    let api: Api<BitbucketConnection> = stage.api("platform");
    api.delete("bitbucket", &DeleteParams::default())
        .await
        .unwrap();
    stage
        .gone::<BitbucketConnection>("platform", "bitbucket")
        .await;
    let second = stage.connection_is("second", ("Ready", "True")).await;
    // Either may have come first.
    let reported = [stage.reported(&first), stage.reported(&second)].concat();
    let waits = ["DeletionBlocked", "ProgressingWithRetry"];
    let waits = |note: &str| waits.iter().any(|reason| note.contains(reason));
    assert!(
        !reported.iter().any(|reported| waits(&reported.note)),
        "{reported:?}"
    );
}
