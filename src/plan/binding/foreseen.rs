//! The steps of a binding as what a person wants to know before they are taken.

use crate::plan::foreseen::Action;

use super::difference::{bound_to, difference};
use super::model::{Desired, Observed, Origin, Step};
use super::remembered::Record;

/// What these steps do.
#[must_use]
pub fn actions(steps: &[Step], desired: &Desired, observed: &Observed) -> Vec<Action> {
    let steps = steps.iter();
    steps
        .filter_map(|step| action(step, desired, observed))
        .collect()
}

/// Whether a step asks a server for something.
#[must_use]
pub fn is_call(step: &Step) -> bool {
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
