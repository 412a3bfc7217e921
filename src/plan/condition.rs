//! What the conditions say. `Ready`, `Reconciling` and `Stalled` are computed here from the outcome of a
//! reconcile, by one table, for all kinds; no other code sets them.

use super::{Blocked, Reason, vocabulary};

vocabulary! {
    /// The type of a condition, in the order in which conditions stand in a status.
    pub enum ConditionType {
        /// Everything is as declared, for the generation that the condition names. Under `managementPolicy: Observe`:
        /// everything was compared; the reason is `DriftDetected` where something differs.
        Ready,
        /// Work has begun, or is tried again. Present only while true.
        Reconciling,
        /// Nothing goes on until a person does something. Present only while true.
        Stalled,
        /// Connection: SonarQube answers and is up.
        SonarQubeReachable,
        /// Connection: Bitbucket answers and is a version that Bindery knows.
        BitbucketReachable,
        /// Connection: all tokens work and have the permissions they need.
        CredentialsValid,
        /// Connection: SonarQube's configuration is as declared, and works.
        ConfigurationSynced,
        /// Binding: the connection admits it, and the project may be taken.
        Accepted,
        /// Binding: project and binding are as declared.
        Synced,
        /// Set: the listing of the connection is known, and was compared with the bindings of the set.
        Discovered,
        /// Binding: quality gates can appear in pull requests. Does not hold `Ready` back.
        DecorationReady,
    }
}

/// The status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is so.
    True,
    /// It is not so.
    False,
    /// It could not be checked.
    Unknown,
}

impl State {
    /// The status as Kubernetes spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// One condition, without the times that the shell adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Its type.
    pub condition_type: ConditionType,
    /// Its status.
    pub state: State,
    /// Its reason.
    pub reason: Reason,
    /// Its message, [`cut`].
    pub message: String,
}

/// The longest message of a condition or an event, in bytes: an event takes 1024 of note.
const LONGEST_MESSAGE: usize = 1000;

/// A message, cut between two characters where it is too long for a condition or an event.
pub fn cut(message: impl Into<String>) -> String {
    let mut message: String = message.into();
    message.truncate(message.floor_char_boundary(LONGEST_MESSAGE));
    message
}

impl Condition {
    /// A condition; a longer message is cut.
    pub fn new(
        condition_type: ConditionType,
        state: State,
        reason: Reason,
        message: impl Into<String>,
    ) -> Self {
        Self {
            condition_type,
            state,
            reason,
            message: cut(message),
        }
    }
}

/// How a reconcile ended, as far as it matters to the summary conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is as declared.
    Settled,
    /// A temporary failure, or the object waits for another one.
    Retrying(Blocked),
    /// A person is needed.
    Stalled(Blocked),
    /// Suspended before it was up to date with its generation.
    Suspended,
    /// Something differs from what is declared, and `Observe` only reports it.
    Observed(String),
    /// Something differs from what is declared, and Bindery does not correct it: a person has to.
    Differing(String),
    /// Its deletion is blocked. A deletion that is not blocked is never seen.
    DeletionBlocked(Blocked),
}

/// `Ready`, and `Reconciling` or `Stalled` where they are true.
#[must_use]
pub fn summary(outcome: &Outcome) -> Vec<Condition> {
    use ConditionType::{Ready, Reconciling, Stalled};
    let ready = |state, reason, message: &str| Condition::new(Ready, state, reason, message);
    match outcome {
        Outcome::Settled => vec![ready(
            State::True,
            Reason::Succeeded,
            "everything is as declared",
        )],
        Outcome::Retrying(Blocked { reason, message }) => vec![
            ready(State::False, *reason, message),
            Condition::new(
                Reconciling,
                State::True,
                Reason::ProgressingWithRetry,
                message,
            ),
        ],
        Outcome::Stalled(Blocked { reason, message }) => vec![
            ready(State::False, *reason, message),
            Condition::new(Stalled, State::True, *reason, message),
        ],
        Outcome::Suspended => {
            let message = "suspended before it was brought to this generation: nothing is done";
            vec![
                ready(State::False, Reason::Suspended, message),
                Condition::new(Stalled, State::True, Reason::Suspended, message),
            ]
        }
        Outcome::Observed(message) => vec![ready(State::True, Reason::DriftDetected, message)],
        Outcome::Differing(message) => vec![
            ready(State::False, Reason::DriftDetected, message),
            Condition::new(Stalled, State::True, Reason::DriftDetected, message),
        ],
        Outcome::DeletionBlocked(Blocked { reason, message }) => vec![
            ready(State::False, Reason::Deleting, message),
            Condition::new(Stalled, State::True, *reason, message),
        ],
    }
}

