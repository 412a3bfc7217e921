//! Reports each call that was made, for metrics.

use std::fmt;
use std::time::Duration;

use super::call::Operation;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The server answered with this status.
    Status(u16),
    /// There was no answer; a word for the cause, one of a small fixed set.
    Failed(&'static str),
}

/// Receives every call.
pub trait Recorder: fmt::Debug + Send + Sync {
    /// How long a call waited to start, also if it was not made then.
    fn waited(&self, _system: &'static str, _time: Duration) {}

    /// How a call ended that was tried.
    ///
    /// `system` names the server's kind; `operation` holds no values, so both may become metric labels.
    fn record(
        &self,
        system: &'static str,
        operation: Operation,
        outcome: Outcome,
        elapsed: Duration,
    );
}

/// Counts nothing.
#[derive(Clone, Copy, Debug)]
pub struct Unrecorded;

impl Recorder for Unrecorded {
    fn record(&self, _: &'static str, _: Operation, _: Outcome, _: Duration) {}
}
