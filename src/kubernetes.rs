//! All reads and writes of the Kubernetes API: watches, status, events, finalizers, Secrets.
//!
//! Knows the kinds and the words of their conditions. Knows neither the servers nor who calls it: what a watch sees is
//! handed to a callback.

mod account;
mod client;
pub(crate) mod clock;
mod error;
pub(crate) mod event;
mod fenced;
pub(crate) mod finalizer;
pub(crate) mod given;
pub mod lease;
pub(crate) mod members;
pub(crate) mod objects;
pub(crate) mod once;
mod own_writes;
pub(crate) mod publisher;
mod reviews;
pub(crate) mod rights;
mod scope;
pub(crate) mod secrets;
pub(crate) mod status;
mod store;
pub(crate) mod unstored;
pub(crate) mod watches;

use kube::{Client, Resource};

use crate::identity::Uid;
use crate::metrics::Metrics;

pub use account::own_account;
pub use client::{client, lease_client};
pub(crate) use error::Error;
pub use event::EventReason;
pub(crate) use own_writes::OwnWrites;
pub use reviews::{Admission, Reviews};
pub use scope::Namespaces;
pub(crate) use store::Store;

/// Where the objects of one kind are written, and what takes note of it.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) client: &'a Client,
    pub(crate) metrics: &'a Metrics,
    pub(crate) writes: &'a OwnWrites,
}

/// The uid of an object that the API server has seen.
pub(crate) fn uid(object: &impl Resource) -> Uid {
    Uid::new(object.meta().uid.clone().unwrap_or_default())
}
