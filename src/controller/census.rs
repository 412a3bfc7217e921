//! Counts of objects, exported when metrics are scraped. No object is read for that: it was counted when it changed.

use std::time::Instant;

use crate::crd::{self, Kind, for_each_kind};
use crate::fleet::{Reported, Said};
use crate::metrics::{Census, Number};

use super::context::Context;

/// How many objects there are of each kind, and in what state.
pub(crate) fn take(context: &Context) -> Census {
    let mut census = Census::default();
    let mut days = Vec::new();
    let numbers = context.register.census.numbers();
    for (counted, number) in &numbers {
        let (kind, number) = (counted.kind.to_owned(), *number);
        let Reported::Status {
            ready,
            decoration,
            token_expiry,
        } = &counted.reported
        else {
            census.undecodable.push(Number::of([kind], number));
            continue;
        };
        let ready = ready.clone().unwrap_or_else(|| Said {
            state: "Unknown".to_owned(),
            reason: String::new(),
        });
        let labels = [kind, ready.state, ready.reason];
        census.objects.push(Number::of(labels, number));
        census.decoration.extend(decoration.clone().map(|said| {
            let labels = [said.state, said.reason];
            Number::of(labels, number)
        }));
        days.extend(token_expiry.as_deref().and_then(midnight));
    }
    let first = days.into_iter().min_by(f64::total_cmp);
    census.token_expiry = first.map(|first| ("sonarqube", first));
    census.in_backoff = context.agenda.failing();
    let now = Instant::now();
    macro_rules! overdue {
        ($($objects:ident: $kind:ident;)+) => {
            [$((crd::$kind::NAME, context.agenda.overdue(crd::$kind::NAME, now)),)+]
        };
    }
    census.oldest_due = for_each_kind!(overdue).into();
    census
}

/// The beginning of a day (`2026-12-31`), in seconds since 1970.
fn midnight(day: &str) -> Option<f64> {
    let day: jiff::civil::Date = day.parse().ok()?;
    let midnight = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(midnight.timestamp().as_duration().as_secs_f64())
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
