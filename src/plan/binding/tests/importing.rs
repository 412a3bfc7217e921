//! When a project counts as our own import whose answer was lost.

use super::table::decision;
use super::*;

/// Who created the project, who wrote its binding, and what it was bound to when it was accepted.
fn importing_after(created: bool, bound: bool, repository: Option<&str>) -> bool {
    let mut desired = keeping();
    let accepted = desired.record.accepted.as_mut().unwrap();
    accepted.created_by = created.then(|| Uid::new(OURS));
    accepted.bound_by = bound.then(|| Uid::new(OURS));
    accepted.repository = repository.map(path);
    desired.record.intent = Some(Intent {
        server: ServerId::new("server"),
        attempt: Attempt::Repeated,
        key: key("PAY:checkout"),
        imported_as: None,
    });
    desired.record.is_importing(&key("PAY:checkout"))
}

#[test]
fn an_import_is_answered_once_its_project_is_created_or_bound_by_us_and_bound() {
    let repository = Some("PAY/checkout");
    assert!(!importing_after(true, true, repository));
    assert!(!importing_after(true, false, repository));
    assert!(!importing_after(false, true, repository));
    assert!(importing_after(false, false, repository), "adopted before");
    assert!(importing_after(true, true, None), "created, not bound yet");
}

#[test]
fn an_import_is_in_progress_for_the_intended_key_alone() {
    let mut desired = desired();
    let ours = key("PAY:checkout");
    assert!(!desired.record.is_importing(&ours), "no intent");
    desired.record.intent = Some(Intent {
        server: ServerId::new("server"),
        attempt: Attempt::Repeated,
        key: ours.clone(),
        imported_as: None,
    });
    assert!(desired.record.is_importing(&ours));
    assert!(!desired.record.is_importing(&key("PAY:other")));
}

/// An import that SonarQube gave a key of its own, `PAY_checkout_x`, and whose answer is on record.
fn imported() -> (Desired, Observed) {
    let mut desired = desired();
    let chosen = key("PAY_checkout_x");
    desired.record.intent = Some(Intent {
        server: ServerId::new("server"),
        attempt: Attempt::Repeated,
        key: key("PAY:checkout"),
        imported_as: Some(chosen.clone()),
    });
    let observed = Observed {
        capabilities: server(BindingMethod::ImportRepository),
        imported: Some(chosen),
        ..observed(None, &["PAY_checkout_x"])
    };
    (desired, observed)
}

/// Promise: no project gets another key than the one that its import was announced with.
#[test]
fn an_import_announced_under_another_key_is_not_given_the_key_of_today() {
    let (mut desired, observed) = imported();
    desired.key = key("PAY:another");
    desired.key_given = true;
    assert_eq!(
        decision(&plan(&desired, &observed)),
        "RepositoryAlreadyBound"
    );
}

#[test]
fn a_server_that_no_longer_chooses_keys_has_its_project_adopted_under_the_key_it_has() {
    let (desired, mut observed) = imported();
    observed.capabilities = server(BindingMethod::PutBoundProject);
    assert_eq!(
        decision(&plan(&desired, &observed)),
        "consider PAY_checkout_x"
    );
}
