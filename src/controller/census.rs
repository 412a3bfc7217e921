//! What is there, counted when somebody asks for metrics.

use std::time::{Duration, Instant};

use kube::core::DeserializeGuard;
use kube::runtime::reflector::Store;

use crate::crd::{Kind, for_each_kind};
use crate::kubernetes::status;
use crate::kubernetes::uid;
use crate::metrics::Census;
use crate::plan::verdict::Aspect;

use super::context::Context;

/// Counts the objects of every kind.
pub(crate) fn take(context: &Context) -> Census {
    let mut census = Census::default();
    macro_rules! count {
        ($($objects:ident: $kind:ident;)+) => {
            $(count(&context.queues.$objects.store, context, &mut census);)+
        };
    }
    for_each_kind!(count);
    let connections = context.queues.connections.store.state();
    let days = connections.iter().filter_map(|guarded| {
        let status = guarded.0.as_ref().ok()?.status.as_ref()?;
        midnight(status.token_expiry.as_ref()?.sonarqube.as_ref()?)
    });
    census.token_expiry = days
        .min_by(f64::total_cmp)
        .map(|first| ("sonarqube", first));
    census
}

/// The beginning of a day (`2026-12-31`), in seconds since 1970.
fn midnight(day: &str) -> Option<f64> {
    let day: jiff::civil::Date = day.parse().ok()?;
    let midnight = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(midnight.timestamp().as_duration().as_secs_f64())
}

fn count<K: Kind>(store: &Store<DeserializeGuard<K>>, context: &Context, census: &mut Census) {
    let (mut oldest, now) = (Duration::ZERO, Instant::now());
    for guarded in store.state() {
        match &guarded.0 {
            Ok(object) => {
                let (ready, reason) = ready(object);
                census.objects.push((K::NAME, ready, reason));
                let decoration = status::said(object.conditions(), Aspect::DecorationReady);
                census.decoration.extend(decoration.map(|said| {
                    let reason = said.reason.as_str().to_owned();
                    (said.state.as_str().to_owned(), reason)
                }));
                let uid = uid(object);
                census.in_backoff += usize::from(context.agenda.is_failing(&uid));
                oldest = oldest.max(context.agenda.overdue(&uid, now));
            }
            Err(_) => census.undecodable.push(K::NAME),
        }
    }
    census.oldest_due.push((K::NAME, oldest));
}

/// Status and reason of `Ready`; nothing was told before the first pass.
fn ready(object: &impl Kind) -> (String, String) {
    let conditions = object.conditions().iter();
    let mut ready = conditions.filter(|condition| condition.type_ == Aspect::Ready.as_str());
    ready.next().map_or_else(
        || ("Unknown".to_owned(), String::new()),
        |ready| (ready.status.clone(), ready.reason.clone()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_its_midnight() {
        assert_eq!(midnight("2026-12-31"), Some(1_798_675_200.0));
        assert_eq!(midnight("soon"), None);
    }
}
