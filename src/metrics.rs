//! What can be counted from outside. Labels hold kinds, operations and results: never a name, a URL or a text.

use std::fmt::Write as _;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::http::{Operation, Outcome, Recorder};

/// All metrics of the operator.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    passes: Family<PassLabels, Counter>,
    pass_time: Family<KindLabels, Histogram, Seconds>,
    panics: Family<KindLabels, Counter>,
    status_writes: Family<KindLabels, Counter>,
    requests: Family<RequestLabels, Counter>,
    request_time: Family<SystemLabels, Histogram, Seconds>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    controller: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PassLabels {
    controller: String,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    system: &'static str,
    operation: String,
    code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SystemLabels {
    system: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
}

/// Builds histograms of seconds: from a look at the inventory to an import that waits for Bitbucket.
#[derive(Clone, Debug)]
struct Seconds;

impl MetricConstructor<Histogram> for Seconds {
    fn new_metric(&self) -> Histogram {
        Histogram::new([
            0.001, 0.005, 0.02, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0,
        ])
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let metrics = Self {
            passes: Family::default(),
            pass_time: Family::new_with_constructor(Seconds),
            panics: Family::default(),
            status_writes: Family::default(),
            requests: Family::default(),
            request_time: Family::new_with_constructor(Seconds),
            registry: Registry::default(),
        };
        let build = Family::<BuildLabels, Gauge<i64>>::default();
        build
            .get_or_create(&BuildLabels {
                version: env!("CARGO_PKG_VERSION"),
            })
            .set(1);
        registry.register("bindery_build_info", "The version of this operator", build);
        // The names of controller-runtime, so that its dashboards work.
        registry.register(
            "controller_runtime_reconcile",
            "Passes over an object",
            metrics.passes.clone(),
        );
        registry.register(
            "controller_runtime_reconcile_time_seconds",
            "How long passes take",
            metrics.pass_time.clone(),
        );
        registry.register(
            "controller_runtime_reconcile_panics",
            "Passes that panicked",
            metrics.panics.clone(),
        );
        registry.register(
            "bindery_status_writes",
            "Statuses written to Kubernetes",
            metrics.status_writes.clone(),
        );
        registry.register(
            "bindery_external_requests",
            "Calls to SonarQube and Bitbucket",
            metrics.requests.clone(),
        );
        registry.register(
            "bindery_external_request_duration_seconds",
            "How long calls to SonarQube and Bitbucket take",
            metrics.request_time.clone(),
        );
        Self {
            registry,
            ..metrics
        }
    }
}

impl Metrics {
    /// Everything, in the text format of `OpenMetrics`.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            // A String cannot refuse to be written to.
            let _ = writeln!(text, "# EOF");
        }
        text
    }

    pub(crate) fn pass(&self, kind: &str, result: &'static str, elapsed: Duration) {
        let controller = kind.to_lowercase();
        self.pass_time
            .get_or_create(&KindLabels {
                controller: controller.clone(),
            })
            .observe(elapsed.as_secs_f64());
        self.passes
            .get_or_create(&PassLabels { controller, result })
            .inc();
    }

    pub(crate) fn panicked(&self, kind: &str) {
        self.panics
            .get_or_create(&KindLabels {
                controller: kind.to_lowercase(),
            })
            .inc();
    }

    pub(crate) fn status_written(&self, kind: &str) {
        self.status_writes
            .get_or_create(&KindLabels {
                controller: kind.to_lowercase(),
            })
            .inc();
    }
}

impl Recorder for Metrics {
    fn record(
        &self,
        system: &'static str,
        operation: Operation,
        outcome: Outcome,
        elapsed: Duration,
    ) {
        let code = match outcome {
            Outcome::Status(status) => status.to_string(),
            Outcome::Failed(word) => word.to_owned(),
        };
        let labels = RequestLabels {
            system,
            operation: operation.to_string(),
            code,
        };
        self.requests.get_or_create(&labels).inc();
        self.request_time
            .get_or_create(&SystemLabels { system })
            .observe(elapsed.as_secs_f64());
    }
}
