//! What a reconcile of a set reports in its status and its events.

use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::reconcile::{self, Next};
use crate::crd::{ProjectBindingSet, ProjectBindingSetStatus, RepositoryCounts};
use crate::kubernetes::clock;
use crate::kubernetes::event::{Event, EventReason};
use crate::kubernetes::status::{self, requested};
use crate::plan::condition::{
    Condition, ConditionType, Outcome, cut, own_conditions, summary as summary_conditions,
};
use crate::plan::set::summary;
use crate::plan::{Blocked, Reason, counted};

use super::perform::Work;
use super::{Ended, OWN, WITHOUT_CONNECTION, keeps_its_status, write};

/// Publishes what was done, and writes what was found.
pub(super) async fn report(
    set: &ProjectBindingSet,
    context: &Context,
    (work, ended): (Work, Result<Ended, Error>),
) -> Result<Next, Error> {
    // Done is done, whether or not it can be written down.
    context.events.publish(set, &events(&work));
    let found = work.decisions.as_deref();
    let found = found.map(|decisions| summary(decisions, work.created.len() + work.awaited));
    let (outcome, failed, next) = match ended {
        Ok(Ended::Kept) => return Ok(Next::Settled(WITHOUT_CONNECTION)),
        Ok(Ended::Compared(interval)) => {
            let waiting = found.as_ref().map_or(0, |found| found.waiting);
            (outcome(waiting), None, Next::Settled(interval))
        }
        Err(error) if error.is_conflict() => return Err(error),
        Err(error) => {
            let interval = WITHOUT_CONNECTION;
            let (outcome, refusal) = (reconcile::outcome(&error), error.refusal());
            let is_outage = error.sorted().blame.is_outage();
            let next = Next::Failed { error, interval };
            if is_outage && keeps_its_status(set) {
                return Ok(next);
            }
            (outcome, Some(refusal), next)
        }
    };
    let was_compared = found.is_some();
    let failed = failed
        .as_ref()
        .filter(|_| !was_compared)
        .map(|why| (ConditionType::Discovered, why));
    let reached = if was_compared { OWN } else { &[] };
    let mut conditions = summary_conditions(&outcome);
    conditions.extend(own_conditions(OWN, reached, failed));
    if let (Some(found), Some(discovered)) = (&found, conditions.last_mut()) {
        discovered.message = cut(found.message.as_str());
    }
    let counts = found.map(|found| RepositoryCounts {
        matched: found.matched,
        bound: found.bound,
        skipped: found.skipped,
        conflicting: found.conflicting,
    });
    write(set, status_of(set, &conditions, counts), context).await?;
    Ok(next)
}

fn outcome(waiting: i64) -> Outcome {
    if waiting == 0 {
        return Outcome::Settled;
    }
    Outcome::Retrying(Blocked::new(
        Reason::LimitReached,
        format!(
            "{} for the next interval: limits.newPerInterval",
            counted(waiting, "repository waits", "repositories wait")
        ),
    ))
}

/// Says that the set is suspended, unless it is up to date: then it stays as it was.
pub(super) async fn suspended(set: &ProjectBindingSet, context: &Context) -> Result<Next, Error> {
    if !status::is_settled(set) {
        let conditions = summary_conditions(&Outcome::Suspended);
        write(set, status_of(set, &conditions, None), context).await?;
    }
    Ok(Next::Settled(WITHOUT_CONNECTION))
}

/// Says why the set cannot be deleted yet.
pub(super) async fn blocked(
    set: &ProjectBindingSet,
    context: &Context,
    why: Blocked,
) -> Result<(), Error> {
    let conditions = summary_conditions(&Outcome::DeletionBlocked(why));
    write(set, status_of(set, &conditions, None), context).await
}

fn status_of(
    set: &ProjectBindingSet,
    conditions: &[Condition],
    counts: Option<RepositoryCounts>,
) -> ProjectBindingSetStatus {
    let before = set.status.clone().unwrap_or_default();
    let generation = set.metadata.generation;
    ProjectBindingSetStatus {
        observed_generation: generation,
        conditions: status::conditions(&before.conditions, conditions, generation, &clock::now()),
        repositories: counts.or(before.repositories),
        last_handled_reconcile_at: requested(set),
    }
}

fn events(work: &Work) -> Vec<Event> {
    let about = |reason: EventReason, done: &str, names: &[String]| {
        let note = format!("{done} {}: {}", names.len(), names.join(", "));
        (!names.is_empty()).then(|| Event::new(reason, cut(note)))
    };
    let events = [
        about(
            EventReason::BindingsCreated,
            "created ProjectBindings,",
            &work.created,
        ),
        about(
            EventReason::Changed,
            "applied the template to ProjectBindings,",
            &work.updated,
        ),
        about(
            EventReason::BindingsDeleted,
            "deleted ProjectBindings of repositories that are gone,",
            &work.deleted,
        ),
    ];
    events.into_iter().flatten().collect()
}
