//! The story of a ProjectBindingSet: find its connection, compare the connection's listing with the bindings of the set,
//! and create, update and delete bindings.

mod connection;
mod foresee;
mod found;
mod perform;
mod release;
mod report;

use std::sync::Arc;
use std::time::Duration;

use crate::crd::{ProjectBindingSet, ProjectBindingSetStatus};
use crate::http::Urgency;
use crate::kubernetes::status::{self, is_asked, requested};
use crate::kubernetes::{event, finalizer};
use crate::plan::condition::ConditionType;

use super::context::Context;
use super::error::Error;
use super::lifecycle::Lifecycle;
use super::reconcile::{Limits, Next, Reconcile};
use super::share::Share;

use perform::Work;

/// The own conditions of the kind.
const OWN: &[ConditionType] = &[ConditionType::Discovered];

/// The longest time until the next reconcile of a set without a connection.
const WITHOUT_CONNECTION: Duration = Duration::from_mins(10);

impl Reconcile for ProjectBindingSet {
    fn urgency(&self) -> Urgency {
        let status = self.status.as_ref();
        let observed = status.and_then(|status| status.observed_generation);
        let handled = status.and_then(|status| status.last_handled_reconcile_at.as_ref());
        if is_asked(self, observed, handled) {
            Urgency::Asked
        } else {
            Urgency::Drift
        }
    }

    /// Brings the bindings of one set to their desired state, and reports what was found and done.
    async fn reconcile(self: Arc<Self>, context: Arc<Context>, _: Share) -> Result<Next, Error> {
        let set = self;
        match Lifecycle::of(&*set, set.spec.suspend) {
            Lifecycle::Deleting => Box::pin(release::release(&set, &context)).await,
            Lifecycle::Suspended => Box::pin(report::suspended(&set, &context)).await,
            Lifecycle::Unprotected => {
                finalizer::add(context.place::<Self>(), &*set).await?;
                // The watch brings the object with its finalizer.
                Ok(Next::Settled(WITHOUT_CONNECTION))
            }
            Lifecycle::Live => Box::pin(converge(&set, &context)).await,
        }
    }
}

/// Whether an outage changes nothing about what the set says: it is up to date, and no user waits for an answer. A
/// request that is taken away wants none.
fn keeps_its_status(set: &ProjectBindingSet) -> bool {
    let status = set.status.as_ref();
    let handled = status.and_then(|status| status.last_handled_reconcile_at.as_ref());
    let awaited = requested(set).filter(|request| Some(request) != handled);
    status::is_settled(set) && awaited.is_none()
}

async fn converge(set: &ProjectBindingSet, context: &Context) -> Result<Next, Error> {
    let mut work = Work::default();
    let limits = Limits::of::<ProjectBindingSet>(context);
    let ended = limits.keep(Box::pin(pursue(set, context, &mut work))).await;
    Box::pin(report::report(set, context, (work, ended))).await
}

/// What became of the comparison.
enum Ended {
    /// Everything that may be done in this interval was done. The next comparison is after this time.
    Compared(Duration),
    /// The connection cannot be used at the moment, and the set was up to date: nothing is reported.
    Kept,
}

async fn pursue(
    set: &ProjectBindingSet,
    context: &Context,
    work: &mut Work,
) -> Result<Ended, Error> {
    let reference = connection::find(set, context)?;
    let Some(access) = connection::open(&reference, set, context)? else {
        return Ok(Ended::Kept);
    };
    let interval = context.interval(&reference.connection);
    perform::perform(set, context, (&reference, &access), work).await?;
    Ok(Ended::Compared(interval))
}

/// Writes the status, if it changed.
async fn write(
    set: &ProjectBindingSet,
    after: ProjectBindingSetStatus,
    context: &Context,
) -> Result<(), Error> {
    let before = set.status.clone().unwrap_or_default();
    if after == before {
        return Ok(());
    }
    let place = context.place::<ProjectBindingSet>();
    status::write(place, set, &after, status::Precondition::None).await?;
    let transition = event::transition(&before.conditions, &after.conditions);
    context.events.publish(set, transition.as_slice());
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_outage_changes_a_set_that_is_not_up_to_date_or_is_asked() {
        let keeps = |ready: &str, requested: Option<&str>, handled: Option<&str>| {
            let annotations = requested.map(|it| json!({"bindery.dev/reconcile-requested-at": it}));
            let set = json!({
                "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBindingSet",
                "metadata": {"generation": 1, "annotations": annotations},
                "spec": {"connectionRef": {"name": "c"}, "select": [{"project": "PAY"}]},
                "status": {"observedGeneration": 1, "lastHandledReconcileAt": handled, "conditions": [{
                    "type": "Ready", "status": ready, "reason": "Succeeded", "message": "",
                    "observedGeneration": 1, "lastTransitionTime": "2026-11-28T09:00:00Z",
                }]},
            });
            keeps_its_status(&serde_json::from_value(set).unwrap())
        };
        assert!(keeps("True", None, None));
        assert!(keeps("True", Some("a"), Some("a")));
        assert!(keeps("True", None, Some("a")), "taken away");
        assert!(!keeps("True", Some("b"), Some("a")));
        assert!(!keeps("True", Some("a"), None));
        assert!(!keeps("False", None, None));
    }
}
