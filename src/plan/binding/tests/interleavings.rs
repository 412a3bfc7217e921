//! Every interleaving of a small world: two operators, two bindings, a SonarQube that may lose an answer or carry out a
//! call late, and a user. What the operators do is what [`plan`], [`record::after`] and [`release`] say.
//!
//! How often something goes wrong, and how often the user acts, is bounded; in which order is not.

mod actors;
mod hands;
mod leaving;
mod story;

use super::*;
use crate::explore::{Explored, Model, explore};
use crate::plan::binding::world::{Fault, Maker, Member, Outcome, Place, Reconcile, Remote, World};
use actors::{Operator, Role, Running};
use hands::Hand;

/// A small world, and how much may happen in it.
#[derive(Clone, Copy, Debug)]
struct Small {
    method: BindingMethod,
    /// The key that each binding asks for, and its repository.
    bindings: [(Option<&'static str>, &'static str); 2],
    /// How often a user acts.
    hands: u8,
    /// How often something goes wrong.
    faults: u8,
    /// The rule that the operators break.
    broken: Option<Rule>,
}

/// A rule of the operator that these worlds show to be needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// The intent is stored before the project is created.
    IntentFirst,
    /// The intent is stored over the object as it was read.
    IntentOverWhatWasRead,
    /// A reconcile that wrote nothing reports over the object as it was read.
    ReportOverWhatWasRead,
    /// An operator that has lost the lease begins no write.
    Fence,
    /// A project that belongs to another binding is left alone.
    Claim,
    /// An import is not repeated while SonarQube may still carry out an earlier one.
    ImportAtWork,
    /// A repository is not imported while an import for another binding may still be carried out.
    Importer,
    /// Two bindings of one repository are not reconciled at once.
    Lock,
    /// What another binding holds is not deleted.
    ClaimOnDeletion,
    /// What another binding imports under the same key is not deleted.
    KeyOnDeletion,
}

/// Where a binding is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Life {
    Live,
    Leaving,
    Gone,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    world: World,
    lives: [Life; 2],
    operators: [Operator; 2],
    /// A user changed something in SonarQube since the call was sent that may be carried out late.
    late_races: bool,
    hands: u8,
    faults: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Elected(usize),
    /// An operator loses the lease, and does not know it yet.
    Expired(usize),
    /// It finds out, and ends. A new process stands by.
    Ended(usize),
    Crashed(usize),
    /// The watch of an operator that stands by shows this state of a binding, and lags from here on.
    Lags(usize, usize),
    CatchesUp(usize, usize),
    Reconciles(usize, usize),
    Writes(usize, usize, Option<Fault>),
    CarriedOutLate,
    NeverCarriedOut,
    By(Hand),
}

impl Model for Small {
    type State = State;
    type Action = Action;

    fn start(&self) -> State {
        let members = (0..)
            .zip(self.bindings)
            .map(|(index, binding)| member(index, binding));
        let places = ["PAY/a", "PAY/b"]
            .into_iter()
            .zip(1..)
            .map(|(name, id)| Place {
                id,
                path: path(name),
                default_branch: Some("main".to_owned()),
            });
        let world = World {
            server: ServerId::new("server"),
            capabilities: server(self.method),
            search_tells_ids: self.method == BindingMethod::PutBoundProject,
            projects: Vec::new(),
            repositories: places.collect(),
            members: members.collect(),
            creator_is_granted: true,
            faults: std::collections::BTreeMap::new(),
            steps: 0,
            writes: 0,
            made: 0,
            at_work: None,
            races: false,
        };
        let mut operators = [Operator::default(), Operator::default()];
        operators[0].role = Role::Leads;
        State {
            world,
            lives: [Life::Live; 2],
            operators,
            late_races: false,
            hands: self.hands,
            faults: self.faults,
        }
    }

