//! All reads and writes of the Kubernetes API: watches, status, events, finalizers, Secrets.
//!
//! Knows the kinds and the words of their conditions. Knows neither the servers nor who calls it: what a watch sees is
//! handed to a callback.

mod client;
pub(crate) mod clock;
mod error;
pub(crate) mod event;
pub(crate) mod finalizer;
pub(crate) mod objects;
pub(crate) mod secrets;
pub(crate) mod status;
pub(crate) mod unstored;
pub(crate) mod watches;

use kube::Resource;

use crate::identity::Uid;

pub use client::client;
pub(crate) use error::Error;
pub use event::Occurred;

/// The uid of an object that the API server has seen.
pub(crate) fn uid(object: &impl Resource) -> Uid {
    Uid::new(object.meta().uid.clone().unwrap_or_default())
}
