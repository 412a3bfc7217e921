//! `status.bindings` of the connections, which no reconcile writes: the first counts of a connection within a second,
//! later ones at most every ten seconds.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::crd::{BindingCounts, BitbucketConnection};
use crate::fleet::{Counts, ObjectName};
use crate::kubernetes::status;

use super::context::Context;

/// A field manager of its own: the reconcile that writes the rest of the status does not know the counts.
const MANAGER: &str = "bindery-counts";

/// How soon the first counts of a connection are written.
const TICK: Duration = Duration::from_secs(1);

/// How many ticks lie between two writes for a connection that has counts already.
const TICKS_BETWEEN: u64 = 10;

/// Writes what changed, until the shutdown signal. Counts what exists: a binding may be deleted without a reconcile.
pub(crate) async fn keep(context: Arc<Context>, stop: CancellationToken) {
    if stop
        .run_until_cancelled(context.seen.everything())
        .await
        .is_none()
    {
        return;
    }
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tick: u64 = 0;
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let is_due = tick.is_multiple_of(TICKS_BETWEEN);
        for place in context.register.roster.take_recounted() {
            write(&place, is_due, &context).await;
        }
        tick += 1;
    }
}

async fn write(place: &ObjectName, is_due: bool, context: &Context) {
    let Counts { total, ready } = context.register.roster.counts(place);
    let found = context.queues.connections.store.get(&place.0, &place.1);
    let Some(Ok(connection)) = found.as_ref().map(|found| &found.0) else {
        return;
    };
    let counts = BindingCounts {
        total,
        ready,
        summary: format!("{ready}/{total}"),
    };
    let before = connection
        .status
        .as_ref()
        .and_then(|status| status.bindings.as_ref());
    // A connection that never had a binding says nothing of them.
    if before.map_or(total == 0, |before| *before == counts) {
        return;
    }
    if before.is_some() && !is_due {
        context.register.roster.recount(place.clone());
        return;
    }
    let status = serde_json::json!({"bindings": counts});
    let target = context.place::<BitbucketConnection>();
    if let Err(error) = status::write_field(target, connection, MANAGER, &status).await {
        tracing::debug!(%error, "the counts of a connection could not be written");
        context.register.roster.recount(place.clone());
    }
}
