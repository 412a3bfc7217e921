//! What an operator does, in steps between which anything may happen.

use super::leaving::Undo;
use super::*;
use crate::plan::binding::world::Taking;

/// A process of the operator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Operator {
    pub(super) role: Role,
    /// Its reconcile of each binding.
    pub(super) running: [Option<Running>; 2],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Role {
    #[default]
    StandsBy,
    Leads,
    /// Another operator may lead by now.
    Fenced,
}

/// A reconcile of one binding.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Running {
    reconcile: Reconcile,
    /// The repository that the spec names, as it was read.
    repository: RepositoryPath,
    /// What it has reserved: the key of the project, in lower case.
    pub(super) key: Option<String>,
    /// What is left to write.
    pub(super) steps: Vec<Step>,
    seen: Option<SeenRepository>,
    /// What is to be undone for a binding that is being deleted.
    pub(super) undo: Option<Undo>,
    /// It has written something to SonarQube.
    has_written: bool,
    /// The object changed since it was read.
    pub(super) is_outdated: bool,
    /// A user changed something in SonarQube since it was read.
    pub(super) races: bool,
}

impl Small {
    pub(super) fn actions_of(&self, state: &State, own: usize, actions: &mut Vec<Action>) {
        let operator = &state.operators[own];
        let may_fail = state.faults > 0;
        match operator.role {
            Role::StandsBy => {
                let is_led = |other: &Operator| other.role == Role::Leads;
                if !state.operators.iter().any(is_led) {
                    actions.push(Action::Elected(own));
                }
                for member in 0..2 {
                    match &operator.running[member] {
                        None if self.lags() && may_fail && state.lives[member] == Life::Live => {
                            actions.push(Action::Lags(own, member));
                        }
                        Some(_) => actions.push(Action::CatchesUp(own, member)),
                        None => {}
                    }
                }
            }
            Role::Fenced => {
                actions.push(Action::Ended(own));
                if self.broken == Some(Rule::Fence) {
                    Self::work_of(state, own, actions);
                }
            }
            Role::Leads => {
                if may_fail {
                    actions.extend([Action::Expired(own), Action::Crashed(own)]);
                }
                Self::work_of(state, own, actions);
            }
        }
    }

    /// Whether watches may lag. They do not while a user acts: a project that is bound by what a watch shows too late
    /// loses the mark of who created it.
    fn lags(&self) -> bool {
        self.hands == 0
    }

    fn work_of(state: &State, own: usize, actions: &mut Vec<Action>) {
        for member in 0..2 {
            let running = state.operators[own].running[member].as_ref();
            let Some(running) = running.filter(|running| !running.is_idle()) else {
                if state.lives[member] != Life::Gone {
                    actions.push(Action::Reconciles(own, member));
                }
                continue;
            };
            actions.push(Action::Writes(own, member, None));
            if state.faults == 0 || !running.calls() {
                continue;
            }
            let fail = |fault| Action::Writes(own, member, Some(fault));
            actions.extend([Fault::AnswerLost, Fault::CrashAfter].map(fail));
            // What SonarQube is at work on for a binding, it does not refuse at the same time, nor what it has done.
            let is_done = running
                .creates()
                .is_some_and(|key| state.world.find(key).is_some());
            if state.world.at_work.is_none() && !is_done {
                actions.push(fail(Fault::Refused));
            }
            // Only during these SonarQube calls Bitbucket, which may take minutes.
            if running.creates().is_some() && state.world.at_work.is_none() {
                actions.push(fail(Fault::Late));
            }
        }
    }

    pub(super) fn operate(&self, state: &mut State, action: Action) {
        match action {
            Action::Elected(own) => state.operators[own].role = Role::Leads,
            Action::Expired(own) => {
                state.faults -= 1;
                state.operators[own].role = Role::Fenced;
            }
            Action::Crashed(own) => {
                state.faults -= 1;
                state.operators[own] = Operator::default();
            }
            Action::Ended(own) => state.operators[own] = Operator::default(),
            Action::Lags(own, member) => {
                state.faults -= 1;
                state.operators[own].running[member] = Some(Running::of(state, member));
            }
            Action::CatchesUp(own, member) => state.operators[own].running[member] = None,
            Action::Reconciles(own, member) => self.reconcile(state, own, member),
            Action::Writes(own, member, fault) => {
                state.faults -= u8::from(fault.is_some());
                self.write(state, (own, member), fault);
                if fault == Some(Fault::CrashAfter) {
                    state.operators[own] = Operator::default();
                }
            }
            Action::CarriedOutLate | Action::NeverCarriedOut | Action::By(_) => {}
        }
    }

    /// Reads the object, unless it was read before, and the servers.
    fn reconcile(&self, state: &mut State, own: usize, member: usize) {
        let running = state.operators[own].running[member].take();
        if state.lives[member] == Life::Leaving {
            self.leave(state, own, member);
            return;
        }
        let running = running.unwrap_or_else(|| Running::of(state, member));
        self.observe(state, (own, member), running);
    }

