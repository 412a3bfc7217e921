//! The functional core: what is desired × what was observed → what to do, or why not.
//!
//! Synchronous and total. It knows no Kubernetes, no HTTP, no clock and no chance: time, seed and
//! generation are arguments. `controller` gathers what it needs, does what it says, and decides nothing.

mod access;
pub mod binding;
pub mod capability;
mod claim;
pub mod condition;
pub mod connection;
mod counted;
pub mod decoration;
pub mod failure;
pub mod fight;
pub mod foreseen;
mod reason;
mod retry;
pub mod set;
pub mod trouble;
mod vocabulary;

pub use access::{Access, AccessRule, AdmittedKeys, patterns};
pub use claim::{Contender, contest};
pub(crate) use counted::counted;
pub use reason::Reason;
pub use retry::{Bounds, Class, delay};
pub(crate) use vocabulary::vocabulary;

/// Whether the servers may be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Management {
    /// Make the servers equal to what is declared.
    Full,
    /// Compare only.
    Observe,
}

/// Why nothing is done until a user does something: a reason for machines, and a message that says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// The reason.
    pub reason: Reason,
    /// What blocks the object, and what to write or do instead.
    pub message: String,
}

impl Blocked {
    /// An object that is blocked.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }
}

/// One difference that is not corrected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field of the spec, or `configuration` parts.
    pub field: &'static str,
    /// What is declared.
    pub desired: String,
    /// What was found.
    pub observed: String,
}

impl Difference {
    /// Several in one line, for a message.
    #[must_use]
    pub fn in_one_line(differences: &[Self]) -> String {
        let each = differences.iter().map(|difference| {
            let Self {
                field,
                desired,
                observed,
            } = difference;
            format!("{field} is {observed}, declared {desired}")
        });
        each.collect::<Vec<_>>().join("; ")
    }
}