    fn actions(&self, state: &State) -> Vec<Action> {
        let mut actions = Vec::new();
        for operator in 0..2 {
            self.actions_of(state, operator, &mut actions);
        }
        if state.world.at_work.is_some() {
            actions.extend([Action::CarriedOutLate, Action::NeverCarriedOut]);
        }
        if state.hands > 0 {
            actions.extend(hands::all(state).into_iter().map(Action::By));
        }
        actions
    }

    fn describe(&self, state: &State, action: Action) -> String {
        action.described(state)
    }

    fn act(&self, state: &mut State, action: Action) {
        match action {
            Action::CarriedOutLate => {
                let of = state.world.at_work.as_ref().map(|(member, _)| *member);
                // What is imported for a binding that goes meanwhile may be left over: the event `Orphaned` says so.
                let is_left = of.is_some_and(|member| state.lives[member] != Life::Live);
                let races = std::mem::take(&mut state.late_races) || is_left;
                state.world.races = races;
                state.world.carry_out_late();
                if races {
                    hands::race(state);
                }
            }
            Action::NeverCarriedOut => {
                state.world.at_work = None;
                state.late_races = false;
            }
            Action::By(hand) => {
                state.hands -= 1;
                hand.acts(state);
            }
            Action::Elected(_)
            | Action::Expired(_)
            | Action::Ended(_)
            | Action::Crashed(_)
            | Action::Lags(..)
            | Action::CatchesUp(..)
            | Action::Reconciles(..)
            | Action::Writes(..) => self.operate(state, action),
        }
        state.count_what_nothing_distinguishes();
        state.world.steps = 0;
        state.world.writes = 0;
        state.world.races = false;
    }

    fn is_quiet(&self, state: &State) -> bool {
        // Without a rule it is the broken promise that is of interest.
        if self.broken.is_some() {
            return true;
        }
        let is_idle = |operator: &Operator| operator.running.iter().all(Option::is_none);
        let mut world = state.world.clone();
        world.at_work.is_none()
            && state.operators.iter().all(is_idle)
            && state
                .operators
                .iter()
                .any(|operator| operator.role == Role::Leads)
            && (0..2).all(|index| match state.lives[index] {
                Life::Live => {
                    let rests = world.reconcile(index);
                    !matches!(rests, Outcome::Interrupted | Outcome::Rests(Plan::Wait(_)))
                }
                Life::Leaving => false,
                Life::Gone => true,
            })
            && World {
                steps: 0,
                writes: 0,
                ..world
            } == state.world
    }
}

/// Of which connection a project is counted that nothing distinguishes from one that was made through it.
const NOT_DISTINGUISHED: usize = usize::MAX;

impl State {
    /// A user creates the very project that an operator is about to create, and no answer says so: nothing distinguishes
    /// it from the operator's own. From here on it counts as that.
    fn count_what_nothing_distinguishes(&mut self) {
        let world = &mut self.world;
        for (index, member) in world.members.iter().enumerate() {
            let leads = |operator: &&Operator| operator.role == Role::Leads;
            let mut leaders = self.operators.iter().filter(leads);
            if leaders.any(|operator| {
                operator.running[index]
                    .as_ref()
                    .is_some_and(Running::calls_or_intends)
            }) {
                continue;
            }
            let mut projects = world.projects.iter_mut();
            let met =
                projects.find(|found| found.maker == Maker::Hand && member.awaits(&found.key));
            if let Some(met) = met {
                met.maker = Maker::Binding(index);
                met.made_through = NOT_DISTINGUISHED;
            }
        }
    }
}

fn member(index: usize, (key, repository): (Option<&str>, &str)) -> Member {
    Member {
        uid: Uid::new(format!("uid-{index}")),
        key: key.map(super::key),
        repository: path(repository),
        mode: Mode::ImportOrBind,
        management: Management::Full,
        visibility: None,
        visibility_policy: VisibilityPolicy::Created,
        new_code: None,
        monorepo: false,
        access: Access::Own,
        record: Record::default(),
        connection: 0,
        accepted_by: 0,
        is_live: true,
        rightful: std::collections::BTreeSet::new(),
    }
}

