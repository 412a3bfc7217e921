//! Does what the core decides about a set.

use std::time::Instant;

use kube::ResourceExt as _;

use crate::bitbucket::{Lookup, MissingPart};
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::crd::{ProjectBinding, ProjectBindingSet};
use crate::declared::set as declared;
use crate::fleet::link::ServerAccess;
use crate::fleet::sets::{Doing, Limits, Memory};
use crate::identity::RepositoryPath;
use crate::kubernetes::members::{self, Created};
use crate::kubernetes::uid;
use crate::plan::set::{Decision, decide};
use crate::plan::{Blocked, Reason};

use super::connection::Reference;
use super::found;

/// What was found and done, for the report.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// What was decided last; none before the comparison.
    pub(super) decisions: Option<Vec<Decision>>,
    pub(super) created: Vec<String>,
    /// So many that were created before are not shown by the watch yet.
    pub(super) awaited: usize,
    pub(super) updated: Vec<String>,
    pub(super) deleted: Vec<String>,
}

/// After so many refusals of the API server the rest is left to the next reconcile: a quota or a policy refuses all.
const MOST_REFUSALS: usize = 3;

/// Compares, asks what has to be asked, compares again with the answers if there are any, and does what was decided.
pub(super) async fn perform(
    set: &ProjectBindingSet,
    context: &Context,
    (reference, access): (&Reference, &ServerAccess),
    work: &mut Work,
) -> Result<(), Error> {
    let mut memory = context.register.sets.memory(uid(set));
    let through = (reference, access);
    let (decisions, asked) = decided(set, context, through, &mut memory).await?;
    if !decisions.iter().any(waits) {
        memory.ask_empty_anew();
    }
    let done = match asked {
        Ok(()) => act(set, context, (&decisions, &mut *memory), work).await,
        Err(error) => Err(error),
    };
    work.decisions = Some(decisions);
    done
}

/// What is to be done, and whether all questions were answered.
pub(super) async fn decided(
    set: &ProjectBindingSet,
    context: &Context,
    (reference, access): (&Reference, &ServerAccess),
    memory: &mut Memory,
) -> Result<(Vec<Decision>, Result<(), Error>), Error> {
    let listed = access.inventory().listed();
    if listed.began().is_none() {
        return Err(Error::Waiting(Blocked::new(
            Reason::ConnectionNotReady,
            "the connection has not listed the repositories yet",
        )));
    }
    let limits = limits(set, reference, context);
    let decided = |memory: &mut Memory| {
        let observed = found::observed(set, context, (reference, &listed), memory);
        let left = memory.left(limits, Instant::now());
        decide(&declared::desired(set, left), &observed)
    };
    let first = decided(memory);
    if !first.iter().any(asks) {
        return Ok((first, Ok(())));
    }
    let asked = ask(&first, access, memory).await;
    Ok((decided(memory), asked))
}

fn limits(set: &ProjectBindingSet, reference: &Reference, context: &Context) -> Limits {
    let (new, deleted) = declared::limits(set);
    Limits {
        new,
        deleted,
        interval: context.interval(&reference.connection),
    }
}

fn waits(decision: &Decision) -> bool {
    matches!(decision, Decision::Wait { .. } | Decision::AskEmpty { .. })
}

fn asks(decision: &Decision) -> bool {
    matches!(
        decision,
        Decision::AskEmpty { .. } | Decision::AskGone { .. }
    )
}

