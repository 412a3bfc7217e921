//! The integration tests, one binary.

mod apiserver;
mod architecture;
// Always true here; it tells clippy that functions beside a test may unwrap as the test may.
#[cfg(test)]
mod contract;
mod deployment;
mod generated;
mod schema;
mod support;
