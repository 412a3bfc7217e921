//! What is remembered, step by step.

use super::*;
use crate::plan::binding::NewCode;

fn key(text: &str) -> ProjectKey {
    ProjectKey::reported(text)
}

fn own() -> Uid {
    Uid::new("uid")
}

fn repository() -> RepositoryPath {
    RepositoryPath::parse("PAY", "checkout").unwrap()
}

fn taken(record: Record, step: &Step, answer: &Answer) -> Record {
    let (own, server) = (own(), ServerId::new("server"));
    let taken = Taken {
        own: &own,
        server: &server,
        seen: None,
        step,
        answer,
    };
    after(record, &taken)
}

fn intended(attempt: Attempt) -> Record {
    Record {
        intent: Some(Intent {
            server: ServerId::new("server"),
            key: key("PAY:checkout"),
            imported_as: None,
            attempt,
        }),
        ..Record::default()
    }
}

fn held() -> Accepted {
    Accepted {
        server: ServerId::new("server"),
        key: key("PAY:checkout"),
        id: Some(ProjectId::new("uuid-1")),
        created_by: Some(own()),
        bound_by: Some(own()),
        repository: Some(repository()),
        new_code: Some(NewCode::PreviousVersion),
    }
}

fn found(name: &str, id: Option<&str>) -> Step {
    Step::Accept(Acceptance {
        key: key(name),
        id: id.map(ProjectId::new),
        repository: Some(repository()),
        origin: Origin::Found,
    })
}

/// Promise: a project that another client creates is never taken for our import. An intent stays only while a call that
/// was sent may have created the project.
#[test]
fn an_intent_is_removed_where_nothing_can_have_been_created() {
    let create = Step::Create {
        key: key("PAY:checkout"),
        name: "Checkout".to_owned(),
    };
    let import = Step::Import {
        key: key("PAY:checkout"),
        name: "Checkout".to_owned(),
        repository: repository(),
    };
    for step in [create, import] {
        for (answer, attempt, stays) in [
            (Answer::RefusedByServer, Attempt::First, false),
            (Answer::RefusedByServer, Attempt::Repeated, false),
            (Answer::KeyExists, Attempt::First, false),
            (Answer::KeyExists, Attempt::Repeated, true),
            (Answer::NeverSent, Attempt::First, false),
            (Answer::NeverSent, Attempt::Repeated, true),
            (Answer::Unknown, Attempt::First, true),
            (Answer::Unknown, Attempt::Repeated, true),
        ] {
            let record = taken(intended(attempt), &step, &answer);
            let kept = stays.then_some(Attempt::Repeated);
            let found = record.intent.map(|intent| intent.attempt);
            assert_eq!(found, kept, "{answer:?} to {attempt:?} of {step:?}");
        }
    }
}

/// Promise: nothing twice. What was asked for and not answered stays unknown, even if the next attempt fails.
#[test]
fn an_intent_that_is_announced_again_remembers_that_a_call_was_made() {
    let announce = Step::RecordIntent(key("PAY:checkout"));
    let first = taken(Record::default(), &announce, &Answer::Done(Done::Plain));
    assert_eq!(first, intended(Attempt::First));
    let stored = first.on(&ServerId::new("server"));
    assert_eq!(
        stored,
        intended(Attempt::Repeated),
        "after a crash nothing is known"
    );
    let again = taken(stored, &announce, &Answer::Done(Done::Plain));
    assert_eq!(again, intended(Attempt::Repeated));
    // Of another key nothing was asked.
    let other = Step::RecordIntent(key("PAY:other"));
    let other = taken(again, &other, &Answer::Done(Done::Plain));
    assert_eq!(other.intent.unwrap().attempt, Attempt::First);
}

/// Ownership: our project is deleted and another client creates one of the same key. An intent that was
/// answered would show that project as the answer that never came.
#[test]
fn another_connection_of_the_name_expects_no_answer_that_came() {
    let answered = Record {
        accepted: Some(held()),
        ..intended(Attempt::First)
    };
    assert!(!answered.is_importing(&key("PAY:checkout")));
    let renewed = answered.through_another_connection();
    assert!(!renewed.is_importing(&key("PAY:checkout")));
    assert_eq!(renewed.former, Some(held()));
    let unanswered = intended(Attempt::First).through_another_connection();
    assert!(unanswered.is_importing(&key("PAY:checkout")));
}

#[test]
fn a_record_of_an_earlier_connection_shows_who_made_the_project() {
    let before = Record {
        accepted: Some(held()),
        ..Record::default()
    };
    let record = before.through_another_connection();
    assert_eq!(record.accepted, None, "no claim");
    let same = taken(
        record.clone(),
        &found("PAY:checkout", Some("uuid-1")),
        &Answer::Done(Done::Plain),
    );
    assert_eq!(same.accepted, Some(held()));
    for id in [Some("uuid-2"), None] {
        let another = taken(
            record.clone(),
            &found("PAY:checkout", id),
            &Answer::Done(Done::Plain),
        );
        let another = another.accepted.unwrap();
        assert_eq!(
            (another.created_by, another.bound_by, another.new_code),
            (None, None, None),
            "{id:?} is not proved to be the same"
        );
    }
    let announce = Step::RecordIntent(key("PAY:checkout"));
    let gone = taken(record, &announce, &Answer::Done(Done::Plain));
    assert_eq!(gone.former, None, "it is gone: another one is created");
}

#[test]
fn a_project_that_was_given_another_key_is_still_ours() {
    let before = Record {
        accepted: Some(held()),
        ..Record::default()
    };
    let step = found("PAY:renamed", Some("uuid-1"));
    let accepted = taken(before, &step, &Answer::Done(Done::Plain)).accepted;
    let wanted = Accepted {
        key: key("PAY:renamed"),
        ..held()
    };
    assert_eq!(accepted, Some(wanted));
}

#[test]
fn a_project_that_was_created_anew_under_the_key_has_none_of_our_settings() {
    let before = Record {
        accepted: Some(held()),
        ..Record::default()
    };
    let bind = Step::Bind {
        key: key("PAY:checkout"),
        name: "Checkout".to_owned(),
        repository: repository(),
    };
    let answer = |id| Answer::Done(Done::Bound(Some(ProjectId::new(id))));
    let same = taken(before.clone(), &bind, &answer("uuid-1")).accepted;
    assert_eq!(same, Some(held()));
    let anew = taken(before, &bind, &answer("uuid-2")).accepted;
    let wanted = Accepted {
        id: Some(ProjectId::new("uuid-2")),
        created_by: None,
        new_code: None,
        ..held()
    };
    assert_eq!(anew, Some(wanted));
}

/// A user unbound the project before the re-created connection accepted it: the spec names its key, so that
/// it is bound without being accepted first.
#[test]
fn a_project_that_is_bound_through_another_connection_has_its_maker() {
    let before = Record {
        accepted: Some(held()),
        ..Record::default()
    };
    let record = before.through_another_connection();
    let bind = Step::Bind {
        key: key("PAY:checkout"),
        name: "Checkout".to_owned(),
        repository: repository(),
    };
    let answer = |id| Answer::Done(Done::Bound(id));
    let same = Some(ProjectId::new("uuid-1"));
    let same = taken(record.clone(), &bind, &answer(same)).accepted;
    assert_eq!(same, Some(held()));
    for id in [Some(ProjectId::new("uuid-2")), None] {
        let another = taken(record.clone(), &bind, &answer(id.clone()));
        let wanted = Accepted {
            id,
            created_by: None,
            new_code: None,
            ..held()
        };
        assert_eq!(another.accepted, Some(wanted), "not proved to be the same");
    }
}
