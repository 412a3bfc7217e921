//! What to undo when a binding is deleted: as little as asked for, and only what is provably ours.

use crate::identity::{ProjectKey, RepositoryPath, Uid};
use crate::plan::capability::BindingMethod;

use super::found::{BindingState, Project};
use super::remembered::{Accepted, Intent, Record};

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
    /// The repository that its spec names.
    pub repository: Option<&'a RepositoryPath>,
    /// The project in SonarQube.
    pub seen: Seen<'a>,
    /// The object that created the project, if SonarQube has that of it.
    pub marked_by: Option<&'a Uid>,
    /// Whether another accepted object has the claim on the project. While the answer to our own import is not known,
    /// also whether another object imports the project or the repository: nothing distinguishes its import from ours.
    pub claimed_by_other: bool,
    /// The operator's `--allow-project-deletion`.
    pub deletion_allowed: bool,
    /// Whether the server removes single bindings, as far as is known before it was probed.
    pub unbinds: bool,
    /// The method of the import that was not finished, if there was one.
    pub importing_by: Option<BindingMethod>,
}

impl ReleaseFacts<'_> {
    fn deletes(&self, policy: ReleasePolicy) -> bool {
        policy == ReleasePolicy::DeleteProject && self.deletion_allowed
    }
}

/// The project of a deleted binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen<'a> {
    /// Not read yet: that costs calls, and needs a server that is up.
    NotYet,
    /// It is not there.
    Gone,
    /// It is there, read just before.
    There(&'a Project),
}

/// What to do before the object may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Release {
    /// Read the project, and ask again.
    Look(ProjectKey),
    /// Delete the project.
    DeleteProject(ProjectKey),
    /// Remove its binding, as asked for, or in place of a deletion that is not allowed.
    Unbind(ProjectKey, ReleasePolicy),
    /// Nothing.
    Leave(Leave),
}

/// Why nothing is undone: published in one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leave {
    /// That is the policy, or there is nothing to undo.
    AsAsked,
    /// Bindery neither created the project nor wrote its binding for this object.
    NotOurs,
    /// All of it was on another SonarQube server than the one that answers now.
    OnAnotherServer,
    /// Nothing proves that the project under this key is the one that Bindery created or bound.
    Unproven(ProjectKey),
    /// SonarQube has of the project that another object created it, maybe that of another cluster.
    CreatedByAnother(ProjectKey),
    /// Another object manages the project by now.
    ManagedByAnother(ProjectKey),
    /// Bindery bound the project, and another client changed that since.
    ReboundSince(ProjectKey),
    /// The operator may not delete projects.
    DeletionNotAllowed,
    /// This server cannot remove a single binding.
    CannotUnbind,
    /// A project of this key was about to be created, and nothing proves whether what is there is that one.
    Unanswered(ProjectKey),
}

/// What to do in SonarQube before a deleted binding may go.
#[must_use]
pub fn release(policy: ReleasePolicy, facts: &ReleaseFacts<'_>) -> Release {
    if policy == ReleasePolicy::Orphan {
        return Release::Leave(Leave::AsAsked);
    }
    let Record {
        accepted, intent, ..
    } = facts.record;
    match (accepted, intent) {
        (_, Some(intent)) if facts.record.is_importing(&intent.key) => {
            intended(policy, intent, facts)
        }
        (Some(accepted), _) => accepted_before(policy, accepted, facts),
        (None, _) => Release::Leave(Leave::AsAsked),
    }
}

