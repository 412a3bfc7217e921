//! Tells whoever counts what went out.

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

/// Told of every call.
pub trait Recorder: fmt::Debug + Send + Sync {
    /// A call begins: it may have to wait for others first.
    fn begins(&self, _system: &'static str) {}

    /// A call that began is over, whatever became of it: also one that nobody waits for any more.
    fn is_over(&self, _system: &'static str) {}

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

/// A call from its beginning until this is dropped.
#[derive(Debug)]
pub(super) struct UnderWay<'a> {
    recorder: &'a dyn Recorder,
    system: &'static str,
}

impl<'a> UnderWay<'a> {
    pub(super) fn begin(recorder: &'a dyn Recorder, system: &'static str) -> Self {
        recorder.begins(system);
        Self { recorder, system }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.recorder.is_over(self.system);
    }
}
