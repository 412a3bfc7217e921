//! Sets: bindings for the repositories of whole projects.

mod discovery;
pub(super) mod environment;
mod fields;
mod gone;
mod ownership;
mod shown;
