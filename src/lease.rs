//! One writer: of several operators only the one that holds the lease writes. The others stand by, with warm watches.
//!
//! The holder renews the lease at short intervals. It begins no write any more ([`Fence`]) before another candidate may
//! take the lease, and it ends when it has lost it: a new process stands by then.

mod election;

use std::future::Future;
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use crate::fence::Fence;
use crate::kubernetes::lease::{Leases, Problem, Version};
use crate::metrics::Metrics;

pub use election::Terms;
use election::{Attempt, Candidate};

/// What an operator does while it stands by and while it leads came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Nothing is in progress any more.
    Whole,
    /// Some reconciles were given up. Their last calls may still be carried out.
    GivenUp,
}

/// Why an operator ended that was not to stop.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// A part of the work ended by itself.
    #[error(transparent)]
    Early(#[from] EndedEarly),
    /// The lease is another operator's by now, or could not be renewed in time.
    #[error("the lease is lost: {0}")]
    LeaseLost(#[source] Problem),
}

/// A part of the work ended by itself: what is left would look alive, and do half of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a part of the operator ended by itself, which is a defect: please report it with the log")]
pub struct EndedEarly;

/// The lease as this process holds it.
struct Held {
    version: Version,
    /// Until when this process leads unless it renews.
    until: Instant,
}

/// A process that stands for election.
pub struct Contender<'a> {
    leases: Leases,
    terms: Terms,
    fence: Fence,
    metrics: &'a Metrics,
}

impl<'a> Contender<'a> {
    /// Stands for election to this lease. The fence is open while this process leads, and the metrics show it.
    #[must_use]
    pub fn new(leases: Leases, fence: Fence, metrics: &'a Metrics) -> Self {
        metrics.leads(false);
        Self {
            terms: Terms::of(leases.lasts()),
            leases,
            fence,
            metrics,
        }
    }

    /// Runs the work of an operator, stands for election beside it, and cancels `leading` once it is won.
    ///
    /// # Errors
    /// What the work ended with, or [`Ended::LeaseLost`]: the work is dropped then, where it stands.
    pub async fn run(
        self,
        work: impl Future<Output = Result<Drained, EndedEarly>>,
        leading: CancellationToken,
    ) -> Result<(), Ended> {
        let mut work = std::pin::pin!(work);
        let mut held = tokio::select! {
            held = self.win() => held,
            ended = &mut work => return Ok(ended.map(drop)?),
        };
        tracing::info!(identity = self.leases.identity(), "this operator leads");
        self.metrics.leads(true);
        leading.cancel();
        let drained = tokio::select! {
            lost = self.keep(&mut held) => {
                self.fence.close();
                self.metrics.leads(false);
                return Err(Ended::LeaseLost(lost));
            }
            ended = &mut work => ended?,
        };
        self.fence.close();
        match drained {
            Drained::Whole => self.release(&held.version).await,
            Drained::GivenUp => {
                tracing::warn!("the lease is not given back: a call may still be in progress");
            }
        }
        Ok(())
    }

    /// Stands by until this process holds the lease.
    async fn win(&self) -> Held {
        let mut candidate = Candidate::new(self.terms);
        let mut shown = None;
        loop {
            match self.attempt(&mut candidate, &mut shown).await {
                Ok(Some(held)) => return held,
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "failed to stand for election; tried again"),
            }
            tokio::time::sleep(self.terms.retry).await;
        }
    }

    async fn attempt(
        &self,
        candidate: &mut Candidate,
        shown: &mut Option<String>,
    ) -> Result<Option<Held>, Problem> {
        let found = self.leases.read().await?;
        let holder = found.as_ref().and_then(|lease| lease.holder.clone());
        if holder.is_some() && *shown != holder {
            tracing::info!(holder, "another operator leads: this one stands by");
            *shown = holder;
        }
        let began = Instant::now();
        let won = match candidate.saw(found.as_ref(), began) {
            Attempt::Wait => return Ok(None),
            Attempt::Create => self.leases.create().await,
            Attempt::Replace(version) => self.leases.take(&version).await,
        };
        match won {
            Ok(version) => {
                let until = began + self.terms.leads;
                self.fence.open_until(until);
                Ok(Some(Held { version, until }))
            }
            // Another candidate was faster.
            Err(Problem::Overtaken) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Renews the lease until it is lost.
    async fn keep(&self, held: &mut Held) -> Problem {
        loop {
            tokio::time::sleep(self.terms.retry).await;
            let began = Instant::now();
            // A process that was stopped comes back here.
            if began >= held.until {
                return Problem::Silence;
            }
            let left = held.until - began;
            let renewed = tokio::time::timeout(left, self.renew(&mut held.version)).await;
            match renewed.unwrap_or(Err(Problem::Silence)) {
                Ok(()) => {
                    held.until = began + self.terms.leads;
                    self.fence.open_until(held.until);
                }
                Err(problem @ Problem::Overtaken) => return problem,
                Err(problem) => {
                    tracing::warn!(error = %problem, "failed to renew the lease; tried again");
                    if Instant::now() >= held.until {
                        return problem;
                    }
                }
            }
        }
    }

    /// Renews once. A version of our own whose answer was lost is found by reading: no other process has our identity.
    async fn renew(&self, version: &mut Version) -> Result<(), Problem> {
        match self.leases.renew(version).await {
            Ok(newer) => *version = newer,
            Err(Problem::Overtaken) => {
                let found = self.leases.read().await?;
                let own = found.filter(|it| it.holder.as_deref() == Some(self.leases.identity()));
                let own = own.filter(|it| it.version.uid == version.uid);
                *version = own.ok_or(Problem::Overtaken)?.version;
                *version = self.leases.renew(version).await?;
            }
            Err(problem) => return Err(problem),
        }
        Ok(())
    }

    async fn release(&self, version: &Version) {
        self.metrics.leads(false);
        match self.leases.release(version).await {
            Ok(_) => tracing::info!("the lease is given back"),
            Err(error) => {
                let seconds = self.terms.lasts.as_secs();
                tracing::warn!(%error, "the lease is not given back: it ends in {seconds} s");
            }
        }
    }
}
