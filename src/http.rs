//! The only client of SonarQube and Bitbucket: where calls may go, what they carry, and how they fail.
//!
//! Knows neither of the two systems. Nothing here retries: that is the work queue's job. A call waits for its
//! place in the budget of its server and token, and nowhere else.

mod answer;
mod auth;
mod budget;
mod ca;
mod call;
mod failure;
mod hosts;
mod plain;
mod record;
mod redact;
mod retry_after;
mod transport;
mod urgency;

pub use answer::Answer;
pub use auth::{Authorization, Token, TokenError};
pub use budget::{BudgetState, Budgets, Limits, View};
pub use ca::{CaBundle, CaBundleError};
pub use call::{Call, Operation, Verb};
pub use failure::{BodyKind, Failure, Problem};
pub use hosts::{AddressClass, HostCheckError, HostListError, HostPolicy, HostRefusal};
pub use plain::PlainHttp;
pub use record::{Outcome, Recorder, Unrecorded};
pub use transport::{Options, Refusal, Transport};
pub use urgency::Urgency;
