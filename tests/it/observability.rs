//! What Prometheus, Grafana and kube-state-metrics are given: alerts, a dashboard, and the fields of both kinds.

mod alert_cases;
mod alerts;
mod dashboard;
mod queries;
mod state_metrics;
