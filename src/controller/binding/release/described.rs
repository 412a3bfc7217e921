//! What is published of a project that is left as it is.

use crate::kubernetes::event::{Event, EventReason};
use crate::plan::binding::Leave;

pub(super) fn orphaned(why: &str) -> Event {
    Event::new(
        EventReason::Orphaned,
        format!("left the SonarQube project and its binding as they are: {why}"),
    )
}

pub(super) fn reported(leave: Leave) -> Option<Event> {
    let why = match leave {
        Leave::AsAsked => return None,
        Leave::NotOurs => "Bindery did not make them for this object",
        Leave::OnAnotherServer => {
            "they are on another SonarQube server than the one that answers at this URL now"
        }
        Leave::Unproven(key) => {
            return Some(orphaned(&format!(
                "nothing proves any more that project {key} is the one that Bindery created or bound for this object"
            )));
        }
        Leave::CreatedByAnother(key) => {
            return Some(orphaned(&format!(
                "project {key} has the mark of another object that created it, maybe of another cluster"
            )));
        }
        Leave::ManagedByAnother(key) => {
            return Some(orphaned(&format!(
                "another object manages project {key} by now"
            )));
        }
        Leave::ReboundSince(key) => {
            return Some(orphaned(&format!(
                "Bindery bound project {key} for this object, and another client bound it to something else since"
            )));
        }
        Leave::DeletionNotAllowed => "this operator runs without --allow-project-deletion",
        Leave::CannotUnbind => {
            "this SonarQube cannot remove a single binding; Developer Edition and later, or the community branch plugin, can"
        }
        Leave::Unanswered(key) => {
            return Some(Event::new(
                EventReason::Orphaned,
                format!(
                    "the import of SonarQube project {key} was in progress, and its answer never came: if that project exists, it is left as it is"
                ),
            ));
        }
    };
    Some(orphaned(why))
}
