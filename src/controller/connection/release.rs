//! The end of a connection: it waits for the bindings that need it, and leaves SonarQube's configuration
//! unless it was asked to delete what it made itself.

use kube::ResourceExt as _;

use crate::controller::context::Context;
use crate::controller::credentials;
use crate::controller::error::{Doing, Error};
use crate::controller::reconcile::{Limits, Next};
use crate::controller::wake;
use crate::crd::{
    BitbucketConnection, BitbucketConnectionStatus, ConnectionDeletionPolicy, FORCE_ORPHAN,
    ManagementPolicy,
};
use crate::declared::connection::{self as declared, reference_to};
use crate::fleet::ledger::Server;
use crate::kubernetes::clock;
use crate::kubernetes::event::{Event, EventReason};
use crate::kubernetes::finalizer;
use crate::kubernetes::status;
use crate::kubernetes::uid;
use crate::plan::condition::{Outcome, summary};
use crate::plan::connection::{ConnectionRelease, ConnectionReleaseFacts, Kept, release as decide};
use crate::plan::{Blocked, Reason};

use super::health::failed;
use super::{remotes, settings};

/// Lets a deleted connection go, as soon as it may.
pub(super) async fn release(
    connection: &BitbucketConnection,
    context: &Context,
) -> Result<Next, Error> {
    if !finalizer::is_set(connection) {
        return Ok(Next::Gone);
    }
    let forced = connection.annotations().contains_key(FORCE_ORPHAN);
    let needed_by = wake::protected(&reference_to(connection), context);
    if !needed_by.is_empty() && !forced {
        let unserved = super::serve_on(connection, context).await.err();
        let why = in_use(&needed_by, unserved.as_ref());
        let next = blocked(connection, context, why).await?;
        return Ok(unserved.map_or(next, |error| Next::Failed {
            error,
            interval: context.interval(connection),
        }));
    }
    // A binding that is at work, or was a moment ago, may need it from now on.
    let own = uid(connection);
    let why = Blocked::new(Reason::Deleting, "the connection is being deleted");
    let was_open = context.links.open(&own).lock().close_to_new_ones(why);
    match awaited(connection, was_open, context) {
        Some(next) if !forced => return Ok(next),
        Some(_) | None => {}
    }
    let event = match undo(connection, forced, context).await {
        Ok(event) => event,
        Err(Error::Reserved) => return Ok(Next::Waits),
        Err(error) => {
            let why = Blocked::new(
                Reason::DeletionBlocked,
                format!(
                    "SonarQube's configuration could not be deleted: {}. Annotate the object with {FORCE_ORPHAN}=true to let it go as it is",
                    error.refusal().message
                ),
            );
            return stays(connection, context, (error, why)).await;
        }
    };
    context.events.publish(connection, event.as_slice());
    if let Err(refused) =
        finalizer::remove(context.place::<BitbucketConnection>(), connection).await
    {
        let error = Error::from(refused);
        let why = Blocked::new(Reason::DeletionBlocked, error.refusal().message);
        return stays(connection, context, (error, why)).await;
    }
    forget(connection, context);
    // The watch wakes those that wait for it.
    Ok(Next::Gone)
}

/// Says why the object cannot go yet.
async fn stays(
    connection: &BitbucketConnection,
    context: &Context,
    (error, why): (Error, Blocked),
) -> Result<Next, Error> {
    blocked(connection, context, why).await?;
    let interval = context.interval(connection);
    Ok(Next::Failed { error, interval })
}

/// What a connection waits for after it admitted its last binding: for those at work, then for one more read of
/// what was accepted meanwhile.
fn awaited(connection: &BitbucketConnection, was_open: bool, context: &Context) -> Option<Next> {
    if context
        .lanes
        .is_busy(&uid(connection), declared::reference_to(connection))
    {
        return Some(Next::Queued);
    }
    was_open.then_some(Next::AtOnce)
}

/// Does what is to be done in SonarQube, and returns what became of its configuration.
async fn undo(
    connection: &BitbucketConnection,
    forced: bool,
    context: &Context,
) -> Result<Option<Event>, Error> {
    let left = |why: &str| {
        let note = format!("left SonarQube's configuration: {why}");
        Ok(Some(Event::new(EventReason::Orphaned, note)))
    };
    if forced {
        return left("as the annotation asked for");
    }
    let spec = &connection.spec;
    let wants_deletion = spec.deletion_policy == ConnectionDeletionPolicy::Delete
        && spec.management_policy == ManagementPolicy::Full
        && !spec.suspend;
    if !wants_deletion {
        return Ok(None);
    }
    let limits = Limits::of::<BitbucketConnection>(context);
    let deleted = limits.keep(Box::pin(delete(connection, context))).await;
    match deleted.map_err(|error| error.during(Doing::Undoing)) {
        Ok(event) => Ok(Some(event)),
        // What is gone cannot be used any more; what merely failed may be back.
        Err(error) if matches!(credentials::are_gone(connection, context).await, Ok(true)) => {
            left(&error.refusal().message)
        }
        Err(error) => Err(error),
    }
}

