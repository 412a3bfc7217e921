//! What an operator undoes for a binding that is being deleted.

use super::actors::Running;
use super::*;

/// What is undone for a binding that is being deleted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Undo {
    Delete(ProjectKey),
    Unbind(ProjectKey),
}

impl Small {
    /// A binding that is being deleted: decides what to undo, and lets it go where that is nothing.
    pub(super) fn leave(&self, state: &mut State, own: usize, member: usize) {
        let leaving = &state.world.members[member];
        let record = leaving.record.clone().on(&state.world.server);
        let method = state.world.capabilities.method;
        let unseen = ReleaseFacts {
            uid: &leaving.uid,
            record: &record,
            repository: Some(&leaving.repository),
            seen: Seen::NotYet,
            claimed_by_other: false,
            marked_by: None,
            deletion_allowed: true,
            unbinds: method.unbinds(),
            importing_by: record.intent.as_ref().map(|_| method),
        };
        let Release::Look(key) = release(ReleasePolicy::DeleteProject, &unseen) else {
            state.lives[member] = Life::Gone;
            return;
        };
        let mut running = Running::of(state, member);
        running.key = Some(key.folded());
        let other = state.operators[own].running[1 - member].as_ref();
        if other.is_some_and(|other| other.key == running.key) {
            return;
        }
        let shown = state
            .world
            .find(&key)
            .map(|project| state.world.shown(project));
        let rival = state.world.claimed_by(member, &key);
        let is_imported = || {
            let world = &state.world;
            let by_key = self.broken != Some(Rule::KeyOnDeletion)
                && world.is_imported_by_another(member, &key);
            by_key || world.importer(member).is_some()
        };
        let claimed = rival.is_some_and(|rival| rival.accepted)
            || record.unanswered().is_some() && is_imported();
        let facts = ReleaseFacts {
            seen: shown.as_ref().map_or(Seen::Gone, Seen::There),
            claimed_by_other: claimed && self.broken != Some(Rule::ClaimOnDeletion),
            ..unseen
        };
        running.undo = match release(ReleasePolicy::DeleteProject, &facts) {
            Release::DeleteProject(key) => Some(Undo::Delete(key)),
            Release::Unbind(key, _) => Some(Undo::Unbind(key)),
            Release::Look(_) | Release::Leave(_) => None,
        };
        if running.undo.is_some() {
            state.operators[own].running[member] = Some(running);
        } else {
            state.lives[member] = Life::Gone;
        }
    }
}

impl Undo {
    /// Undoes it, and lets the binding go.
    pub(super) fn act(
        &self,
        state: &mut State,
        (member, races): (usize, bool),
        fault: Option<Fault>,
    ) {
        if fault == Some(Fault::Refused) {
            return;
        }
        let (Self::Delete(key) | Self::Unbind(key)) = self;
        let own = &state.world.members[member];
        if let Some(project) = state.world.find(key) {
            let is_made = project.maker == Maker::Binding(member)
                && [own.connection, NOT_DISTINGUISHED].contains(&project.made_through);
            let is_ours = match self {
                Self::Delete(_) => is_made,
                Self::Unbind(_) => own.rightful.contains(&project.id),
            };
            assert!(
                races || is_ours,
                "{self:?} reached what is not ours: {project:?}"
            );
            let is_held = state.world.held_for(member, project).is_some();
            assert!(
                races || !is_held,
                "{self:?} reached what another binding holds: {project:?}"
            );
        }
        match self {
            Self::Delete(key) => state
                .world
                .projects
                .retain(|project| !project.key.same(key)),
            Self::Unbind(key) => {
                let mut projects = state.world.projects.iter_mut();
                if let Some(project) = projects.find(|project| project.key.same(key)) {
                    project.binding = BindingState::Unbound;
                }
            }
        }
        if fault.is_none() {
            state.lives[member] = Life::Gone;
        }
    }
}
