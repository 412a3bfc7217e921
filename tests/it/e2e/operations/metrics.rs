//! The metrics show what happened.

use kube::ResourceExt as _;
use serde_json::json;

use crate::e2e::environment::{BITBUCKET_TOKEN, Stage};
use crate::support::server::{Server, simulated};

simulated!(what_happens_is_counted_and_nobody_is_named);

/// Promise: imports, adoptions, drift and failures are counted as they happen, objects as they are, and no label names
/// an object, a project or a token.
async fn what_happens_is_counted_and_nobody_is_named(server: Server) {
    let stage = Stage::set(server).await;
    stage.connection(json!({}));
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    let declared = json!({"sonarqubeProject": {"visibility": "Private"}});
    stage.binding("payments", "checkout", "PAY/checkout", declared);
    let checkout = stage
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    let setting = stage.setting_id();
    stage
        .sonarqube
        .bind("legacy", "Legacy", &setting, "PAY/ledger");
    stage.binding("payments", "ledger", "PAY/ledger", json!({}));
    stage
        .binding_reason("payments", "ledger", "AccessDenied")
        .await;
    stage.binding("platform", "ledger", "PAY/ledger", json!({}));
    stage
        .binding_is("platform", "ledger", ("Ready", "True"))
        .await;

    let ready = r#"bindery_objects{kind="ProjectBinding",ready="True",reason="Succeeded"}"#;
    let denied = r#"bindery_objects{kind="ProjectBinding",ready="False",reason="AccessDenied"}"#;
    stage.measures(ready, 2.0).await;
    let became_ready = r#"bindery_time_to_ready_seconds_count{kind="ProjectBinding"}"#;
    stage.measures(became_ready, 2.0).await;
    let idle = r#"bindery_external_inflight{system="sonarqube"}"#;
    stage.measures(idle, 0.0).await;
    stage.measures(denied, 1.0).await;
    stage
        .measures(r#"bindery_imports_total{result="success"}"#, 1.0)
        .await;
    stage
        .measures(r#"bindery_adoptions_total{kind="ProjectBinding"}"#, 1.0)
        .await;
    stage.measures("bindery_objects_in_backoff", 1.0).await;
    let corrected = r#"bindery_drift_corrected_total{kind="ProjectBinding"}"#;
    let before = stage.measured(corrected).unwrap_or(0.0);
    stage
        .sonarqube
        .re_point("PAY:checkout", &setting, "PAY/payments-api");
    stage.look_at("payments", "checkout", "re-pointed").await;
    stage.measures(corrected, before + 1.0).await;

    stage.delete_binding("payments", "ledger").await;
    stage
        .eventually("its series is gone", || stage.measured(denied).is_none())
        .await;
    let uid = checkout.uid().unwrap();
    let names = [
        "checkout",
        "ledger",
        "PAY",
        "payments",
        "127.0.0.1",
        BITBUCKET_TOKEN,
        &uid,
    ];
    assert_well_told(&stage.operator.metrics(), &names);
}

/// Whether a scrape has the form that Prometheus reads, and names no object.
fn assert_well_told(text: &str, names: &[&str]) {
    for name in names {
        let reported = text.lines().find(|line| line.contains(name));
        assert_eq!(reported, None, "{name} is reported");
    }
    let is_sample = |line: &str| {
        let Some((series, value)) = line.rsplit_once(' ') else {
            return false;
        };
        value.parse::<f64>().is_ok()
            && series.starts_with(|letter: char| letter.is_ascii_lowercase())
    };
    for line in text.lines() {
        assert!(line.starts_with("# ") || is_sample(line), "{line}");
    }
    assert!(text.ends_with("# EOF\n"));
}

impl Stage {
    /// The value of a series, if it is exported.
    pub(crate) fn measured(&self, series: &str) -> Option<f64> {
        let text = self.operator.metrics();
        let lines = text.lines();
        let mut values = lines.filter_map(|line| line.strip_prefix(series)?.trim().parse().ok());
        values.next()
    }

    /// Waits for a value.
    async fn measures(&self, series: &str, value: f64) {
        let close = || {
            self.measured(series)
                .is_some_and(|found| (found - value).abs() < 0.5)
        };
        self.eventually(&format!("{series} {value}"), close).await;
    }
}
