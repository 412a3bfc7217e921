//! Which repositories of a listing get a binding of a set, and which bindings of the set go.
//!
//! A listing that says less than the one before is never a reason to delete: see [`Absence`].

mod absence;
mod decide;
mod model;
mod name;
mod select;
mod summary;

#[cfg(test)]
mod tests;

pub use absence::{Listing, Shown};
pub use decide::decide;
pub use model::{
    Absence, Decision, Desired, Entry, Left, Member, Observed, OnGone, Other, Repository, Skip,
    Skipped,
};
pub use name::fingerprint;
pub use summary::{Summary, summary};
