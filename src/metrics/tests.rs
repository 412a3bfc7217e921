use std::time::Duration;

use super::{ALL, Census, Ended, Kind, Metrics, Number};
use crate::http::{BudgetState, Operation, Outcome, Recorder as _, View};

/// So many bindings that are ready.
fn ready(number: u64) -> Number<3> {
    let labels = ["ProjectBinding", "True", "Succeeded"];
    Number::of(labels.map(str::to_owned), number)
}

/// Metrics of which each has a value.
fn reported() -> Metrics {
    let metrics = Metrics::default();
    let second = Duration::from_secs(1);
    for ended in [
        Ended::Well,
        Ended::Failed,
        Ended::Terminal,
        Ended::Gone,
        Ended::Undecodable,
    ] {
        metrics.reconcile_ended("ProjectBinding", ended, second);
    }
    metrics.leads(true);
    metrics.may_run("ProjectBinding", 16);
    metrics.panicked("ProjectBinding");
    metrics.timed_out("ProjectBinding");
    metrics.imported(&Ok::<(), ()>(()));
    metrics.imported(&Err::<(), _>(()));
    metrics.adopted("ProjectBinding");
    metrics.corrected("BitbucketConnection");
    metrics.status_written("ProjectBinding");
    metrics.became_ready("ProjectBinding", second);
    metrics.watch_restarted("ProjectBinding");
    metrics.record(
        "sonarqube",
        Operation::get("api/x"),
        Outcome::Status(200),
        second,
    );
    metrics.waited("sonarqube", second);
    metrics.take_budgets_by(|| {
        let view = |under_way, waiting, condition| View {
            system: "sonarqube",
            under_way,
            waiting,
            condition,
        };
        vec![
            view(2, 7, BudgetState::Recovering),
            view(1, 0, BudgetState::Open),
        ]
    });
    metrics.asked_kubernetes("GET", Some(200));
    metrics.asked_kubernetes("PATCH", None);
    metrics.take_census_by(|| Census {
        objects: vec![ready(2), ready(3)],
        decoration: vec![Number::of(["False", "NotDecorated"].map(str::to_owned), 1)],
        undecodable: vec![Number::of(["ProjectBinding".to_owned()], 1)],
        in_backoff: 3,
        oldest_due: vec![("ProjectBinding", Duration::from_millis(1500))],
        token_expiry: Some(("sonarqube", 1_798_675_200.0)),
    });
    drop(metrics.reconcile_begins("ProjectBinding"));
    metrics
}

/// The name that a sample begins with.
fn series(sample: &str) -> &str {
    let end = sample.find(['{', ' ']).unwrap_or(sample.len());
    &sample[..end]
}

#[test]
fn exactly_the_declared_metrics_are_written_with_their_labels() {
    let text = reported().text();
    let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    for declared in ALL {
        let name = declared.scraped();
        let kind = format!("# TYPE {} {}", declared.name, declared.kind.as_str());
        assert!(text.contains(&kind), "no {kind:?} in\n{text}");
        // A histogram is exported as several series.
        let reported = match declared.kind {
            Kind::Counter | Kind::Gauge => name.clone(),
            Kind::Histogram => format!("{name}_bucket"),
        };
        let sample = samples.iter().find(|sample| series(sample) == reported);
        let sample = sample.unwrap_or_else(|| panic!("no {name} in\n{text}"));
        for label in declared.labels {
            assert!(
                sample.contains(&format!("{label}=\"")),
                "{label} in {sample}"
            );
        }
    }
    for sample in samples {
        let known = ALL.iter().any(|declared| match declared.kind {
            Kind::Counter | Kind::Gauge => series(sample) == declared.scraped(),
            Kind::Histogram => ["_bucket", "_sum", "_count"]
                .iter()
                .any(|part| series(sample) == format!("{}{part}", declared.name)),
        });
        assert!(known, "{sample} is not declared");
    }
    assert!(ALL.iter().any(|declared| declared.kind == Kind::Histogram));
}

