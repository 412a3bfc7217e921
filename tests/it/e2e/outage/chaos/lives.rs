//! Many bindings at once, and an operator that leads for five seconds at a time; and an outage under many bindings.

use std::time::{Duration, Instant};

use bindery::crd::ProjectBinding;
use kube::api::ListParams;
use serde_json::json;
use simulators::bitbucket::{Caller, Fault};

use super::{number, row};
use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::many::{bindings, repositories};
use crate::e2e::environment::oracles;
use crate::e2e::environment::snapshot::Snapshot;
use crate::e2e::environment::waiting::says;
use crate::support::server::simulated_26_9;

const ARGUMENTS: [&str; 2] = ["--minimum-interval", "10s"];

/// How many bindings are Ready.
async fn ready(env: &TestEnvironment) -> usize {
    let api = env.api::<ProjectBinding>("payments");
    let all = api.list(&ListParams::default()).await.unwrap();
    all.items
        .iter()
        .filter(|it| says(*it, ("Ready", "True")))
        .count()
}

/// How long an operator leads before it is killed.
const LIFE: Duration = Duration::from_secs(5);

/// How much longer it may take for its first binding: a slow machine needs longer than a life. One that never comes is a
/// life without progress.
const PATIENCE: Duration = Duration::from_mins(4);

/// An operator that leads for the time of a life, and longer if it has made no binding Ready until then. Returns how many
/// are Ready once it was killed, if there is one more than these: what it did last is not counted for the next one.
async fn live(env: &mut TestEnvironment, done: usize) -> Option<usize> {
    env.restart_operator(&ARGUMENTS);
    env.eventually("it leads", || env.operator.leads()).await;
    tokio::time::sleep(LIFE).await;
    let one_more = async {
        loop {
            let now = ready(env).await;
            if now > done {
                return;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    tokio::time::timeout(PATIENCE, one_more).await.ok()?;
    env.operator.kill();
    Some(ready(env).await)
}

/// Promise (row 48): of many bindings that are applied at once each life of the operator makes some Ready, so that all
/// are in the end; and no repository gets two projects. What a life has begun does not have to be begun anew by each
/// next one. The promise is about the lives, not about how fast the machine is: see `live`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes: make chaos"]
async fn every_life_of_an_operator_makes_progress() {
    let count = number("BINDERY_CHAOS_MANY", 2000);
    let mut env = TestEnvironment::set_with(simulated_26_9(), &ARGUMENTS).await;
    env.connection(json!({"interval": "1h"}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let slugs = repositories(&env, count);
    env.operator.kill();
    for some in slugs.chunks(500) {
        env.apply(&bindings(some));
    }
    let mut lives = Vec::new();
    let mut done = 0;
    while done < count {
        let Some(now) = live(&mut env, done).await else {
            panic!("a life without progress: {lives:?}, {done} of {count}");
        };
        lives.push(now - done);
        done = now;
    }
    let projects = super::super::crash_sweep::state::projects(&env);
    assert_eq!(projects.len(), count);
    oracles::one_project_each(&projects).unwrap();
    row(
        &format!("{count} bindings, an operator killed after each 5 s of leading"),
        &format!("{lives:?} Ready in each life"),
    );
}

/// Resident memory of the operator in MB.
fn memory(env: &TestEnvironment) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", env.operator.pid())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.split_whitespace()
        .next()
        .unwrap()
        .parse::<f64>()
        .unwrap()
        / 1024.0
}

/// Promise (row 28): an outage of SonarQube under many bindings costs one probe per back-off and no status of a binding.
/// The server that is back is asked slowly at first, and memory is where it was.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes: make chaos"]
async fn an_outage_under_many_bindings_is_calm() {
    let env = TestEnvironment::set_with(simulated_26_9(), &ARGUMENTS).await;
    let sonarqube = env.sonarqube.simulated();
    env.connection(json!({"interval": "10s"}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let slugs = repositories(&env, 300);
    env.apply(&bindings(&slugs));
    for slug in &slugs {
        env.binding_is("payments", slug, ("Ready", "True")).await;
    }
    env.counted(300).await;
    let (held, before) = (memory(&env), Snapshot::now(&env).await);
    sonarqube.clear_calls();
    sonarqube.fault(
        Fault::at("/api/*")
            .caller(Caller::Bindery)
            .answer(503, "{}"),
    );
    let since = Instant::now();
    env.connection_is("bitbucket", ("Ready", "False")).await;
    tokio::time::sleep(Duration::from_mins(1).saturating_sub(since.elapsed())).await;
    let calls = sonarqube
        .calls()
        .into_iter()
        .filter(|call| call.caller == Caller::Bindery);
    let probes: Vec<_> = calls
        .map(|call| Duration::from_millis(call.at_milliseconds))
        .collect();
    // The first failures are of what was in progress. Then 0.75 s, 1.5 s and so on.
    let later = probes.len().min(2);
    let bounds = (Duration::from_millis(750), Duration::from_mins(5));
    oracles::one_probe_per_back_off(&probes[later..], bounds).unwrap();
    sonarqube.clear_faults();
    sonarqube.clear_calls();
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let calls = sonarqube
        .calls()
        .into_iter()
        .filter(|call| call.caller == Caller::Bindery);
    let at_once: Vec<_> = calls.map(|call| call.at_once).collect();
    oracles::ramp(&at_once).unwrap();
    let done = before.since(&env).await;
    let touched = done
        .written
        .iter()
        .filter(|name| name.starts_with("ProjectBinding"));
    assert_eq!(touched.count(), 0, "{done:?}");
    oracles::memory_back(held, memory(&env), 16.0).unwrap();
    let result = format!("{} calls, no status of a binding", probes.len());
    row("SonarQube answers 503 for a minute, 300 bindings", &result);
}
