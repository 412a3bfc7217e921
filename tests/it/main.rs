//! The integration tests, one binary.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where something is not as it should be; clippy.toml allows this in #[test] functions only"
)]

mod apiserver;
mod architecture;
mod argocd;
mod chart;
mod command_line;
mod contract;
mod deployment;
mod documents;
mod e2e;
mod fuzz;
mod generated;
mod observability;
mod plan_without_cluster;
mod release;
mod schema;
mod support;
