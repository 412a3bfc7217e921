//! The one place that reads the wall clock.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};

/// Now, to the second: a status holds no fractions.
pub(crate) fn now() -> Time {
    let MicroTime(now) = precisely();
    Time(jiff::Timestamp::from_second(now.as_second()).unwrap_or(now))
}

/// Now, as events have it.
#[expect(
    clippy::disallowed_methods,
    reason = "the shell's one clock; the core takes time as an argument"
)]
pub(crate) fn precisely() -> MicroTime {
    MicroTime(jiff::Timestamp::now())
}

/// How long ago that was; nothing for a time to come.
pub(crate) fn since(then: &Time) -> Duration {
    let seconds = now().0.as_second() - then.0.as_second();
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}

/// What the clock shows, since 1970.
pub(crate) fn since_1970() -> Duration {
    let MicroTime(now) = precisely();
    Duration::try_from(now.as_duration()).unwrap_or_default()
}