/// The own conditions of a kind after a reconcile: those that were `reached` are true, the one that `failed` is
/// false, the rest could not be checked.
#[must_use]
pub fn own_conditions(
    all: &[ConditionType],
    reached: &[ConditionType],
    failed: Option<(ConditionType, &Blocked)>,
) -> Vec<Condition> {
    all.iter()
        .map(|&condition_type| match failed {
            Some((at, refusal)) if at == condition_type => Condition::new(
                condition_type,
                State::False,
                refusal.reason,
                &*refusal.message,
            ),
            _ if reached.contains(&condition_type) => {
                Condition::new(condition_type, State::True, Reason::Succeeded, "")
            }
            _ => Condition::new(
                condition_type,
                State::Unknown,
                Reason::NotChecked,
                "not checked in this reconcile",
            ),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(outcome: &Outcome) -> Vec<(ConditionType, State, Reason)> {
        summary(outcome)
            .into_iter()
            .map(|condition| (condition.condition_type, condition.state, condition.reason))
            .collect()
    }

    #[test]
    fn the_table_of_outcomes() {
        use ConditionType::{Ready, Reconciling, Stalled};
        let refusal = || Blocked::new(Reason::RepositoryNotFound, "no such repository");
        assert_eq!(
            states(&Outcome::Settled),
            [(Ready, State::True, Reason::Succeeded)]
        );
        assert_eq!(
            states(&Outcome::Retrying(refusal())),
            [
                (Ready, State::False, Reason::RepositoryNotFound),
                (Reconciling, State::True, Reason::ProgressingWithRetry)
            ]
        );
        assert_eq!(
            states(&Outcome::Stalled(refusal())),
            [
                (Ready, State::False, Reason::RepositoryNotFound),
                (Stalled, State::True, Reason::RepositoryNotFound)
            ]
        );
        assert_eq!(
            states(&Outcome::Observed(String::new())),
            [(Ready, State::True, Reason::DriftDetected)]
        );
        assert_eq!(
            states(&Outcome::Differing(String::new())),
            [
                (Ready, State::False, Reason::DriftDetected),
                (Stalled, State::True, Reason::DriftDetected)
            ]
        );
        assert_eq!(
            states(&Outcome::DeletionBlocked(refusal()))[0],
            (Ready, State::False, Reason::Deleting)
        );
    }

    #[test]
    fn conditions_before_the_failure_are_true_and_later_ones_unknown() {
        use ConditionType::{BitbucketReachable, CredentialsValid, SonarQubeReachable};
        let refusal = Blocked::new(Reason::Timeout, "no answer");
        let conditions = own_conditions(
            &[SonarQubeReachable, BitbucketReachable, CredentialsValid],
            &[SonarQubeReachable],
            Some((BitbucketReachable, &refusal)),
        );
        let states: Vec<_> = conditions.iter().map(|condition| condition.state).collect();
        assert_eq!(states, [State::True, State::False, State::Unknown]);
    }

    #[test]
    fn states_are_spelt_as_kubernetes_spells_them() {
        let states = [State::True, State::False, State::Unknown];
        assert_eq!(states.map(State::as_str), ["True", "False", "Unknown"]);
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let condition = Condition::new(
            ConditionType::Ready,
            State::False,
            Reason::Timeout,
            format!("-{}", "ä".repeat(2000)),
        );
        assert_eq!(condition.message.len(), LONGEST_MESSAGE - 1);
        assert!(condition.message.ends_with('ä'));
        assert_eq!(cut("short"), "short");
    }
}
