//! Something that is wrong with an object or its servers, for people who look for all of it at once.

use super::Blocked;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What it is, and what to do.
    pub why: Blocked,
    /// The key of the Secret that has to be corrected: its name, and the key within it.
    pub secret: Option<(String, String)>,
}

impl Trouble {
    /// Something that no Secret corrects.
    #[must_use]
    pub fn of(why: Blocked) -> Self {
        Self { why, secret: None }
    }
}
