//! Which call to a server may start next: plain data, and a clock that is passed in.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::bucket::Bucket;
use super::{BudgetState, Limits};
use crate::http::Problem;
use crate::http::urgency::Urgency;

/// The longest wait for a server that asks for a pause: the shortest `--reconcile-timeout`.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Who waits, in the order of arrival. `W` is how to wake it.
pub(super) struct State<W> {
    limits: Limits,
    bucket: Bucket,
    /// By urgency.
    waiting: [BTreeMap<u64, Waiting<W>>; Urgency::ALL.len()],
    arrivals: u64,
    under_way: usize,
    paused_until: Option<Instant>,
    ramp: Ramp,
}

struct Waiting<W> {
    since: Instant,
    wake: W,
}

/// How many calls may be in progress since the last failure. That many began in this run: those from before may be
/// stuck in a server that is back.
struct Ramp {
    /// Grows by one with every call that is answered, and so doubles with every round of answers.
    width: usize,
    under_way: usize,
    /// Given to every call, so that outdated answers are recognised.
    run: u64,
    /// No call was answered since.
    is_troubled: bool,
}

/// A call that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket {
    pub(super) urgency: Urgency,
    arrival: u64,
}

/// A call that may be made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun {
    run: u64,
    urgency: Urgency,
}

/// What a call that came to its end says about the server.
#[derive(Clone, Debug)]
pub(in crate::http) enum Sign {
    /// It answers.
    Answers,
    /// It answers that it is asked too much.
    Busy { pause: Duration },
    /// It does not answer, or says itself that it is away.
    Away {
        problem: Problem,
        pause: Option<Duration>,
    },
    /// Nothing.
    Nothing,
}

/// What becomes of a call that waited.
pub(super) enum Decision<W> {
    Begin(W, Begun),
    /// It is not made.
    GiveUp(W, Problem),
}

impl<W> State<W> {
    pub(super) fn new(limits: Limits, now: Instant) -> Self {
        Self {
            bucket: Bucket::new(limits.rate, limits.burst, now),
            waiting: Default::default(),
            arrivals: 0,
            under_way: 0,
            paused_until: None,
            ramp: Ramp {
                width: limits.concurrency,
                under_way: 0,
                run: 0,
                is_troubled: false,
            },
            limits,
        }
    }

    /// A call arrives.
    pub(super) fn arrive(&mut self, urgency: Urgency, wake: W, now: Instant) -> Ticket {
        let arrival = self.arrivals;
        self.arrivals += 1;
        let waiting = Waiting { since: now, wake };
        self.queue(urgency).insert(arrival, waiting);
        Ticket { urgency, arrival }
    }

    /// The caller does not wait for the call any more.
    pub(super) fn leave(&mut self, ticket: Ticket) {
        self.queue(ticket.urgency).remove(&ticket.arrival);
    }

    /// A call came to its end. Returns those that are not made because of it.
    #[must_use]
    pub(super) fn end(&mut self, begun: Begun, sign: Sign, now: Instant) -> Vec<Decision<W>> {
        self.under_way = self.under_way.saturating_sub(1);
        let is_of_this_run = begun.run == self.ramp.run;
        if is_of_this_run {
            self.ramp.under_way = self.ramp.under_way.saturating_sub(1);
        }
        match sign {
            Sign::Answers if is_of_this_run => {
                self.ramp.is_troubled = false;
                self.ramp.width = self.limits.concurrency.min(self.ramp.width + 1);
            }
            Sign::Busy { pause } => {
                self.pause(pause, now);
                if is_of_this_run {
                    self.begin_slowly();
                    self.ramp.is_troubled = false;
                }
            }
            Sign::Away { problem, pause } => {
                self.pause(pause.unwrap_or_default(), now);
                let was_the_try = is_of_this_run && self.ramp.is_troubled;
                if is_of_this_run {
                    self.begin_slowly();
                    self.ramp.is_troubled = true;
                }
                // No reconcile waits more than once for a server that does not answer. A call of a binding may fail
                // alone.
                if was_the_try && begun.urgency == Urgency::Check {
                    return self.give_up(&Problem::AsBefore(Box::new(problem)));
                }
            }
            Sign::Answers | Sign::Nothing => {}
        }
        Vec::new()
    }

