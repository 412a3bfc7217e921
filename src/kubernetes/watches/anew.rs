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
    may_be_read: impl Fn() -> R,
    forbidden: &watch::Receiver<()>,
) -> impl Stream<Item = Result<Event<T>, Ended>>
where
    S: Stream<Item = watcher::Result<Event<T>>>,
    R: Future<Output = bool>,
{
    let attempts = Attempts {
        watch,
        may_be_read,
        forbidden: forbidden.clone(),
        is_forbidden: false,
        events: None,
    };
    stream::unfold(attempts, async |mut attempts| {
        Some((attempts.next().await, attempts))
    })
}

/// One watch after the other, and between them the time until the object can be read.
struct Attempts<W, S, M> {
    watch: W,
    may_be_read: M,
    /// Changes when a connection was not allowed to read the object, also after the watch has failed.
    forbidden: watch::Receiver<()>,
    is_forbidden: bool,
    /// What goes on.
    events: Option<Pin<Box<S>>>,
}

impl<W, S, M> Attempts<W, S, M> {
    async fn next<T, R>(&mut self) -> Result<Event<T>, Ended>
    where
        W: FnMut() -> S,
        S: Stream<Item = watcher::Result<Event<T>>>,
        M: Fn() -> R,
        R: Future<Output = bool>,
    {
        loop {
            let Some(events) = &mut self.events else {
                self.is_forbidden |= self.forbidden.has_changed().unwrap_or(false);
                self.forbidden.mark_unchanged();
                if self.is_forbidden && !(self.may_be_read)().await {
                    return Err(Ended::Forbidden);
                }
                self.is_forbidden = false;
                self.events = Some(Box::pin((self.watch)()));
                continue;
            };
            let ended = tokio::select! {
                biased;
                event = events.next() => match event {
                    Some(Ok(event)) => return Ok(event),
                    Some(Err(error)) => Some(Ended::Failed(error)),
                    None => None,
                },
                Ok(()) = self.forbidden.changed() => {
                    self.is_forbidden = true;
                    Some(Ended::Forbidden)
                }
            };
            self.events = None;
            if let Some(ended) = ended {
                return Err(ended);
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
