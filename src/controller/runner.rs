//! Runs the reconciles of one kind: the most urgent first, no more at once than there are workers, and no
//! object twice at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt as _, stream};
use kube::core::DeserializeGuard;
use kube::{Resource, ResourceExt as _};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

use crate::fleet::{ObjectName, Schedule};
use crate::http::Urgency;
use crate::kubernetes::objects::{self, Follower, Seen, Watching};
use crate::kubernetes::uid;

use super::Signals;
use super::context::Context;
use super::queues::{Asked, Ends, Queue, Queued, When};
use super::reconcile::{self, Reconcile};
use super::share::{Share, Workers};

#[cfg(test)]
mod tests;

/// Watches one kind, and reconciles its objects from when this operator leads until the shutdown signal; then waits for
/// the reconciles in progress.
pub(super) async fn work<K>(ends: Ends, context: Arc<Context>, signals: Signals)
where
    K: Reconcile + Queued,
    Context: Follower<K>,
{
    let metrics = &context.metrics;
    metrics.may_run(K::NAME, context.settings.concurrency);
    let queue = K::queue(&context.queues);
    let watching = Watching {
        store: queue.store.clone(),
        seen: ends.seen,
        own: Arc::clone(&queue.writes),
        follower: Arc::clone(&context),
    };
    let scopes = context.settings.namespaces.scopes();
    let changed = objects::watch((&context.client, metrics), scopes, watching);
    let changed = changed.map(|object| asked_now(name_of(&*object)));
    let mut runner = Runner::new(Kept {
        queue,
        context: Arc::clone(&context),
    });
    let mut asked = Box::pin(stream::select(changed, received(ends.asked)));
    if !stand_by(&mut asked, &signals).await {
        return;
    }
    context.agenda.begin(Instant::now());
    for object in queue.store.state() {
        runner.ask(asked_now(name_of(&*object)));
    }
    let working = runner.work(asked, &queue.workers, &context.seen);
    signals.stop.run_until_cancelled(working).await;
    runner.drain().await;
}

/// Follows a kind without reconciling anything until this operator leads. `false`: the operator is to stop.
async fn stand_by(asked: &mut (impl Stream<Item = Asked> + Unpin), signals: &Signals) -> bool {
    loop {
        tokio::select! {
            biased;
            () = signals.stop.cancelled() => return false,
            () = signals.leading.cancelled() => return true,
            Some(_) = asked.next() => {}
        }
    }
}

/// The objects of which a runner knows the names.
trait Objects {
    /// How urgent the reconcile of an object is; `None` if the object does not exist any more.
    fn urgency(&self, name: &ObjectName) -> Option<Urgency>;

    /// An object is to be reconciled as soon as it can be.
    fn waits(&self, name: &ObjectName);

    /// Its reconcile, which ends with the pause until the next one; `None` if the object does not exist any more.
    fn reconcile(
        &self,
        name: &ObjectName,
        share: Share,
    ) -> Option<impl Future<Output = Option<Duration>> + Send + 'static>;
}

/// Those of a kind, as the watch shows them.
struct Kept<'a, K: Queued> {
    queue: &'a Queue<K>,
    context: Arc<Context>,
}

impl<K: Queued> Kept<'_, K> {
    fn find(&self, (namespace, name): &ObjectName) -> Option<Arc<DeserializeGuard<K>>> {
        self.queue.store.get(namespace, name)
    }
}

impl<K: Reconcile + Queued> Objects for Kept<'_, K> {
    fn urgency(&self, name: &ObjectName) -> Option<Urgency> {
        let object = self.find(name)?;
        Some(object.0.as_ref().map_or(Urgency::Drift, K::urgency))
    }

    fn waits(&self, name: &ObjectName) {
        if let Some(object) = self.find(name) {
            self.context.agenda.waits(&uid(&*object), Instant::now());
        }
    }

    fn reconcile(
        &self,
        name: &ObjectName,
        share: Share,
    ) -> Option<impl Future<Output = Option<Duration>> + Send + 'static> {
        let object = self.find(name)?;
        Some(reconcile::run::<K>(
            object,
            Arc::clone(&self.context),
            share,
        ))
    }
}

/// Begins reconciles, and knows which are in progress.
struct Runner<O> {
    objects: O,
    schedule: Schedule,
    under_way: JoinSet<(Arc<ObjectName>, Option<Duration>)>,
}

impl<O: Objects> Runner<O> {
    fn new(objects: O) -> Self {
        Self {
            objects,
            schedule: Schedule::default(),
            under_way: JoinSet::new(),
        }
    }

    /// Reconciles what is requested and what becomes due, once every watch has seen everything. Ends when nothing can
    /// request a reconcile any more, or when a reconcile panicked where nothing catches that.
    async fn work(
        &mut self,
        asked: impl Stream<Item = Asked> + Send,
        workers: &Workers,
        seen: &Seen,
    ) {
        let mut asked = std::pin::pin!(asked);
        loop {
            let (first, due) = (self.schedule.first(), self.schedule.first_due());
            let begin = async {
                seen.everything().await;
                workers.begin(first == Some(Urgency::Asked)).await
            };
            let come_due = tokio::time::sleep_until(due.unwrap_or_else(Instant::now).into());
            tokio::select! {
                asked = asked.next() => match asked {
                    Some(asked) => self.ask(asked),
                    None => return,
                },
                Some(ended) = self.under_way.join_next() => match ended {
                    Ok((name, pause)) => self.end(&name, pause),
                    Err(error) => {
                        tracing::error!(%error, "a reconcile panicked where nothing catches that");
                        return;
                    }
                },
                () = come_due, if due.is_some() => {
                    let urgency = |name: &ObjectName| self.objects.urgency(name);
                    self.schedule.come_due(Instant::now(), urgency);
                }
                share = begin, if first.is_some() => self.begin(share),
            }
        }
    }

    fn ask(&mut self, Asked { name, when }: Asked) {
        let Some(urgency) = self.objects.urgency(&name) else {
            return;
        };
        match when {
            When::Now => {
                self.objects.waits(&name);
                self.schedule.ask(name, urgency);
            }
            When::At(due) => self.schedule.ask_at(name, due),
        }
    }

    fn begin(&mut self, share: Share) {
        let Some(name) = self.schedule.begin() else {
            return;
        };
        let Some(reconcile) = self.objects.reconcile(&name, share) else {
            self.schedule.end(&name, None);
            return;
        };
        self.under_way.spawn(async move { (name, reconcile.await) });
    }

    fn end(&mut self, name: &Arc<ObjectName>, pause: Option<Duration>) {
        let due = pause.and_then(|pause| Instant::now().checked_add(pause));
        if self.schedule.end(name, due) {
            self.objects.waits(name);
        }
    }

    /// Waits for the reconciles in progress.
    async fn drain(mut self) {
        while self.under_way.join_next().await.is_some() {}
    }
}

fn name_of(object: &impl Resource) -> ObjectName {
    (object.namespace().unwrap_or_default(), object.name_any())
}

fn asked_now(name: ObjectName) -> Asked {
    let when = When::Now;
    Asked { name, when }
}

fn received<T: Send>(receiver: UnboundedReceiver<T>) -> impl Stream<Item = T> + Send {
    stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|item| (item, receiver))
    })
}
