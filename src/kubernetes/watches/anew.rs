//! When a watch of a referenced object begins anew, with a list. A watch that goes on where it was says nothing of an
//! object that did not change, but that could not be read meanwhile.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt as _, stream};
use kube::core::PartialObjectMeta;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, DefaultBackoff, Event};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

/// Why a watch begins anew.
#[derive(Debug)]
pub(super) enum Ended {
    Failed(watcher::Error),
    /// A connection was not allowed to read the object.
    Forbidden,
}

/// Begins anew after each error, and once an object can be read that could not because a grant was missing. A list is no
/// proof of that: a Role can allow to list an object, and not to read it.
pub(super) fn begins_anew<T, S, R>(
    watch: impl FnMut() -> S,
    may_be_read: impl Fn() -> R + Clone,
    forbidden: &watch::Receiver<()>,
) -> impl Stream<Item = Result<Event<T>, Ended>>
where
    S: Stream<Item = watcher::Result<Event<T>>>,
    R: Future<Output = bool>,
{
    let until_it_ends = move |events: S| {
        let mut forbidden = forbidden.clone();
        // The list that begins now is later than what was noted until now.
        forbidden.mark_unchanged();
        let attempt = Attempt {
            events: Box::pin(events),
            forbidden,
            is_forbidden: false,
            may_be_read: may_be_read.clone(),
        };
        stream::unfold(Some(attempt), async |attempt| {
            let mut attempt = attempt?;
            let event = attempt.next().await?;
            let goes_on = !matches!(event, Err(Ended::Failed(_)));
            Some((event, goes_on.then_some(attempt)))
        })
    };
    stream::repeat_with(watch).flat_map(until_it_ends)
}

/// A watch, and after it the time until the object can be read.
struct Attempt<S, M> {
    events: Pin<Box<S>>,
    forbidden: watch::Receiver<()>,
    is_forbidden: bool,
    may_be_read: M,
}

impl<S, M> Attempt<S, M> {
    async fn next<T, R>(&mut self) -> Option<Result<Event<T>, Ended>>
    where
        S: Stream<Item = watcher::Result<Event<T>>>,
        M: Fn() -> R,
        R: Future<Output = bool>,
    {
        if self.is_forbidden {
            return (!(self.may_be_read)().await).then_some(Err(Ended::Forbidden));
        }
        tokio::select! {
            biased;
            event = self.events.next() => Some(event?.map_err(Ended::Failed)),
            Ok(()) = self.forbidden.changed() => {
                self.is_forbidden = true;
                Some(Err(Ended::Forbidden))
            }
        }
    }
}

/// Whether an object may be read: only a refusal says that it may not. Its metadata alone are asked for.
pub(super) async fn may_be_read<K>(api: &Api<PartialObjectMeta<K>>, name: &str) -> bool
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let read = api.get_opt(name).await;
    !matches!(read, Err(kube::Error::Api(status)) if status.code == 403)
}

/// Ever longer delays after errors, until there was none for two minutes. A list is no success: where the operator may
/// list but not watch, the delays would begin anew each time.
#[derive(Default)]
pub(super) struct Delays(DefaultBackoff);

impl Iterator for Delays {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next()
    }
}

impl Backoff for Delays {
    fn reset(&mut self) {}
}
