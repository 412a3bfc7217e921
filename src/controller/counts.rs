//! `status.bindings` of the connections: written at most every ten seconds, and never by a pass.

use std::sync::Arc;
use std::time::Duration;

use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::crd::{BindingCounts, BitbucketConnection};

use super::binding::trigger::Tally;
use super::context::Context;

/// A field manager of its own: the pass that writes the rest of the status does not know the counts.
const MANAGER: &str = "bindery-counts";

const PERIOD: Duration = Duration::from_secs(10);

/// Writes what changed, until told to stop. Counts what is there, since a binding may go without any pass over it.
pub(crate) async fn keep(context: Arc<Context>, stop: CancellationToken) {
    let seen = stop.run_until_cancelled(context.bindings.wait_until_ready());
    if !matches!(seen.await, Some(Ok(()))) {
        return;
    }
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let tallies = super::binding::trigger::tallies(&context);
        for guarded in context.connections.state() {
            if let Ok(connection) = &guarded.0 {
                let reference = (
                    connection.namespace().unwrap_or_default(),
                    connection.name_any(),
                );
                let tally = tallies.get(&reference).copied().unwrap_or_default();
                write(connection, tally, &context).await;
            }
        }
    }
}

async fn write(connection: &BitbucketConnection, tally: Tally, context: &Context) {
    let Tally { total, ready } = tally;
    let counts = BindingCounts {
        total: i64::try_from(total).unwrap_or(i64::MAX),
        ready: i64::try_from(ready).unwrap_or(i64::MAX),
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
    let patch = serde_json::json!({
        "apiVersion": "bindery.dev/v1alpha1",
        "kind": "BitbucketConnection",
        "metadata": {"name": connection.name_any(), "uid": connection.uid()},
        "status": {"bindings": counts},
    });
    let api: Api<BitbucketConnection> = Api::namespaced(
        context.client.clone(),
        &connection.namespace().unwrap_or_default(),
    );
    let parameters = PatchParams::apply(MANAGER).force();
    match api
        .patch_status(&connection.name_any(), &parameters, &Patch::Apply(&patch))
        .await
    {
        Ok(_) => context.metrics.status_written("BitbucketConnection"),
        Err(error) => tracing::debug!(%error, "the counts of a connection could not be written"),
    }
}
