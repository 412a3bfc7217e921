//! What needs a look at everything that is there, every ten seconds: `status.bindings` of the connections, which no pass
//! writes, and the end of what this process remembers of objects that are gone.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::crd::{BindingCounts, BitbucketConnection, Kind as _};
use crate::declared::connection::reference_to;
use crate::fleet::Counts;
use crate::kubernetes::status;

use super::context::Context;

/// A field manager of its own: the pass that writes the rest of the status does not know the counts.
const MANAGER: &str = "bindery-counts";

const PERIOD: Duration = Duration::from_secs(10);

/// Writes what changed, until told to stop. Counts what is there: a binding may go without any pass over it.
pub(crate) async fn keep(context: Arc<Context>, stop: CancellationToken) {
    if stop
        .run_until_cancelled(context.seen.everything())
        .await
        .is_none()
    {
        return;
    }
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        context.keep_track();
        for guarded in context.queues.connections.store.state() {
            if let Ok(connection) = &guarded.0 {
                write(connection, &context).await;
            }
        }
    }
}

async fn write(connection: &BitbucketConnection, context: &Context) {
    let Counts { total, ready } = context.register.roster.counts(&reference_to(connection));
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
    let status = serde_json::json!({"bindings": counts});
    match status::write_field(&context.client, connection, MANAGER, &status).await {
        Ok(()) => context.metrics.status_written(BitbucketConnection::NAME),
        Err(error) => tracing::debug!(%error, "the counts of a connection could not be written"),
    }
}
