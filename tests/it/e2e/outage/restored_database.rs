//! Restores. A restored database of SonarQube is another server. Restored objects of Kubernetes have no status.

use bindery::crd::{BitbucketConnection, ProjectBinding};
use kube::ResourceExt as _;
use serde_json::json;
use simulators::sonarqube::{Caller, SonarQube};

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::manifests::merge;
use crate::support::server::{Server, on};

on!([simulated_26_9, simulated_9_9] => what_a_restored_database_holds_is_adopted_and_never_deleted);
on!([simulated_26_9, simulated_9_9, real_26_9] => objects_restored_without_status_adopt_what_exists_and_delete_nothing);

const RESTORED: &str = "0BACC0DE-AZrestored000000000000";

/// Promise: on a server of another id nothing is ours. All is taken as it is found, tokens are given again, and what
/// Bindery created in the other database is not deleted in this one.
async fn what_a_restored_database_holds_is_adopted_and_never_deleted(server: Server) {
    let arguments = ["--minimum-interval", "10s", "--allow-project-deletion"];
    let env = TestEnvironment::set_with(server, &arguments).await;
    env.connection(json!({"deletionPolicy": "Delete"}));
    for name in ["checkout", "ledger"] {
        let deleting = json!({"deletionPolicy": "DeleteProject"});
        env.binding("payments", name, &format!("PAY/{name}"), deleting);
        let binding = env.binding_is("payments", name, ("Ready", "True")).await;
        let record = &binding.status.as_ref().unwrap().record;
        assert_eq!(record.created_by, binding.uid());
    }
    let connection = env.connection_is("bitbucket", ("Ready", "True")).await;
    let ours = &connection.status.as_ref().unwrap().record;
    assert_eq!(ours.created_by, connection.uid());
    let before = env.sonarqube.everything();

    restore(&env).await;
    for name in ["checkout", "ledger"] {
        let is_adopted = |binding: &ProjectBinding| {
            let project = binding
                .status
                .as_ref()
                .and_then(|status| status.sonarqube_project.as_ref());
            project.is_some_and(|project| project.server_id == RESTORED)
        };
        let binding = env.until("payments", name, is_adopted).await;
        let record = &binding.status.as_ref().unwrap().record;
        let ours = (&record.created_by, &record.bound_by);
        assert_eq!(ours, (&None, &None), "{name}");
        env.reported_once(&binding, "Adopted");
        env.delete_binding("payments", name).await;
    }
    env.kubectl(&["delete", "bbconn", "bitbucket", "--namespace", "platform"]);
    assert_eq!(env.sonarqube.everything(), before);
}

/// Gives SonarQube another database with all that is in this one, and sees that the connection takes it for another.
async fn restore(env: &TestEnvironment) {
    let simulated = env.sonarqube.simulated();
    simulated.clear_calls();
    simulated.world(|world| RESTORED.clone_into(&mut world.server_id));
    env.reconcile_now("restored").await;
    let is_known = |connection: &BitbucketConnection| {
        let status = connection.status.as_ref().unwrap();
        let applied = status.record.applied_secrets.as_ref();
        applied.is_some_and(|applied| {
            applied.server_id == RESTORED
                && applied.token.is_some()
                && applied.import_token.is_some()
        })
    };
    let connection = env.until("platform", "bitbucket", is_known).await;
    let status = connection.status.unwrap();
    assert_eq!(status.configuration.unwrap().server_id, RESTORED);
    assert_eq!(status.record.created_by, None);
    let pushed = [
        "/api/alm_settings/update_bitbucket",
        "/api/alm_integrations/set_pat",
    ];
    assert_eq!(pushed.map(|call| written(simulated, call)), [1, 1]);
}

/// Promise: objects that come back without status create no second project. They adopt what exists, are Ready, and
/// delete nothing with them, although everything was created by Bindery and both policies ask for it.
async fn objects_restored_without_status_adopt_what_exists_and_delete_nothing(server: Server) {
    const OPERATOR: [&str; 3] = ["--minimum-interval", "10s", "--allow-project-deletion"];
    let mut env = TestEnvironment::set_with(server, &OPERATOR).await;
    let rows = [("checkout", "ImportOrBind"), ("ledger", "Import")];
    let apply = |env: &TestEnvironment| {
        env.connection(json!({"deletionPolicy": "Delete"}));
        for (name, mode) in rows {
            let mut spec = json!({"deletionPolicy": "DeleteProject", "mode": mode});
            merge(
                &mut spec,
                json!({"sonarqubeProject": {"visibility": "Private"}}),
            );
            env.binding("payments", name, &format!("PAY/{name}"), spec);
        }
    };
    apply(&env);
    for (name, _) in rows {
        let binding = env.binding_is("payments", name, ("Ready", "True")).await;
        let record = binding.status.as_ref().unwrap().record.clone();
        assert_eq!(record.created_by, binding.uid());
    }
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let before = env.sonarqube.everything();

    env.operator.kill();
    env.lose_all_objects().await;
    apply(&env);
    env.restart_operator(&OPERATOR);
    for (name, _) in rows {
        let binding = env.binding_is("payments", name, ("Ready", "True")).await;
        let status = binding.status.as_ref().unwrap();
        let project = status.sonarqube_project.as_ref().unwrap();
        assert_eq!(project.key, format!("PAY:{name}"));
        let made = (&status.record.created_by, &status.record.bound_by);
        assert_eq!(made, (&None, &None), "{name}");
        env.reported_once(&binding, "Adopted");
    }
    let connection = env.connection_is("bitbucket", ("Ready", "True")).await;
    let record = connection.status.unwrap().record;
    assert_eq!(record.created_by, None);
    assert!(
        record.applied_secrets.is_some(),
        "tokens are given once more"
    );
    assert_eq!(env.sonarqube.everything(), before, "after the restore");

    for (name, _) in rows {
        env.delete_binding("payments", name).await;
    }
    env.kubectl(&["delete", "bbconn", "bitbucket", "--namespace", "platform"]);
    assert_eq!(env.sonarqube.everything(), before, "after the deletion");
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