    /// One call at first, and more with every answer.
    pub(super) fn begin_slowly(&mut self) {
        self.ramp.run += 1;
        self.ramp.width = 1;
        self.ramp.under_way = 0;
    }

    /// Those that may start by now, in their order.
    #[must_use]
    pub(super) fn serve(&mut self, now: Instant) -> Vec<Decision<W>> {
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
        }
        let mut decisions = Vec::new();
        if let Some(until) = self.paused_until {
            if until.saturating_duration_since(now) > PATIENCE {
                let after = until.saturating_duration_since(now);
                decisions = self.give_up(&Problem::Paused { after });
            }
            return decisions;
        }
        while let Some(ticket) = self.next().filter(|_| self.bucket.ready_at() <= now) {
            let Some(waiting) = self.queue(ticket.urgency).remove(&ticket.arrival) else {
                break;
            };
            self.bucket.take(now);
            self.under_way += 1;
            self.ramp.under_way += 1;
            let run = self.ramp.run;
            let urgency = ticket.urgency;
            decisions.push(Decision::Begin(waiting.wake, Begun { run, urgency }));
        }
        decisions
    }

    /// When the next call may start even if nothing else happens, and who is to wake it: the first that waits.
    pub(super) fn next_start(&self) -> Option<(Instant, &W)> {
        let (ticket, at) = match self.paused_until {
            Some(until) => (self.first(|_| true)?, until),
            None => (self.next()?, self.bucket.ready_at()),
        };
        let waiting = self.waiting[ticket.urgency as usize].get(&ticket.arrival)?;
        Some((at, &waiting.wake))
    }

    pub(super) fn in_progress(&self) -> usize {
        self.under_way
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.iter().map(BTreeMap::len).sum()
    }

    pub(super) fn condition(&self, now: Instant) -> BudgetState {
        if self.paused_until.is_some_and(|until| now < until) {
            BudgetState::Paused
        } else if self.ramp.is_troubled {
            BudgetState::Troubled
        } else if self.ramp.width < self.limits.concurrency {
            BudgetState::Recovering
        } else {
            BudgetState::Open
        }
    }

    fn pause(&mut self, pause: Duration, now: Instant) {
        let until = now.checked_add(pause).filter(|until| *until > now);
        self.paused_until = self.paused_until.max(until);
    }

    fn queue(&mut self, urgency: Urgency) -> &mut BTreeMap<u64, Waiting<W>> {
        &mut self.waiting[urgency as usize]
    }

    /// The call that may start, if there is a place for it.
    fn next(&self) -> Option<Ticket> {
        if self.ramp.under_way >= self.ramp.width {
            return None;
        }
        self.first(|urgency| self.under_way < self.limits.ceiling(urgency))
    }

    /// The first that waits of those that count.
    fn first(&self, counts: impl Fn(Urgency) -> bool) -> Option<Ticket> {
        let heads = Urgency::ALL.into_iter().filter(|urgency| counts(*urgency));
        let heads = heads.filter_map(|urgency| {
            let (arrival, waiting) = self.waiting[urgency as usize].first_key_value()?;
            let arrival = *arrival;
            let ticket = Ticket { urgency, arrival };
            Some(((order(urgency, waiting.since), arrival), ticket))
        });
        let first = heads.min_by_key(|(order, _)| *order);
        first.map(|(_, ticket)| ticket)
    }

    /// Has all that wait give up.
    fn give_up(&mut self, problem: &Problem) -> Vec<Decision<W>> {
        let waiting = self.waiting.iter_mut();
        let waiting = waiting.flat_map(|queue| std::mem::take(queue).into_values());
        waiting
            .map(|waiting| Decision::GiveUp(waiting.wake, problem.clone()))
            .collect()
    }
}

/// The order of calls that wait. What a person asked for goes before everything, what connections do for themselves
/// before the rest. Of the rest the more urgent goes first, but none waits for ever: it goes before a more urgent one
/// that came some seconds later.
fn order(urgency: Urgency, since: Instant) -> (u8, Option<Instant>) {
    let (rank, patience) = match urgency {
        Urgency::Asked => (0, None),
        Urgency::Check => (1, None),
        Urgency::Leaving => (2, Some(0)),
        Urgency::Listing | Urgency::New => (2, Some(1)),
        Urgency::Drift => (2, Some(3)),
    };
    let at = patience.map(|seconds| since + Duration::from_secs(seconds));
    (rank, at)
}
