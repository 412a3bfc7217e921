//! The operator as Kubernetes runs it: probes, metrics, and an orderly end.

use std::time::Duration;

use serde_json::json;

use crate::e2e::environment::operator::{LOOPBACK, Operator};
use crate::e2e::environment::{TestEnvironment, install};
use crate::support::server::{Server, simulated};

simulated!(
    the_operator_is_probed_measured_and_stopped_as_kubernetes_does_it,
    a_log_that_is_not_read_blocks_nothing,
);

/// Promise: ready once it knows what there is, alive all the time, measured by name, and gone when asked to.
async fn the_operator_is_probed_measured_and_stopped_as_kubernetes_does_it(server: Server) {
    let mut env = TestEnvironment::set(server).await;
    assert_ready_when_it_may_read(&mut env).await;
    assert_eq!(env.operator.get("elsewhere").0, 404);

    env.connection(json!({}));
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    env.binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    let metrics = env.operator.metrics();
    let (samples, comments): (Vec<_>, Vec<_>) =
        metrics.lines().partition(|line| !line.starts_with('#'));
    assert_eq!(comments.last(), Some(&"# EOF"));
    for sample in &samples {
        let (name, value) = sample.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{sample}");
        let prefixes = [
            "bindery_",
            "controller_runtime_",
            "leader_election_",
            "process_",
            "rest_client_",
        ];
        assert!(
            prefixes.iter().any(|prefix| name.starts_with(prefix)),
            "{sample}"
        );
    }
    for name in [
        "bindery_build_info{version=",
        "bindery_external_requests_total{",
        "bindery_external_request_duration_seconds_bucket{",
        "bindery_status_writes_total{",
        "controller_runtime_reconcile_total{",
        "controller_runtime_reconcile_time_seconds_count{",
        "rest_client_requests_total{code=\"200\",method=\"GET\"} ",
        "rest_client_requests_total{code=\"200\",method=\"PATCH\"} ",
    ] {
        assert!(
            samples.iter().any(|sample| sample.starts_with(name)),
            "{name}"
        );
    }
    assert_eq!(env.operator.stop().code(), Some(0));
}

/// An operator that may not list its objects is alive and not ready, and becomes ready without a restart.
async fn assert_ready_when_it_may_read(env: &mut TestEnvironment) {
    let role = ["clusterrolebinding", "bindery"];
    env.kubectl(&[&["delete"], &role[..]].concat());
    let list = ["list", "projectbindings.bindery.dev", "--all-namespaces"];
    let servers = &env.servers;
    env.eventually("the right is gone", || !servers.operator_may(&list))
        .await;
    env.restart_operator(&["--minimum-interval", "10s"]);
    let operator = &env.operator;
    env.eventually("it listens", || operator.get("healthz").0 == 200)
        .await;
    // Long enough for a first list, had it been allowed.
    for _ in 0..10 {
        assert_eq!(operator.get("readyz").0, 503);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    install(&env.servers).unwrap();
    env.eventually("it is ready", || operator.get("readyz").0 == 200)
        .await;
    assert_eq!(operator.get("healthz").0, 200);
}

/// Promise: what collects the logs may hang; the operator works on. At this log level it says more until it is `Ready`
/// than fits into a pipe.
async fn a_log_that_is_not_read_blocks_nothing(server: Server) {
    let mut env = TestEnvironment::set(server).await;
    env.operator.kill();
    let arguments = [&LOOPBACK[..], &["--minimum-interval", "10s"]].concat();
    env.operator = Operator::start_unread(&env.servers, &env.directory, &arguments);
    env.connection(json!({}));
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    env.binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    assert!(
        env.operator
            .metrics()
            .contains("bindery_log_lines_lost_total ")
    );
    assert_eq!(env.operator.stop().code(), Some(0));
}
