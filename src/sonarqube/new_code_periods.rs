//! What counts as new code. Source: `api/new_code_periods`.

use super::{Client, Error};
use crate::http::{Call, Operation};
use crate::identity::ProjectKey;

const SET: Operation = Operation::post("api/new_code_periods/set");

/// A new code definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewCode {
    /// Since the version before.
    PreviousVersion,
    /// Of the last days, 1 to 90.
    Days(i32),
    /// What differs from another branch.
    ReferenceBranch(String),
}

impl NewCode {
    /// SonarQube's word for the kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::PreviousVersion => "PREVIOUS_VERSION",
            Self::Days(_) => "NUMBER_OF_DAYS",
            Self::ReferenceBranch(_) => "REFERENCE_BRANCH",
        }
    }

    /// What the kind needs.
    #[must_use]
    pub fn value(&self) -> Option<String> {
        match self {
            Self::PreviousVersion => None,
            Self::Days(days) => Some(days.to_string()),
            Self::ReferenceBranch(branch) => Some(branch.clone()),
        }
    }
}

impl Client {
    /// Sets the new code definition of a project, or of one branch of it. Wants Administer on it.
    ///
    /// # Errors
    /// `NotFound` when there is no such project or branch; `Rejected` for days that are not allowed.
    pub async fn set_new_code(
        &self,
        project: &ProjectKey,
        branch: Option<&str>,
        definition: &NewCode,
    ) -> Result<(), Error> {
        let mut call = Call::new(SET)
            .field("project", project.as_str())
            .field("type", definition.kind());
        if let Some(branch) = branch {
            call = call.field("branch", branch);
        }
        if let Some(value) = definition.value() {
            call = call.field("value", value);
        }
        self.call(call).await.map(drop)
    }
}