fn forget(connection: &BitbucketConnection, context: &Context) {
    let own = uid(connection);
    context.links.forget(&own);
    context.register.ledger.give_up(&own);
    context.watches.forget(
        &connection.namespace().unwrap_or_default(),
        &connection.name_any(),
    );
}

async fn delete(connection: &BitbucketConnection, context: &Context) -> Result<Event, Error> {
    let url = declared::sonarqube_url(connection).map_err(Error::Refused)?;
    let credentials = credentials::of_sonarqube(connection, context).await?;
    let sonarqube = &remotes::sonarqube_alone(&url, &credentials, context)?;
    let fail = |source| failed(sonarqube, source);
    let server = super::health::up(sonarqube).await?.id;
    super::health::authenticated(sonarqube).await?;
    let Some((record, name)) =
        declared::recorded(connection).zip(declared::recorded_name(connection))
    else {
        return Ok(left(Kept::NotOurs));
    };
    // One that is about to adopt it goes first, or comes too late.
    let (own, ledger) = (uid(connection), &context.register.ledger);
    let at = Server::new(sonarqube.url(), server.clone());
    let reserved = ledger.reserve(&own, &[at.configuration(&name)]);
    let _reserved = reserved.ok_or(Error::Reserved)?;
    let settings = settings::read(sonarqube).await?;
    let ours = settings.iter().find(|setting| setting.id == record.id);
    // Read last: all that is bound until now counts.
    let bound = match ours {
        Some(setting) => sonarqube.count_binding(&setting.key).await.map_err(fail)?,
        None => 0,
    };
    let mut things = at.configurations(&name, Some(&record.id)).into_iter();
    let claimed_by_other = things.any(|thing| ledger.rival(&own, &thing).is_some());
    let facts = ConnectionReleaseFacts {
        uid: &own,
        record: Some(&record),
        server: &server,
        settings: &settings,
        bound,
        claimed_by_other,
    };
    match decide(&facts) {
        ConnectionRelease::Delete(key) => {
            sonarqube.delete_setting(&key).await.map_err(fail)?;
            Ok(Event::new(
                EventReason::ConfigurationDeleted,
                format!("deleted configuration {key} of SonarQube"),
            ))
        }
        ConnectionRelease::Keep(why) => Ok(left(why)),
    }
}

fn left(why: Kept) -> Event {
    let why = match why {
        Kept::NotOurs => "Bindery did not create it for this object, or it is gone".to_owned(),
        Kept::Taken => "another BitbucketConnection manages it by now".to_owned(),
        Kept::InUse(count) => {
            format!("{count} project(s) are bound through it, and deleting it would unbind them")
        }
    };
    Event::new(
        EventReason::Orphaned,
        format!("left SonarQube's configuration: {why}"),
    )
}

fn in_use(bindings: &[String], unserved: Option<&Error>) -> Blocked {
    let shown: Vec<_> = bindings.iter().take(5).map(String::as_str).collect();
    let more = bindings.len().saturating_sub(shown.len());
    let others = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    let trouble = unserved.map_or_else(String::new, |error| {
        format!(
            ". It cannot serve them at the moment: {}",
            error.refusal().message
        )
    });
    Blocked::new(
        Reason::InUse,
        format!(
            "{} ProjectBinding(s) need this connection for their own deletion: {}{others}; delete them, or annotate this object with {FORCE_ORPHAN}=true{trouble}",
            bindings.len(),
            shown.join(", ")
        ),
    )
}

/// Says that the deletion has to wait.
async fn blocked(
    connection: &BitbucketConnection,
    context: &Context,
    why: Blocked,
) -> Result<Next, Error> {
    say(connection, &Outcome::DeletionBlocked(why), context).await?;
    Ok(Next::Settled(context.interval(connection)))
}

/// Writes the summary conditions. What was found out about the servers before stays.
pub(super) async fn say(
    connection: &BitbucketConnection,
    outcome: &Outcome,
    context: &Context,
) -> Result<(), Error> {
    let before = connection.status.clone().unwrap_or_default();
    let generation = connection.metadata.generation;
    let conditions = summary(outcome);
    let mut conditions =
        status::conditions(&before.conditions, &conditions, generation, &clock::now());
    conditions.extend(
        before
            .conditions
            .iter()
            .filter(|old| {
                super::OWN
                    .iter()
                    .any(|condition_type| condition_type.as_str() == old.type_)
            })
            .cloned(),
    );
    let after = BitbucketConnectionStatus {
        observed_generation: generation,
        conditions,
        ..before
    };
    super::write(connection, after, &[], context).await
}
