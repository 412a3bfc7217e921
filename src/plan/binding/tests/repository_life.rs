//! Repositories are renamed, moved, created again, and shared.

use super::*;

fn seen(id: i64, asked: &str) -> SeenRepository {
    SeenRepository {
        id,
        asked: path(asked),
    }
}

/// A binding that is up to date, and whose repository moved to the location of the one with this id.
fn moved_to(place: &str, id: i64) -> (Desired, Observed) {
    let mut desired = keeping();
    desired.record.repository = Some(seen(7, "PAY/checkout"));
    let repository = Repository {
        id,
        path: path(place),
        name: "Checkout".to_owned(),
        project_name: "Payments".to_owned(),
    };
    let observed = Observed {
        repository: RepositoryState::Moved(Moved {
            place: place.to_owned(),
            repository: Some(repository),
        }),
        ..equal()
    };
    (desired, observed)
}

#[test]
fn a_move_is_reported_and_followed_only_on_request() {
    let (desired, observed) = moved_to("OPS/till", 7);
    let message = refused(plan(&desired, &observed), Reason::RepositoryMoved);
    assert!(
        message.contains("to OPS/till: write the new place into spec.repository, or set spec.onRepositoryMoved: Follow"),
        "{message}"
    );
    let following = Desired {
        on_move: OnMove::Follow,
        ..desired
    };
    assert_eq!(
        steps(plan(&following, &observed)),
        [Step::Bind {
            key: key("PAY:checkout"),
            name: "Checkout service".to_owned(),
            repository: path("OPS/till"),
        }]
    );
    let arrived = Observed {
        project: Some(project(bound("OPS/till"))),
        ..observed
    };
    assert_eq!(plan(&following, &arrived), Plan::Settled);
}

/// Promise: a redirect never leads a tenant to what was not admitted, nor to another repository.
#[test]
fn a_move_is_not_followed_out_of_the_access_nor_to_another_repository() {
    let (desired, observed) = moved_to("OPS/till", 7);
    let tenant = tenant(Desired {
        on_move: OnMove::Follow,
        ..desired
    });
    let message = refused(plan(&tenant, &observed), Reason::RepositoryMoved);
    assert!(
        message.contains("a place outside your access") && !message.contains("till"),
        "{message}"
    );
    let (desired, observed) = moved_to("PAY/till", 8);
    let following = Desired {
        on_move: OnMove::Follow,
        ..desired
    };
    refused(plan(&following, &observed), Reason::RepositoryRecreated);
}

/// Promise: what a team imported is not silently bound to another repository that gets the name later.
#[test]
fn another_repository_under_the_same_name_is_reported_and_not_bound() {
    let mut settled = keeping();
    settled.record.repository = Some(seen(6, "pay/Checkout"));
    for observed in [
        equal(),
        observed(BindingState::Unbound, &[]),
        observed(None, &[]),
    ] {
        let message = refused(plan(&settled, &observed), Reason::RepositoryRecreated);
        assert!(message.contains("deletionPolicy: Orphan"), "{message}");
    }
    // Who asks for another repository is given another one.
    settled.record.repository = Some(seen(6, "PAY/old"));
    assert_eq!(plan(&settled, &equal()), Plan::Settled);
}

fn sharing(desired: Desired) -> Desired {
    Desired {
        monorepo: true,
        key_given: true,
        ..desired
    }
}

fn shared(repository: &str) -> BindingState {
    BindingState::Bound {
        repository: path(repository),
        monorepo: Some(true),
    }
}

#[test]
fn a_second_project_on_a_repository_wants_the_monorepo_flag() {
    let second = observed(None, &["legacy"]);
    let alone = Desired {
        key_given: true,
        ..desired()
    };
    let message = refused(plan(&alone, &second), Reason::RepositoryAlreadyBound);
    assert!(message.contains("set monorepo: true"), "{message}");
    let import = plan(&sharing(desired()), &second);
    assert!(
        matches!(
            steps(import).as_slice(),
            [Step::RecordIntent(_), Step::Import { .. }]
        ),
        "not imported"
    );
    let unbound = observed(BindingState::Unbound, &["legacy"]);
    assert_eq!(steps(plan(&sharing(desired()), &unbound)), [bind_step()]);
}

#[test]
fn drift_of_the_monorepo_flag_is_corrected_in_both_directions() {
    for (desired, found) in [
        (sharing(keeping()), bound("PAY/checkout")),
        (keeping(), shared("PAY/checkout")),
    ] {
        let observed = observed(found, &["PAY:checkout"]);
        assert_eq!(steps(plan(&desired, &observed)), [bind_step()]);
        let watching = Desired {
            management: Management::Observe,
            ..desired
        };
        let flag = watching.monorepo;
        assert_eq!(
            differences(plan(&watching, &observed)),
            [Difference {
                field: "monorepo",
                desired: flag.to_string(),
                observed: (!flag).to_string(),
            }]
        );
    }
    // Not while others share it.
    let others = observed(shared("PAY/checkout"), &["PAY:checkout", "legacy"]);
    refused(plan(&keeping(), &others), Reason::RepositoryAlreadyBound);
}

#[test]
fn a_flag_that_was_not_read_is_no_drift() {
    let listed = BindingState::Bound {
        repository: path("PAY/checkout"),
        monorepo: None,
    };
    let observed = observed(listed, &["PAY:checkout"]);
    for desired in [keeping(), sharing(keeping())] {
        assert_eq!(plan(&desired, &observed), Plan::Settled);
    }
}

#[test]
fn a_server_that_cannot_share_repositories_names_the_editions_that_can() {
    let cannot = |method, monorepo| {
        let mut second = observed(None, &["legacy"]);
        second.capabilities = Capabilities {
            monorepo,
            ..server(method)
        };
        plan(&sharing(desired()), &second)
    };
    let developer = refused(
        cannot(BindingMethod::SetBinding, Support::Missing),
        Reason::UnsupportedEdition,
    );
    assert!(developer.contains("Enterprise Edition"), "{developer}");
    let old = refused(
        cannot(BindingMethod::ImportRepository, Support::Missing),
        Reason::UnsupportedVersion,
    );
    assert!(old.contains("10.5 or later"), "{old}");
    for (method, monorepo) in [
        (BindingMethod::SetBinding, Support::Unlisted),
        (BindingMethod::PutBoundProject, Support::Missing),
        (BindingMethod::PostBoundProject, Support::Missing),
    ] {
        assert!(
            matches!(cannot(method, monorepo), Plan::Steps(_)),
            "{method:?}"
        );
    }
}
