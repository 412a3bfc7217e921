//! Another writer: what Bindery writes is undone again and again.

use super::{Blocked, Reason};

/// So many writes of one thing in a row that were undone are no accident.
const TOO_OFTEN: u32 = 3;

/// So many times in a row the inventory, which may be older than the last write, must show that nothing is to be
/// written.
const RESTS: u32 = 3;

/// A step that may write to a server.
pub trait Undoable: Clone + PartialEq {
    /// What it writes; `None` if another client cannot undo it.
    fn written(&self) -> Option<Written>;
}

/// What a step writes, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// "the visibility Private of SonarQube project KEY".
    pub what: String,
    /// What its owner may do instead of stopping the other writer.
    pub instead: &'static str,
}

/// The writes of one object in a row. A reconcile that has nothing to write begins anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writes<S> {
    /// Each with how often it was made.
    before: Vec<(S, u32)>,
    /// Those of this reconcile.
    now: Vec<S>,
    /// How often in a row the inventory showed nothing to write.
    rests: u32,
    /// Why this reconcile does not end well, if it does not.
    fight: Option<Box<Blocked>>,
}

/// Whether steps may be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leave {
    /// They may.
    Go,
    /// Not again in this reconcile.
    Stop(Blocked),
}

impl<S> Default for Writes<S> {
    fn default() -> Self {
        Self {
            before: Vec::new(),
            now: Vec::new(),
            rests: 0,
            fight: None,
        }
    }
}

impl<S: Undoable> Writes<S> {
    /// Begins a reconcile with what is remembered of those before.
    #[must_use]
    pub fn after(before: Self) -> Self {
        Self {
            before: before.before,
            ..Self::default()
        }
    }

    /// Whether these steps may be taken. What is undone again and again is written once in a reconcile.
    pub fn may_take(&mut self, steps: &[S]) -> Leave {
        let is_undone = |step: &&S| {
            self.before
                .iter()
                .any(|(before, times)| before == *step && *times >= TOO_OFTEN)
        };
        let undone = steps.iter().find(is_undone);
        let Some((step, written)) = undone.and_then(|step| Some((step, step.written()?))) else {
            return Leave::Go;
        };
        let fight = fight(&written);
        if self.now.contains(step) {
            return Leave::Stop(fight);
        }
        self.fight = Some(fight.into());
        Leave::Go
    }

    /// A step was taken.
    pub fn took(&mut self, step: &S) {
        if step.written().is_none() {
            return;
        }
        self.now.push(step.clone());
        if let Some((_, times)) = self.before.iter_mut().find(|(before, _)| before == step) {
            *times = times.saturating_add(1);
            return;
        }
        // Of thousands of objects one step each is remembered: no room is kept for more.
        self.before.reserve_exact(1);
        self.before.push((step.clone(), 1));
    }

    /// The other writer, if the reconcile wrote what is undone again and again: it must not count as up to date.
    #[must_use]
    pub fn fight(&self) -> Option<&Blocked> {
        self.fight.as_deref()
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

fn fight(Written { what, instead }: &Written) -> Blocked {
    Blocked::new(
        Reason::FightDetected,
        format!(
            "something else keeps undoing what Bindery writes: {what} was written {TOO_OFTEN} times in a row and changed back. Find the other writer (a user, a script, another operator) and stop it, or {instead}. Until then Bindery writes it once an interval"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes what its text says; an empty one writes nothing.
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Step(&'static str);

    impl Undoable for Step {
        fn written(&self) -> Option<Written> {
            let is_any = !self.0.is_empty();
            is_any.then(|| Written {
                what: self.0.to_owned(),
                instead: "let it win",
            })
        }
    }

    /// One reconcile that writes the step so often, and what is remembered then.
    fn reconcile(
        before: Writes<Step>,
        mut looks: u32,
        step: &Step,
    ) -> (u32, Option<Reason>, Writes<Step>) {
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
    fn a_change_undone_again_and_again_is_written_once_per_reconcile() {
        let fight = Some(Reason::FightDetected);
        let (made, why, writes) = reconcile(Writes::default(), 8, &Step("PAY:a"));
        assert_eq!((made, why), (3, fight));
        let (made, why, _) = reconcile(writes.clone(), 8, &Step("PAY:a"));
        assert_eq!((made, why), (1, fight));
        let (made, why, _) = reconcile(writes, 2, &Step("PAY:b"));
        assert_eq!((made, why), (2, None), "no other client undoes that one");
    }

    #[test]
    fn a_fight_shows_over_several_reconciles_and_ends_with_a_quiet_one() {
        let mut writes = Writes::default();
        for _ in 0..3 {
            let (made, why, after) = reconcile(writes, 1, &Step("PAY:a"));
            assert_eq!((made, why), (1, None));
            writes = after;
        }
        let (_, why, writes) = reconcile(writes, 1, &Step("PAY:a"));
        assert_eq!(why, Some(Reason::FightDetected));
        let (_, _, quiet) = reconcile(writes, 0, &Step("PAY:a"));
        assert_eq!(quiet, Writes::default());
    }

    /// The listings may be older than the last write, so one of them proves nothing.
    #[test]
    fn only_several_quiet_listings_in_a_row_end_a_fight() {
        let (_, _, written) = reconcile(Writes::default(), 1, &Step("PAY:a"));
        let twice = written.at_rest().at_rest();
        assert_ne!(twice.clone(), Writes::default());
        let (_, _, again) = reconcile(twice.clone(), 1, &Step("PAY:a"));
        assert_ne!(again.at_rest().at_rest(), Writes::default());
        assert_eq!(twice.at_rest(), Writes::default());
    }

    #[test]
    fn a_fight_is_reported_with_the_undone_change_and_two_remedies() {
        let (_, _, before) = reconcile(Writes::default(), 3, &Step("the sign"));
        let mut writes = Writes::after(before);
        assert_eq!(
            writes.may_take(&[Step("the door"), Step("the sign")]),
            Leave::Go
        );
        let reported = &writes.fight().unwrap().message;
        for part in ["the sign was written 3 times", "stop it, or let it win."] {
            assert!(reported.contains(part), "{reported}");
        }
    }

    #[test]
    fn writes_to_kubernetes_alone_are_no_fight() {
        let (made, why, writes) = reconcile(Writes::default(), 8, &Step(""));
        assert_eq!((made, why, writes), (8, None, Writes::default()));
    }
}
