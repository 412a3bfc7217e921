//! One writer: of two operators one leads, and the other one goes on where it ends, however that happens.

use std::time::{Duration, Instant};

use bindery::crd::ProjectBinding;
use serde_json::json;
use simulators::bitbucket::{Caller, Fault};

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::many::{bindings, repositories};
use crate::e2e::environment::operator::{LEASE, LOOPBACK, Operator};
use crate::support::server::{Server, simulated};

simulated!(
    a_standby_goes_on_when_the_leader_stops,
    a_standby_replaces_a_killed_leader,
    a_leader_that_is_resumed_too_late_writes_nothing,
    a_leader_exits_when_its_lease_is_taken_or_deleted_by_hand,
    two_operators_import_each_repository_once,
);

/// The shortest that there is: the holder leads for 3.3 s after a renewal, and renews every 0.7 s.
///
/// Few concurrent calls, so that some always wait.
const SHORT: [&str; 6] = [
    "--minimum-interval",
    "10s",
    "--lease-duration",
    "5s",
    "--sonarqube-concurrency",
    "3",
];

/// Of a binding whose repository has a project of another binding.
const TAKEN: [&str; 2] = ["AlreadyManaged", "RepositoryAlreadyBound"];

/// How long the lease lasts.
const LASTS: Duration = Duration::from_secs(5);

