//! Another writer: what Bindery writes is undone again and again.

use crate::plan::{Reason, Refusal};

use super::model::Step;

/// So many writes of one thing in a row that were undone are no accident.
const TOO_OFTEN: u32 = 3;

/// So many times in a row the inventory, which may be older than the last write, must show that nothing is to be written.
const RESTS: u32 = 3;

/// The writes of one object in a row. A reconcile that has nothing to write begins anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writes {
    /// Each with how often it was made.
    before: Vec<(Step, u32)>,
    /// Those of this reconcile.
    now: Vec<Step>,
    /// How often in a row the inventory showed nothing to write.
    rests: u32,
    /// Why this reconcile does not end well, if it does not.
    fight: Option<Refusal>,
}

/// Whether steps may be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leave {
    /// They may.
    Go,
    /// Not again in this reconcile.
    Stop(Refusal),
}

impl Writes {
    /// Begins a reconcile with what is remembered of those before.
    #[must_use]
    pub fn after(before: Self) -> Self {
        Self {
            before: before.before,
            ..Self::default()
        }
    }

    /// Whether these steps may be taken. What is undone again and again is written once in a reconcile.
    pub fn may_take(&mut self, steps: &[Step]) -> Leave {
        let is_undone = |step: &&Step| {
            self.before
                .iter()
                .any(|(before, times)| before == *step && *times >= TOO_OFTEN)
        };
        let Some(step) = steps.iter().find(is_undone) else {
            return Leave::Go;
        };
        let fight = fight(step);
        if self.now.contains(step) {
            return Leave::Stop(fight);
        }
        self.fight = Some(fight);
        Leave::Go
    }

    /// A step was taken.
    pub fn took(&mut self, step: &Step) {
        if !changes_a_server(step) {
            return;
        }
        self.now.push(step.clone());
        match self.before.iter_mut().find(|(before, _)| before == step) {
            Some((_, times)) => *times = times.saturating_add(1),
            None => self.before.push((step.clone(), 1)),
        }
    }

    /// The other writer, if the reconcile wrote what is undone again and again: nobody should take it for settled.
    #[must_use]
    pub fn fight(&self) -> Option<&Refusal> {
        self.fight.as_ref()
    }

    /// What is remembered after a reconcile that found nothing to write in the inventory.
    #[must_use]
    pub fn at_rest(self) -> Self {
        if self.before.is_empty() || self.rests + 1 >= RESTS {
            return Self::default();
        }
        Self {
            rests: self.rests + 1,
            ..Self::after(self)
        }
    }

    /// What is remembered for the next reconcile: nothing, if there was nothing to write.
    #[must_use]
    pub fn at_the_end(self) -> Self {
        if self.now.is_empty() {
            Self::default()
        } else {
            Self::after(self)
        }
    }
}

/// Whether a step writes what somebody else can undo.
fn changes_a_server(step: &Step) -> bool {
    match step {
        Step::RecordIntent(_) | Step::Consider(_) | Step::Accept(_) => false,
        Step::Create { .. }
        | Step::Import { .. }
        | Step::Rekey { .. }
        | Step::Bind { .. }
        | Step::GrantSelf(_)
        | Step::SetVisibility(..)
        | Step::SetNewCode(..)
        | Step::RenameMainBranch(..) => true,
    }
}

fn fight(step: &Step) -> Refusal {
    let what = match step {
        Step::SetVisibility(key, wanted) => {
            format!(
                "the visibility {} of SonarQube project {key}",
                wanted.as_str()
            )
        }
        Step::SetNewCode(key, _) => format!("the new code definition of SonarQube project {key}"),
        Step::RenameMainBranch(key, name) => {
            format!("the main branch {name} of SonarQube project {key}")
        }
        Step::Bind { key, .. } => format!("the binding of SonarQube project {key}"),
        Step::GrantSelf(key) => {
            format!("the permissions of the operator's user on SonarQube project {key}")
        }
        Step::Create { key, .. }
        | Step::Import { key, .. }
        | Step::Rekey { to: key, .. }
        | Step::RecordIntent(key)
        | Step::Consider(key) => format!("SonarQube project {key}"),
        Step::Accept(acceptance) => format!("SonarQube project {}", acceptance.key),
    };
    Refusal::new(
        Reason::FightDetected,
        format!(
            "something else keeps undoing what Bindery writes: {what} was written {TOO_OFTEN} times in a row and changed back. Find the other writer (a user, a script, another operator) and stop it, or take the field out of the spec. Until then Bindery writes it once an interval"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::ProjectKey;
    use crate::plan::binding::Visibility;

    fn step(key: &str) -> Step {
        Step::SetVisibility(ProjectKey::reported(key), Visibility::Private)
    }

    /// One reconcile that writes the step so often, and what is remembered then.
    fn reconcile(before: Writes, mut looks: u32, step: &Step) -> (u32, Option<Reason>, Writes) {
        let (mut writes, mut made) = (Writes::after(before), 0);
        while looks > 0 {
            looks -= 1;
            if let Leave::Stop(why) = writes.may_take(std::slice::from_ref(step)) {
                return (made, Some(why.reason), writes.at_the_end());
            }
            writes.took(step);
            made += 1;
        }
        let why = writes.fight().map(|why| why.reason);
        (made, why, writes.at_the_end())
    }

    #[test]
    fn what_is_undone_again_and_again_is_written_once_a_reconcile() {
        let fight = Some(Reason::FightDetected);
        let (made, why, writes) = reconcile(Writes::default(), 8, &step("PAY:a"));
        assert_eq!((made, why), (3, fight));
        let (made, why, _) = reconcile(writes.clone(), 8, &step("PAY:a"));
        assert_eq!((made, why), (1, fight));
        let (made, why, _) = reconcile(writes, 2, &step("PAY:b"));
        assert_eq!((made, why), (2, None), "nobody undoes that one");
    }

    #[test]
    fn a_fight_shows_over_several_reconciles_and_ends_with_a_quiet_one() {
        let mut writes = Writes::default();
        for _ in 0..3 {
            let (made, why, after) = reconcile(writes, 1, &step("PAY:a"));
            assert_eq!((made, why), (1, None));
            writes = after;
        }
        let (_, why, writes) = reconcile(writes, 1, &step("PAY:a"));
        assert_eq!(why, Some(Reason::FightDetected));
        let (_, _, quiet) = reconcile(writes, 0, &step("PAY:a"));
        assert_eq!(quiet, Writes::default());
    }

    /// The listings may be older than the last write, so one of them proves nothing.
    #[test]
    fn only_several_quiet_listings_in_a_row_end_a_fight() {
        let (_, _, written) = reconcile(Writes::default(), 1, &step("PAY:a"));
        let twice = written.at_rest().at_rest();
        assert_ne!(twice.clone(), Writes::default());
        let (_, _, again) = reconcile(twice.clone(), 1, &step("PAY:a"));
        assert_ne!(again.at_rest().at_rest(), Writes::default());
        assert_eq!(twice.at_rest(), Writes::default());
    }

    #[test]
    fn what_is_written_to_kubernetes_alone_is_no_fight() {
        let intent = Step::RecordIntent(ProjectKey::reported("PAY:a"));
        let (made, why, writes) = reconcile(Writes::default(), 8, &intent);
        assert_eq!((made, why, writes), (8, None, Writes::default()));
    }
}