/// Two bindings of one repository that want the same key.
const ONE_REPOSITORY: [(Option<&str>, &str); 2] = [(None, "PAY/a"), (None, "PAY/a")];
/// Two bindings of one repository under different keys.
const TWO_KEYS: [(Option<&str>, &str); 2] = [(None, "PAY/a"), (Some("legacy"), "PAY/a")];
/// Two bindings of different repositories that want the same key.
const ONE_KEY: [(Option<&str>, &str); 2] = [(Some("legacy"), "PAY/a"), (Some("legacy"), "PAY/b")];

/// One method of each kind: of `PostBoundProject`, SonarQube refuses what exists where `PutBoundProject` binds it.
const METHODS: [BindingMethod; 3] = [
    BindingMethod::PutBoundProject,
    BindingMethod::SetBinding,
    BindingMethod::ImportRepository,
];

#[test]
fn two_bindings_of_one_repository() {
    everywhere(ONE_REPOSITORY);
}

#[test]
fn two_bindings_of_one_repository_under_two_keys() {
    everywhere(TWO_KEYS);
}

#[test]
fn two_bindings_that_want_one_key() {
    everywhere(ONE_KEY);
}

/// A user deletes one of them, and two answers are lost.
#[test]
fn two_bindings_that_want_one_key_of_which_one_is_deleted() {
    nothing_breaks(BindingMethod::PutBoundProject, ONE_KEY, (1, 2));
}

fn everywhere(bindings: [(Option<&'static str>, &'static str); 2]) {
    for bounds in [(0, 3), (1, 1), (2, 0)] {
        for method in METHODS {
            nothing_breaks(method, bindings, bounds);
        }
    }
}

fn nothing_breaks(
    method: BindingMethod,
    bindings: [(Option<&'static str>, &'static str); 2],
    (hands, faults): (u8, u8),
) {
    let small = Small {
        method,
        bindings,
        hands,
        faults,
        broken: None,
    };
    match explore(&small) {
        Ok(Explored {
            states,
            steps,
            quiet,
        }) => println!("{small:?}: {states} states, {steps} steps, {quiet} quiet"),
        Err(story) => panic!("{small:?}\n{story}"),
    }
}

/// Each rule is needed: without it, a promise is broken within so few actions.
#[test]
fn each_rule_is_needed_and_a_short_story_says_why() {
    let put = BindingMethod::PutBoundProject;
    let import = BindingMethod::ImportRepository;
    for (rule, method, bindings, (hands, faults), longest) in [
        (Rule::Lock, put, TWO_KEYS, (0, 0), 6),
        (Rule::Claim, put, ONE_REPOSITORY, (0, 0), 4),
        (Rule::Fence, put, TWO_KEYS, (0, 1), 8),
        (Rule::Importer, put, TWO_KEYS, (0, 1), 7),
        (Rule::ImportAtWork, import, ONE_REPOSITORY, (0, 1), 7),
        (Rule::IntentFirst, put, ONE_REPOSITORY, (1, 1), 8),
        (
            Rule::IntentOverWhatWasRead,
            import,
            ONE_REPOSITORY,
            (0, 3),
            11,
        ),
        (Rule::ReportOverWhatWasRead, put, ONE_REPOSITORY, (0, 2), 7),
        (Rule::ClaimOnDeletion, put, ONE_REPOSITORY, (1, 0), 7),
        (Rule::KeyOnDeletion, put, ONE_KEY, (1, 2), 12),
    ] {
        let small = Small {
            method,
            bindings,
            hands,
            faults,
            broken: Some(rule),
        };
        match explore(&small) {
            Ok(_) => panic!("nothing shows that {rule:?} is needed"),
            Err(story) => {
                println!("without {rule:?}:\n{story}");
                assert!(story.len() <= longest, "{rule:?}:\n{story}");
            }
        }
    }
}
