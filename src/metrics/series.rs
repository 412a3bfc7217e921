//! Series of metrics by their labels, and their registration under what was declared of them.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::Number;
use super::declared::Declared;

/// Names and values of one series.
type Labels = Vec<(&'static str, String)>;
pub(super) type Real = Gauge<f64, AtomicU64>;

/// Series of one metric.
#[derive(Clone, Debug)]
pub(super) struct Series<M, C = fn() -> M> {
    of: Declared,
    pub(super) family: Family<Labels, M, C>,
}

pub(super) type Counters = Series<Counter>;
pub(super) type RealCounters = Series<Counter<f64, AtomicU64>>;
pub(super) type Gauges = Series<Real>;
pub(super) type Times = Series<Histogram, Seconds>;

/// Builds histograms of seconds: from a reconcile that only reads the inventory to a binding that waits for its
/// servers.
#[derive(Clone, Debug)]
pub(super) struct Seconds;

impl MetricConstructor<Histogram> for Seconds {
    fn new_metric(&self) -> Histogram {
        Histogram::new([
            0.001, 0.005, 0.02, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0, 3600.0,
        ])
    }
}

impl<M: Clone, C: MetricConstructor<M>> Series<M, C> {
    /// The series of these values, in the order of the declared labels.
    pub(super) fn with<T>(&self, values: &[&str], act: impl FnOnce(&M) -> T) -> T {
        debug_assert_eq!(values.len(), self.of.labels.len(), "{}", self.of.name);
        let labels = self.of.labels.iter().zip(values);
        let labels = labels.map(|(name, value)| (*name, (*value).to_owned()));
        act(&self.family.get_or_create(&labels.collect()))
    }
}

impl Gauges {
    /// Exports these numbers, and no others.
    pub(super) fn export<const LABELS: usize>(&self, numbers: &[Number<LABELS>]) {
        self.family.clear();
        for Number { labels, number } in numbers {
            let number = u32::try_from(*number).unwrap_or(u32::MAX);
            let labels = labels.each_ref().map(String::as_str);
            self.with(&labels, |gauge| gauge.inc_by(f64::from(number)));
        }
    }
}

/// Registers each metric under what was declared of it.
pub(super) struct Register(pub(super) Registry);

impl Register {
    pub(super) fn add(&mut self, of: Declared, metric: impl prometheus_client::registry::Metric) {
        // The registry ends each help with a full stop of its own.
        let help = of.meaning.trim_end_matches('.');
        self.0.register(of.name, help, metric);
    }

    pub(super) fn counters(&mut self, of: Declared) -> Counters {
        let family = Family::default();
        self.add(of, family.clone());
        Series { of, family }
    }

    pub(super) fn real_counters(&mut self, of: Declared) -> RealCounters {
        let family = Family::default();
        self.add(of, family.clone());
        Series { of, family }
    }

    pub(super) fn gauges(&mut self, of: Declared) -> Gauges {
        let family = Family::default();
        self.add(of, family.clone());
        Series { of, family }
    }

    pub(super) fn times(&mut self, of: Declared) -> Times {
        let family = Family::new_with_constructor(Seconds);
        self.add(of, family.clone());
        Series { of, family }
    }

    pub(super) fn gauge(&mut self, of: Declared) -> Real {
        let gauge = Real::default();
        self.add(of, gauge.clone());
        gauge
    }
}
