//! A reconcile of one member: it reads, plans, writes and remembers as the operator does.

use super::*;

/// A member during its reconcile.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::plan::binding) struct Reconcile {
    pub(super) record: Record,
    /// What is stored if the reconcile fails here.
    kept: Kept,
    /// A project of another key than the effective one, which is being asked about.
    pub(super) considered: Option<ProjectKey>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Kept {
    /// What was stored before, as far as it holds.
    Stored(Record),
    New(Record),
}

impl Reconcile {
    fn keeping(record: Record) -> Self {
        Self {
            kept: Kept::New(record.clone()),
            record,
            considered: None,
        }
    }
}

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plan::binding) enum Taking {
    Done,
    /// The reconcile fails, and writes its status.
    Failed,
    /// The process died.
    Died,
}

impl World {
    /// One reconcile of one member.
    pub(in crate::plan::binding) fn reconcile(&mut self, index: usize) -> Outcome {
        let mut reconcile = self.begin(index);
        for _ in 0..8 {
            let (desired, observed) = self.observe(index, &reconcile);
            let planned = self.plan(index, (&desired, &observed));
            let Plan::Steps(steps) = &planned else {
                self.rest(index, reconcile, (&desired, &observed, &planned));
                return Outcome::Rests(planned);
            };
            assert_ne!(desired.management, Management::Observe, "Observe wrote");
            let seen = observed.repository.found();
            let seen = seen.map(|found| found.seen_as(&desired.repository));
            for step in steps {
                let fault = self.faults.remove(&self.steps);
                self.steps += 1;
                match self.take(index, &mut reconcile, (step, seen.as_ref()), fault) {
                    Taking::Done => {}
                    Taking::Failed => {
                        self.end(index, reconcile);
                        return Outcome::Interrupted;
                    }
                    Taking::Died => return Outcome::Interrupted,
                }
            }
        }
        panic!("a reconcile of member {index} does not end: {self:#?}");
    }

    /// What to do, unless another member imports the repository.
    pub(in crate::plan::binding) fn plan(
        &self,
        index: usize,
        (desired, observed): (&Desired, &Observed),
    ) -> Plan {
        let importer = self.importer(index);
        match not_imported_for_another(desired, importer.as_ref()) {
            Ok(()) => plan(desired, observed),
            // It rests until the other one has ended, which may need a user.
            Err(refusal) => Plan::Refused {
                refusal,
                differences: Vec::new(),
            },
        }
    }

    /// Nothing is left to write, or nothing can be done: the status is written.
    pub(in crate::plan::binding) fn rest(
        &mut self,
        index: usize,
        reconcile: Reconcile,
        (desired, observed, planned): (&Desired, &Observed, &Plan),
    ) {
        let reconcile = match planned {
            Plan::Settled | Plan::Differs(_) => {
                let settled = record::settled(reconcile.record, &desired.repository, observed);
                Reconcile::keeping(settled)
            }
            Plan::Wait(_) | Plan::Refused { .. } | Plan::Steps(_) => reconcile,
        };
        self.end(index, reconcile);
    }

    /// What a reconcile begins with.
    pub(in crate::plan::binding) fn begin(&self, index: usize) -> Reconcile {
        let member = &self.members[index];
        let mut stored = member.record.clone().on(&self.server);
        let kept = stored.clone();
        if member.accepted_by != member.connection {
            stored = stored.through_another_connection();
        }
        Reconcile {
            record: stored,
            kept: Kept::Stored(kept),
            considered: None,
        }
    }

    /// The status is written.
    pub(in crate::plan::binding) fn end(&mut self, index: usize, reconcile: Reconcile) {
        let member = &mut self.members[index];
        match reconcile.kept {
            Kept::Stored(record) => member.record = record,
            Kept::New(record) => {
                if record.accepted.is_some() {
                    member.accepted_by = member.connection;
                }
                member.record = Record {
                    former: None,
                    ..record
                };
            }
        }
    }

