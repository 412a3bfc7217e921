//! What is undone when a binding is deleted.

use super::*;

/// The answer for a deletion with everything in its favour, after `change` took something away.
fn released(
    policy: ReleasePolicy,
    change: impl FnOnce(&mut Desired, &mut Option<Project>, &mut ReleaseFacts<'_>),
) -> Release {
    let mut desired = keeping();
    let mut found = Some(project(bound("PAY/checkout")));
    let (uid, nothing) = (Uid::new(OURS), Record::default());
    let repository = path("PAY/checkout");
    let mut flags = ReleaseFacts {
        uid: &uid,
        record: &nothing,
        repository: Some(&repository),
        seen: Seen::NotYet,
        claimed_by_other: false,
        marked_by: None,
        deletion_allowed: true,
        unbinds: false,
        importing_by: None,
    };
    change(&mut desired, &mut found, &mut flags);
    let facts = ReleaseFacts {
        record: &desired.record,
        seen: found.as_ref().map_or(Seen::Gone, Seen::There),
        ..flags
    };
    release(policy, &facts)
}

fn accepted(desired: &mut Desired) -> &mut Accepted {
    desired.record.accepted.as_mut().unwrap()
}

#[test]
fn a_project_goes_only_where_bindery_made_it_and_may_delete() {
    use ReleasePolicy::DeleteProject;
    let delete = Release::DeleteProject(key("PAY:checkout"));
    assert_eq!(released(DeleteProject, |_, _, _| {}), delete);
    let foreign = released(DeleteProject, |desired, _, _| {
        (accepted(desired).created_by, accepted(desired).bound_by) = (None, None);
    });
    let of_another = released(DeleteProject, |desired, _, _| {
        let another = Some(Uid::new("an earlier object of this name"));
        (accepted(desired).created_by, accepted(desired).bound_by) = (another.clone(), another);
    });
    let claimed = released(DeleteProject, |_, _, facts| facts.claimed_by_other = true);
    for release in [foreign, of_another] {
        assert_eq!(release, Release::Leave(Leave::NotOurs));
    }
    let by_another = Leave::ManagedByAnother(key("PAY:checkout"));
    assert_eq!(claimed, Release::Leave(by_another));
    let forbidden = released(DeleteProject, |_, _, facts| facts.deletion_allowed = false);
    assert_eq!(forbidden, Release::Leave(Leave::DeletionNotAllowed));
}

/// Promise: of two clusters that took one project for their own import, the one whose mark it has may delete it.
#[test]
fn a_project_that_is_marked_by_another_object_is_left() {
    use ReleasePolicy::{DeleteProject, Unbind};
    let (own, other) = (Uid::new(OURS), Uid::new("an object of another cluster"));
    let delete = Release::DeleteProject(key("PAY:checkout"));
    let marked = |by| released_marked(DeleteProject, by);
    assert_eq!(marked(None), delete);
    assert_eq!(marked(Some(&own)), delete);
    let left = Leave::CreatedByAnother(key("PAY:checkout"));
    assert_eq!(marked(Some(&other)), Release::Leave(left));
    // A binding that was removed is written again by the operator that wants it.
    let unbound = released_marked(Unbind, Some(&other));
    assert_eq!(unbound, released_marked(Unbind, None));
}

fn released_marked(policy: ReleasePolicy, by: Option<&Uid>) -> Release {
    let (desired, found) = (keeping(), project(bound("PAY/checkout")));
    let (uid, repository) = (Uid::new(OURS), path("PAY/checkout"));
    let facts = ReleaseFacts {
        uid: &uid,
        record: &desired.record,
        repository: Some(&repository),
        seen: Seen::There(&found),
        claimed_by_other: false,
        marked_by: by,
        deletion_allowed: true,
        unbinds: true,
        importing_by: None,
    };
    release(policy, &facts)
}

#[test]
fn a_project_is_read_before_it_is_deleted() {
    let look = released(ReleasePolicy::DeleteProject, |_, _, _| {});
    assert_ne!(look, Release::Look(key("PAY:checkout")));
    let (uid, desired) = (Uid::new(OURS), keeping());
    let facts = ReleaseFacts {
        uid: &uid,
        record: &desired.record,
        repository: None,
        seen: Seen::NotYet,
        claimed_by_other: false,
        marked_by: None,
        deletion_allowed: true,
        unbinds: false,
        importing_by: None,
    };
    assert_eq!(
        release(ReleasePolicy::DeleteProject, &facts),
        Release::Look(key("PAY:checkout"))
    );
}

#[test]
fn a_project_recreated_by_hand_or_gone_or_never_accepted_is_left() {
    use ReleasePolicy::DeleteProject;
    let recreated = released(DeleteProject, |_, found, _| {
        found.as_mut().unwrap().id = Some(ProjectId::new("uuid-2"));
    });
    let gone = released(DeleteProject, |_, found, _| *found = None);
    let never = released(DeleteProject, |desired, _, _| {
        desired.record = Record::default();
    });
    for release in [gone, never] {
        assert_eq!(release, Release::Leave(Leave::AsAsked));
    }
    let told_only_now = released(DeleteProject, |desired, _, _| {
        accepted(desired).id = None;
    });
    for release in [recreated, told_only_now] {
        let unproven = Leave::Unproven(key("PAY:checkout"));
        assert_eq!(release, Release::Leave(unproven));
    }
}

#[test]
fn without_a_uuid_the_binding_must_be_as_it_was_written() {
    let without_uuid = |binding: BindingState| {
        released(ReleasePolicy::DeleteProject, |_, found, _| {
            let found = found.as_mut().unwrap();
            found.id = None;
            found.binding = binding;
        })
    };
    assert_eq!(
        without_uuid(bound("pay/checkout")),
        Release::DeleteProject(key("PAY:checkout"))
    );
    for binding in [bound("OPS/deploy"), BindingState::Unbound] {
        let unproven = Leave::Unproven(key("PAY:checkout"));
        assert_eq!(without_uuid(binding), Release::Leave(unproven));
    }
}

#[test]
fn a_binding_stays_where_it_cannot_be_removed_alone_or_is_not_ours() {
    use ReleasePolicy::{Orphan, Unbind};
    assert_eq!(
        released(Unbind, |_, _, _| {}),
        Release::Leave(Leave::CannotUnbind)
    );
    let foreign = released(Unbind, |desired, _, _| accepted(desired).bound_by = None);
    assert_eq!(foreign, Release::Leave(Leave::NotOurs));
    assert_eq!(
        released(Orphan, |_, _, _| {}),
        Release::Leave(Leave::AsAsked)
    );
}

/// D40: Bindery made this binding, and does not deny it.
#[test]
fn a_binding_changed_by_another_client_stays_and_is_reported_as_changed() {
    for (now, leave) in [
        (bound("OPS/deploy"), Leave::ReboundSince as fn(_) -> _),
        (
            BindingState::Elsewhere("other".to_owned()),
            Leave::ReboundSince,
        ),
        (BindingState::Hidden, Leave::Unproven),
    ] {
        let release = released(ReleasePolicy::Unbind, |_, found, facts| {
            facts.unbinds = true;
            found.as_mut().unwrap().binding = now;
        });
        assert_eq!(release, Release::Leave(leave(key("PAY:checkout"))));
    }
}

/// Promise of the CRD: what Bindery did not create is not deleted, and unbound all the same if Bindery bound it.
#[test]
fn an_adopted_project_is_unbound_instead_of_deleted() {
    use ReleasePolicy::{DeleteProject, Unbind};
    for creator in [None, Some(Uid::new("an earlier object of this name"))] {
        let bound_only = |unbinds| {
            released(DeleteProject, |desired, _, facts| {
                accepted(desired).created_by.clone_from(&creator);
                facts.unbinds = unbinds;
            })
        };
        assert_eq!(
            bound_only(true),
            Release::Unbind(key("PAY:checkout"), Unbind)
        );
        assert_eq!(bound_only(false), Release::Leave(Leave::CannotUnbind));
    }
}

/// The answer for a deletion during an import, which made this.
fn interrupted(
    policy: ReleasePolicy,
    made: Option<Project>,
    change: impl FnOnce(&mut Desired, &mut ReleaseFacts<'_>),
) -> Release {
    released(policy, |desired, found, facts| {
        *found = made;
        desired.record = Record {
            intent: Some(intent("PAY:checkout")),
            ..Record::default()
        };
        facts.unbinds = true;
        change(desired, facts);
    })
}

/// Promise: everything that is left is reported, and nothing is deleted that may belong to another client.
#[test]
fn an_unanswered_import_is_searched_and_undone_by_the_deletion_policy() {
    use ReleasePolicy::{DeleteProject, Orphan, Unbind};
    let ours = || Some(project(bound("pay/Checkout")));
    let unanswered = Release::Leave(Leave::Unanswered(key("PAY:checkout")));
    assert_eq!(
        interrupted(DeleteProject, ours(), |_, _| {}),
        Release::DeleteProject(key("PAY:checkout"))
    );
    assert_eq!(
        interrupted(Unbind, ours(), |_, _| {}),
        Release::Unbind(key("PAY:checkout"), Unbind)
    );
    assert_eq!(
        interrupted(DeleteProject, None, |_, _| {}),
        Release::Leave(Leave::AsAsked)
    );
    assert_eq!(
        interrupted(Orphan, ours(), |_, _| {}),
        Release::Leave(Leave::AsAsked)
    );
    for strange in [
        BindingState::Unbound,
        bound("OPS/deploy"),
        BindingState::Hidden,
    ] {
        let strange = interrupted(DeleteProject, Some(project(strange)), |_, _| {});
        assert_eq!(strange, unanswered);
    }
    let rival = interrupted(DeleteProject, ours(), |_, facts| {
        facts.claimed_by_other = true;
    });
    let by_another = Leave::ManagedByAnother(key("PAY:checkout"));
    assert_eq!(rival, Release::Leave(by_another));
    // Nothing can be undone in any case: no server is needed to find out.
    let unable = interrupted(Unbind, ours(), |_, facts| facts.unbinds = false);
    assert_eq!(unable, unanswered);
    // What was accepted before was found gone, and is being imported again.
    let again = interrupted(DeleteProject, ours(), |desired, _| {
        let before = keeping().record.accepted;
        desired.record.accepted = before.map(|accepted| Accepted {
            id: None,
            created_by: None,
            bound_by: None,
            ..accepted
        });
    });
    assert_eq!(again, Release::DeleteProject(key("PAY:checkout")));
}

#[test]
fn an_import_under_a_key_of_sonarqubes_choice_is_undone_once_that_key_is_known() {
    use ReleasePolicy::DeleteProject;
    let chosen = |imported_as: Option<&str>| {
        interrupted(DeleteProject, None, |desired, facts| {
            desired.record.intent = Some(Intent {
                imported_as: imported_as.map(key),
                ..intent("PAY:checkout")
            });
            facts.importing_by = Some(BindingMethod::ImportRepository);
        })
    };
    let unanswered = Release::Leave(Leave::Unanswered(key("PAY:checkout")));
    assert_eq!(chosen(None), unanswered);
    assert_eq!(
        chosen(Some("PAY_checkout_x")),
        Release::Leave(Leave::AsAsked),
        "gone from under the key that it had"
    );
}

/// Ownership: the record may have changed with the server since the key to read was chosen.
#[test]
fn another_project_than_the_intended_one_proves_nothing() {
    let another = Project {
        key: key("PAY:other"),
        ..project(bound("PAY/checkout"))
    };
    let released = interrupted(ReleasePolicy::DeleteProject, Some(another), |_, _| {});
    let unanswered = Release::Leave(Leave::Unanswered(key("PAY:checkout")));
    assert_eq!(released, unanswered);
}
