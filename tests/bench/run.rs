//! The results of one run.

use serde::{Deserialize, Serialize};

use super::calls::Calls;
use super::cluster::Requests;
use super::floor::Floor;
use super::operator::Memory;

/// What one run found.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Run {
    pub(crate) bindings: usize,
    pub(crate) create: Phase,
    /// How long the bare loop took for create and delete.
    pub(crate) floor: Floor,
    /// The same with statuses as the operator writes them.
    pub(crate) floor_with_whole_statuses: Floor,
    pub(crate) memory_after_create: Memory,
    /// One interval in which nothing happens.
    pub(crate) quiet: Phase,
    pub(crate) memory_at_rest: Memory,
    pub(crate) restart: Phase,
    pub(crate) memory_after_restart: Memory,
    /// Changes of a person while nothing else goes on, in seconds.
    pub(crate) change: Percentiles,
    /// The same, each just after the listings of a reconcile of the connection have begun.
    pub(crate) change_during_sweep: Percentiles,
    /// The same while as many bindings are created.
    pub(crate) change_during_create: Percentiles,
    /// One of a hundred projects is unbound by hand: until all are bound again.
    pub(crate) drift: Phase,
    pub(crate) rotation: Phase,
    pub(crate) delete: Phase,
}

/// What was seen between two moments.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Phase {
    pub(crate) seconds: f64,
    pub(crate) cpu: f64,
    pub(crate) calls: Calls,
    /// What the operator asked the API server, by verb and resource. What the benchmark asked is subtracted.
    pub(crate) requests: Requests,
}

/// In seconds.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) count: usize,
    pub(crate) median: f64,
    pub(crate) p99: f64,
}

impl Phase {
    /// How often the operator wrote to the API server.
    pub(crate) fn writes(&self) -> u64 {
        self.sum(&["POST", "PUT", "PATCH", "APPLY", "DELETE"])
    }

    /// How often the operator read from the API server; watches are not counted.
    pub(crate) fn reads(&self) -> u64 {
        self.sum(&["GET", "LIST"])
    }

    fn sum(&self, verbs: &[&str]) -> u64 {
        let is_one = |request: &str| verbs.contains(&request.split(' ').next().unwrap_or_default());
        let fitting = self.requests.iter().filter(|(request, _)| is_one(request));
        fitting.map(|(_, count)| count).sum()
    }
}

impl Percentiles {
    pub(crate) fn of(mut seconds: Vec<f64>) -> Self {
        seconds.sort_by(f64::total_cmp);
        let at = |percent: usize| {
            let index = (seconds.len() * percent).div_ceil(100).max(1) - 1;
            seconds.get(index).copied().unwrap_or(f64::NAN)
        };
        Self {
            count: seconds.len(),
            median: at(50),
            p99: at(99),
        }
    }
}