    /// One step, and what goes wrong with it.
    pub(in crate::plan::binding) fn take(
        &mut self,
        index: usize,
        reconcile: &mut Reconcile,
        (step, seen): (&Step, Option<&SeenRepository>),
        fault: Option<Fault>,
    ) -> Taking {
        if fault == Some(Fault::CrashBefore) {
            return Taking::Died;
        }
        let answer = match fault {
            Some(Fault::Refused) if !step.is_remembered() => record::Answer::RefusedByServer,
            Some(Fault::NeverSent) if !step.is_remembered() => record::Answer::NeverSent,
            Some(Fault::AnswerLost) if !step.is_remembered() => {
                self.carry_out(index, &reconcile.record, step);
                record::Answer::Unknown
            }
            Some(Fault::Late) if !step.is_remembered() => {
                self.at_work = Some((index, step.clone()));
                record::Answer::Unknown
            }
            Some(_) | None => self.carry_out(index, &reconcile.record, step),
        };
        if let Step::Consider(key) = step {
            reconcile.considered = Some(key.clone());
        }
        self.remember(index, reconcile, (step, seen, &answer));
        match (fault, answer) {
            (Some(Fault::CrashAfter), _) => Taking::Died,
            (_, record::Answer::Done(_)) => Taking::Done,
            _ => Taking::Failed,
        }
    }

    fn remember(
        &mut self,
        index: usize,
        reconcile: &mut Reconcile,
        (step, seen, answer): (&Step, Option<&SeenRepository>, &record::Answer),
    ) {
        let server = self.server.clone();
        let member = &mut self.members[index];
        let taken = record::Taken {
            own: &member.uid.clone(),
            server: &server,
            seen,
            step,
            answer,
        };
        reconcile.record = record::after(reconcile.record.clone(), &taken);
        if let record::Answer::Done(_) = answer
            && !self.races
        {
            keeps_the_maker((member, step), &reconcile.record);
        }
        match record::storing(step, answer) {
            record::Storing::BeforeTheNextStep => {
                member.record = record::after(member.record.clone(), &taken);
                reconcile.kept = Kept::New(reconcile.record.clone());
            }
            record::Storing::InAnyCase => reconcile.kept = Kept::New(reconcile.record.clone()),
            record::Storing::OnSuccess => {}
        }
    }

    /// One reconcile of every member. An interrupted one is taken up again at once, as after a restart.
    pub(in crate::plan::binding) fn round(&mut self) -> Vec<Plan> {
        (0..self.members.len())
            .map(|index| {
                loop {
                    if let Outcome::Rests(plan) = self.reconcile(index) {
                        return plan;
                    }
                }
            })
            .collect()
    }
}

/// Accepted or bound anew, also through another connection, a project has the maker that the status names. A swapped
/// database is none of these worlds' faults, so that the same uuid is the same project.
fn keeps_the_maker((member, step): (&Member, &Step), record: &Record) {
    let binds = match step {
        Step::Accept(_) => false,
        Step::Bind { .. } => true,
        Step::RecordIntent(_)
        | Step::Create { .. }
        | Step::Import { .. }
        | Step::Rekey { .. }
        | Step::Consider(_)
        | Step::GrantSelf(_)
        | Step::SetVisibility(..)
        | Step::SetNewCode(..)
        | Step::RenameMainBranch(..) => return,
    };
    let accepted = record.accepted.as_ref().unwrap();
    let stored = member.record.accepted.as_ref();
    let Some(stored) = stored.filter(|stored| stored.id.is_some() && stored.id == accepted.id)
    else {
        return;
    };
    let bound_by = if binds {
        Some(&member.uid)
    } else {
        stored.bound_by.as_ref()
    };
    for (then, now) in [
        (stored.created_by.as_ref(), accepted.created_by.as_ref()),
        (bound_by, accepted.bound_by.as_ref()),
    ] {
        assert!(
            then.is_none() || then == now,
            "forgotten: {then:?}, {now:?}"
        );
    }
    assert!(
        stored.new_code.is_none() || stored.new_code == accepted.new_code,
        "the new code definition was forgotten"
    );
}
