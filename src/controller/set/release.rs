//! The end of a set: its bindings stay without its label, or are deleted.

use kube::ResourceExt as _;

use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::reconcile::Next;
use crate::crd::{FORCE_ORPHAN, ProjectBinding, ProjectBindingSet, SetDeletionPolicy};
use crate::kubernetes::event::{Event, EventReason};
use crate::kubernetes::{finalizer, members};
use crate::plan::{Blocked, Reason};

use super::{WITHOUT_CONNECTION, report};

/// Lets a deleted set go.
pub(super) async fn release(set: &ProjectBindingSet, context: &Context) -> Result<Next, Error> {
    if !finalizer::is_set(set) {
        return Ok(Next::Gone);
    }
    let ended = match undo(set, context).await {
        Ok(event) => {
            context.events.publish(set, event.as_slice());
            finalizer::remove(context.place::<ProjectBindingSet>(), set).await
        }
        Err(error) => Err(error),
    };
    let Err(refused) = ended else {
        return Ok(Next::Gone);
    };
    let error = Error::from(refused);
    let why = Blocked::new(Reason::DeletionBlocked, error.refusal().message);
    report::blocked(set, context, why).await?;
    Ok(Next::Failed {
        error,
        interval: WITHOUT_CONNECTION,
    })
}

/// Releases or deletes the bindings.
async fn undo(
    set: &ProjectBindingSet,
    context: &Context,
) -> Result<Option<Event>, crate::kubernetes::Error> {
    if set.annotations().contains_key(FORCE_ORPHAN) {
        let note = "left the ProjectBindings of the set as they are, as the annotation asked for";
        return Ok(Some(Event::new(EventReason::Orphaned, note)));
    }
    let place = context.place::<ProjectBinding>();
    let (namespace, name) = (set.namespace().unwrap_or_default(), set.name_any());
    let of_the_set = (&*namespace, &*name);
    let is_cascade = set.spec.deletion_policy == SetDeletionPolicy::Cascade && !set.spec.suspend;
    let (reason, done, count) = if is_cascade {
        let count = members::delete_all::<ProjectBinding>(place, of_the_set).await?;
        (EventReason::BindingsDeleted, "deleted", count)
    } else {
        let count = members::release::<ProjectBinding>(place, of_the_set).await?;
        (EventReason::Orphaned, "left", count)
    };
    let note = format!("{done} the {count} ProjectBindings of the set");
    Ok((count > 0).then(|| Event::new(reason, note)))
}
