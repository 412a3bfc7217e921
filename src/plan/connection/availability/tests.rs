//! Availability by example, and whom its changes concern under random sequences.

use proptest::prelude::*;

use super::Availability::{Down, Gone, Serving, UndoOnly, Unknown};
use super::*;
use crate::plan::Reason;
use crate::plan::capability::BindingMethod;
use crate::plan::capability::Support;

fn offer(method: BindingMethod, configuration: &str) -> Offer {
    Offer {
        server: ServerId::new("server"),
        configuration: SettingId::new(configuration),
        capabilities: Capabilities {
            method,
            lists_bindings: true,
            several: Support::Missing,
            monorepo: Support::Missing,
            pull_requests: false,
        },
        decoration: decoration::Server::Unsupported,
    }
}

fn serving() -> Availability {
    Serving(offer(BindingMethod::PutBoundProject, "one"))
}

fn why() -> Blocked {
    Blocked::new(Reason::Timeout, "no answer")
}

fn undo_only(token: Token) -> Availability {
    UndoOnly { why: why(), token }
}

fn trouble(sonarqube: SonarQubeState, has_access: bool) -> Trouble {
    Trouble {
        why: why(),
        sonarqube,
        has_access,
        token: Token::NotRefused,
    }
}

/// Promise: a binding that waits for what a server could not do is reconciled when it can.
#[test]
fn bindings_are_reconciled_when_the_servers_offer_something_else() {
    let mut decorates = offer(BindingMethod::PutBoundProject, "one");
    decorates.decoration = decoration::Server::Able;
    for other in [
        Serving(offer(BindingMethod::PostBoundProject, "one")),
        Serving(offer(BindingMethod::PutBoundProject, "two")),
        Serving(decorates),
        Unknown,
        Down(why()),
    ] {
        assert_eq!(transition(&other, &serving()), Affected::All, "{other:?}");
    }
    assert_eq!(transition(&serving(), &serving()), Affected::Nobody);
}

/// Promise: bindings that are up to date report a refused token, also where the connection was not ready before.
#[test]
fn a_refused_token_concerns_all_bindings_once() {
    let (refused, well) = (undo_only(Token::Refused), undo_only(Token::NotRefused));
    assert_eq!(transition(&Down(why()), &refused), Affected::All);
    assert_eq!(transition(&refused, &refused), Affected::Nobody);
    assert_eq!(transition(&refused, &well), Affected::All);
}

#[test]
fn bindings_that_are_deleted_go_on_once_sonarqube_is_well_or_its_token_is_gone() {
    let well = undo_only(Token::NotRefused);
    for (old, new, affected) in [
        (Down(why()), well.clone(), Affected::Leaving),
        (Down(why()), Gone(why()), Affected::Leaving),
        (well.clone(), Gone(why()), Affected::Leaving),
        (well.clone(), Down(why()), Affected::Nobody),
        (serving(), Gone(why()), Affected::All),
        (serving(), Down(why()), Affected::All),
        (Unknown, Down(why()), Affected::All),
    ] {
        assert_eq!(transition(&old, &new), affected, "{old:?} to {new:?}");
    }
}

#[test]
fn a_failure_keeps_the_capabilities_of_sonarqube() {
    use SonarQubeState::{NotWell, TokenGone, Well};
    for (sonarqube, has_access, expected) in [
        (Well, true, undo_only(Token::NotRefused)),
        (Well, false, Down(why())),
        (NotWell, true, Down(why())),
        (TokenGone, true, Gone(why())),
    ] {
        let after = Availability::after(trouble(sonarqube, has_access));
        assert_eq!(after, expected, "{sonarqube:?}, {has_access}");
    }
}

/// Promise: a connection that is being deleted shuts out no binding that it still serves.
#[test]
fn a_connection_that_is_deleted_serves_as_long_as_it_can() {
    use SonarQubeState::{NotWell, TokenGone, Well};
    let well = || undo_only(Token::NotRefused);
    for (before, sonarqube, has_access, expected) in [
        (serving(), Well, true, serving()),
        (serving(), NotWell, true, serving()),
        (serving(), TokenGone, true, well()),
        // The URL leads to another server by now.
        (serving(), Well, false, Down(why())),
        (well(), NotWell, true, well()),
        (well(), TokenGone, true, well()),
        (Down(why()), Well, true, well()),
        (Down(why()), NotWell, true, Down(why())),
        (Unknown, TokenGone, false, Gone(why())),
    ] {
        let reported = format!("{before:?}, {sonarqube:?}");
        let after = before.while_deleting(trouble(sonarqube, has_access));
        assert_eq!(after, expected, "{reported}");
    }
    let deleting = Blocked::new(Reason::Deleting, "");
    let closed = serving().closed_to_new_ones(deleting.clone());
    assert_eq!(closed.why(), Some(&deleting));
    assert!(matches!(closed, UndoOnly { .. }));
    assert_eq!(
        Down(why()).closed_to_new_ones(deleting.clone()),
        Down(deleting)
    );
}

/// What a binding that is not being deleted does and says.
fn seen_by_staying(now: &Availability) -> (Option<Offer>, bool, Token) {
    let offer = match now {
        Serving(offer) => Some(offer.clone()),
        Unknown | UndoOnly { .. } | Down(_) | Gone(_) => None,
    };
    (offer, *now == Unknown, now.token())
}

/// What a binding that is being deleted may do: undo, or leave everything as it is.
fn may_leave(now: &Availability) -> Option<&'static str> {
    match now {
        Serving(_) | UndoOnly { .. } => Some("undo"),
        Gone(_) => Some("leave"),
        Unknown | Down(_) => None,
    }
}

fn availabilities() -> impl Strategy<Value = Availability> {
    prop_oneof![
        Just(serving()),
        Just(Serving(offer(BindingMethod::SetBinding, "two"))),
        Just(undo_only(Token::NotRefused)),
        Just(undo_only(Token::Refused)),
        Just(Down(why())),
        Just(Gone(why())),
    ]
}

proptest! {
    /// Promise: after any change of a connection, no binding sleeps through what it waits for, and none is reconciled
    /// where nothing has changed.
    #[test]
    fn no_binding_misses_a_change_that_concerns_it(sequence in prop::collection::vec(availabilities(), 1..12)) {
        let mut before = Unknown;
        let mut staying = seen_by_staying(&before);
        let mut leaving = may_leave(&before);
        for now in sequence {
            match transition(&before, &now) {
                Affected::All => {
                    prop_assert_ne!(&before, &now);
                    staying = seen_by_staying(&now);
                    leaving = may_leave(&now);
                }
                Affected::Leaving => leaving = may_leave(&now),
                Affected::Nobody => {}
            }
            prop_assert_eq!(&staying, &seen_by_staying(&now), "{:?} to {:?}", before, now);
            if may_leave(&now).is_none() {
                // It tries, and finds out.
                leaving = None;
            }
            prop_assert_eq!(leaving, may_leave(&now), "{:?} to {:?}", before, now);
            before = now;
        }
    }
}
