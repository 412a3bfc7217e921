//! The steps of a binding as what a person wants to know before they are taken.

use crate::plan::Blocked;
use crate::plan::foreseen::{Action, Foreseen};

use super::difference::{bound_to, difference};
use super::model::{Desired, Observed, Origin, Plan, Step};
use super::remembered::Record;

/// What is foreseen of a binding, plan by plan, up to the first step that asks a server for something: what follows
/// depends on its answer.
#[derive(Debug, Default)]
pub struct Foresight {
    actions: Vec<Action>,
}

/// What comes after a plan.
#[derive(Debug, PartialEq, Eq)]
pub enum Ahead {
    /// Nothing that can be foreseen: this is all.
    Seen(Foreseen),
    /// A server has to answer first.
    Waits(String),
    /// A person has to do something first.
    Refused(Blocked),
    /// These steps, which change nothing but what is remembered, and the next plan.
    Steps(Vec<Step>),
}

impl Foresight {
    /// Goes on by the next plan.
    pub fn after(&mut self, planned: Plan, desired: &Desired, observed: &Observed) -> Ahead {
        let steps = match planned {
            Plan::Wait(why) => return Ahead::Waits(why),
            Plan::Refused { refusal, .. } => return Ahead::Refused(refusal),
            Plan::Differs(differences) => return Ahead::Seen(Foreseen::Differs(differences)),
            Plan::Settled => return Ahead::Seen(self.all()),
            Plan::Steps(steps) => steps,
        };
        self.actions.extend(actions(&steps, desired, observed));
        if steps.iter().any(is_call) {
            Ahead::Seen(self.all())
        } else {
            Ahead::Steps(steps)
        }
    }

    fn all(&mut self) -> Foreseen {
        Foreseen::acts(std::mem::take(&mut self.actions))
    }
}

/// What these steps do.
fn actions(steps: &[Step], desired: &Desired, observed: &Observed) -> Vec<Action> {
    let steps = steps.iter();
    steps
        .filter_map(|step| action(step, desired, observed))
        .collect()
}

/// Whether a step asks a server for something.
fn is_call(step: &Step) -> bool {
    match step {
        Step::RecordIntent(_) | Step::Consider(_) | Step::Accept(_) => false,
        Step::Create { .. }
        | Step::Rekey { .. }
        | Step::Import { .. }
        | Step::Bind { .. }
        | Step::GrantSelf(_)
        | Step::SetVisibility(..)
        | Step::SetNewCode(..)
        | Step::RenameMainBranch(..) => true,
    }
}

fn action(step: &Step, desired: &Desired, observed: &Observed) -> Option<Action> {
    Some(match step {
        Step::RecordIntent(_) | Step::Consider(_) => return None,
        Step::Create { key, .. } => Action::Import {
            repository: desired.repository.clone(),
            key: key.clone(),
        },
        Step::Import {
            key, repository, ..
        } => Action::Import {
            repository: repository.clone(),
            key: key.clone(),
        },
        // The end of our own import.
        Step::Rekey { to, .. } => Action::Import {
            repository: desired.repository.clone(),
            key: to.clone(),
        },
        Step::Accept(acceptance) => {
            let is_known = acceptance.origin == Origin::Imported || is_accepted(&desired.record);
            if is_known {
                return None;
            }
            Action::Adopt {
                repository: acceptance
                    .repository
                    .clone()
                    .unwrap_or_else(|| desired.repository.clone()),
                key: acceptance.key.clone(),
            }
        }
        Step::Bind {
            key, repository, ..
        } => Action::Bind {
            repository: repository.clone(),
            key: key.clone(),
            from: bound_to(desired, observed),
        },
        Step::GrantSelf(key) => Action::Grant(key.clone()),
        Step::SetVisibility(..) | Step::SetNewCode(..) | Step::RenameMainBranch(..) => {
            Action::Change(difference(step, desired, observed)?)
        }
    })
}

fn is_accepted(record: &Record) -> bool {
    record.accepted.is_some()
}
