//! What to do about one BitbucketConnection: SonarQube's configuration, its tokens, the base URL. This file declares and
//! re-exports only, as `binding` does.

mod availability;
mod fight;
mod foreseen;
mod model;
#[cfg(test)]
mod property;
mod reference;
mod release;
mod remembered;
mod steps;
#[cfg(test)]
mod tests;

pub use availability::{Affected, Availability, Offer, SonarQubeState, Trouble, transition};
pub use foreseen::{actions, is_write};
pub use model::{
    Adoption, BaseUrl, BaseUrlHolder, ConfigurationPolicy, Desired, Intent, Observed, Plan,
    Platform, Recorded, Setting, Step, TokenInUpdate, TokenState, Validation,
};
pub use release::{ConnectionRelease, ConnectionReleaseFacts, Kept, release};
pub use remembered::{Applied, Credential, Losses, Place, Pushed, Remembered, Which};
pub use steps::plan;
