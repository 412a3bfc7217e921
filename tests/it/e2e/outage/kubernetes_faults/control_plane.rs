//! The control plane itself: the API server stops or is killed, etcd stops, and a kind is removed.

use std::time::{Duration, Instant};

use bindery::crd::ProjectBinding;
use kube::ResourceExt as _;
use serde_json::json;
use simulators::bitbucket::Fault;

use super::{imports, projects};
use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::fault_proxy::Fault as ApiFault;
use crate::e2e::environment::many::{bindings, repositories};
use crate::e2e::environment::{install, oracles};
use crate::support::control_plane_process::Process;
use crate::support::server::{Server, simulated};

simulated!(
    a_leader_that_the_api_server_does_not_answer_calls_no_server,
    an_api_server_that_is_killed_during_imports_costs_nothing,
    a_kind_that_is_removed_is_taken_up_again,
    nothing_is_created_while_no_write_is_taken,
);

/// What the API server says once etcd has raised its alarm.
const FULL: &str = "etcdserver: mvcc: database space exceeded";

/// Where the intent to create a project is stored.
const INTENT: &str = "/projectbindings/checkout/status";

/// The holder leads for 3.3 s after a renewal.
const SHORT: [&str; 4] = ["--minimum-interval", "10s", "--lease-duration", "5s"];

/// Bindings whose imports take a while.
async fn slow_imports(
    server: Server,
    count: usize,
    arguments: &[&str],
) -> (TestEnvironment, Vec<String>) {
    let env = TestEnvironment::set_with(server, arguments).await;
    env.connection(json!({"interval": "1h"}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let slugs = repositories(&env, count);
    let slow = Fault::at(super::IMPORT).delay(Duration::from_millis(500));
    env.sonarqube.simulated().fault(slow);
    env.apply(&bindings(&slugs));
    let some = || !env.sonarqube.project_keys().is_empty();
    env.eventually("some imports", some).await;
    (env, slugs)
}

/// All bindings are Ready and ours, and each repository has one project.
async fn all_are_ours(env: &TestEnvironment, slugs: &[String]) {
    for slug in slugs {
        let binding = env.binding_is("payments", slug, ("Ready", "True")).await;
        let record = &binding.status.as_ref().unwrap().record;
        assert_eq!(record.created_by, binding.uid(), "{slug}");
    }
    let projects = projects(env);
    assert_eq!(projects.len(), slugs.len());
    oracles::one_project_each(&projects).unwrap();
}

/// Waits until the operator has ended by itself.
pub(super) async fn exit_code(env: &mut TestEnvironment) -> Option<i32> {
    let since = Instant::now();
    loop {
        if let Some(status) = env.operator.ended() {
            return status.code();
        }
        assert!(since.elapsed() < env.patience, "it does not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Promise (row 8; row 19 with etcd): a leader that the API server does not answer begins no write before its lease can be
/// another's, and ends. The next one goes on.
async fn a_leader_that_the_api_server_does_not_answer_calls_no_server(server: Server) {
    for part in ["kube-apiserver", "etcd"] {
        let (mut env, slugs) = slow_imports(server, 12, &SHORT).await;
        let process = Process::of(&env.servers, part);
        process.signal("STOP");
        assert_eq!(exit_code(&mut env).await, Some(1), "{part}: it ends");
        let log = std::fs::read_to_string(&env.operator.log).unwrap();
        assert!(log.contains("the lease is lost"), "{part}: it says why");
        process.signal("CONT");
        process.answers();
        env.restart_operator(&SHORT);
        all_are_ours(&env, &slugs).await;
    }
}

/// Promise (row 7): an API server that is killed among imports, and comes back, costs no import and no project.
async fn an_api_server_that_is_killed_during_imports_costs_nothing(server: Server) {
    // The lease outlives the restart of the API server, however long that takes here.
    let patient = ["--minimum-interval", "10s", "--lease-duration", "5m"];
    let (mut env, slugs) = slow_imports(server, 20, &patient).await;
    Process::of(&env.servers, "kube-apiserver").kill_and_start_again(Duration::from_secs(1));
    all_are_ours(&env, &slugs).await;
    assert!(env.operator.ended().is_none(), "it is the same process");
    assert_eq!(imports(&env), slugs.len());
}

/// Promise (row 20): a kind that is removed and added again is watched again, by the same process.
async fn a_kind_that_is_removed_is_taken_up_again(server: Server) {
    let mut env = TestEnvironment::set_with(server, &SHORT).await;
    env.connection(json!({"interval": "1h"}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    env.binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    env.kubectl(&[
        "delete",
        "crd",
        "projectbindings.bindery.dev",
        "--timeout=60s",
    ]);
    let is_noticed = || {
        let log = std::fs::read_to_string(&env.operator.log).unwrap();
        log.lines()
            .any(|line| line.contains("a watch failed") && line.contains("ProjectBinding"))
    };
    env.eventually("the watch fails", is_noticed).await;
    assert!(env.operator.leads());
    install(&env.servers).unwrap();
    env.servers.discover_anew();
    let established = [
        "wait",
        "--for=condition=Established",
        "crd/projectbindings.bindery.dev",
        "--timeout=60s",
    ];
    env.kubectl(&established);
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    env.binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    env.until("payments", "checkout", |binding: &ProjectBinding| {
        let status = binding.status.as_ref();
        status.is_some_and(|status| status.sonarqube_project.is_some())
    })
    .await;
    assert!(env.operator.ended().is_none(), "it is the same process");
    assert_eq!(imports(&env), 1);
}

/// Promise (row 19): while etcd takes no writes, as with its alarm NOSPACE, no project is created: an intent cannot be
/// stored. The leader ends, as it cannot renew its lease, and the next one waits until it can have that.
async fn nothing_is_created_while_no_write_is_taken(server: Server) {
    let (mut env, api_server) = super::behind_a_proxy(server, &SHORT).await;
    // First of all only the intent: the finalizer is there, so that nothing else stops the import.
    api_server.fault(ApiFault::at("PATCH", INTENT).status(500, FULL));
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    let is_tried_again = || {
        let seen = api_server.seen();
        let refused = seen.iter().filter(|it| it.target.contains(INTENT));
        refused.count() >= 2
    };
    env.eventually("two intents are refused", is_tried_again)
        .await;
    assert_eq!(env.sonarqube.project_keys(), [""; 0]);
    for method in ["PATCH", "POST", "PUT"] {
        api_server.fault(ApiFault::at(method, "").status(500, FULL));
    }
    assert_eq!(exit_code(&mut env).await, Some(1));
    env.restart_operator(&SHORT);
    let asked = api_server.seen().len();
    let is_refused = || {
        let seen = api_server.seen().split_off(asked);
        let mut leases = seen.iter().filter(|it| it.target.contains("/leases"));
        leases.any(|it| it.status == Some(500))
    };
    env.eventually("it may not have the lease", is_refused)
        .await;
    assert!(!env.operator.leads());
    assert_eq!(env.operator.external_calls(), [].into());
    assert_eq!(env.sonarqube.project_keys(), [""; 0]);
    api_server.clear();
    all_are_ours(&env, &["checkout".to_owned()]).await;
    assert_eq!(imports(&env), 1);
}
