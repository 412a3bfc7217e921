//! How many calls a server gets: one budget for all calls to it with one token, from all connections.
//!
//! So many calls at once, so many a second, none while the server asks to be left alone, and few at first after it was
//! away. Calls that have to wait go by their urgency.

mod bucket;
mod state;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::auth::Token;
use super::failure::Problem;
use super::urgency::Urgency;
use crate::identity::ServerUrl;

use state::{Begun, Decision, State, Ticket};

pub(super) use state::Sign;

/// How much a server is asked in the name of one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls in progress at once; default: 16. Two of them are reserved for what a user requested and for the checks
    /// of connections, one for what a user requested.
    pub concurrency: usize,
    /// Calls a second; default: 500.
    pub rate: u32,
    /// Calls at once after a second without any; default: 500.
    pub burst: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: 16,
            rate: 500,
            burst: 500,
        }
    }
}

impl Limits {
    /// A call of this urgency begins only while fewer calls than this are in progress. Calls may be stuck in a server
    /// for minutes, so the order of those that wait is not enough.
    fn ceiling(&self, urgency: Urgency) -> usize {
        let left_to_others = match urgency {
            Urgency::Asked => 0,
            Urgency::Check | Urgency::Listing => 1,
            Urgency::Leaving | Urgency::New | Urgency::Drift => 2,
        };
        self.concurrency.saturating_sub(left_to_others).max(1)
    }
}

/// What holds calls back beside the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetState {
    /// Nothing.
    Open,
    /// The server answers again: each answer allows more calls at once.
    Recovering,
    /// The last call was not answered: one at a time tries.
    Troubled,
    /// The server asked to be left alone for a while.
    Paused,
}

/// A budget at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// What the server is called in metrics.
    pub system: &'static str,
    /// Calls in progress.
    pub under_way: usize,
    /// Calls that wait to start.
    pub waiting: usize,
    /// What holds them back.
    pub condition: BudgetState,
}

/// The budgets of a process. One that is not used any more is forgotten, and its token with it.
#[derive(Clone, Debug, Default)]
pub struct Budgets(Arc<Mutex<Vec<Weak<Shared>>>>);

/// How much one server is asked in the name of one token. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<Shared>);

type Table = State<Arc<Waiter>>;

struct Shared {
    system: &'static str,
    base: ServerUrl,
    /// `None`: calls without a token.
    token: Option<Token>,
    state: Mutex<Table>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Budget({})", self.system)
    }
}

/// A call that waits, and what has become of it.
#[derive(Default)]
struct Waiter {
    decision: Mutex<Option<Result<Begun, Problem>>>,
    woken: Notify,
}

impl Waiter {
    fn decision(&self) -> MutexGuard<'_, Option<Result<Begun, Problem>>> {
        self.decision.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn decide(&self, decision: Result<Begun, Problem>) {
        *self.decision() = Some(decision);
        self.woken.notify_one();
    }
}

impl Budgets {
    /// The budget of a server and a token, with these limits if it is a new one.
    pub(super) fn of(
        &self,
        (system, base): (&'static str, &ServerUrl),
        token: Option<&Token>,
        limits: Limits,
    ) -> Budget {
        let mut budgets = self.lock();
        budgets.retain(|budget| budget.strong_count() > 0);
        let known = budgets.iter().filter_map(Weak::upgrade);
        let mut known = known.filter(|one| one.base == *base && one.token.as_ref() == token);
        if let Some(shared) = known.next() {
            return Budget(shared);
        }
        let shared = Arc::new(Shared {
            system,
            base: base.clone(),
            token: token.cloned(),
            state: Mutex::new(State::new(limits, Instant::now())),
        });
        budgets.push(Arc::downgrade(&shared));
        Budget(shared)
    }

    /// All budgets at this moment.
    #[must_use]
    pub fn views(&self) -> Vec<View> {
        let now = Instant::now();
        let budgets = self.lock();
        let known = budgets.iter().filter_map(Weak::upgrade);
        let view = |shared: Arc<Shared>| {
            let state = shared.lock();
            View {
                system: shared.system,
                under_way: state.in_progress(),
                waiting: state.waiting(),
                condition: state.condition(now),
            }
        };
        known.map(view).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Shared>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Budget {
    /// Waits until the call may start.
    ///
    /// # Errors
    /// When the call is not to be made.
    pub(super) async fn enter(&self, urgency: Urgency) -> Result<Permit, Problem> {
        let place = Place::take(&self.0, urgency);
        loop {
            // The first one keeps the clock, for all that wait.
            let at = self.0.change(Some(&place.waiter), |_| Vec::new());
            if let Some(decision) = place.decision() {
                return decision;
            }
            let woken = place.waiter.woken.notified();
            match at {
                Some(at) => drop(timeout_at(at, woken).await),
                None => woken.await,
            }
        }
    }

    /// One call at first, and more with every answer: the server is back.
    pub(super) fn begin_slowly(&self) {
        self.0.lock().begin_slowly();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and wakes the calls that may start. The first that waits is woken to keep the clock, if
    /// starts depend on it; if it is the caller itself, the time is returned to it.
    fn change(
        &self,
        caller: Option<&Arc<Waiter>>,
        change: impl FnOnce(&mut Table) -> Vec<Decision<Arc<Waiter>>>,
    ) -> Option<Instant> {
        let mut state = self.lock();
        let mut decisions = change(&mut state);
        decisions.extend(state.serve(Instant::now()));
        for decision in decisions {
            match decision {
                Decision::Begin(waiter, begun) => waiter.decide(Ok(begun)),
                Decision::GiveUp(waiter, problem) => waiter.decide(Err(problem)),
            }
        }
        let (at, first) = state.next_start()?;
        if caller.is_some_and(|caller| Arc::ptr_eq(caller, first)) {
            return Some(at);
        }
        first.woken.notify_one();
        None
    }
}

/// The place of a call that waits. A call that is dropped while it waits, or before it has learned that it may start,
/// takes no place.
struct Place {
    shared: Arc<Shared>,
    ticket: Ticket,
    waiter: Arc<Waiter>,
}

impl Place {
    fn take(shared: &Arc<Shared>, urgency: Urgency) -> Self {
        let waiter = Arc::new(Waiter::default());
        let ticket = shared
            .lock()
            .arrive(urgency, Arc::clone(&waiter), Instant::now());
        Self {
            shared: Arc::clone(shared),
            ticket,
            waiter,
        }
    }

    /// What has become of it, if anything has.
    fn decision(&self) -> Option<Result<Permit, Problem>> {
        let decision = self.waiter.decision().take()?;
        let shared = || Arc::clone(&self.shared);
        Some(decision.map(|begun| Permit {
            shared: shared(),
            begun,
            sign: Sign::Nothing,
        }))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.change(None, |state| {
            state.leave(self.ticket);
            match self.waiter.decision().take() {
                Some(Ok(begun)) => state.end(begun, Sign::Nothing, Instant::now()),
                Some(Err(_)) | None => Vec::new(),
            }
        });
    }
}

/// Leave to make one call, until it is dropped.
pub(super) struct Permit {
    shared: Arc<Shared>,
    begun: Begun,
    sign: Sign,
}

impl Permit {
    /// What the call has shown of the server.
    pub(super) fn learn(&mut self, sign: Sign) {
        self.sign = sign;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let sign = std::mem::replace(&mut self.sign, Sign::Nothing);
        self.shared
            .change(None, |state| state.end(self.begun, sign, Instant::now()));
    }
}
