//! What is there, counted when somebody asks for metrics.

use std::time::Duration;

use kube::Resource;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::Store;

use crate::metrics::Census;
use crate::plan::verdict::Aspect;

use super::claims::uid;
use super::context::Context;
use super::status::Conditioned;

/// Counts the objects of both kinds.
pub(crate) fn take(context: &Context) -> Census {
    let mut census = Census::default();
    count(
        "BitbucketConnection",
        &context.connections,
        context,
        &mut census,
    );
    count("ProjectBinding", &context.bindings, context, &mut census);
    census
}

fn count<K>(
    kind: &'static str,
    store: &Store<DeserializeGuard<K>>,
    context: &Context,
    census: &mut Census,
) where
    K: Conditioned + Resource<DynamicType = ()> + Clone + 'static,
{
    let mut oldest = Duration::ZERO;
    for guarded in store.state() {
        match &guarded.0 {
            Ok(object) => {
                let (ready, reason) = ready(object);
                census.objects.push((kind, ready, reason));
                let uid = uid(object);
                census.in_backoff += usize::from(context.failures.holds(&uid));
                oldest = oldest.max(context.due.overdue(&uid));
            }
            Err(_) => census.undecodable.push(kind),
        }
    }
    census.oldest_due.push((kind, oldest));
}

/// Status and reason of `Ready`; nothing was told before the first pass.
fn ready(object: &impl Conditioned) -> (String, String) {
    let conditions = object.conditions().iter();
    let mut ready = conditions.filter(|condition| condition.type_ == Aspect::Ready.as_str());
    ready.next().map_or_else(
        || ("Unknown".to_owned(), String::new()),
        |ready| (ready.status.clone(), ready.reason.clone()),
    )
}