    fn observe(&self, state: &mut State, (own, member): (usize, usize), mut running: Running) {
        running.races = false;
        let before = state.world.members[member].record.clone();
        loop {
            let spec = state.world.members[member].repository.clone();
            state.world.members[member]
                .repository
                .clone_from(&running.repository);
            let (desired, mut observed) = state.world.observe(member, &running.reconcile);
            running.key = Some(desired.key.folded());
            if self.is_locked(state, own, member, &running) {
                state.world.members[member].repository = spec;
                return;
            }
            if self.broken == Some(Rule::Claim) {
                observed.claimed_by = None;
            }
            if self.broken == Some(Rule::ImportAtWork) {
                observed.import_at_work = false;
            }
            let planned = if self.broken == Some(Rule::Importer) {
                plan(&desired, &observed)
            } else {
                state.world.plan(member, (&desired, &observed))
            };
            let Plan::Steps(steps) = planned else {
                if self.conflicts(&running) {
                    state.world.members[member].repository = spec;
                    return;
                }
                let Running { reconcile, .. } = running;
                state
                    .world
                    .rest(member, reconcile, (&desired, &observed, &planned));
                state.world.members[member].repository = spec;
                state.note_writes(own, member, &before);
                return;
            };
            let seen = observed.repository.found();
            running.seen = seen.map(|found| found.seen_as(&desired.repository));
            running.steps = steps;
            // What is only remembered is no step of its own, and is stored over the object as it was read.
            state.world.races = self.conflicts(&running);
            while let Some(step) = running
                .steps
                .first()
                .filter(|step| is_remembered(step))
                .cloned()
            {
                running.steps.remove(0);
                let seen = running.seen.clone();
                state
                    .world
                    .take(member, &mut running.reconcile, (&step, seen.as_ref()), None);
            }
            state.world.races = false;
            state.world.members[member].repository = spec;
            if !running.steps.is_empty() {
                state.operators[own].running[member] = Some(running);
                return;
            }
        }
    }

    /// Whether the API server refuses the status: nothing was written, and the object is not as it was read.
    fn conflicts(&self, running: &Running) -> bool {
        running.is_outdated
            && !running.has_written
            && self.broken != Some(Rule::ReportOverWhatWasRead)
    }

    /// Whether another reconcile of this operator works on the same project or repository.
    fn is_locked(&self, state: &State, own: usize, member: usize, running: &Running) -> bool {
        let other = state.operators[own].running[1 - member].as_ref();
        self.broken != Some(Rule::Lock)
            && other.is_some_and(|other| {
                other.key.is_some()
                    && (other.key == running.key
                        || other.undo.is_none() && other.repository.same(&running.repository))
            })
    }

    fn write(&self, state: &mut State, (own, member): (usize, usize), fault: Option<Fault>) {
        let Some(mut running) = state.operators[own].running[member].take() else {
            return;
        };
        if let Some(undo) = running.undo.take() {
            undo.act(state, (member, running.races), fault);
            return;
        }
        let step = running.steps.remove(0);
        let intends = matches!(step, Step::RecordIntent(_));
        if intends && running.is_outdated && self.broken != Some(Rule::IntentOverWhatWasRead) {
            return;
        }
        let before = state.world.members[member].record.clone();
        let spec = state.world.members[member].repository.clone();
        state.world.members[member]
            .repository
            .clone_from(&running.repository);
        state.world.races = running.races;
        running.has_written |= !step.is_remembered();
        if fault == Some(Fault::Late) {
            state.late_races = running.races;
        }
        let seen = running.seen.clone();
        let taken = state.world.take(
            member,
            &mut running.reconcile,
            (&step, seen.as_ref()),
            fault,
        );
        if intends && self.broken == Some(Rule::IntentFirst) {
            state.world.members[member].record.clone_from(&before);
        }
        if taken == Taking::Failed {
            state.world.end(member, running.reconcile.clone());
        }
        state.world.members[member].repository = spec;
        state.note_writes(own, member, &before);
        if taken != Taking::Done {
            return;
        }
        if running.steps.is_empty() {
            self.observe(state, (own, member), running);
        } else {
            state.operators[own].running[member] = Some(running);
        }
    }
}

impl Running {
    pub(super) fn of(state: &State, member: usize) -> Self {
        Self {
            reconcile: state.world.begin(member),
            repository: state.world.members[member].repository.clone(),
            key: None,
            steps: Vec::new(),
            seen: None,
            undo: None,
            has_written: false,
            is_outdated: false,
            races: false,
        }
    }

    /// Whether it has read the object only.
    fn is_idle(&self) -> bool {
        self.steps.is_empty() && self.undo.is_none()
    }

    /// Whether it is about to write.
    pub(super) fn calls_or_intends(&self) -> bool {
        !self.steps.is_empty()
    }

    /// The key of the project that it creates next.
    fn creates(&self) -> Option<&ProjectKey> {
        match self.steps.first()? {
            Step::Create { key, .. } | Step::Import { key, .. } => Some(key),
            Step::RecordIntent(_)
            | Step::Rekey { .. }
            | Step::Bind { .. }
            | Step::Consider(_)
            | Step::Accept(_)
            | Step::GrantSelf(_)
            | Step::SetVisibility(..)
            | Step::SetNewCode(..)
            | Step::RenameMainBranch(..) => None,
        }
    }

    /// Whether it calls SonarQube next.
    fn calls(&self) -> bool {
        self.undo.is_some() || self.steps.first().is_some_and(|step| !step.is_remembered())
    }
}

impl State {
    /// If the status of a binding was written, what other operators have read of it is outdated.
    fn note_writes(&mut self, own: usize, member: usize, before: &Record) {
        if self.world.members[member].record != *before {
            self.outdate(member, Some(own));
        }
    }

    /// What operators have read of a binding, other than this one, is outdated.
    pub(super) fn outdate(&mut self, member: usize, own: Option<usize>) {
        for (index, operator) in self.operators.iter_mut().enumerate() {
            if let Some(running) = operator.running[member]
                .as_mut()
                .filter(|_| Some(index) != own)
            {
                running.is_outdated = true;
            }
        }
    }
}

fn is_remembered(step: &Step) -> bool {
    matches!(step, Step::Accept(_) | Step::Consider(_))
}