/// An operator that leads, and another one that stands by, with a connection that is Ready.
async fn two_operators(server: Server) -> (TestEnvironment, Operator) {
    let env = TestEnvironment::set_with(server, &SHORT).await;
    env.connection(json!({"interval": "1h"}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let standby = another(&env).await;
    (env, standby)
}

/// One more operator, which is ready and does not lead.
async fn another(env: &TestEnvironment) -> Operator {
    let arguments = [&LOOPBACK[..], &SHORT].concat();
    let standby = Operator::start(&env.servers, &env.directory, &arguments);
    let is_ready = || standby.get("readyz").0 == 200;
    env.eventually("the standby is ready", is_ready).await;
    assert!(env.operator.leads() && !standby.leads());
    standby
}

/// Waits until an operator leads, and returns for how long.
async fn leads(env: &TestEnvironment, operator: &Operator) -> Duration {
    let since = Instant::now();
    env.eventually("the other one leads", || operator.leads())
        .await;
    since.elapsed()
}

/// Calls to SonarQube that change something.
fn writes(env: &TestEnvironment) -> Vec<String> {
    let calls = env.sonarqube.simulated().calls();
    let calls = calls
        .into_iter()
        .filter(|call| call.caller == Caller::Bindery);
    let writes = calls.filter(|call| call.method != "GET");
    writes.map(|call| call.operation.to_owned()).collect()
}

/// Promise: an operator that is stopped gives its lease back; the other one does not wait for the lease to end.
async fn a_standby_goes_on_when_the_leader_stops(server: Server) {
    let (mut env, standby) = two_operators(server).await;
    // A standby reads and writes nothing of the servers.
    assert_eq!(standby.external_calls(), [].into());
    assert_eq!(env.operator.stop().code(), Some(0));
    let log = std::fs::read_to_string(&env.operator.log).unwrap();
    assert!(log.contains("the lease is given back"));
    let after = leads(&env, &standby).await;
    eprintln!("measured: the standby led {after:?} after the end of the leader");
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    env.binding_is("payments", "checkout", ("Ready", "True"))
        .await;
}

/// Promise: a leader that was killed is replaced without any help.
async fn a_standby_replaces_a_killed_leader(server: Server) {
    let (mut env, standby) = two_operators(server).await;
    env.operator.kill_silently();
    let after = leads(&env, &standby).await;
    eprintln!("measured: the standby led {after:?} after the leader was killed");
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    env.binding_is("payments", "checkout", ("Ready", "True"))
        .await;
}

/// Promise: a leader that is suspended among its imports, and resumed when another one leads, calls no server any more.
async fn a_leader_that_is_resumed_too_late_writes_nothing(server: Server) {
    let (mut env, standby) = two_operators(server).await;
    let slugs = repositories(&env, 12);
    let import = "PUT /api/v2/dop-translation/bound-projects";
    let slow = Fault::at(import).delay(Duration::from_millis(1500));
    env.sonarqube.simulated().fault(slow);
    env.apply(&bindings(&slugs));
    // Others have stored their intent, and wait to make their call.
    let some = || env.sonarqube.project_keys().len() >= 2;
    env.eventually("some imports", some).await;
    env.operator.signal("STOP");
    leads(&env, &standby).await;
    for slug in &slugs {
        env.binding_is("payments", slug, ("Ready", "True")).await;
    }
    let projects = env.sonarqube.project_keys();
    env.sonarqube.simulated().clear_calls();
    env.bitbucket.clear_calls();
    env.operator.signal("CONT");
    let operator = &mut env.operator;
    let mut code = None;
    for _ in 0..300 {
        code = operator.ended().map(|status| status.code());
        if code.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(code, Some(Some(1)), "it ends");
    let log = std::fs::read_to_string(&env.operator.log).unwrap();
    assert!(log.contains("the lease is lost"), "it says why");
    assert_eq!(writes(&env), Vec::<String>::new());
    assert_eq!(env.sonarqube.project_keys(), projects);
    assert_eq!(projects.len(), slugs.len());
}

/// Promise: who writes another name into the lease, or deletes it, makes its holder end, and no second one begin at once.
async fn a_leader_exits_when_its_lease_is_taken_or_deleted_by_hand(server: Server) {
    let (mut env, mut standby) = two_operators(server).await;
    let stolen = r#"{"spec": {"holderIdentity": "thief"}}"#;
    let steal = [&LEASE[..], &["--patch", stolen]].concat();
    let delete = ["delete", "lease", "bindery", "--namespace=bindery-system"];
    for change in [&steal[..], &delete] {
        let since = Instant::now();
        env.kubectl(change);
        let TestEnvironment { operator, .. } = &mut env;
        let mut code = None;
        while code.is_none() && since.elapsed() < Duration::from_mins(1) {
            tokio::time::sleep(Duration::from_millis(50)).await;
            code = operator.ended().map(|status| status.code());
        }
        assert_eq!(code, Some(Some(1)), "{change:?}");
        assert!(!standby.leads() || since.elapsed() >= LASTS, "{change:?}");
        leads(&env, &standby).await;
        assert!(
            since.elapsed() >= LASTS,
            "{change:?}: {:?}",
            since.elapsed()
        );
        env.operator = standby;
        standby = another(&env).await;
    }
}

/// Promise: of two operators that see the same bindings at once, one imports. Before there was a lease, two did.
async fn two_operators_import_each_repository_once(server: Server) {
    let (env, standby) = two_operators(server).await;
    let access = json!([{
        "name": "all", "namespaceSelector": {}, "repositories": ["PAY/*"], "sonarqubeProjects": ["*"],
    }]);
    env.connection(json!({"interval": "1h", "access": access}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let slugs = repositories(&env, 10);
    let import = "PUT /api/v2/dop-translation/bound-projects";
    let slow = Fault::at(import).delay(Duration::from_millis(1500));
    env.sonarqube.simulated().fault(slow);
    env.apply(&bindings(&slugs));
    // A second binding of each repository wants another project for it.
    for slug in &slugs {
        let other = json!({"sonarqubeProject": {"key": format!("other-{slug}")}});
        env.binding(
            "payments",
            &format!("other-{slug}"),
            &format!("PAY/{slug}"),
            other,
        );
    }
    let settled = |binding: &ProjectBinding| {
        let conditions = binding.status.as_ref().map(|status| &status.conditions);
        let mut conditions = conditions.into_iter().flatten();
        conditions.any(|it| {
            it.type_ == "Ready" && (it.status == "True" || TAKEN.contains(&it.reason.as_str()))
        })
    };
    for slug in &slugs {
        env.until("payments", slug, settled).await;
        env.until("payments", &format!("other-{slug}"), settled)
            .await;
    }
    assert_eq!(env.sonarqube.project_keys().len(), slugs.len());
    assert_eq!(standby.external_calls(), [].into());
}
