//! Calls to SonarQube and Bitbucket.

use std::sync::atomic::Ordering;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;

use super::Metrics;
use crate::http::{BudgetState, Operation, Outcome, Recorder, View};

pub(super) type BudgetsViewer = Box<dyn Fn() -> Vec<View> + Send + Sync>;

/// The states of budgets, as they are exported.
const STATES: [(BudgetState, &str); 4] = [
    (BudgetState::Open, "open"),
    (BudgetState::Recovering, "recovering"),
    (BudgetState::Troubled, "troubled"),
    (BudgetState::Paused, "paused"),
];

impl Metrics {
    /// Who knows the budgets of all servers, asked at every scrape.
    pub(crate) fn take_budgets_by(&self, views: impl Fn() -> Vec<View> + Send + Sync + 'static) {
        // Only one controller runs in a process.
        let _ = self.views.set(Box::new(views));
    }

    /// How many calls were made to all servers, for commands that say what they cost.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    pub(super) fn measure_budgets(&self) {
        let views = self.views.get().map(|views| views());
        for gauges in [&self.under_way, &self.waiting, &self.budgets] {
            gauges.family.clear();
        }
        for View {
            system,
            under_way,
            waiting,
            condition,
        } in views.unwrap_or_default()
        {
            for (gauges, count) in [(&self.under_way, under_way), (&self.waiting, waiting)] {
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                gauges.with(&[system], |gauge| gauge.inc_by(f64::from(count)));
            }
            // A state that is exported as zero can be averaged over time.
            for (state, name) in STATES {
                let own = if state == condition { 1.0 } else { 0.0 };
                self.budgets
                    .with(&[system, name], |budgets| budgets.inc_by(own));
            }
        }
    }
}

impl Recorder for Metrics {
    fn waited(&self, system: &'static str, time: Duration) {
        let seconds = time.as_secs_f64();
        self.waited.with(&[system], |waited| waited.inc_by(seconds));
    }

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
        self.calls.fetch_add(1, Ordering::Relaxed);
        let operation = operation.to_string();
        self.requests
            .with(&[system, &operation, &code], Counter::inc);
        self.request_time
            .with(&[system], |time| time.observe(elapsed.as_secs_f64()));
    }
}
