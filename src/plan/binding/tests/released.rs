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
    let mut flags = ReleaseFacts {
        uid: &uid,
        record: &nothing,
        seen: Seen::NotYet,
        claimed_by_other: false,
        deletion_allowed: true,
        unbinds: false,
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
        accepted(desired).created_by = None;
    });
    let of_another = released(DeleteProject, |desired, _, _| {
        accepted(desired).created_by = Some(Uid::new("an earlier object of this name"));
    });
    let claimed = released(DeleteProject, |_, _, facts| facts.claimed_by_other = true);
    for release in [foreign, of_another, claimed] {
        assert_eq!(release, Release::Leave(Leave::NotOurs));
    }
    let forbidden = released(DeleteProject, |_, _, facts| facts.deletion_allowed = false);
    assert_eq!(forbidden, Release::Leave(Leave::DeletionNotAllowed));
}

#[test]
fn a_project_is_looked_at_before_it_goes() {
    let look = released(ReleasePolicy::DeleteProject, |_, _, _| {});
    assert_ne!(look, Release::Look(key("PAY:checkout")));
    let (uid, desired) = (Uid::new(OURS), keeping());
    let facts = ReleaseFacts {
        uid: &uid,
        record: &desired.record,
        seen: Seen::NotYet,
        claimed_by_other: false,
        deletion_allowed: true,
        unbinds: false,
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
        assert_eq!(release, Release::Leave(Leave::NotOurs));
    }
}

#[test]
fn where_no_uuid_is_told_the_binding_must_be_as_it_was_written() {
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
        assert_eq!(without_uuid(binding), Release::Leave(Leave::NotOurs));
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
