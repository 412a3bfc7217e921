//! The story of a BitbucketConnection: credentials, health of both servers, SonarQube's configuration, and
//! the inventory that its bindings live on.

mod examine;
mod foresee;
mod health;
mod reconcile;
mod release;
mod remotes;
mod report;
mod settings;
mod sweep;
mod sync;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::crd::{BitbucketConnection, BitbucketConnectionStatus};
use crate::declared::connection::reference_to;
use crate::fleet::link::SharedLink;
use crate::http::Urgency;
use crate::kubernetes::clock;
use crate::kubernetes::event::{self, Event};
use crate::kubernetes::finalizer;
use crate::kubernetes::status::{self, Precondition, is_asked, requested};
use crate::kubernetes::uid;
use crate::plan::condition::{ConditionType, Outcome, summary};
use crate::plan::{Blocked, Reason};

use super::context::Context;
use super::error::Error;
use super::lifecycle::Lifecycle;
use super::reconcile::{Limits, Next, Reconcile, outcome};
use super::share::Share;
use super::wake;
use crate::fleet::link::Request;

use reconcile::ConnectionReconcile;
use sync::Synced;

/// The own conditions of the kind, in the order in which a reconcile finds out about them.
const OWN: &[ConditionType] = &[
    ConditionType::SonarQubeReachable,
    ConditionType::BitbucketReachable,
    ConditionType::CredentialsValid,
    ConditionType::ConfigurationSynced,
];

impl Reconcile for BitbucketConnection {
    fn urgency(&self) -> Urgency {
        let status = self.status.as_ref();
        let observed = status.and_then(|status| status.observed_generation);
        let handled = status.and_then(|status| status.last_handled_reconcile_at.as_ref());
        if is_asked(self, observed, handled) {
            Urgency::Asked
        } else {
            Urgency::Check
        }
    }

    /// Brings one connection to its desired state, and reports what was found and done.
    async fn reconcile(
        self: Arc<Self>,
        context: Arc<Context>,
        share: Share,
    ) -> Result<Next, Error> {
        let connection = self;
        context.register.ledger.begin(&uid(&*connection));
        match Lifecycle::of(&*connection, connection.spec.suspend) {
            Lifecycle::Deleting => {
                drop(share);
                Box::pin(release::release(&connection, &context)).await
            }
            Lifecycle::Unprotected => {
                let interval = context.interval(&connection);
                let Err(refused) =
                    finalizer::add(context.place::<BitbucketConnection>(), &*connection).await
                else {
                    return Ok(Next::Settled(interval));
                };
                let error = Error::from(refused);
                Box::pin(release::say(&connection, &outcome(&error), &context)).await?;
                Ok(Next::Failed { error, interval })
            }
            Lifecycle::Suspended => {
                drop(share);
                Box::pin(suspend(&connection, &context)).await
            }
            Lifecycle::Live => {
                // A connection whose servers hang delays no other: each has a reconcile of its own.
                drop(share);
                let connection = Arc::unwrap_or_clone(connection);
                let (reconcile, result) = Box::pin(converge(connection, &context)).await;
                let link = reconcile.link.clone();
                let next = Box::pin(reconcile.report(result)).await?;
                Ok(sooner(next, link.lock().listing.due_in(Instant::now())))
            }
        }
    }
}

/// Reconciles; whether its bindings may work or have to wait depends on the outcome.
async fn converge(
    connection: BitbucketConnection,
    context: &Context,
) -> (ConnectionReconcile<'_>, Result<Synced, Error>) {
    let mut reconcile = ConnectionReconcile::new(connection, context);
    let limits = Limits::of::<BitbucketConnection>(context);
    let result = limits.keep(Box::pin(reconcile.converge())).await;
    let result = result.map_err(|error| error.during(reconcile.doing));
    let failed = result.as_ref().err();
    // One that waits for another object, or was written by another client, has learned nothing of its servers.
    let is_of_servers = |error: &&Error| !matches!(error, Error::Reserved) && !error.is_conflict();
    if let Some(error) = failed.filter(is_of_servers) {
        let failing = reconcile.failing(error);
        let affected = reconcile.link.lock().fail(failing);
        wake::affected(affected, &reference_to(&reconcile.connection), context);
        no_listing(&reconcile.link, context);
    }
    (reconcile, result)
}

/// What a user asked for of a connection.
fn request_of(connection: &BitbucketConnection) -> Request {
    Request {
        generation: connection.metadata.generation,
        run_now: requested(connection),
    }
}

/// At the next listing, if bindings wait for one.
fn sooner(next: Next, listing: Option<Duration>) -> Next {
    match (next, listing) {
        (Next::Settled(interval), Some(listing)) => Next::Settled(interval.min(listing)),
        (next, _) => next,
    }
}

/// There will be no listing for now: who waits for one is reconciled without.
fn no_listing(link: &SharedLink, context: &Context) {
    let waiters = link.lock().listing.abandon();
    for name in waiters {
        context.queues.bindings.wake(&name);
    }
}

/// Lets the bindings of a deleted connection reach the servers, which some need for their own deletion: with the
/// tokens as they are now. Writes nothing to them, and keeps serving all that it served.
async fn serve_on(connection: &BitbucketConnection, context: &Context) -> Result<(), Error> {
    if connection.spec.suspend {
        return Ok(());
    }
    let mut reconcile = ConnectionReconcile::new(connection.clone(), context);
    no_listing(&reconcile.link, context);
    let limits = Limits::of::<BitbucketConnection>(context);
    let result = limits.keep(Box::pin(reconcile.serve_on())).await;
    let result = result.map_err(|error| error.during(reconcile.doing));
    if let Err(error) = &result {
        let failing = reconcile.failing(error);
        let affected = reconcile.link.lock().fail_while_deleting(failing);
        wake::affected(affected, &reference_to(connection), context);
    }
    result
}

/// Says that a connection is suspended, unless it is up to date: then it stays as it was. Its bindings stand still with
/// it.
async fn suspend(connection: &BitbucketConnection, context: &Context) -> Result<Next, Error> {
    let why = Blocked::new(Reason::Suspended, "the connection is suspended");
    let link = context.links.open(&uid(connection));
    let affected = link.lock().close(why);
    wake::affected(affected, &reference_to(connection), context);
    no_listing(&link, context);
    if !status::is_settled(connection) {
        let before = connection.status.clone().unwrap_or_default();
        let generation = connection.metadata.generation;
        let conditions = summary(&Outcome::Suspended);
        let conditions =
            status::conditions(&before.conditions, &conditions, generation, &clock::now());
        let after = BitbucketConnectionStatus {
            observed_generation: generation,
            conditions,
            ..before
        };
        write(connection, after, &[], context).await?;
    }
    Ok(Next::Settled(context.interval(connection)))
}

/// Writes the status if it changed. Then it publishes what was done, and a change of readiness: an event follows its
/// status, as otherwise each attempt to store that would publish it.
async fn write(
    connection: &BitbucketConnection,
    after: BitbucketConnectionStatus,
    done: &[Event],
    context: &Context,
) -> Result<(), Error> {
    let before = connection.status.clone().unwrap_or_default();
    if after == before {
        context.events.publish(connection, done);
        return Ok(());
    }
    let transition = event::transition(&before.conditions, &after.conditions);
    // The counts have a writer of their own.
    let written = BitbucketConnectionStatus {
        bindings: None,
        ..after
    };
    let place = context.place::<BitbucketConnection>();
    status::write(place, connection, &written, Precondition::None).await?;
    context.events.publish(connection, done);
    context.events.publish(connection, transition.as_slice());
    Ok(())
}
