//! Every interleaving of two candidates for one lease, of time, and of a user who deletes or empties the lease: never may
//! both begin a write. A tick is a third of the time for which a lease lasts.

use std::time::{Duration, Instant};

use super::{Attempt, Candidate, Sighting, TERMS};
use crate::explore::{Explored, Model, explore};
use crate::fence::Fence;
use crate::kubernetes::lease::{Lease, RELEASED, Version};

const TICK: Duration = Duration::from_secs(5);
/// For how many ticks a lease lasts: more than that is as much as that.
const LASTS: u8 = 3;

/// A rule that these worlds show to be needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// A lease is replaced only in the version that was read.
    CompareAndSwap,
    /// A lease that is gone or empty is waited for as long as it lasts.
    Waits,
    /// A holder leads for less time than the lease lasts.
    LeadsShorter,
}

struct Election {
    broken: Option<Rule>,
    /// How often a user changes the lease.
    hands: u8,
}

/// A version of the lease. That of the lease as it is has the number 0; others are all alike.
type Number = u8;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stored {
    Absent,
    Held(Option<usize>),
    Released,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Role {
    /// What it has seen, and since how many ticks.
    Candidate(Option<(Option<Number>, u8)>),
    /// It writes: over this version, or a new lease. If that succeeds, it leads for so many ticks.
    Writes(Option<Number>, u8),
    /// For so many ticks.
    Leads(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct State {
    lease: Stored,
    roles: [Role; 2],
    hands: u8,
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Tick,
    Reads(usize),
    Arrives(usize),
    /// The same, and the answer is lost.
    ArrivesUnheard(usize),
    Renews(usize),
    Releases(usize),
    Ends(usize),
    UserWrites(Stored),
}

impl State {
    /// The lease is another version now: what others have seen of it is outdated.
    fn store(&mut self, lease: Stored) {
        self.lease = lease;
        for role in &mut self.roles {
            match role {
                Role::Candidate(Some((Some(number), _))) | Role::Writes(Some(number), _) => {
                    *number = 1;
                }
                Role::Candidate(_) | Role::Writes(None, _) | Role::Leads(_) => {}
            }
        }
    }

    /// The lease as a candidate reads it.
    fn read(&self) -> Option<Lease> {
        let (holder, lasts) = match self.lease {
            Stored::Absent => return None,
            Stored::Held(holder) => (holder, TERMS.lasts),
            Stored::Released => (None, RELEASED),
        };
        Some(Lease {
            holder: holder.map(|index| index.to_string()),
            lasts,
            version: version(0),
        })
    }

    fn may_write(&self, own: usize) -> bool {
        let Role::Leads(ticks) = self.roles[own] else {
            return false;
        };
        let (fence, now) = (Fence::closed(), Instant::now());
        fence.open_until(now + TICK * u32::from(ticks));
        fence.check_at(now).is_ok()
    }
}

fn version(number: Number) -> Version {
    Version {
        uid: "one".to_owned(),
        resource: number.to_string(),
    }
}

impl Election {
    /// For how many ticks a process leads that begins to write the lease now.
    fn leads(&self) -> u8 {
        match self.broken {
            Some(Rule::LeadsShorter) => LASTS + 1,
            _ => u8::try_from(TERMS.leads.as_secs() / TICK.as_secs()).unwrap(),
        }
    }

    /// What [`Candidate::saw`] says, given what was seen before.
    fn reads(&self, state: &mut State, own: usize) {
        let Role::Candidate(seen) = state.roles[own] else {
            return;
        };
        let now = Instant::now() + TICK * 10;
        let mut candidate = Candidate {
            terms: TERMS,
            seen: seen.map(|(number, ticks)| Sighting {
                version: number.map(version),
                lasts: TERMS.lasts,
                since: now.checked_sub(TICK * u32::from(ticks)).unwrap(),
            }),
        };
        let found = state.read();
        let is_vacant = found.as_ref().is_none_or(|lease| lease.holder.is_none());
        let attempt = match candidate.saw(found.as_ref(), now) {
            Attempt::Wait if is_vacant && self.broken == Some(Rule::Waits) => {
                found.map_or(Attempt::Create, |lease| Attempt::Replace(lease.version))
            }
            attempt @ (Attempt::Create | Attempt::Replace(_) | Attempt::Wait) => attempt,
        };
        state.roles[own] = match attempt {
            Attempt::Create => Role::Writes(None, self.leads()),
            Attempt::Replace(_) => Role::Writes(Some(0), self.leads()),
            Attempt::Wait => Role::Candidate(candidate.seen.map(|seen| {
                let ticks = (now - seen.since).as_secs() / TICK.as_secs();
                let number = seen
                    .version
                    .map(|version| version.resource.parse().unwrap());
                (number, u8::try_from(ticks).unwrap())
            })),
        };
    }

    fn arrives(&self, state: &mut State, own: usize, is_heard: bool) {
        let Role::Writes(over, ticks) = state.roles[own] else {
            return;
        };
        let is_as_read = match (over, state.lease) {
            (None, lease) => lease == Stored::Absent,
            (Some(number), lease) => lease != Stored::Absent && number == 0,
        };
        // What it saw is another version than what it reads next.
        state.roles[own] = Role::Candidate(over.map(|_| (Some(1), 0)));
        if is_as_read || self.broken == Some(Rule::CompareAndSwap) {
            state.store(Stored::Held(Some(own)));
            if is_heard {
                state.roles[own] = Role::Leads(ticks);
            }
        }
    }
}

impl Model for Election {
    type State = State;
    type Action = Action;

    fn start(&self) -> State {
        State {
            lease: Stored::Absent,
            roles: [Role::Candidate(None); 2],
            hands: self.hands,
        }
    }

    fn actions(&self, state: &State) -> Vec<Action> {
        let mut actions = vec![Action::Tick];
        // If a user deletes the lease of a holder, a process that begins then knows of no holder, and leads as well. So do
        // Kubernetes' own components.
        let is_deleted = |own: usize| state.lease == Stored::Absent && state.may_write(1 - own);
        for own in 0..2 {
            match state.roles[own] {
                Role::Candidate(None) | Role::Writes(None, _) if is_deleted(own) => {}
                Role::Candidate(_) => actions.push(Action::Reads(own)),
                Role::Writes(..) => {
                    actions.extend([Action::Arrives(own), Action::ArrivesUnheard(own)]);
                }
                Role::Leads(ticks) => {
                    if ticks > 0 && state.lease == Stored::Held(Some(own)) {
                        actions.extend([Action::Renews(own), Action::Releases(own)]);
                    }
                    actions.push(Action::Ends(own));
                }
            }
        }
        if state.hands > 0 {
            let written = [Stored::Absent, Stored::Held(None)].into_iter();
            let written = written.filter(|written| *written != state.lease);
            actions.extend(written.map(Action::UserWrites));
        }
        actions
    }

    fn describe(&self, _: &State, action: Action) -> String {
        format!("{action:?}")
    }

    fn act(&self, state: &mut State, action: Action) {
        match action {
            Action::Tick => {
                for role in &mut state.roles {
                    match role {
                        Role::Candidate(Some((_, ticks))) => *ticks = LASTS.min(*ticks + 1),
                        Role::Writes(_, ticks) | Role::Leads(ticks) => {
                            *ticks = ticks.saturating_sub(1);
                        }
                        Role::Candidate(None) => {}
                    }
                }
            }
            Action::Reads(own) => self.reads(state, own),
            Action::Arrives(own) => self.arrives(state, own, true),
            Action::ArrivesUnheard(own) => self.arrives(state, own, false),
            Action::Renews(own) => {
                state.store(Stored::Held(Some(own)));
                state.roles[own] = Role::Leads(self.leads());
            }
            Action::Releases(own) => {
                state.store(Stored::Released);
                state.roles[own] = Role::Candidate(None);
            }
            Action::Ends(own) => state.roles[own] = Role::Candidate(None),
            Action::UserWrites(lease) => {
                state.hands -= 1;
                state.store(lease);
            }
        }
        let writers = (0..2).filter(|own| state.may_write(*own)).count();
        assert!(writers < 2, "both may write: {state:?}");
    }

    fn is_quiet(&self, state: &State) -> bool {
        (0..2).any(|own| state.may_write(own) && state.lease == Stored::Held(Some(own)))
    }
}

/// Promise: two operators never write at once.
#[test]
fn two_candidates_never_lead_at_once_and_one_can_always_lead() {
    let election = Election {
        broken: None,
        hands: 3,
    };
    match explore(&election) {
        Ok(Explored {
            states,
            steps,
            quiet,
        }) => println!("{states} states, {steps} steps, {quiet} quiet"),
        Err(story) => panic!("{story}"),
    }
}

#[test]
fn each_rule_of_the_election_is_needed() {
    for (rule, longest) in [
        (Rule::CompareAndSwap, 5),
        (Rule::Waits, 6),
        (Rule::LeadsShorter, 9),
    ] {
        let election = Election {
            broken: Some(rule),
            hands: 1,
        };
        match explore(&election) {
            Ok(_) => panic!("nothing shows that {rule:?} is needed"),
            Err(story) => {
                println!("without {rule:?}:\n{story}");
                assert!(story.len() <= longest, "{rule:?}:\n{story}");
            }
        }
    }
}
