//! `status.bindings` of the connections: written at most every ten seconds, and never by a pass.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::api::{Patch, PatchParams};
use kube::runtime::reflector::ObjectRef;
use kube::{Api, ResourceExt as _};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::crd::{BindingCounts, BitbucketConnection, ProjectBinding};

use super::binding;
use super::context::Context;

/// A field manager of its own: the pass that writes the rest of the status does not know the counts.
const MANAGER: &str = "bindery-counts";

const PERIOD: Duration = Duration::from_secs(10);

/// The connections whose counts may have changed.
#[derive(Default)]
pub(crate) struct Counts(Mutex<HashSet<(String, String)>>);

impl Counts {
    /// A binding's status changed, or the binding went.
    pub(crate) fn mark(&self, binding: &ProjectBinding) {
        let reference = binding::validate::connection_of(binding);
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(reference);
    }

    fn take(&self) -> HashSet<(String, String)> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Writes what changed, until told to stop.
pub(crate) async fn keep(context: Arc<Context>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        for (namespace, name) in context.counts.take() {
            let found = context
                .connections
                .get(&ObjectRef::new(&name).within(&namespace));
            if let Some(Ok(connection)) = found.as_ref().map(|guarded| guarded.0.as_ref()) {
                write(connection, &context).await;
            }
        }
    }
}

async fn write(connection: &BitbucketConnection, context: &Context) {
    let (total, ready) = binding::trigger::counts(connection, context);
    let counts = BindingCounts {
        total: i64::try_from(total).unwrap_or(i64::MAX),
        ready: i64::try_from(ready).unwrap_or(i64::MAX),
        summary: format!("{ready}/{total}"),
    };
    let before = connection
        .status
        .as_ref()
        .and_then(|status| status.bindings.as_ref());
    if before == Some(&counts) {
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
