//! The one place that reads the wall clock.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// Now, to the second: a status holds no fractions.
#[expect(
    clippy::disallowed_methods,
    reason = "the shell's one clock; the core takes time as an argument"
)]
pub(crate) fn now() -> Time {
    let now = jiff::Timestamp::now();
    Time(jiff::Timestamp::from_second(now.as_second()).unwrap_or(now))
}

/// How long ago that was; nothing for a time to come.
pub(crate) fn since(then: &Time) -> Duration {
    let seconds = now().0.as_second() - then.0.as_second();
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}
