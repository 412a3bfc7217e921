use std::time::Duration;

use tokio::time::Instant;

use super::state::{Begun, Decision, PATIENCE, Sign, State};
use super::{BudgetState, Budgets, Limits};
use crate::http::{Problem, Token, Urgency};
use crate::identity::ServerUrl;

mod model;
mod waking;

const SECOND: Duration = Duration::from_secs(1);

const LIMITS: Limits = Limits {
    concurrency: 4,
    rate: 100_000,
    burst: 100_000,
};

/// A budget with a clock that is passed in, and the calls that started.
struct Bench {
    state: State<&'static str>,
    now: Instant,
    under_way: Vec<(&'static str, Begun)>,
    given_up: Vec<(&'static str, Problem)>,
}

impl Bench {
    fn new(limits: Limits) -> Self {
        let now = Instant::now() + Duration::from_hours(1);
        Self {
            state: State::new(limits, now),
            now,
            under_way: Vec::new(),
            given_up: Vec::new(),
        }
    }

    fn arrive(&mut self, name: &'static str, urgency: Urgency) {
        self.state.arrive(urgency, name, self.now);
        self.serve();
    }

    fn arrive_all(&mut self, names: &[&'static str], urgency: Urgency) {
        for name in names {
            self.arrive(name, urgency);
        }
    }

    fn serve(&mut self) {
        let decisions = self.state.serve(self.now);
        self.take(decisions);
    }

    fn take(&mut self, decisions: Vec<Decision<&'static str>>) {
        for decision in decisions {
            match decision {
                Decision::Begin(name, begun) => self.under_way.push((name, begun)),
                Decision::GiveUp(name, problem) => self.given_up.push((name, problem)),
            }
        }
    }

    fn end(&mut self, name: &str, sign: Sign) {
        let mut all = self.under_way.iter();
        let place = all.position(|(own, _)| *own == name).unwrap();
        let (_, begun) = self.under_way.remove(place);
        let decisions = self.state.end(begun, sign, self.now);
        self.take(decisions);
        self.serve();
    }

    fn names(&self) -> Vec<&'static str> {
        self.under_way.iter().map(|(name, _)| *name).collect()
    }

    /// Ends all calls one after the other, and returns the order in which the others began.
    fn order(&mut self) -> Vec<&'static str> {
        let mut order = Vec::new();
        while let Some((name, _)) = self.under_way.first() {
            order.push(*name);
            self.end(name, Sign::Answers);
        }
        order
    }

    fn advance(&mut self, time: Duration) {
        self.now += time;
        self.serve();
    }
}

fn away() -> Sign {
    let problem = Problem::Interrupted;
    Sign::Away {
        problem,
        pause: None,
    }
}

fn busy(pause: Duration) -> Sign {
    Sign::Busy { pause }
}

/// Promise: in any order of arrival, a user's call goes before all others, and the others by their urgency.
#[test]
fn calls_that_wait_go_by_their_urgency() {
    let mut bench = Bench::new(Limits {
        concurrency: 1,
        ..LIMITS
    });
    bench.arrive("in progress", Urgency::Drift);
    for (name, urgency) in [
        ("drift", Urgency::Drift),
        ("new", Urgency::New),
        ("listing", Urgency::Listing),
        ("leaving", Urgency::Leaving),
        ("check", Urgency::Check),
        ("first person", Urgency::Asked),
        ("second person", Urgency::Asked),
    ] {
        bench.arrive(name, urgency);
    }
    assert_eq!(
        bench.order(),
        [
            "in progress",
            "first person",
            "second person",
            "check",
            "leaving",
            "new",
            "listing",
            "drift"
        ]
    );
}

/// Promise: a sweep ends also while thousands of imports keep coming, and none of them overtakes a person.
#[test]
fn no_call_starves_and_changes_by_people_go_first() {
    let mut bench = Bench::new(Limits {
        concurrency: 1,
        ..LIMITS
    });
    bench.arrive("in progress", Urgency::New);
    bench.arrive("drift", Urgency::Drift);
    bench.advance(Duration::from_secs(2));
    bench.arrive("soon", Urgency::New);
    bench.advance(Duration::from_secs(2));
    bench.arrive("late", Urgency::New);
    bench.arrive("person", Urgency::Asked);
    let order = bench.order();
    assert_eq!(order, ["in progress", "person", "drift", "soon", "late"]);
}

/// Promise: calls that hang leave some to connections that look after themselves, and one to a person.
#[test]
fn some_calls_are_kept_for_the_more_urgent() {
    let mut bench = Bench::new(LIMITS);
    bench.arrive_all(&["a", "b", "c", "d"], Urgency::New);
    assert_eq!(bench.names(), ["a", "b"]);
    bench.arrive_all(&["check", "other check"], Urgency::Check);
    bench.arrive_all(&["person", "other person"], Urgency::Asked);
    assert_eq!(bench.names(), ["a", "b", "check", "person"]);
    bench.end("a", Sign::Answers);
    assert_eq!(bench.names(), ["b", "check", "person", "other person"]);
}

#[test]
fn calls_of_every_urgency_start_at_any_limit() {
    for concurrency in 1..4 {
        for urgency in Urgency::ALL {
            let mut bench = Bench::new(Limits {
                concurrency,
                ..LIMITS
            });
            bench.arrive("own", urgency);
            assert_eq!(bench.names(), ["own"]);
        }
    }
}

#[test]
fn no_more_calls_are_made_in_a_second_than_the_rate_allows() {
    let mut bench = Bench::new(Limits {
        concurrency: 10,
        rate: 2,
        burst: 3,
    });
    bench.arrive_all(&["a", "b", "c", "d", "e"], Urgency::New);
    assert_eq!(bench.names(), ["a", "b", "c"]);
    let (at, first) = bench.state.next_start().unwrap();
    assert_eq!((at - bench.now, *first), (SECOND / 2, "d"));
    bench.advance(SECOND / 2);
    assert_eq!(bench.names(), ["a", "b", "c", "d"]);
}

/// Promise: a server that asks for a pause has it from all, and a ramp afterwards.
#[test]
fn a_server_that_asks_for_it_is_left_alone_by_all() {
    let mut bench = Bench::new(LIMITS);
    bench.arrive_all(&["a", "b"], Urgency::Leaving);
    bench.end("a", busy(5 * SECOND));
    assert_eq!(bench.state.condition(bench.now), BudgetState::Paused);
    bench.arrive("person", Urgency::Asked);
    bench.arrive_all(&["c", "d"], Urgency::New);
    // What was in progress says nothing new.
    bench.end("b", Sign::Answers);
    assert_eq!(bench.names(), [""; 0]);
    let (at, first) = bench.state.next_start().unwrap();
    assert_eq!((at - bench.now, *first), (5 * SECOND, "person"));
    bench.advance(5 * SECOND);
    assert_eq!(bench.names(), ["person"]);
    assert_eq!(bench.state.condition(bench.now), BudgetState::Recovering);
    bench.end("person", Sign::Answers);
    assert_eq!(bench.names(), ["c", "d"]);
}

/// Promise: no reconcile waits for minutes while it holds a place.
#[test]
fn a_long_pause_is_an_answer() {
    let mut bench = Bench::new(LIMITS);
    bench.arrive_all(&["a", "b", "waits"], Urgency::New);
    bench.end("a", busy(PATIENCE + SECOND));
    bench.arrive("comes", Urgency::Asked);
    let reported: Vec<_> = bench.given_up.iter().map(|(name, _)| *name).collect();
    assert_eq!(reported, ["waits", "comes"]);
    for (_, problem) in &bench.given_up {
        let after = PATIENCE + SECOND;
        assert!(matches!(problem, Problem::Paused { after: reported } if *reported == after));
        assert!(problem.was_never_sent());
    }
    bench.advance(SECOND);
    bench.arrive("comes later", Urgency::Asked);
    assert_eq!(bench.given_up.len(), 2);
    // A shorter wish does not shorten it.
    bench.end("b", busy(SECOND));
    bench.advance(9 * SECOND);
    assert_eq!((PATIENCE, bench.names()), (10 * SECOND, vec![]));
    bench.advance(SECOND);
    assert_eq!(bench.names(), ["comes later"]);
}

/// Promise: a server that is back is asked by one, then by two, then by four, never by all at once.
#[test]
fn after_an_outage_calls_become_more_with_every_round_of_answers() {
    let mut bench = Bench::new(Limits {
        concurrency: 20,
        ..LIMITS
    });
    bench.arrive("unlucky", Urgency::New);
    bench.end("unlucky", away());
    assert_eq!(bench.state.condition(bench.now), BudgetState::Troubled);
    bench.arrive_all(&["call"; 100], Urgency::New);
    let mut rounds = Vec::new();
    for _ in 0..6 {
        rounds.push(bench.under_way.len());
        for name in bench.names() {
            bench.end(name, Sign::Answers);
        }
    }
    assert_eq!(rounds, [1, 2, 4, 8, 16, 18]);
    assert_eq!(bench.state.condition(bench.now), BudgetState::Open);
}

/// Promise: who waits for a server that is tried learns the outcome of the try, without a call of its own.
#[test]
fn no_call_waits_for_a_server_that_is_still_down() {
    let mut bench = Bench::new(LIMITS);
    bench.arrive("unlucky", Urgency::New);
    bench.end("unlucky", away());
    // What a binding asks for may fail alone.
    bench.arrive_all(&["binding", "a", "b"], Urgency::New);
    bench.arrive_all(&["try", "other check"], Urgency::Check);
    bench.end("binding", away());
    assert_eq!((bench.names(), bench.given_up.len()), (vec!["try"], 0));
    bench.end("try", away());
    let reported: Vec<_> = bench.given_up.iter().map(|(name, _)| *name).collect();
    assert_eq!(reported, ["other check", "a", "b"]);
    let (_, problem) = &bench.given_up[0];
    assert_eq!(problem.to_string(), Problem::Interrupted.to_string());
    assert!(problem.was_never_sent() && !Problem::Interrupted.was_never_sent());
    bench.arrive("next try", Urgency::New);
    assert_eq!(bench.names(), ["next try"]);
}

/// Promise: calls that hung while the server was away say nothing about a server that is back, and block no other call.
#[test]
fn old_news_change_nothing() {
    let mut bench = Bench::new(Limits {
        concurrency: 10,
        ..LIMITS
    });
    bench.arrive_all(&["a", "b", "c"], Urgency::New);
    bench.end("a", away());
    bench.arrive_all(&["d", "e", "f"], Urgency::New);
    assert_eq!(bench.names(), ["b", "c", "d"]);
    bench.end("d", Sign::Answers);
    bench.end("b", away());
    assert_eq!(bench.names(), ["c", "e", "f"]);
    bench.end("c", Sign::Answers);
    assert_eq!(bench.state.condition(bench.now), BudgetState::Recovering);
    assert!(bench.given_up.is_empty());
}

#[test]
fn a_budget_belongs_to_a_server_and_token_and_ends_with_its_last_user() {
    let budgets = Budgets::default();
    let url = |host: &str| ServerUrl::parse(&format!("https://{host}.example.com")).unwrap();
    let token = |text: &str| Token::parse(text.as_bytes()).unwrap();
    let of = |host, text| budgets.of(("test", &url(host)), Some(&token(text)), LIMITS);
    let is_same =
        |one: &super::Budget, other: &super::Budget| std::sync::Arc::ptr_eq(&one.0, &other.0);
    let own = of("a", "secret-one");
    assert!(is_same(&own, &of("a", "secret-one")));
    let (elsewhere, other) = (of("b", "secret-one"), of("a", "secret-two"));
    let anonymous = budgets.of(("test", &url("a")), None, LIMITS);
    for budget in [&elsewhere, &other, &anonymous] {
        assert!(!is_same(&own, budget));
    }
    assert_eq!(budgets.views().len(), 4);
    assert!(!format!("{budgets:?} {own:?}").contains("secret"));
    drop((own, elsewhere, other, anonymous));
    assert_eq!(budgets.views(), []);
}
