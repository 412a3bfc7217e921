//! Pull requests of repositories, each from one branch of a repository to its default branch.

use serde::{Deserialize, Serialize};

use super::{Repository, World, WorldError};

/// A pull request.
#[derive(Clone, Debug)]
pub struct PullRequest {
    /// Counts up from 1 in its repository.
    pub id: u64,
    /// The title shown to people.
    pub title: String,
    /// What became of it.
    pub state: PullRequestState,
    /// Without `refs/heads/`.
    pub from: String,
    /// Without `refs/heads/`.
    pub to: String,
    /// The latest commit of the source branch: 40 digits.
    pub commit: String,
    /// Epoch milliseconds.
    pub created: i64,
    /// Epoch milliseconds.
    pub updated: i64,
}

/// What became of a pull request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PullRequestState {
    /// Nothing yet.
    Open,
    /// It was merged.
    Merged,
    /// It was declined.
    Declined,
}

impl World {
    /// Opens a pull request from a branch with this latest commit to the default branch, and returns its id. The
    /// branch is made if absent, and names the title.
    ///
    /// # Errors
    /// If there is no such repository.
    pub fn open_pull_request(
        &mut self,
        key: &str,
        slug: &str,
        from: &str,
        commit: &str,
    ) -> Result<u64, WorldError> {
        let now = self.now;
        let repository = self.existing(key, slug)?;
        if !repository.branches.iter().any(|branch| branch == from) {
            repository.branches.push(from.to_owned());
        }
        let id = repository.pull_requests.last().map_or(0, |last| last.id) + 1;
        repository.pull_requests.push(PullRequest {
            id,
            title: from.to_owned(),
            state: PullRequestState::Open,
            from: from.to_owned(),
            to: repository.default_branch.clone(),
            commit: commit.to_owned(),
            created: now,
            updated: now,
        });
        Ok(id)
    }

    /// Pushes another commit to the source branch of a pull request.
    ///
    /// # Errors
    /// If there is no such repository, or no such pull request in it.
    pub fn push_to_pull_request(
        &mut self,
        key: &str,
        slug: &str,
        id: u64,
        commit: &str,
    ) -> Result<(), WorldError> {
        let now = self.now;
        let pull_requests = &mut self.existing(key, slug)?.pull_requests;
        let pushed = pull_requests.iter_mut().find(|it| it.id == id);
        let pushed = pushed.ok_or(WorldError::NoPullRequest { id })?;
        commit.clone_into(&mut pushed.commit);
        pushed.updated = now;
        Ok(())
    }

    fn existing(&mut self, key: &str, slug: &str) -> Result<&mut Repository, WorldError> {
        let index = self.index_of(key, slug)?;
        Ok(&mut self.repositories[index])
    }
}
