//! What to do about one ProjectBinding. This file declares and re-exports only, and nothing below it uses it, so that no
//! files use each other in a circle.

mod basis;
mod difference;
mod fight;
mod foreseen;
mod found;
mod model;
mod offered;
pub mod record;
mod release;
mod remembered;
mod repository;
mod rights;
mod standing;
mod steps;
mod table;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;

pub use basis::{Basis, Enough, FEW, Listings, Progress};
pub use difference::may_know;
pub use foreseen::{Ahead, Foresight};
pub use found::{
    BindingState, Bound, Branches, Moved, NewCode, Project, Repository, RepositoryState, Rights,
    Visibility,
};
pub use model::{
    Acceptance, Desired, Mode, Observed, OnMove, Origin, Plan, Step, VisibilityPolicy,
};
pub use release::{Leave, Release, ReleaseFacts, ReleasePolicy, Seen, release};
pub use remembered::{Accepted, Attempt, Intent, Record, SeenRepository};
pub use repository::repository_to_bind;
pub use standing::{AfterFailure, Standing, after_failure};
pub use steps::{admitted, not_imported_for_another, plan, uncontested};
