//! The order and the limits, against a list that is searched from its beginning for everything.

use proptest::prelude::*;

use super::*;

/// What may happen.
#[derive(Clone, Copy, Debug)]
enum Event {
    Arrive(Urgency),
    /// The so-manieth of those that wait is not waited for any more.
    Leave(usize),
    /// The n-th of those in progress ends.
    End(usize, News),
    /// The clock advances by so many milliseconds.
    Advance(u64),
    BeginSlowly,
}

#[derive(Clone, Copy, Debug)]
enum News {
    Answers,
    Away,
    Busy(u64),
    Nothing,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let urgency = prop::sample::select(Urgency::ALL.to_vec());
    let news = prop_oneof![
        4 => Just(News::Answers),
        1 => Just(News::Away),
        1 => (0..3000_u64).prop_map(News::Busy),
        1 => Just(News::Nothing),
    ];
    let event = prop_oneof![
        6 => urgency.prop_map(Event::Arrive),
        1 => (0..20_usize).prop_map(Event::Leave),
        5 => (0..20_usize, news).prop_map(|(which, news)| Event::End(which, news)),
        2 => (0..3000_u64).prop_map(Event::Advance),
        1 => Just(Event::BeginSlowly),
    ];
    prop::collection::vec(event, 0..120)
}

/// One call, in the naive model.
#[derive(Clone, Debug, PartialEq)]
struct Call {
    name: usize,
    urgency: Urgency,
    since: Instant,
}

/// The model keeps no counts: it asks what is in progress.
struct Model {
    state: State<usize>,
    now: Instant,
    tickets: Vec<(usize, crate::http::budget::state::Ticket)>,
    waiting: Vec<Call>,
    /// With the run in which it began.
    under_way: Vec<(Call, u64, Begun)>,
    run: u64,
    width: usize,
    troubled: bool,
    paused_until: Option<Instant>,
    calls: usize,
    given_up: usize,
}

const CONCURRENCY: usize = 5;

fn patience(urgency: Urgency) -> u64 {
    match urgency {
        Urgency::Asked | Urgency::Check | Urgency::Leaving => 0,
        Urgency::Listing | Urgency::New => 1,
        Urgency::Drift => 3,
    }
}

fn left_to_others(urgency: Urgency) -> usize {
    match urgency {
        Urgency::Asked => 0,
        Urgency::Check | Urgency::Listing => 1,
        Urgency::Leaving | Urgency::New | Urgency::Drift => 2,
    }
}

impl Model {
    fn new() -> Self {
        let now = Instant::now() + Duration::from_hours(1);
        let limits = Limits {
            concurrency: CONCURRENCY,
            ..LIMITS
        };
        Self {
            state: State::new(limits, now),
            now,
            tickets: Vec::new(),
            waiting: Vec::new(),
            under_way: Vec::new(),
            run: 0,
            width: CONCURRENCY,
            troubled: false,
            paused_until: None,
            calls: 0,
            given_up: 0,
        }
    }

    fn begin_slowly(&mut self) {
        (self.run, self.width) = (self.run + 1, 1);
    }

    /// What the model lets begin, one after the other.
    fn expected(&mut self) -> Vec<usize> {
        if self.paused_until.is_some_and(|until| self.now < until) {
            return Vec::new();
        }
        let (total, of_run) = (self.under_way.len(), self.under_way.iter());
        let of_run = of_run.filter(|(_, run, _)| *run == self.run).count();
        let mut begun = Vec::new();
        while of_run + begun.len() < self.width {
            let room =
                |call: &&Call| total + begun.len() < CONCURRENCY - left_to_others(call.urgency);
            let key = |call: &&Call| {
                let rank = (call.urgency as usize).min(2);
                let at = call.since + Duration::from_secs(patience(call.urgency));
                let at = if rank < 2 { self.now } else { at };
                (rank, at, call.name)
            };
            let Some(first) = self.waiting.iter().filter(room).min_by_key(key) else {
                break;
            };
            let name = first.name;
            self.waiting.retain(|call| call.name != name);
            begun.push(name);
        }
        begun
    }

    fn happen(&mut self, event: Event, calls: &mut Vec<Call>) {
        let mut decisions = Vec::new();
        match event {
            Event::Arrive(urgency) => {
                let call = Call {
                    name: self.calls,
                    urgency,
                    since: self.now,
                };
                let ticket = self.state.arrive(urgency, self.calls, self.now);
                self.tickets.push((self.calls, ticket));
                self.calls += 1;
                self.waiting.push(call.clone());
                calls.push(call);
            }
            Event::Leave(which) if !self.waiting.is_empty() => {
                let call = self.waiting.remove(which % self.waiting.len());
                let ticket = self.tickets.iter().find(|(name, _)| *name == call.name);
                self.state.leave(ticket.unwrap().1);
            }
            Event::End(which, news) if !self.under_way.is_empty() => {
                decisions = self.end(which % self.under_way.len(), news);
            }
            Event::Advance(milliseconds) => self.now += Duration::from_millis(milliseconds),
            Event::BeginSlowly => {
                self.begin_slowly();
                self.state.begin_slowly();
            }
            Event::Leave(_) | Event::End(..) => {}
        }
        let expected = self.expected();
        decisions.extend(self.state.serve(self.now));
        let mut begun = Vec::new();
        for decision in decisions {
            match decision {
                Decision::Begin(name, one) => {
                    begun.push(name);
                    self.under_way.push((calls[name].clone(), self.run, one));
                }
                Decision::GiveUp(..) => self.given_up += 1,
            }
        }
        assert_eq!(begun, expected);
        assert!(self.under_way.len() <= CONCURRENCY);
        assert_eq!(self.state.in_progress(), self.under_way.len());
        assert_eq!(self.state.waiting(), self.waiting.len());
    }

    fn end(&mut self, which: usize, news: News) -> Vec<Decision<usize>> {
        let (call, run, begun) = self.under_way.remove(which);
        let is_new = run == self.run;
        let sign = match news {
            News::Answers => Sign::Answers,
            News::Away => away(),
            News::Busy(milliseconds) => busy(Duration::from_millis(milliseconds)),
            News::Nothing => Sign::Nothing,
        };
        match news {
            News::Answers if is_new => {
                (self.troubled, self.width) = (false, CONCURRENCY.min(self.width + 1));
            }
            News::Away if is_new => {
                if self.troubled && call.urgency == Urgency::Check {
                    self.waiting.clear();
                }
                self.begin_slowly();
                self.troubled = true;
            }
            News::Busy(milliseconds) => {
                let until = self.now + Duration::from_millis(milliseconds);
                self.paused_until = self.paused_until.max(Some(until));
                if is_new {
                    self.begin_slowly();
                    self.troubled = false;
                }
            }
            News::Answers | News::Away | News::Nothing => {}
        }
        self.state.end(begun, sign, self.now)
    }
}

proptest! {
    /// Promise: order and limits are kept, and no call waits that could start.
    #[test]
    fn a_budget_does_what_a_naive_list_does(events in events()) {
        let (mut model, mut calls) = (Model::new(), Vec::new());
        for event in events {
            model.happen(event, &mut calls);
        }
        // No other call comes: all that wait start.
        model.happen(Event::Advance(10_000), &mut calls);
        for _ in 0..calls.len() {
            model.happen(Event::End(0, News::Answers), &mut calls);
        }
        prop_assert_eq!((model.waiting.len(), model.under_way.len()), (0, 0));
    }
}
