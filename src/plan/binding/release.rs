//! What to undo when a binding is deleted: as little as asked for, and only what is provably ours.

use crate::identity::{ProjectKey, Uid};

use super::{Project, Record};

/// What is to happen in SonarQube.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleasePolicy {
    /// Project and binding stay.
    Orphan,
    /// The binding goes.
    Unbind,
    /// The project goes.
    DeleteProject,
}

/// What is known when a binding is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseFacts<'a> {
    /// The object.
    pub uid: &'a Uid,
    /// What its status remembers, as far as it speaks of this server.
    pub record: &'a Record,
    /// The project in SonarQube.
    pub seen: Seen<'a>,
    /// Whether another accepted object has the claim on the project.
    pub claimed_by_other: bool,
    /// The operator's `--allow-project-deletion`.
    pub deletion_allowed: bool,
}

/// The project of a deleted binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen<'a> {
    /// Nobody has looked yet: a look costs calls, and a server that is up.
    NotYet,
    /// It is not there.
    Gone,
    /// It is there, read just before.
    There(&'a Project),
}

/// What to do before the object may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Release {
    /// Look at the project, and ask again.
    Look(ProjectKey),
    /// Delete the project.
    DeleteProject(ProjectKey),
    /// Nothing.
    Leave(Leave),
}

/// Why nothing is undone: told in one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// That is the policy, or there is nothing to undo.
    AsAsked,
    /// Bindery did not create the project, or cannot prove it any more.
    NotOurs,
    /// The operator may not delete projects.
    DeletionNotAllowed,
    /// This server cannot remove a single binding.
    CannotUnbind,
}

/// What to do in SonarQube before a deleted binding may go.
#[must_use]
pub fn release(policy: ReleasePolicy, facts: &ReleaseFacts<'_>) -> Release {
    let Some(accepted) = &facts.record.accepted else {
        return Release::Leave(Leave::AsAsked);
    };
    let by_us = |uid: &Option<Uid>| uid.as_ref() == Some(facts.uid);
    match policy {
        ReleasePolicy::Orphan => Release::Leave(Leave::AsAsked),
        ReleasePolicy::Unbind if by_us(&accepted.bound_by) => Release::Leave(Leave::CannotUnbind),
        ReleasePolicy::Unbind => Release::Leave(Leave::NotOurs),
        ReleasePolicy::DeleteProject if !by_us(&accepted.created_by) => {
            Release::Leave(Leave::NotOurs)
        }
        ReleasePolicy::DeleteProject if !facts.deletion_allowed => {
            Release::Leave(Leave::DeletionNotAllowed)
        }
        ReleasePolicy::DeleteProject => match facts.seen {
            Seen::NotYet => Release::Look(accepted.key.clone()),
            Seen::Gone => Release::Leave(Leave::AsAsked),
            Seen::There(project) => {
                let held = facts.record.holding(project).is_some();
                if held && accepted.proves(project) && !facts.claimed_by_other {
                    Release::DeleteProject(project.key.clone())
                } else {
                    Release::Leave(Leave::NotOurs)
                }
            }
        },
    }
}
