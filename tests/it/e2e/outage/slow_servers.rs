//! Slow servers delay their own bindings only.

use std::time::Duration;

use bindery::crd::ProjectBinding;
use kube::Api;
use kube::api::DeleteParams;
use serde_json::json;
use simulators::bitbucket::{Fault, Permission};

use crate::e2e::environment::Stage;
use crate::support::server::{Server, simulated};
use crate::support::sonarqube::SonarQube;

simulated!(two_slow_servers_delay_their_own_bindings_only);
simulated!(deletions_on_a_slow_server_delay_no_other_connection);
simulated!(connections_that_hang_do_not_delay_another);
simulated!(bindings_that_wait_for_one_repository_hold_no_place);
simulated!(a_rotation_does_not_wait_behind_imports);

/// Longer than any test waits.
const HANGING: Duration = Duration::from_secs(25);

const NEW_TOKEN: &str = "canary-rotated-bitbucket-token-5d21";

/// Promise: two servers that hang, with more bindings than there are workers, and the third serves within seconds.
async fn two_slow_servers_delay_their_own_bindings_only(server: Server) {
    let mut stage = Stage::set(server).await;
    let slow = [SonarQube::at(server).await, SonarQube::at(server).await];
    let slugs = repositories(&stage, 24);
    stage.connection(json!({}));
    for (number, sonarqube) in slow.iter().enumerate() {
        connect(&stage, &format!("slow{number}"), sonarqube);
    }
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    for number in 0..slow.len() {
        let name = format!("slow{number}");
        stage.connection_is(&name, ("Ready", "True")).await;
    }
    for (number, sonarqube) in slow.iter().enumerate() {
        hang(sonarqube);
        for slug in &slugs {
            let elsewhere = json!({"connectionRef": {"name": format!("slow{number}")}});
            let name = format!("{slug}-on-{number}");
            stage.binding("platform", &name, &format!("PAY/{slug}"), elsewhere);
        }
    }
    for sonarqube in &slow {
        let busy = || sonarqube.simulated().calls().len() >= 8;
        stage.eventually("the slow server is busy", busy).await;
    }
    serves(&mut stage).await;
}

/// Promise: deletions that hang take no more of the operator than other reconciles.
async fn deletions_on_a_slow_server_delay_no_other_connection(server: Server) {
    let arguments = ["--minimum-interval", "10s", "--allow-project-deletion"];
    let mut stage = Stage::set_with(server, &arguments).await;
    let slow = SonarQube::at(server).await;
    let slugs = repositories(&stage, 24);
    stage.connection(json!({}));
    connect(&stage, "slow", &slow);
    for slug in &slugs {
        let elsewhere =
            json!({"connectionRef": {"name": "slow"}, "deletionPolicy": "DeleteProject"});
        stage.binding("platform", slug, &format!("PAY/{slug}"), elsewhere);
    }
    for slug in &slugs {
        stage.binding_is("platform", slug, ("Ready", "True")).await;
    }
    hang(&slow);
    let api: Api<ProjectBinding> = stage.api("platform");
    for slug in &slugs {
        api.delete(slug, &DeleteParams::default()).await.unwrap();
    }
    let busy = || slow.simulated().calls().len() >= 8;
    stage.eventually("the slow server is busy", busy).await;
    serves(&mut stage).await;
    slow.simulated().clear_faults();
    stage.patience = Duration::from_secs(90);
    for slug in &slugs {
        stage.gone::<ProjectBinding>("platform", slug).await;
    }
}

/// Promise: the check of a connection waits for no connection to another server.
async fn connections_that_hang_do_not_delay_another(server: Server) {
    let mut stage = Stage::set(server).await;
    let mut slow = Vec::new();
    for number in 0..16 {
        let sonarqube = SonarQube::at(server).await;
        hang(&sonarqube);
        connect(&stage, &format!("hanging{number}"), &sonarqube);
        slow.push(sonarqube);
    }
    let busy = || {
        let mut slow = slow.iter();
        slow.all(|sonarqube| !sonarqube.simulated().calls().is_empty())
    };
    stage.eventually("all of them hang", busy).await;
    stage.connection(json!({}));
    stage.patience = Duration::from_secs(10);
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    serves(&mut stage).await;
}

