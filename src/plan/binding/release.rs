//! What to undo when a binding is deleted: as little as asked for, and only what is provably ours.

use crate::identity::{ProjectKey, Uid};

use super::{BindingState, Project, Record};

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
    /// Whether the server removes single bindings; as far as is known, where nobody has looked yet.
    pub unbinds: bool,
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
    /// Remove its binding, as asked for, or in place of a deletion that is not allowed.
    Unbind(ProjectKey, ReleasePolicy),
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
    let ours = match policy {
        ReleasePolicy::Orphan => return Release::Leave(Leave::AsAsked),
        ReleasePolicy::Unbind => by_us(&accepted.bound_by),
        ReleasePolicy::DeleteProject => by_us(&accepted.created_by),
    };
    if !ours {
        return Release::Leave(Leave::NotOurs);
    }
    let deletes = policy == ReleasePolicy::DeleteProject && facts.deletion_allowed;
    if !deletes && !facts.unbinds {
        return Release::Leave(match policy {
            ReleasePolicy::DeleteProject => Leave::DeletionNotAllowed,
            ReleasePolicy::Unbind | ReleasePolicy::Orphan => Leave::CannotUnbind,
        });
    }
    let project = match facts.seen {
        Seen::NotYet => return Release::Look(accepted.key.clone()),
        Seen::Gone => return Release::Leave(Leave::AsAsked),
        Seen::There(project) => project,
    };
    let held = facts.record.holding(project).is_some() && accepted.proves(project);
    if !held || facts.claimed_by_other {
        return Release::Leave(Leave::NotOurs);
    }
    if deletes {
        return Release::DeleteProject(project.key.clone());
    }
    match &project.binding {
        BindingState::Unbound => Release::Leave(Leave::AsAsked),
        BindingState::Bound { repository, .. }
            if accepted
                .repository
                .as_ref()
                .is_some_and(|written| written.same(repository)) =>
        {
            Release::Unbind(project.key.clone(), policy)
        }
        // Somebody bound it to something else since.
        BindingState::Bound { .. } | BindingState::Elsewhere(_) | BindingState::Hidden => {
            Release::Leave(Leave::NotOurs)
        }
    }
}
