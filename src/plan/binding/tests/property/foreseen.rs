//! `plan` says what the operator then does: in any world, after any history.

use proptest::test_runner::TestCaseError;

use super::*;
use crate::plan::foreseen::{Action, Foreseen};

/// What is foreseen of the next reconcile of a member, as the shell foresees it: no server is asked for a change.
fn foresee(world: &World, index: usize) -> Ahead {
    let mut ahead = world.clone();
    let mut reconcile = ahead.begin(index);
    let mut foresight = Foresight::default();
    for _ in 0..8 {
        let (desired, observed) = ahead.observe(index, &reconcile);
        let planned = ahead.plan(index, (&desired, &observed));
        let steps = match foresight.after(planned, &desired, &observed) {
            Ahead::Steps(steps) => steps,
            seen @ (Ahead::Seen(_) | Ahead::Waits(_) | Ahead::Refused(_)) => return seen,
        };
        let seen = observed.repository.found();
        let seen = seen.map(|found| found.seen_as(&desired.repository));
        for step in &steps {
            ahead.take(index, &mut reconcile, (step, seen.as_ref()), None);
            assert_eq!(
                ahead.writes, world.writes,
                "{step:?} was foreseen by a write"
            );
        }
    }
    panic!("what is foreseen of member {index} does not end: {world:#?}");
}

/// A reconcile from one world to another.
struct Done<'a> {
    before: &'a World,
    after: &'a World,
    index: usize,
}

impl Done<'_> {
    fn is_nothing(&self) -> bool {
        self.before.projects == self.after.projects && self.before.writes == self.after.writes
    }

    /// The key of the project that the member holds.
    fn accepted(world: &World, index: usize) -> Option<ProjectKey> {
        let record = world.members[index].record.clone().on(&world.server);
        record.accepted.map(|accepted| accepted.key)
    }

    /// Whether an action is what an observer of SonarQube and of the status sees.
    fn shows(&self, action: &Action) -> bool {
        let Self {
            before,
            after,
            index,
        } = self;
        // By its uuid: an import may end with another key.
        let both = |key: &ProjectKey| {
            let then = before.find(key)?;
            let now = after.projects.iter().find(|now| now.id == then.id)?;
            Some((then, now))
        };
        match action {
            Action::Import { repository, key } => {
                // The end of an import that had begun is to give the project its key; a user may have bound it elsewhere.
                let own = |it: &Remote| it.maker == Maker::Binding(*index);
                let has_begun = before.projects.iter().any(own);
                let made = after.find(key).filter(|made| made.maker != Maker::Hand);
                made.is_some_and(|made| has_begun || made.is_bound_to(repository))
            }
            Action::Adopt { repository, key } => {
                let is_held = Self::accepted(after, *index).is_some_and(|held| held.same(key));
                is_held
                    && before
                        .find(key)
                        .is_some_and(|it| it.is_bound_to(repository))
            }
            Action::Bind {
                repository, key, ..
            } => both(key).is_some_and(|(then, now)| {
                then.binding != now.binding && now.is_bound_to(repository)
            }),
            // Given anew before a project becomes private. The same plan may create the project.
            Action::Grant(key) => match both(key) {
                Some((_, now)) => now.granted,
                None => after.find(key).is_some_and(|now| now.granted),
            },
            Action::Change(Difference {
                field,
                desired,
                observed,
            }) => self.changes(field, (observed, desired)),
            Action::CreateConfiguration(..)
            | Action::AdoptConfiguration(_)
            | Action::ReferToConfiguration(_)
            | Action::GiveToken { .. }
            | Action::CreateBinding { .. }
            | Action::UpdateBinding { .. } => false,
        }
    }

    /// Whether a value of the member's project has changed from one to another.
    fn changes(&self, field: &str, (from, to): (&str, &str)) -> bool {
        let Some(key) = Self::accepted(self.after, self.index) else {
            return false;
        };
        let value = |world: &World| {
            let project = world.find(&key)?;
            match field {
                "sonarqubeProject.visibility" => Some(project.visibility.as_str().to_owned()),
                "mainBranch" => Some(project.main.clone()),
                _ => project.new_code.as_ref().map(ToString::to_string),
            }
        };
        // What is there already is not read of a new code definition: it is written once.
        let is_read = field != "sonarqubeProject.newCodeDefinition";
        let began = value(self.before).is_none_or(|then| then == from);
        (began || !is_read) && value(self.after).as_deref() == Some(to)
    }

    /// Whether the member holds a project now that a user made, and held none before.
    fn adopts(&self) -> bool {
        let held = |world| Self::accepted(world, self.index);
        let now = held(self.after).and_then(|key| self.after.find(&key));
        held(self.before).is_none() && now.is_some_and(|it| it.maker == Maker::Hand)
    }

    /// Whether SonarQube shows a new project, or another binding of one.
    fn is_bound_anew(&self) -> bool {
        let then = |now: &Remote| self.before.projects.iter().find(|then| then.id == now.id);
        let mut all = self.after.projects.iter();
        all.any(|now| then(now).is_none_or(|then| then.binding != now.binding))
    }
}

/// Holds what was foreseen against what a reconcile did.
fn agree(ahead: &Ahead, plan: &Plan, done: &Done<'_>) -> Result<(), TestCaseError> {
    let is_nothing = done.is_nothing();
    match ahead {
        Ahead::Seen(Foreseen::Acts(actions)) => {
            for action in actions {
                prop_assert!(done.shows(action), "{action:?} did not happen: {plan:?}");
            }
            // A project that appears or moves always is, but for the rights that an import that had begun needs first.
            let is_foreseen = actions.iter().any(|action| {
                matches!(
                    action,
                    Action::Import { .. } | Action::Bind { .. } | Action::Grant(_)
                )
            });
            prop_assert!(
                !done.is_bound_anew() || is_foreseen,
                "{actions:?}: {plan:?}"
            );
        }
        Ahead::Seen(Foreseen::Unchanged) => {
            prop_assert_eq!(plan, &Plan::Settled);
            prop_assert!(is_nothing, "something was done");
            prop_assert!(!done.adopts(), "a project was adopted");
        }
        Ahead::Seen(Foreseen::Differs(differences)) => {
            prop_assert_eq!(plan, &Plan::Differs(differences.clone()));
            prop_assert!(is_nothing, "something was done under Observe");
        }
        Ahead::Refused(why) => {
            let is_it = matches!(plan, Plan::Refused { refusal, .. } if refusal == why);
            prop_assert!(is_it, "{why:?} became {plan:?}");
            prop_assert!(is_nothing, "something was done in spite of {why:?}");
        }
        Ahead::Waits(why) => prop_assert_eq!(plan, &Plan::Wait(why.clone())),
        other @ (Ahead::Steps(_) | Ahead::Seen(_)) => prop_assert!(false, "{other:?}"),
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn what_is_foreseen_is_what_the_next_reconcile_does(
        mut world in worlds(), events in events(), faults in faults()
    ) {
        world.faults = faults;
        for event in &events {
            event.happen(&mut world);
        }
        world.faults.clear();
        for index in (0..world.members.len()).chain(0..world.members.len()) {
            let ahead = foresee(&world, index);
            let before = world.clone();
            let Outcome::Rests(plan) = world.reconcile(index) else {
                panic!("interrupted without a fault");
            };
            agree(&ahead, &plan, &Done { before: &before, after: &world, index })?;
        }
    }
}
