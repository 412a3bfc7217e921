//! What tests use of `make dist` too.

pub mod schemas;