/// Promise: bindings that want one repository wait for it without a place, so that others of their connection go on.
async fn bindings_that_wait_for_one_repository_hold_no_place(server: Server) {
    let mut stage = Stage::set(server).await;
    stage.connection(json!({}));
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    let import = Fault::at("PUT /api/v2/dop-translation/bound-projects").answer_delay(HANGING);
    let slow_one = import.with("repositoryIdentifier", "ledger");
    stage.sonarqube.simulated().fault(slow_one);
    stage.sonarqube.simulated().clear_calls();
    for number in 0..9 {
        let key = format!("ledger-{number}");
        let own = json!({"connectionRef": {"name": "bitbucket"}, "sonarqubeProject": {"key": key}});
        stage.binding("platform", &key, "PAY/ledger", own);
    }
    let imports = || {
        let calls = stage.sonarqube.simulated().calls();
        calls
            .iter()
            .any(|call| call.method == "PUT" && call.target.contains("bound-projects"))
    };
    stage.eventually("the import is in progress", imports).await;
    serves(&mut stage).await;
}

/// Promise: imports that take all calls of the bindings leave some for the connection's own.
async fn a_rotation_does_not_wait_behind_imports(server: Server) {
    let mut stage = Stage::set(server).await;
    let slugs = repositories(&stage, 8);
    stage.connection(json!({"interval": "1h"}));
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    let import = Fault::at("PUT /api/v2/dop-translation/bound-projects");
    let sonarqube = stage.sonarqube.simulated();
    // Not the probe of the same call, which names no repository.
    let import = import.with("projectIdentifier", "PAY");
    sonarqube.fault(import.answer_delay(Duration::from_mins(1)));
    sonarqube.clear_calls();
    for slug in &slugs {
        stage.binding("payments", slug, &format!("PAY/{slug}"), json!({}));
    }
    let imports = || {
        let calls = stage.sonarqube.simulated().calls();
        let imports = calls
            .iter()
            .filter(|call| call.method == "PUT" && call.target.contains("bound-projects"));
        imports.count() >= 8
    };
    stage
        .eventually("eight imports are in progress", imports)
        .await;
    stage.patience = Duration::from_secs(5);
    // A check of both servers and a sweep, as the clock asks for them.
    stage.look_now("during-the-imports").await;
    stage.bitbucket.world(|world| {
        let permissions = [Permission::ProjectRead, Permission::RepoWrite];
        world.token(NEW_TOKEN, "bindery", &permissions);
    });
    stage.sonarqube.simulated().clear_calls();
    stage.secret("bitbucket-token", NEW_TOKEN);
    let pushed = || {
        let calls = stage.sonarqube.simulated().calls();
        calls
            .iter()
            .any(|call| call.target.contains("update_bitbucket"))
    };
    stage
        .eventually("SonarQube has the new token", pushed)
        .await;
}

/// Makes so many repositories.
fn repositories(stage: &Stage, count: usize) -> Vec<String> {
    let slugs: Vec<_> = (0..count)
        .map(|number| format!("slow{number:02}"))
        .collect();
    stage.bitbucket.world(|world| {
        for slug in &slugs {
            world.repository("PAY", slug);
        }
    });
    slugs
}

/// A connection to another SonarQube.
fn connect(stage: &Stage, name: &str, sonarqube: &SonarQube) {
    let there = json!({"interval": "1h", "sonarqube": {"url": sonarqube.url}});
    stage.connection_named(name, there);
}

/// Has every call wait.
fn hang(sonarqube: &SonarQube) {
    let late = Fault::at("/api/*").delay(HANGING);
    sonarqube.simulated().fault(late);
    sonarqube.simulated().clear_calls();
}

/// The connection that is well brings a new binding to `Ready` within seconds.
async fn serves(stage: &mut Stage) {
    stage.patience = Duration::from_secs(10);
    stage.binding("payments", "checkout", "PAY/checkout", json!({}));
    let ready = ("Ready", "True");
    stage.binding_is("payments", "checkout", ready).await;
}
