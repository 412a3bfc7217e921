//! Explores every state of a small world, breadth first, so that the shortest story is found of a rule that is broken.
//!
//! Two things are checked: no step breaks a promise, and from every state a quiet one is reachable. `stateright` 0.31
//! cannot express the second: its `eventually` forgets a path that ends in a circle, or in a state seen before.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::fmt::{self, Display};
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A world in which several act, each in small steps.
pub(crate) trait Model {
    type State: Clone + Eq + Hash;
    type Action: Copy;

    /// The state in which a story begins.
    fn start(&self) -> Self::State;

    /// What may happen next.
    fn actions(&self, state: &Self::State) -> Vec<Self::Action>;

    /// What an action is, in words, as it is about to happen.
    fn describe(&self, state: &Self::State, action: Self::Action) -> String;

    /// Does it. Panics where that breaks a promise.
    fn act(&self, state: &mut Self::State, action: Self::Action);

    /// Whether nothing is left to do.
    fn is_quiet(&self, state: &Self::State) -> bool;
}

/// What was explored, and that no promise was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Explored {
    pub(crate) states: usize,
    pub(crate) steps: usize,
    pub(crate) quiet: usize,
}

/// What happened until a promise was broken.
pub(crate) struct Story {
    actions: Vec<String>,
    end: String,
}

impl Story {
    /// How many things happened.
    pub(crate) fn len(&self) -> usize {
        self.actions.len()
    }
}

impl Display for Story {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, action) in (1..).zip(&self.actions) {
            writeln!(formatter, "{number:>3}. {action}")?;
        }
        write!(formatter, "     {}", self.end)
    }
}

/// How a state was reached first: from which one, and by what.
struct Reached<Action> {
    from: usize,
    by: Option<Action>,
}

/// Explores every state.
///
/// # Errors
/// With the shortest story that ends with a broken promise, or in a state from which no quiet one is reachable.
pub(crate) fn explore<M: Model>(model: &M) -> Result<Explored, Story> {
    let start = model.start();
    let mut known = HashMap::from([(fingerprint(&start), 0)]);
    let mut reached = vec![Reached { from: 0, by: None }];
    let mut edges: Vec<(u32, u32)> = Vec::new();
    let mut quiet = Vec::new();
    let mut queue = VecDeque::from([(0, start)]);
    while let Some((number, state)) = queue.pop_front() {
        // A panic is found again where that step is taken.
        let quiet_here = catch_unwind(AssertUnwindSafe(|| model.is_quiet(&state)));
        if quiet_here.unwrap_or(false) {
            quiet.push(number);
        }
        for action in model.actions(&state) {
            let mut next = state.clone();
            let acted = catch_unwind(AssertUnwindSafe(|| model.act(&mut next, action)));
            if let Err(panicked) = acted {
                let last = Reached {
                    from: number,
                    by: Some(action),
                };
                return Err(story(model, &reached, &last, said(&*panicked)));
            }
            let fresh = reached.len();
            let at = *known.entry(fingerprint(&next)).or_insert(fresh);
            if at == fresh {
                reached.push(Reached {
                    from: number,
                    by: Some(action),
                });
                queue.push_back((fresh, next));
            }
            edges.push((index(number), index(at)));
        }
    }
    let explored = Explored {
        states: reached.len(),
        steps: edges.len(),
        quiet: quiet.len(),
    };
    match first_without_end(&edges, &quiet, reached.len()) {
        None => Ok(explored),
        Some(stuck) => {
            let end = "and from here nothing leads to a quiet state".to_owned();
            Err(story(model, &reached, &reached[stuck], end))
        }
    }
}

/// The first state from which no quiet one is reachable.
fn first_without_end(edges: &[(u32, u32)], quiet: &[usize], states: usize) -> Option<usize> {
    let mut into = vec![Vec::new(); states];
    for (from, to) in edges {
        into[*to as usize].push(*from);
    }
    let mut ends = vec![false; states];
    let mut queue: Vec<usize> = quiet.to_vec();
    while let Some(state) = queue.pop() {
        if !std::mem::replace(&mut ends[state], true) {
            queue.extend(into[state].iter().map(|from| *from as usize));
        }
    }
    ends.iter().position(|ends| !ends)
}

/// Describes what happened from the start, by doing it again.
fn story<M: Model>(
    model: &M,
    reached: &[Reached<M::Action>],
    last: &Reached<M::Action>,
    end: String,
) -> Story {
    let mut actions: Vec<M::Action> = last.by.into_iter().collect();
    let mut at = last.from;
    while let Some(action) = reached[at].by {
        actions.push(action);
        at = reached[at].from;
    }
    actions.reverse();
    let mut state = model.start();
    let described = actions.into_iter().map(|action| {
        let described = model.describe(&state, action);
        // The last one may panic again.
        let _ = catch_unwind(AssertUnwindSafe(|| model.act(&mut state, action)));
        described
    });
    let actions = described.collect();
    Story { actions, end }
}

/// 64 bits identify a state: of a million states, two have the same with a probability of 1 to 30 million.
fn fingerprint(state: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

fn index(number: usize) -> u32 {
    u32::try_from(number).unwrap()
}

/// The words of a panic.
fn said(panicked: &(dyn std::any::Any + Send)) -> String {
    let text = panicked.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panicked.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A counter from 0 to 9: odd numbers may end in a corner, and a number may be forbidden.
    struct Counter {
        forbidden: u8,
        corner: Option<u8>,
    }

    impl Model for Counter {
        type State = u8;
        type Action = u8;

        fn start(&self) -> u8 {
            0
        }

        fn actions(&self, state: &u8) -> Vec<u8> {
            match *state {
                9 => vec![0],
                at if Some(at) == self.corner => vec![100],
                100 => Vec::new(),
                at => vec![at + 1],
            }
        }

        fn describe(&self, state: &u8, action: u8) -> String {
            format!("{state} becomes {action}")
        }

        fn act(&self, state: &mut u8, action: u8) {
            assert!(action != self.forbidden, "{action} is forbidden");
            *state = action;
        }

        fn is_quiet(&self, state: &u8) -> bool {
            *state == 9
        }
    }

    #[test]
    fn the_shortest_story_of_a_broken_promise_and_of_a_corner_is_found() {
        let explored = |forbidden, corner| explore(&Counter { forbidden, corner });
        let whole = Explored {
            states: 10,
            steps: 10,
            quiet: 1,
        };
        assert_eq!(explored(200, None).ok(), Some(whole));
        let broken = explored(2, None).err().unwrap();
        assert_eq!(
            broken.to_string(),
            "  1. 0 becomes 1\n  2. 1 becomes 2\n     2 is forbidden"
        );
        let stuck = explored(200, Some(2)).err().unwrap().to_string();
        assert!(stuck.ends_with("nothing leads to a quiet state"), "{stuck}");
    }
}
