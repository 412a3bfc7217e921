//! The integration tests, one binary.
mod apiserver;
mod architecture;
mod deployment;
mod generated;
mod schema;
mod support;
