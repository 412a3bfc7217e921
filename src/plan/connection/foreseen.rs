//! The steps of a connection as what a person wants to know before they are taken.

use crate::plan::foreseen::Action;

use super::model::{Desired, Observed, Step, TokenInUpdate};
use super::steps::difference;

/// What these steps do.
#[must_use]
pub fn actions(steps: &[Step], desired: &Desired, observed: &Observed) -> Vec<Action> {
    let steps = steps.iter();
    steps
        .flat_map(|step| action(step, desired, observed))
        .collect()
}

/// Whether a step writes to SonarQube or to the object.
#[must_use]
pub fn is_write(step: &Step) -> bool {
    match step {
        Step::Recognise(_) | Step::Adopt(_) | Step::Refer(_) | Step::Validate(_) => false,
        Step::RecordIntent(_)
        | Step::Create(..)
        | Step::Update { .. }
        | Step::SetPat(_)
        | Step::SetServerBaseUrl(_) => true,
    }
}

fn action(step: &Step, desired: &Desired, observed: &Observed) -> Vec<Action> {
    let name = || desired.name.clone();
    match step {
        Step::RecordIntent(_) | Step::Recognise(_) | Step::Validate(_) => Vec::new(),
        Step::Create(name, url) => vec![Action::CreateConfiguration(name.clone(), url.clone())],
        Step::Adopt(_) => vec![Action::AdoptConfiguration(name())],
        Step::Refer(_) => vec![Action::ReferToConfiguration(name())],
        Step::Update { token, .. } => {
            let given = (*token == TokenInUpdate::Sent).then(|| Action::GiveToken {
                configuration: name(),
                field: "bitbucket.tokenSecretRef",
            });
            let changed = difference(desired, observed, step).map(Action::Change);
            changed.into_iter().chain(given).collect()
        }
        Step::SetPat(_) => vec![Action::GiveToken {
            configuration: name(),
            field: "bitbucket.importTokenSecretRef",
        }],
        Step::SetServerBaseUrl(_) => difference(desired, observed, step)
            .map(Action::Change)
            .into_iter()
            .collect(),
    }
}
