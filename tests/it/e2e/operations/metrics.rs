//! The metrics show what happened.

use kube::ResourceExt as _;
use serde_json::json;

use crate::e2e::environment::{BITBUCKET_TOKEN, TestEnvironment};
use crate::support::server::{Server, simulated};

simulated!(metrics_count_what_happened_without_names);

/// Promise: imports, adoptions, drift and failures are counted as they happen, objects as they are, and no label names
/// an object, a project or a token.
async fn metrics_count_what_happened_without_names(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let declared = json!({"sonarqubeProject": {"visibility": "Private"}});
    env.binding("payments", "checkout", "PAY/checkout", declared);
    let checkout = env
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    let setting = env.setting_id();
    env.sonarqube
        .bind("legacy", "Legacy", &setting, "PAY/ledger");
    env.binding("payments", "ledger", "PAY/ledger", json!({}));
    env.binding_reason("payments", "ledger", "AccessDenied")
        .await;
    env.binding("platform", "ledger", "PAY/ledger", json!({}));
    env.binding_is("platform", "ledger", ("Ready", "True"))
        .await;

    let ready = r#"bindery_objects{kind="ProjectBinding",ready="True",reason="Succeeded"}"#;
    let denied = r#"bindery_objects{kind="ProjectBinding",ready="False",reason="AccessDenied"}"#;
    env.measures(ready, 2.0).await;
    let became_ready = r#"bindery_time_to_ready_seconds_count{kind="ProjectBinding"}"#;
    env.measures(became_ready, 2.0).await;
    let idle = r#"bindery_external_inflight{system="sonarqube"}"#;
    env.measures(idle, 0.0).await;
    env.measures(denied, 1.0).await;
    env.measures(r#"bindery_imports_total{result="success"}"#, 1.0)
        .await;
    env.measures(r#"bindery_adoptions_total{kind="ProjectBinding"}"#, 1.0)
        .await;
    env.measures("bindery_objects_in_backoff", 1.0).await;
    let corrected = r#"bindery_drift_corrected_total{kind="ProjectBinding"}"#;
    let before = env.measured(corrected).unwrap_or(0.0);
    env.sonarqube
        .re_point("PAY:checkout", &setting, "PAY/payments-api");
    env.requested_reconcile("payments", "checkout", "re-pointed")
        .await;
    env.measures(corrected, before + 1.0).await;

    env.delete_binding("payments", "ledger").await;
    env.eventually("its series is gone", || env.measured(denied).is_none())
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
    assert_described(&env.operator.metrics(), &names);
}

/// Whether a scrape has the form that Prometheus reads, and names no object.
fn assert_described(text: &str, names: &[&str]) {
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

impl TestEnvironment {
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
