//! Slow servers delay their own bindings only.

use std::time::Duration;

use bindery::crd::ProjectBinding;
use kube::Api;
use kube::api::DeleteParams;
use serde_json::json;
use simulators::bitbucket::{Fault, Permission};

use crate::e2e::environment::TestEnvironment;
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
    let mut env = TestEnvironment::set(server).await;
    let slow = [SonarQube::at(server).await, SonarQube::at(server).await];
    let slugs = repositories(&env, 24);
    env.connection(json!({}));
    for (number, sonarqube) in slow.iter().enumerate() {
        connect(&env, &format!("slow{number}"), sonarqube);
    }
    env.connection_is("bitbucket", ("Ready", "True")).await;
    for number in 0..slow.len() {
        let name = format!("slow{number}");
        env.connection_is(&name, ("Ready", "True")).await;
    }
    for (number, sonarqube) in slow.iter().enumerate() {
        hang(sonarqube);
        for slug in &slugs {
            let elsewhere = json!({"connectionRef": {"name": format!("slow{number}")}});
            let name = format!("{slug}-on-{number}");
            env.binding("platform", &name, &format!("PAY/{slug}"), elsewhere);
        }
    }
    for sonarqube in &slow {
        let busy = || sonarqube.simulated().calls().len() >= 8;
        env.eventually("the slow server is busy", busy).await;
    }
    serves(&mut env).await;
}

/// Promise: deletions that hang take no more of the operator than other reconciles.
async fn deletions_on_a_slow_server_delay_no_other_connection(server: Server) {
    let arguments = ["--minimum-interval", "10s", "--allow-project-deletion"];
    let mut env = TestEnvironment::set_with(server, &arguments).await;
    let slow = SonarQube::at(server).await;
    let slugs = repositories(&env, 24);
    env.connection(json!({}));
    connect(&env, "slow", &slow);
    for slug in &slugs {
        let elsewhere =
            json!({"connectionRef": {"name": "slow"}, "deletionPolicy": "DeleteProject"});
        env.binding("platform", slug, &format!("PAY/{slug}"), elsewhere);
    }
    for slug in &slugs {
        env.binding_is("platform", slug, ("Ready", "True")).await;
    }
    hang(&slow);
    let api: Api<ProjectBinding> = env.api("platform");
    for slug in &slugs {
        api.delete(slug, &DeleteParams::default()).await.unwrap();
    }
    let busy = || slow.simulated().calls().len() >= 8;
    env.eventually("the slow server is busy", busy).await;
    serves(&mut env).await;
    slow.simulated().clear_faults();
    env.patience = Duration::from_secs(90);
    for slug in &slugs {
        env.gone::<ProjectBinding>("platform", slug).await;
    }
}

/// Promise: the check of a connection waits for no connection to another server.
async fn connections_that_hang_do_not_delay_another(server: Server) {
    let mut env = TestEnvironment::set(server).await;
    let mut slow = Vec::new();
    for number in 0..16 {
        let sonarqube = SonarQube::at(server).await;
        hang(&sonarqube);
        connect(&env, &format!("hanging{number}"), &sonarqube);
        slow.push(sonarqube);
    }
    let busy = || {
        let mut slow = slow.iter();
        slow.all(|sonarqube| !sonarqube.simulated().calls().is_empty())
    };
    env.eventually("all of them hang", busy).await;
    env.connection(json!({}));
    env.patience = Duration::from_secs(10);
    env.connection_is("bitbucket", ("Ready", "True")).await;
    serves(&mut env).await;
}

/// Promise: bindings that want one repository wait for it without a place, so that others of their connection go on.
async fn bindings_that_wait_for_one_repository_hold_no_place(server: Server) {
    let mut env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let import = Fault::at("PUT /api/v2/dop-translation/bound-projects").answer_delay(HANGING);
    let slow_one = import.with("repositoryIdentifier", "ledger");
    env.sonarqube.simulated().fault(slow_one);
    env.sonarqube.simulated().clear_calls();
    for number in 0..9 {
        let key = format!("ledger-{number}");
        let own = json!({"connectionRef": {"name": "bitbucket"}, "sonarqubeProject": {"key": key}});
        env.binding("platform", &key, "PAY/ledger", own);
    }
    let imports = || {
        let calls = env.sonarqube.simulated().calls();
        calls
            .iter()
            .any(|call| call.method == "PUT" && call.target.contains("bound-projects"))
    };
    env.eventually("the import is in progress", imports).await;
    serves(&mut env).await;
}

/// Promise: imports that take all calls of the bindings leave some for the connection's own.
async fn a_rotation_does_not_wait_behind_imports(server: Server) {
    let mut env = TestEnvironment::set(server).await;
    let slugs = repositories(&env, 8);
    env.connection(json!({"interval": "1h"}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let import = Fault::at("PUT /api/v2/dop-translation/bound-projects");
    let sonarqube = env.sonarqube.simulated();
    // Not the probe of the same call, which names no repository.
    let import = import.with("projectIdentifier", "PAY");
    sonarqube.fault(import.answer_delay(Duration::from_mins(1)));
    sonarqube.clear_calls();
    for slug in &slugs {
        env.binding("payments", slug, &format!("PAY/{slug}"), json!({}));
    }
    let imports = || {
        let calls = env.sonarqube.simulated().calls();
        let imports = calls
            .iter()
            .filter(|call| call.method == "PUT" && call.target.contains("bound-projects"));
        imports.count() >= 8
    };
    env.eventually("eight imports are in progress", imports)
        .await;
    env.patience = Duration::from_secs(5);
    // A check of both servers and a sweep, as the clock asks for them.
    env.reconcile_now("during-the-imports").await;
    env.bitbucket.world(|world| {
        let permissions = [Permission::ProjectRead, Permission::RepoWrite];
        world.token(NEW_TOKEN, "bindery", &permissions);
    });
    env.sonarqube.simulated().clear_calls();
    env.secret("bitbucket-token", NEW_TOKEN);
    let pushed = || {
        let calls = env.sonarqube.simulated().calls();
        calls
            .iter()
            .any(|call| call.target.contains("update_bitbucket"))
    };
    env.eventually("SonarQube has the new token", pushed).await;
}

/// Makes so many repositories.
fn repositories(env: &TestEnvironment, count: usize) -> Vec<String> {
    let slugs: Vec<_> = (0..count)
        .map(|number| format!("slow{number:02}"))
        .collect();
    env.bitbucket.world(|world| {
        for slug in &slugs {
            world.repository("PAY", slug);
        }
    });
    slugs
}

/// A connection to another SonarQube.
fn connect(env: &TestEnvironment, name: &str, sonarqube: &SonarQube) {
    let there = json!({"interval": "1h", "sonarqube": {"url": sonarqube.url}});
    env.connection_named(name, there);
}

/// Has every call wait.
fn hang(sonarqube: &SonarQube) {
    let late = Fault::at("/api/*").delay(HANGING);
    sonarqube.simulated().fault(late);
    sonarqube.simulated().clear_calls();
}

/// The connection that is well brings a new binding to `Ready` within seconds.
async fn serves(env: &mut TestEnvironment) {
    env.patience = Duration::from_secs(10);
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    let ready = ("Ready", "True");
    env.binding_is("payments", "checkout", ready).await;
}