/// Asks Bitbucket what no listing shows. A call that fails proves nothing, and ends the questions.
async fn ask(
    decisions: &[Decision],
    access: &ServerAccess,
    memory: &mut Memory,
) -> Result<(), Error> {
    for decision in decisions {
        match decision {
            Decision::AskEmpty { repository, id } => {
                let answer = access.bitbucket.is_empty(repository).await;
                let is_empty = answer.map_err(|source| failed(access, source))?;
                memory.asked_empty(*id, is_empty, Instant::now());
            }
            Decision::AskGone { name, repository } => {
                let is_gone = is_gone(repository, access).await;
                // Counted before the answer is judged: a server that refuses is not asked more often.
                let known = is_gone.as_ref().is_ok_and(|is_gone| *is_gone);
                memory.asked_gone(name, known, Instant::now());
                is_gone?;
            }
            Decision::Create { .. }
            | Decision::Update { .. }
            | Decision::Keep { .. }
            | Decision::Wait { .. }
            | Decision::Delete { .. }
            | Decision::Stray { .. }
            | Decision::Conflicting { .. }
            | Decision::Skipped { .. } => {}
        }
    }
    Ok(())
}

/// Whether Bitbucket says that a repository does not exist, in a project that does.
async fn is_gone(repository: &RepositoryPath, access: &ServerAccess) -> Result<bool, Error> {
    let answer = access.bitbucket.repository(repository).await;
    match answer.map_err(|source| failed(access, source))? {
        Lookup::Missing(MissingPart::Repository) => Ok(true),
        Lookup::Missing(MissingPart::Project) | Lookup::Found(_) | Lookup::Moved { .. } => {
            Ok(false)
        }
    }
}

fn failed(access: &ServerAccess, source: crate::bitbucket::Error) -> Error {
    Error::Bitbucket {
        url: access.bitbucket.url().to_string(),
        source,
    }
}

/// Creates, updates and deletes. A binding that the API server refuses does not hold back the others.
async fn act(
    set: &ProjectBindingSet,
    context: &Context,
    (decisions, memory): (&[Decision], &mut Memory),
    work: &mut Work,
) -> Result<(), Error> {
    let mut refused = Vec::new();
    for decision in decisions {
        if let Err(error) = act_on(decision, (set, context), memory, work).await {
            if !error.is_refusal() {
                return Err(error.into());
            }
            refused.push(error);
        }
        if refused.len() >= MOST_REFUSALS {
            break;
        }
    }
    match refused.into_iter().next() {
        Some(first) => Err(Error::Retry(Blocked::new(
            Reason::BindingRefused,
            first.message(),
        ))),
        None => Ok(()),
    }
}

async fn act_on(
    decision: &Decision,
    (set, context): (&ProjectBindingSet, &Context),
    memory: &mut Memory,
    work: &mut Work,
) -> Result<(), crate::kubernetes::Error> {
    let place = context.place::<ProjectBinding>();
    let namespace = set.namespace().unwrap_or_default();
    let found = |name: &str| {
        let found = context.queues.bindings.store.get(&namespace, name)?;
        found.0.as_ref().ok().cloned()
    };
    match decision {
        Decision::Create { name, repository } => {
            let manifest = declared::manifest(set, name, repository);
            match members::create::<ProjectBinding>(place, &namespace, manifest).await? {
                Created::Done => {
                    memory.created(name, Instant::now());
                    work.created.push(name.clone());
                }
                Created::Exists if memory.has_created(name) => work.awaited += 1,
                Created::Exists => {}
            }
        }
        Decision::Update { name, repository } => {
            if let Some(binding) = found(name) {
                let manifest = declared::manifest(set, name, repository);
                members::update(place, &binding, manifest).await?;
                work.updated.push(name.clone());
            }
        }
        Decision::Delete { name, .. } => {
            if let Some(binding) = found(name) {
                // Counted before: it may be carried out though its answer is lost.
                memory.did(Doing::Delete, Instant::now());
                members::delete(place, &binding).await?;
                work.deleted.push(name.clone());
            }
        }
        Decision::Keep { .. }
        | Decision::Wait { .. }
        | Decision::AskEmpty { .. }
        | Decision::AskGone { .. }
        | Decision::Stray { .. }
        | Decision::Conflicting { .. }
        | Decision::Skipped { .. } => {}
    }
    Ok(())
}
