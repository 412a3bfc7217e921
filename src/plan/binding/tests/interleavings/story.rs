//! What happened, in words.

use std::fmt;

use super::actors::Running;
use super::*;

const OPERATORS: [&str; 2] = ["operator A", "operator B"];
const BINDINGS: [&str; 2] = ["the first binding", "the second binding"];

impl Action {
    /// The action in words, as it is about to happen.
    pub(super) fn described(self, state: &State) -> String {
        match self {
            Self::Elected(own) => format!("{} is elected", OPERATORS[own]),
            Self::Expired(own) => format!("the lease of {} expires", OPERATORS[own]),
            Self::Ended(own) => format!("{} finds that out, and ends", OPERATORS[own]),
            Self::Crashed(own) => format!("{} crashes", OPERATORS[own]),
            Self::Lags(own, member) => format!(
                "{} stands by; its watch shows {} as it is now, and begins to lag",
                OPERATORS[own], BINDINGS[member]
            ),
            Self::CatchesUp(own, member) => format!(
                "the watch of {} shows {} as it is",
                OPERATORS[own], BINDINGS[member]
            ),
            Self::Reconciles(own, member) => format!(
                "{} begins to reconcile {}, and reads the servers",
                OPERATORS[own], BINDINGS[member]
            ),
            Self::Writes(own, member, fault) => {
                let running = state.operators[own].running[member].as_ref();
                let write = running.map(Running::next_write).unwrap_or_default();
                let how = match fault {
                    None => "",
                    Some(Fault::AnswerLost) => "; SonarQube does it, and the answer is lost",
                    Some(Fault::Refused) => "; SonarQube refuses it",
                    Some(Fault::Late) => "; it gives up, while SonarQube is still at work",
                    Some(Fault::CrashAfter) => "; SonarQube does it, and the operator crashes",
                    Some(Fault::CrashBefore | Fault::NeverSent) => "; it fails",
                };
                format!("{}, for {}: {write}{how}", OPERATORS[own], BINDINGS[member])
            }
            Self::CarriedOutLate => {
                "SonarQube carries out the call whose answer no operator awaits".to_owned()
            }
            Self::NeverCarriedOut => "SonarQube gives up on that call".to_owned(),
            Self::By(hand) => format!("a user {hand}"),
        }
    }
}

impl Running {
    /// What it writes next.
    fn next_write(&self) -> String {
        if let Some(undo) = &self.undo {
            return format!("{undo:?}");
        }
        match self.steps.first() {
            Some(Step::RecordIntent(key)) => format!("records that it is to create {key}"),
            Some(Step::Import {
                key, repository, ..
            }) => format!("imports {repository} as {key}"),
            Some(Step::Create { key, .. }) => format!("creates {key}"),
            Some(Step::Bind {
                key, repository, ..
            }) => format!("binds {key} to {repository}"),
            Some(Step::Rekey { from, to }) => format!("gives {from} the key {to}"),
            Some(step) => format!("{step:?}"),
            None => String::new(),
        }
    }
}

impl fmt::Display for Hand {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |place: &Option<usize>| match place {
            None => "to nothing",
            Some(0) => "to repository PAY/a",
            Some(_) => "to repository PAY/b",
        };
        match self {
            Self::Creates(name, at) => {
                let name = if *name == 0 { "PAY:a" } else { "legacy" };
                write!(formatter, "creates project {name}, bound {}", place(at))
            }
            Self::Deletes(project) => write!(formatter, "deletes project {}", project + 1),
            Self::Points(project, at) => {
                write!(formatter, "binds project {} {}", project + 1, place(at))
            }
            Self::DeletesBinding(member) => write!(formatter, "deletes binding {}", member + 1),
            Self::RecreatesBinding(member) => {
                write!(formatter, "creates binding {} again", member + 1)
            }
            Self::EditsBinding(member, at) => {
                write!(
                    formatter,
                    "declares that binding {} is {}",
                    member + 1,
                    place(&Some(*at))
                )
            }
        }
    }
}
