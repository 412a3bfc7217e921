//! The integration tests, one binary.

// Always true here; it tells clippy that functions beside a test may unwrap as the test may.
#[cfg(test)]
mod contract;
