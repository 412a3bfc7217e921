//! What is remembered, field by field: what may be undone goes by it.

use super::*;
use crate::plan::binding::record::{Answer, Done, Taken, after, bound_to, settled};

fn seen() -> SeenRepository {
    SeenRepository {
        id: 7,
        asked: path("PAY/checkout"),
    }
}

fn took(record: Record, step: &Step, done: Done) -> Record {
    let (own, server) = (Uid::new(OURS), ServerId::new("server"));
    let taken = Taken {
        own: &own,
        server: &server,
        seen: Some(&seen()),
        step,
        answer: &Answer::Done(done),
    };
    after(record, &taken)
}

fn accepted(record: Record) -> Accepted {
    record.accepted.unwrap()
}

#[test]
fn the_final_state_is_recorded() {
    let asked = path("PAY/checkout");
    let mut record = keeping().record;
    let before = record.accepted.as_mut().unwrap();
    (before.id, before.repository) = (None, Some(path("PAY/old")));
    let here = observed(bound("pay/Checkout"), &[]);
    assert_eq!(bound_to(&here).map(|found| found.id), Some(7));
    let now = settled(record.clone(), &asked, &here);
    assert_eq!(now.repository, Some(seen()));
    let now = accepted(now);
    assert_eq!(now.id, Some(ProjectId::new("uuid-1")));
    assert_eq!(now.repository, Some(path("PAY/checkout")));
    let elsewhere = observed(bound("PAY/other"), &[]);
    let now = settled(record, &asked, &elsewhere);
    assert_eq!(now.repository, None);
    assert_eq!(accepted(now).repository, Some(path("PAY/old")));
}

/// Ownership: the project that is about to be created is not the one that was there before.
#[test]
fn an_intent_clears_the_record_of_an_earlier_project() {
    let intent = Step::RecordIntent(key("PAY:checkout"));
    let now = accepted(took(keeping().record, &intent, Done::Plain));
    assert_eq!((now.id, now.created_by, now.bound_by), (None, None, None));
}

#[test]
fn an_import_is_remembered_with_all_that_was_answered() {
    let import = Step::Import {
        key: key("PAY:checkout"),
        name: "Checkout".to_owned(),
        repository: path("PAY/checkout"),
    };
    let record = Record {
        intent: Some(intent("PAY:checkout")),
        ..Record::default()
    };
    let chosen = Done::ImportedAs(key("PAY_checkout"));
    let now = took(record.clone(), &import, chosen).intent.unwrap();
    assert_eq!(now.imported_as, Some(key("PAY_checkout")));
    assert_eq!(now.key, key("PAY:checkout"));
    let done = Done::Imported {
        id: ProjectId::new("uuid-9"),
        created: true,
    };
    let now = took(record, &import, done);
    assert_eq!(now.repository, Some(seen()));
    let now = accepted(now);
    assert_eq!(now.id, Some(ProjectId::new("uuid-9")));
    assert_eq!(now.created_by, Some(Uid::new(OURS)));
    assert_eq!(now.repository, Some(path("PAY/checkout")));
}

#[test]
fn a_binding_that_was_written_is_remembered_as_ours() {
    let bind = Step::Bind {
        key: key("PAY:checkout"),
        name: "Checkout".to_owned(),
        repository: path("PAY/checkout"),
    };
    let mut record = keeping_a_foreign_one().record;
    record.accepted.as_mut().unwrap().repository = Some(path("PAY/old"));
    let now = took(record, &bind, Done::Bound(None));
    assert_eq!(now.repository, Some(seen()));
    let now = accepted(now);
    assert_eq!((now.created_by, now.bound_by), (None, Some(Uid::new(OURS))));
    assert_eq!(now.repository, Some(path("PAY/checkout")));
}

/// Ownership: a database that was swapped makes every memory worthless.
#[test]
fn a_record_of_another_server_is_forgotten() {
    let record = Record {
        intent: Some(intent("PAY:checkout")),
        repository: Some(seen()),
        ..keeping().record
    };
    let server = record.accepted.as_ref().unwrap().server.clone();
    let same = record.clone().on(&server);
    assert_eq!(
        (&same.accepted, &same.repository),
        (&record.accepted, &Some(seen()))
    );
    assert_eq!(
        same.intent.map(|intent| intent.attempt),
        Some(Attempt::Repeated)
    );
    let other = record.on(&ServerId::new("another"));
    assert_eq!(other, Record::default());
}

/// Ownership: an intent whose answer came says nothing any more.
#[test]
fn a_deletion_goes_by_the_acceptance_once_the_answer_came() {
    let mut record = keeping().record;
    record.intent = Some(intent("PAY:other"));
    let uid = Uid::new(OURS);
    let facts = ReleaseFacts {
        uid: &uid,
        record: &record,
        repository: Some(&path("PAY/checkout")),
        seen: Seen::NotYet,
        claimed_by_other: false,
        marked_by: None,
        deletion_allowed: true,
        unbinds: true,
        importing_by: None,
    };
    let asked = release(ReleasePolicy::DeleteProject, &facts);
    assert_eq!(asked, Release::Look(key("PAY:checkout")));
}

#[test]
fn a_repository_that_moved_is_found_where_it_is_now() {
    let found = observed(None, &[]).repository;
    let repository = found.found().unwrap().clone();
    assert_eq!(repository.id, 7);
    let moved = RepositoryState::Moved(Moved {
        place: String::new(),
        repository: Some(repository.clone()),
    });
    assert_eq!(moved.found(), Some(&repository));
    assert_eq!(RepositoryState::Missing.found(), None);
}

/// Either of both shows that SonarQube lets us not see the project.
#[test]
fn our_own_project_that_we_may_not_see_is_granted() {
    let granted = [Step::GrantSelf(key("PAY:checkout"))];
    let mut denied = observed(bound("PAY/checkout"), &["PAY:checkout"]);
    denied.rights = Rights::Denied;
    assert_eq!(steps(plan(&keeping(), &denied)), granted);
    let mut desired = keeping();
    desired.record.intent = Some(intent("PAY:checkout"));
    let mut hidden = observed(BindingState::Hidden, &["PAY:checkout"]);
    hidden.capabilities = server(BindingMethod::SetBinding);
    let message = refused(
        plan(&keeping_a_foreign_one(), &hidden),
        Reason::PermissionMissing,
    );
    assert!(message.contains("PAY:checkout"), "{message}");
}

#[test]
fn a_rival_is_named_only_to_readers_of_its_namespace() {
    let message = |desired: &Desired, name: &str| {
        let mut observed = observed(bound("PAY/checkout"), &["PAY:checkout"]);
        observed.claimed_by = Some(Contender {
            uid: Uid::new("another"),
            name: name.to_owned(),
            accepted: true,
            created: 1,
        });
        refused(plan(desired, &observed), Reason::AlreadyManaged)
    };
    let (own, tenant) = (desired(), tenant(desired()));
    for (desired, name, is_named) in [
        (&own, "elsewhere/it", true),
        (&tenant, "platform/it", true),
        (&tenant, "elsewhere/it", false),
    ] {
        assert_eq!(message(desired, name).contains(name), is_named, "{name}");
    }
}

#[test]
fn a_project_that_shares_this_repository_is_not_re_bound_without_a_word() {
    let mut desired = desired();
    desired.key_given = true;
    let shared = BindingState::Bound {
        repository: path("PAY/checkout"),
        monorepo: Some(true),
    };
    let message = refused(
        plan(&desired, &observed(shared, &["PAY:checkout"])),
        Reason::ProjectAlreadyBound,
    );
    assert!(message.contains("as part of a monorepo"), "{message}");
}
