//! The one way out to SonarQube and Bitbucket: where calls may go, what they carry, and how they fail.
//!
//! Knows neither of the two systems. Nothing here retries or sleeps: that is the work queue's job.

mod answer;
mod auth;
mod ca;
mod call;
mod failure;
mod hosts;
mod record;
mod redact;
mod retry_after;
mod transport;

pub use answer::Answer;
pub use auth::{Authorization, Token, TokenError};
pub use ca::{CaBundle, CaBundleError};
pub use call::{Call, Operation, Verb};
pub use failure::{BodyKind, Failure, Problem};
pub use hosts::{AddressClass, HostCheckError, HostListError, HostPolicy, HostRefusal};
pub use record::{Outcome, Recorder, Unrecorded};
pub use transport::{Options, Refusal, Transport};
