//! One claim per thing: who manages it when several objects want to.

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

/// The contender that the thing belongs to while others want it: the accepted, then the older, then the
/// one with the smaller uid, as Gateway API settles it. `None` without contenders.
#[must_use]
pub fn contest(contenders: impl IntoIterator<Item = Contender>) -> Option<Contender> {
    contenders.into_iter().min_by(|left, right| {
        let rank = |contender: &Contender| (!contender.accepted, contender.created);
        rank(left)
            .cmp(&rank(right))
            .then_with(|| left.uid.cmp(&right.uid))
    })
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
