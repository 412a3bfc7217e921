//! Why a sweep brought nothing.

use crate::{bitbucket, sonarqube};

/// Why a sweep brought nothing. A listing that failed half-way is none: what it lacks is not absent.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// SonarQube could not be listed.
    #[error("failed to list SonarQube's projects and bindings")]
    SonarQube(#[source] sonarqube::Error),
    /// Bitbucket could not be listed.
    #[error("failed to list Bitbucket's repositories")]
    Bitbucket(#[source] bitbucket::Error),
}

impl SweepError {
    /// Whether a listing changes faster than it can be read.
    #[must_use]
    pub fn is_unsteady(&self) -> bool {
        matches!(self, Self::SonarQube(error) if error.is_unsteady())
    }
}