/// The answer to our own import never came. What is there under its key, bound to its repository, is taken for ours, as
/// a reconcile would have done.
fn intended(policy: ReleasePolicy, intent: &Intent, facts: &ReleaseFacts<'_>) -> Release {
    let key = intent.imported_as.as_ref().unwrap_or(&intent.key);
    let unanswered = Release::Leave(Leave::Unanswered(key.clone()));
    let chosen_by_sonarqube =
        intent.imported_as.is_none() && facts.importing_by.is_some_and(BindingMethod::chooses_keys);
    if chosen_by_sonarqube || !facts.deletes(policy) && !facts.unbinds {
        return unanswered;
    }
    let is_imported = |project: &Project| {
        matches!(
            (&project.binding, facts.repository),
            (BindingState::Bound { repository, .. }, Some(wanted)) if repository.same(wanted)
        )
    };
    match facts.seen {
        // Reading another key proves nothing: the record may have changed with the server since it was chosen.
        Seen::There(project) if !project.key.same(key) || !is_imported(project) => {
            return unanswered;
        }
        Seen::NotYet | Seen::Gone | Seen::There(_) => {}
    }
    let ours = Ours {
        key,
        is_proven: true,
        repository: facts.repository,
    };
    undo(policy, &ours, facts)
}

fn accepted_before(
    policy: ReleasePolicy,
    accepted: &Accepted,
    facts: &ReleaseFacts<'_>,
) -> Release {
    let by_us = |uid: &Option<Uid>| uid.as_ref() == Some(facts.uid);
    let policy = match policy {
        ReleasePolicy::DeleteProject if by_us(&accepted.created_by) => policy,
        // What was only bound is at most unbound.
        ReleasePolicy::DeleteProject | ReleasePolicy::Unbind | ReleasePolicy::Orphan
            if by_us(&accepted.bound_by) =>
        {
            ReleasePolicy::Unbind
        }
        ReleasePolicy::DeleteProject | ReleasePolicy::Unbind | ReleasePolicy::Orphan => {
            return Release::Leave(Leave::NotOurs);
        }
    };
    let is_proven = match facts.seen {
        Seen::There(project) => facts.record.holding(project).is_some() && accepted.proves(project),
        Seen::NotYet | Seen::Gone => true,
    };
    let ours = Ours {
        key: &accepted.key,
        is_proven,
        repository: accepted.repository.as_ref(),
    };
    undo(policy, &ours, facts)
}

/// What Bindery made for this object.
struct Ours<'a> {
    key: &'a ProjectKey,
    /// Whether what is there by now is that.
    is_proven: bool,
    /// What its binding was written to.
    repository: Option<&'a RepositoryPath>,
}

fn undo(policy: ReleasePolicy, ours: &Ours<'_>, facts: &ReleaseFacts<'_>) -> Release {
    let deletes = facts.deletes(policy);
    if !deletes && !facts.unbinds {
        return Release::Leave(match policy {
            ReleasePolicy::DeleteProject => Leave::DeletionNotAllowed,
            ReleasePolicy::Unbind | ReleasePolicy::Orphan => Leave::CannotUnbind,
        });
    }
    let project = match facts.seen {
        Seen::NotYet => return Release::Look(ours.key.clone()),
        Seen::Gone => return Release::Leave(Leave::AsAsked),
        Seen::There(project) => project,
    };
    if facts.claimed_by_other {
        return Release::Leave(Leave::ManagedByAnother(project.key.clone()));
    }
    if !ours.is_proven {
        return Release::Leave(Leave::Unproven(project.key.clone()));
    }
    if deletes && facts.marked_by.is_some_and(|by| by != facts.uid) {
        return Release::Leave(Leave::CreatedByAnother(project.key.clone()));
    }
    if deletes {
        return Release::DeleteProject(project.key.clone());
    }
    match &project.binding {
        BindingState::Unbound => Release::Leave(Leave::AsAsked),
        BindingState::Bound { repository, .. }
            if ours
                .repository
                .is_some_and(|written| written.same(repository)) =>
        {
            Release::Unbind(project.key.clone(), policy)
        }
        BindingState::Bound { .. } | BindingState::Elsewhere(_) => {
            Release::Leave(Leave::ReboundSince(project.key.clone()))
        }
        BindingState::Hidden => Release::Leave(Leave::Unproven(project.key.clone())),
    }
}
