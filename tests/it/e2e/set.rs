//! Sets: bindings for the repositories of whole projects.

mod discovery;
pub(super) mod environment;
mod gone;
mod ownership;
