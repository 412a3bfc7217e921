//! How what is remembered of a binding changes: the one place for it. The operator and the property tests call it.

#[cfg(test)]
mod tests;

use crate::identity::{ProjectId, ProjectKey, RepositoryPath, ServerId, Uid};

use super::found::{BindingState, Repository};
use super::model::{Acceptance, Observed, Origin, Step};
use super::remembered::{Accepted, Attempt, Intent, Record, SeenRepository};

/// What a step came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was done.
    Done(Done),
    /// SonarQube refused it, and did nothing.
    RefusedByServer,
    /// SonarQube refused to create a project because its key exists: since the last read, another client created it,
    /// or an earlier call of ours did.
    KeyExists,
    /// The call was never sent.
    NeverSent,
    /// The call was sent, and whether it was done is not known.
    Unknown,
}

/// What SonarQube answered to a step that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// Nothing that is remembered, beyond what the step says.
    Plain,
    /// An import made, or bound, this project.
    Imported {
        /// Its uuid.
        id: ProjectId,
        /// Whether the call created it; `false` if another client had created it meanwhile.
        created: bool,
    },
    /// An import made a project under this key, which SonarQube chose.
    ImportedAs(ProjectKey),
    /// A project that exists was bound; its uuid, where SonarQube reports it.
    Bound(Option<ProjectId>),
}

/// A step that was taken.
pub struct Taken<'a> {
    /// The object for which it was taken.
    pub own: &'a Uid,
    /// The SonarQube server.
    pub server: &'a ServerId,
    /// The repository as it was observed before the step.
    pub seen: Option<&'a SeenRepository>,
    /// The step.
    pub step: &'a Step,
    /// What it came to.
    pub answer: &'a Answer,
}

/// When the record that follows a step must be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storing {
    /// Before the next step is taken: the next step relies on it after a crash.
    BeforeTheNextStep,
    /// At the end of the reconcile, also if a later step fails.
    InAnyCase,
    /// At the end of the reconcile, if nothing fails: the next reconcile finds it out again.
    OnSuccess,
}

/// What is remembered after a step.
#[must_use]
pub fn after(record: Record, taken: &Taken<'_>) -> Record {
    match taken.answer {
        Answer::Done(done) => done_with(record, taken, done),
        Answer::RefusedByServer | Answer::KeyExists | Answer::NeverSent | Answer::Unknown => {
            failed(record, taken)
        }
    }
}

/// When the record that follows a step must be stored.
#[must_use]
pub fn storing(step: &Step, answer: &Answer) -> Storing {
    match (step, answer) {
        (Step::RecordIntent(_), _) | (_, Answer::Done(Done::ImportedAs(_))) => {
            Storing::BeforeTheNextStep
        }
        (
            Step::Create { .. } | Step::Import { .. },
            Answer::RefusedByServer | Answer::KeyExists | Answer::NeverSent,
        )
        | (Step::Import { .. } | Step::Bind { .. } | Step::SetNewCode(..), Answer::Done(_)) => {
            Storing::InAnyCase
        }
        (
            Step::Create { .. }
            | Step::Import { .. }
            | Step::Bind { .. }
            | Step::SetNewCode(..)
            | Step::Consider(_)
            | Step::Accept(_)
            | Step::Rekey { .. }
            | Step::GrantSelf(_)
            | Step::SetVisibility(..)
            | Step::RenameMainBranch(..),
            _,
        ) => Storing::OnSuccess,
    }
}

/// What is remembered once nothing is left to write.
#[must_use]
pub fn settled(record: Record, asked: &RepositoryPath, observed: &Observed) -> Record {
    let project = observed.project.as_ref();
    // If nothing is corrected, the project may be bound to another repository than the spec asks for.
    let bound = bound_to(observed);
    let accepted = record.accepted.map(|accepted| Accepted {
        id: accepted.id.or_else(|| project?.id.clone()),
        repository: bound
            .map(|found| found.path.clone())
            .or(accepted.repository),
        ..accepted
    });
    let seen = bound.filter(|_| accepted.is_some());
    Record {
        repository: seen.map(|found| found.seen_as(asked)).or(record.repository),
        accepted,
        intent: None,
        former: None,
    }
}

/// The repository that was observed, where the project is bound to it: of an accepted project the status shows no
/// other.
#[must_use]
pub fn bound_to(observed: &Observed) -> Option<&Repository> {
    let BindingState::Bound { repository, .. } = &observed.project.as_ref()?.binding else {
        return None;
    };
    let found = observed.repository.found();
    found.filter(|found| found.path.same(repository))
}

/// A step that was not done, as far as is known: an intent is withdrawn where nothing can have been created for it.
fn failed(record: Record, taken: &Taken<'_>) -> Record {
    match taken.step {
        Step::Create { .. } | Step::Import { .. } => {}
        Step::RecordIntent(_)
        | Step::Consider(_)
        | Step::Accept(_)
        | Step::Rekey { .. }
        | Step::Bind { .. }
        | Step::GrantSelf(_)
        | Step::SetVisibility(..)
        | Step::SetNewCode(..)
        | Step::RenameMainBranch(..) => return record,
    }
    let intent = record.intent.and_then(|intent| {
        let may_have_been_created = match taken.answer {
            Answer::RefusedByServer => false,
            // An earlier call may have created it, even if this one failed.
            Answer::KeyExists | Answer::NeverSent => intent.attempt == Attempt::Repeated,
            Answer::Unknown | Answer::Done(_) => true,
        };
        may_have_been_created.then_some(Intent {
            attempt: Attempt::Repeated,
            ..intent
        })
    });
    Record { intent, ..record }
}