#[test]
fn each_event_is_counted_once() {
    let text = reported().text();
    for line in [
        // Four of the five: what cannot be read takes no time.
        r#"controller_runtime_reconcile_time_seconds_count{controller="projectbinding"} 4"#,
        "controller_runtime_reconcile_total{controller=\"projectbinding\",result=\"error\"} 2",
        "controller_runtime_reconcile_errors_total{controller=\"projectbinding\"} 2",
        "controller_runtime_terminal_reconcile_errors_total{controller=\"projectbinding\"} 1",
        "controller_runtime_active_workers{controller=\"projectbinding\"} 0.0",
        "bindery_objects{kind=\"ProjectBinding\",ready=\"True\",reason=\"Succeeded\"} 5.0",
        "bindery_decoration{ready=\"False\",reason=\"NotDecorated\"} 1.0",
        "bindery_objects_in_backoff 3.0",
        "bindery_oldest_due_seconds{kind=\"ProjectBinding\"} 1.5",
        "bindery_imports_total{result=\"error\"} 1",
        "bindery_external_inflight{system=\"sonarqube\"} 3.0",
        "bindery_external_waiting{system=\"sonarqube\"} 7.0",
        "bindery_external_wait_seconds_total{system=\"sonarqube\"} 1.0",
        "bindery_external_budgets{system=\"sonarqube\",state=\"recovering\"} 1.0",
        "rest_client_requests_total{code=\"200\",method=\"GET\"} 1",
        "rest_client_requests_total{code=\"none\",method=\"PATCH\"} 1",
        "bindery_token_expiry_timestamp_seconds{system=\"sonarqube\"} 1798675200.0",
    ] {
        assert!(
            text.lines().any(|reported| reported == line),
            "no {line} in\n{text}"
        );
    }
}

#[test]
fn a_series_of_objects_vanishes_with_the_last_of_them() {
    let metrics = Metrics::default();
    let left = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let there = std::sync::Arc::clone(&left);
    metrics.take_census_by(move || {
        let objects = if there.load(std::sync::atomic::Ordering::SeqCst) {
            vec![ready(1)]
        } else {
            Vec::new()
        };
        Census {
            objects,
            ..Census::default()
        }
    });
    assert!(metrics.text().contains("\nbindery_objects{"));
    left.store(false, std::sync::atomic::Ordering::SeqCst);
    assert!(!metrics.text().contains("\nbindery_objects{"));
}

/// Promise: a state that is over is not exported any more.
#[test]
fn budgets_are_counted_as_they_are_at_the_moment() {
    let metrics = Metrics::default();
    let asked = std::sync::atomic::AtomicUsize::new(0);
    metrics.take_budgets_by(move || {
        let condition = match asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => BudgetState::Paused,
            _ => BudgetState::Open,
        };
        let (system, under_way, waiting) = ("sonarqube", 0, 0);
        vec![View {
            system,
            under_way,
            waiting,
            condition,
        }]
    });
    let states = || {
        let text = metrics.text();
        let lines = text.lines();
        let states = lines.filter(|line| line.starts_with("bindery_external_budgets"));
        states.map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    let paused = |number| format!(r#"{{system="sonarqube",state="paused"}} {number}"#);
    assert!(states().contains(&paused("1.0")));
    let states = states();
    assert!(states.contains(&paused("0.0")), "{states}");
}

/// Promise: an alert on an increase sees the first panic.
#[test]
fn counters_start_at_zero() {
    let metrics = Metrics::default();
    metrics.may_run("ProjectBinding", 1);
    let text = metrics.text();
    for line in [
        "controller_runtime_reconcile_panics_total{controller=\"projectbinding\"} 0",
        "bindery_drift_corrected_total{kind=\"ProjectBinding\"} 0",
    ] {
        assert!(
            text.lines().any(|reported| reported == line),
            "no {line} in\n{text}"
        );
    }
}
