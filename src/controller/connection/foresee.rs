//! What the operator would do for a connection.

use std::sync::Arc;

use kube::core::DeserializeGuard;

use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::foresee::{Before, Foresee};
use crate::crd::BitbucketConnection;
use crate::kubernetes::objects::Follower as _;
use crate::plan::foreseen::Foreseen;
use crate::plan::trouble::Trouble;
use crate::plan::{Blocked, Reason};

use super::reconcile::ConnectionReconcile;
use super::report::sonarqube_status;

impl Foresee for BitbucketConnection {
    async fn examine(&self, context: &Context) -> Vec<Trouble> {
        if self.spec.suspend || self.metadata.deletion_timestamp.is_some() {
            return Vec::new();
        }
        Box::pin(super::examine::examine(self, context)).await
    }

    /// Its bindings can be foreseen afterwards, by what was found.
    async fn foresee(&self, context: &Context, _: &Before) -> Result<Foreseen, Error> {
        if self.metadata.deletion_timestamp.is_some() {
            return Ok(Foreseen::Leaves);
        }
        let mut reconcile = ConnectionReconcile::new(self.clone(), context);
        if self.spec.suspend {
            let why = Blocked::new(Reason::Suspended, "the connection is suspended");
            reconcile.link.lock().close(why);
            return Ok(Foreseen::Suspended);
        }
        let foreseen = Box::pin(reconcile.foresee()).await;
        if let Err(error) = &foreseen {
            let failing = reconcile.failing(error);
            reconcile.link.lock().fail(failing);
        }
        if let Some(health) = &reconcile.health {
            // What its bindings claim depends on the server that it reaches.
            let mut shown = self.clone();
            let status = shown.status.get_or_insert_default();
            status.sonarqube = Some(sonarqube_status(&health.sonarqube));
            let shown = Arc::new(DeserializeGuard(Ok(shown)));
            context.queues.connections.store.put(Arc::clone(&shown));
            context.register.shown(&*shown);
        }
        foreseen
    }
}