fn done_with(record: Record, taken: &Taken<'_>, done: &Done) -> Record {
    match taken.step {
        Step::RecordIntent(key) => intended(record, taken, key),
        Step::Import {
            key, repository, ..
        } => imported(record, taken, (key, repository), done),
        Step::Bind {
            key, repository, ..
        } => bound(record, taken, (key, repository), done),
        Step::Accept(acceptance) => accepted(record, taken, acceptance),
        Step::SetNewCode(_, new_code) => Record {
            accepted: record.accepted.map(|accepted| Accepted {
                new_code: Some(new_code.clone()),
                ..accepted
            }),
            ..record
        },
        // The next look finds what was created, and the intent proves whose it is.
        Step::Create { .. }
        | Step::Consider(_)
        | Step::Rekey { .. }
        | Step::GrantSelf(_)
        | Step::SetVisibility(..)
        | Step::RenameMainBranch(..) => record,
    }
}

/// A project of this key is about to be created: what was remembered of an earlier one is gone with it.
fn intended(record: Record, taken: &Taken<'_>, key: &ProjectKey) -> Record {
    let before = record.intent.filter(|intent| intent.key.same(key));
    Record {
        accepted: record.accepted.map(|accepted| Accepted {
            id: None,
            created_by: None,
            bound_by: None,
            ..accepted
        }),
        former: None,
        intent: Some(Intent {
            server: taken.server.clone(),
            key: key.clone(),
            imported_as: None,
            attempt: before.map_or(Attempt::First, |before| before.attempt),
        }),
        repository: record.repository,
    }
}

fn imported(
    record: Record,
    taken: &Taken<'_>,
    (key, repository): (&ProjectKey, &RepositoryPath),
    done: &Done,
) -> Record {
    match done {
        Done::ImportedAs(chosen) => Record {
            intent: record.intent.map(|intent| Intent {
                imported_as: Some(chosen.clone()),
                ..intent
            }),
            ..record
        },
        Done::Imported { id, created } => Record {
            accepted: Some(Accepted {
                server: taken.server.clone(),
                key: key.clone(),
                id: Some(id.clone()),
                created_by: created.then(|| taken.own.clone()),
                bound_by: Some(taken.own.clone()),
                repository: Some(repository.clone()),
                new_code: None,
            }),
            repository: taken.seen.cloned().or(record.repository),
            ..record
        },
        Done::Plain | Done::Bound(_) => record,
    }
}

fn bound(
    record: Record,
    taken: &Taken<'_>,
    (key, repository): (&ProjectKey, &RepositoryPath),
    done: &Done,
) -> Record {
    let id = match done {
        Done::Bound(id) => id.clone(),
        Done::Plain | Done::Imported { .. } | Done::ImportedAs(_) => None,
    };
    let before = match &record.accepted {
        Some(accepted) if accepted.key.same(key) => Some(accepted.clone().reported(id.clone())),
        _ => remembered(&record, taken.server, id.as_ref()).map(|earlier| Accepted {
            key: key.clone(),
            ..earlier
        }),
    };
    let before = before.unwrap_or_else(|| Accepted {
        server: taken.server.clone(),
        key: key.clone(),
        id,
        created_by: None,
        bound_by: None,
        repository: None,
        new_code: None,
    });
    Record {
        accepted: Some(Accepted {
            bound_by: Some(taken.own.clone()),
            repository: Some(repository.clone()),
            ..before
        }),
        repository: taken.seen.cloned().or(record.repository),
        ..record
    }
}

fn accepted(record: Record, taken: &Taken<'_>, acceptance: &Acceptance) -> Record {
    let Acceptance {
        key,
        id,
        repository,
        origin,
    } = acceptance;
    let earlier = remembered(&record, taken.server, id.as_ref());
    let (created_by, bound_by, new_code) = earlier.map_or((None, None, None), |earlier| {
        (earlier.created_by, earlier.bound_by, earlier.new_code)
    });
    let made = match origin {
        Origin::Imported => Some(taken.own.clone()),
        Origin::Found => None,
    };
    let bound_by_us = made.clone().filter(|_| repository.is_some());
    let seen = taken.seen.filter(|_| repository.is_some()).cloned();
    Record {
        accepted: Some(Accepted {
            server: taken.server.clone(),
            key: key.clone(),
            id: id.clone(),
            created_by: made.or(created_by),
            bound_by: bound_by_us.or(bound_by),
            repository: repository.clone(),
            new_code,
        }),
        former: record.former,
        intent: match origin {
            Origin::Imported => record.intent,
            // This is not the project that was about to be created.
            Origin::Found => None,
        },
        repository: seen.or(record.repository),
    }
}

/// What is known of the project of this uuid, which was accepted before: under another key, or through an earlier
/// connection of this name.
fn remembered(record: &Record, server: &ServerId, id: Option<&ProjectId>) -> Option<Accepted> {
    let is_this = |earlier: &&Accepted| {
        earlier.server == *server && earlier.id.is_some() && earlier.id.as_ref() == id
    };
    let earlier = [&record.accepted, &record.former];
    earlier.into_iter().flatten().find(is_this).cloned()
}
