//! A database that was restored is another world: what the status remembers is about one that is gone.

use bindery::crd::{BitbucketConnection, ProjectBinding};
use kube::ResourceExt as _;
use serde_json::json;
use simulators::sonarqube::{Caller, SonarQube};

use crate::e2e::environment::Stage;
use crate::support::server::{Server, on};

on!([simulated_26_9, simulated_9_9] => what_a_restored_database_holds_is_adopted_and_never_deleted);

const RESTORED: &str = "0BACC0DE-AZrestored000000000000";

/// Promise: on a server of another id nothing is ours. All is taken as it is found, tokens are given again, and what
/// Bindery created in the other database is not deleted in this one.
async fn what_a_restored_database_holds_is_adopted_and_never_deleted(server: Server) {
    let arguments = ["--minimum-interval", "10s", "--allow-project-deletion"];
    let stage = Stage::set_with(server, &arguments).await;
    stage.connection(json!({"deletionPolicy": "Delete"}));
    for name in ["checkout", "ledger"] {
        let deleting = json!({"deletionPolicy": "DeleteProject"});
        stage.binding("payments", name, &format!("PAY/{name}"), deleting);
        let binding = stage.binding_is("payments", name, ("Ready", "True")).await;
        let project = binding.status.as_ref().unwrap().sonarqube_project.clone();
        assert_eq!(project.unwrap().created_by, binding.uid());
    }
    let connection = stage.connection_is("bitbucket", ("Ready", "True")).await;
    let ours = connection.status.as_ref().unwrap().configuration.clone();
    assert_eq!(ours.unwrap().created_by, connection.uid());
    let before = stage.sonarqube.everything();

    restore(&stage).await;
    for name in ["checkout", "ledger"] {
        let is_adopted = |binding: &ProjectBinding| {
            let project = binding
                .status
                .as_ref()
                .and_then(|status| status.sonarqube_project.as_ref());
            project.is_some_and(|project| project.server_id == RESTORED)
        };
        let binding = stage.until("payments", name, is_adopted).await;
        let project = binding
            .status
            .as_ref()
            .unwrap()
            .sonarqube_project
            .clone()
            .unwrap();
        assert_eq!(
            (project.created_by, project.bound_by),
            (None, None),
            "{name}"
        );
        stage.told_once(&binding, "Adopted");
        stage.delete_binding("payments", name).await;
    }
    stage.kubectl(&["delete", "bbconn", "bitbucket", "--namespace", "platform"]);
    assert_eq!(stage.sonarqube.everything(), before);
}

/// Gives SonarQube another database with all that is in this one, and sees that the connection takes it for another.
async fn restore(stage: &Stage) {
    let simulated = stage.sonarqube.simulated();
    simulated.clear_calls();
    simulated.world(|world| RESTORED.clone_into(&mut world.server_id));
    stage.look_now("restored").await;
    let is_known = |connection: &BitbucketConnection| {
        let status = connection.status.as_ref().unwrap();
        let applied = status.applied_secrets.as_ref();
        applied.is_some_and(|applied| {
            applied.server_id == RESTORED
                && applied.token.is_some()
                && applied.import_token.is_some()
        })
    };
    let connection = stage.until("platform", "bitbucket", is_known).await;
    let configuration = connection.status.unwrap().configuration.unwrap();
    assert_eq!(configuration.server_id, RESTORED);
    assert_eq!(configuration.created_by, None);
    let pushed = [
        "/api/alm_settings/update_bitbucket",
        "/api/alm_integrations/set_pat",
    ];
    assert_eq!(pushed.map(|call| written(simulated, call)), [1, 1]);
}

/// How often the operator made a call that writes.
fn written(sonarqube: &SonarQube, path: &str) -> usize {
    let calls = sonarqube.calls().into_iter();
    calls
        .filter(|call| {
            call.caller == Caller::Bindery && call.method == "POST" && call.operation == path
        })
        .count()
}
