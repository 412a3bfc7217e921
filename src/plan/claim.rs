//! One claim per thing: who manages it when several objects want to.

use std::cmp::Ordering;

use crate::identity::Uid;

/// An object that wants to manage the thing in question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contender {
    /// The object.
    pub uid: Uid,
    /// `namespace/name`, for the message.
    pub name: String,
    /// Whether its status holds an accepted claim. One that does comes before every one that does not.
    pub accepted: bool,
    /// When it was created, in seconds of the Unix epoch. The older wins.
    pub created: i64,
}

/// The one to which the thing belongs comes first: the accepted, then the older, then the one with the smaller uid, as
/// Gateway API settles it.
impl Ord for Contender {
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = |contender: &Self| (!contender.accepted, contender.created);
        rank(self)
            .cmp(&rank(other))
            .then_with(|| self.uid.cmp(&other.uid))
            .then_with(|| self.name.cmp(&other.name))
    }
}

impl PartialOrd for Contender {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The contender that the thing belongs to while others want it. `None` without contenders.
#[must_use]
pub fn contest(contenders: impl IntoIterator<Item = Contender>) -> Option<Contender> {
    contenders.into_iter().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contender(uid: &str, accepted: bool, created: i64) -> Contender {
        Contender {
            uid: Uid::new(uid),
            name: format!("team/{uid}"),
            accepted,
            created,
        }
    }

    fn winner(contenders: &[Contender]) -> String {
        contest(contenders.to_vec()).unwrap().uid.to_string()
    }

    #[test]
    fn the_older_wins_and_the_uid_settles_a_tie() {
        assert_eq!(
            winner(&[contender("b", false, 5), contender("a", false, 4)]),
            "a"
        );
        assert_eq!(
            winner(&[contender("b", false, 5), contender("a", false, 5)]),
            "a"
        );
    }

    #[test]
    fn an_accepted_claim_is_not_lost_to_an_older_object_that_comes_later() {
        assert_eq!(
            winner(&[contender("old", false, 1), contender("holder", true, 9)]),
            "holder"
        );
    }
}
