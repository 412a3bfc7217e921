//! No waiting call is forgotten: only those that were woken are polled again.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use proptest::prelude::*;

use super::*;
use crate::http::budget::{Budget, Permit};

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

type Entering = Pin<Box<dyn Future<Output = Result<Permit, Problem>>>>;

/// Calls of a budget, run by hand.
struct Crowd {
    budget: Budget,
    waiting: Vec<(Entering, Arc<Woken>)>,
    under_way: Vec<Permit>,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Arrive(Urgency),
    /// The n-th of those that wait goes away; it may have learned already that it may start.
    Cancel(usize),
    /// The n-th of those in progress ends.
    End(usize, bool),
    /// Those that were woken are asked again.
    Run,
}

impl Crowd {
    fn arrive(&mut self, urgency: Urgency) {
        let budget = self.budget.clone();
        let entering: Entering = Box::pin(async move { budget.enter(urgency).await });
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        self.waiting.push((entering, woken));
    }

    /// Asks those again that were woken, until none is.
    fn run(&mut self) {
        let mut goes_on = true;
        while std::mem::take(&mut goes_on) {
            let (under_way, waiting) = (&mut self.under_way, &mut self.waiting);
            waiting.retain_mut(|(entering, woken)| {
                if !woken.0.swap(false, Ordering::SeqCst) {
                    return true;
                }
                goes_on = true;
                let waker = Waker::from(Arc::clone(woken));
                match entering.as_mut().poll(&mut Context::from_waker(&waker)) {
                    Poll::Pending => true,
                    Poll::Ready(decision) => {
                        under_way.extend(decision);
                        false
                    }
                }
            });
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive(urgency) => self.arrive(urgency),
            Event::Cancel(which) if !self.waiting.is_empty() => {
                drop(self.waiting.remove(which % self.waiting.len()));
            }
            Event::End(which, answers) if !self.under_way.is_empty() => {
                let mut permit = self.under_way.remove(which % self.under_way.len());
                permit.learn(if answers { Sign::Answers } else { away() });
            }
            Event::Run => self.run(),
            Event::Cancel(_) | Event::End(..) => {}
        }
    }
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let urgency = prop::sample::select(Urgency::ALL.to_vec());
    let event = prop_oneof![
        4 => urgency.prop_map(Event::Arrive),
        2 => (0..9_usize).prop_map(Event::Cancel),
        3 => (0..9_usize, prop::bool::weighted(0.8)).prop_map(|(which, answers)| Event::End(which, answers)),
        3 => Just(Event::Run),
    ];
    prop::collection::vec(event, 0..80)
}

fn budget(limits: Limits) -> (Budgets, Budget) {
    let budgets = Budgets::default();
    let url = ServerUrl::parse("https://sonarqube.example.com").unwrap();
    let budget = budgets.of(("test", &url), None, limits);
    (budgets, budget)
}

proptest! {
    /// Promise: a call that is dropped, waiting or in progress, gives back what it had, and the next one is woken.
    #[test]
    fn no_decision_is_lost(events in events()) {
        let (budgets, budget) = budget(LIMITS);
        let mut crowd = Crowd { budget, waiting: Vec::new(), under_way: Vec::new() };
        for event in events {
            crowd.happen(event);
        }
        crowd.run();
        while !crowd.under_way.is_empty() {
            crowd.happen(Event::End(0, true));
            crowd.run();
        }
        prop_assert_eq!(crowd.waiting.len(), 0);
        let view = budgets.views()[0];
        prop_assert_eq!((view.under_way, view.waiting), (0, 0));
    }
}

/// Promise: the first that waits keeps the clock, and if it goes away another one does.
#[tokio::test]
async fn a_pause_ends_for_all_waiting_calls() {
    let (_budgets, budget) = budget(LIMITS);
    let mut permit = budget.enter(Urgency::New).await.unwrap();
    permit.learn(busy(Duration::from_millis(50)));
    drop(permit);
    let asked = tokio::time::Instant::now();
    let enter = |urgency| budget.enter(urgency);
    let mut first = Box::pin(enter(Urgency::Asked));
    let others = async { tokio::join!(enter(Urgency::New), enter(Urgency::Drift)) };
    let mut others = Box::pin(others);
    assert!(futures::poll!(&mut first).is_pending() && futures::poll!(&mut others).is_pending());
    drop(first);
    // After the pause one at a time begins: each gives its leave back at once.
    let one = async { enter(Urgency::New).await.map(drop) };
    let (one, others) = tokio::join!(one, async {
        let (new, drift) = (
            Box::pin(enter(Urgency::New)),
            Box::pin(enter(Urgency::Drift)),
        );
        drop(others);
        let new = new.await.map(drop);
        (new, drift.await.map(drop))
    });
    assert!(one.is_ok() && others.0.is_ok() && others.1.is_ok());
    assert!(asked.elapsed() >= Duration::from_millis(50));
}
