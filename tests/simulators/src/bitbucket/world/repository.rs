//! Projects and repositories.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{people::Right, pull_requests::PullRequest};

/// A project.
#[derive(Clone, Debug)]
pub struct Project {
    /// Never reused.
    pub id: u64,
    /// In upper case; `~slug` for a personal project.
    pub key: String,
    /// The name shown to people, and what `/repos?projectname=` compares.
    pub name: String,
    /// Left out of answers if absent.
    pub description: Option<String>,
    /// Whether all users may see it.
    pub public: bool,
    /// What was granted, by user slug.
    pub grants: BTreeMap<String, Right>,
}

/// A repository.
#[derive(Clone, Debug)]
pub struct Repository {
    /// Stable across rename and move, never reused.
    pub id: u64,
    /// The id of its project.
    pub project: u64,
    /// Derived from the name.
    pub slug: String,
    /// The name shown to people.
    pub name: String,
    /// Left out of answers if absent.
    pub description: Option<String>,
    /// Whether all users may read it.
    pub public: bool,
    /// Readable, but not written to and not listed. Since 8.0; older profiles know nothing of it.
    pub archived: bool,
    /// The slug of the repository that it was made from.
    pub origin: Option<String>,
    /// What `state` says.
    pub state: RepositoryState,
    /// Names without `refs/heads/`. Empty: an empty repository.
    pub branches: Vec<String>,
    /// Without `refs/heads/`; need not exist. `main` by default.
    pub default_branch: String,
    /// What was granted, by user slug.
    pub grants: BTreeMap<String, Right>,
    /// Code Insights, by commit and report key.
    pub reports: BTreeMap<(String, String), Report>,
    /// Build results posted, as they came.
    pub builds: Vec<Value>,
    /// All that were ever opened, oldest first.
    pub pull_requests: Vec<PullRequest>,
}

/// What a repository's `state` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RepositoryState {
    /// Usable.
    Available,
    /// Being created.
    Initialising,
    /// Its creation failed.
    InitialisationFailed,
    /// Its storage is away.
    Offline,
}

impl RepositoryState {
    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::Available => "Available",
            Self::Initialising => "Initialising",
            Self::InitialisationFailed => "Initialisation failed",
            Self::Offline => "Offline",
        }
    }
}

/// A Code Insights report.
#[derive(Clone, Debug)]
pub struct Report {
    /// As it was put, with its key and date.
    pub body: Value,
    /// The X-AUSERNAME of its author; others may not replace it.
    pub creator: String,
    /// As they were posted.
    pub annotations: Vec<Value>,
}

/// The slug of a repository's name: lower case, hyphens for spaces.
#[must_use]
pub fn slug_of(name: &str) -> String {
    name.to_lowercase().replace(' ', "-")
}
