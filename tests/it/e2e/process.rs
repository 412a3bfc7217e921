//! The operator as Kubernetes runs it: probes, metrics, and an orderly end.

use serde_json::json;

use super::stage::Stage;
use crate::support::server::{Server, simulated};

simulated!(the_operator_is_probed_measured_and_stopped_as_kubernetes_does_it);

/// Promise: ready once it knows what there is, alive all the time, measured by name, and gone when asked to.
async fn the_operator_is_probed_measured_and_stopped_as_kubernetes_does_it(server: Server) {
    let mut stage = Stage::set(server).await;
    let mut seen = Vec::new();
    let ready = || {
        seen.push(stage.operator.get("readyz").0);
        seen.ends_with(&[200])
    };
    stage.eventually("ready", ready).await;
    assert!(
        seen.iter().all(|status| [0, 200, 503].contains(status)),
        "{seen:?}"
    );
    assert_eq!(stage.operator.get("healthz").0, 200);
    assert_eq!(stage.operator.get("elsewhere").0, 404);

    stage.connection(json!({}));
    stage.binding("payments", "checkout", "PAY/checkout", json!({}));
    stage
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    let metrics = stage.operator.metrics();
    let (samples, comments): (Vec<_>, Vec<_>) =
        metrics.lines().partition(|line| !line.starts_with('#'));
    assert_eq!(comments.last(), Some(&"# EOF"));
    for sample in &samples {
        let (name, value) = sample.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{sample}");
        let prefixes = [
            "bindery_",
            "controller_runtime_",
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
    assert_eq!(stage.operator.stop().code(), Some(0));
}
