//! A server that creates bound projects and binds none that exist: SonarQube 10.5 to 25.11.

use super::table::{decision, row};
use super::*;

fn creating_only(observed: Observed) -> Observed {
    let capabilities = server(BindingMethod::PostBoundProject);
    let mut observed = Observed {
        capabilities,
        ..observed
    };
    // It returns the uuids of bound projects only.
    if let Some(project) = &mut observed.project
        && !matches!(project.binding, BindingState::Bound { .. })
    {
        project.id = None;
    }
    observed
}

fn unable(plan: Plan) -> (String, Vec<Difference>) {
    let Plan::Refused {
        refusal,
        differences,
    } = plan
    else {
        panic!("expected a refusal, got {plan:?}")
    };
    assert_eq!(
        refusal.reason,
        Reason::UnsupportedVersion,
        "{}",
        refusal.message
    );
    (refusal.message, differences)
}

fn binding(found: &str) -> Vec<Difference> {
    vec![Difference {
        field: "repository",
        desired: "PAY/checkout".to_owned(),
        observed: found.to_owned(),
    }]
}

#[test]
fn cases_without_a_bound_project_are_as_on_any_server() {
    let monorepo = BindingState::Bound {
        repository: path("PAY/checkout"),
        monorepo: Some(true),
    };
    for found in [
        observed(None, &[]),
        observed(None, &["legacy"]),
        observed(None, &["legacy", "older"]),
        equal(),
        observed(bound("OPS/deploy"), &[]),
        observed(BindingState::Elsewhere("GitHub".to_owned()), &[]),
        observed(monorepo, &[]),
    ] {
        assert_eq!(row(&creating_only(found.clone())), row(&found), "{found:?}");
    }
    assert_eq!(plan(&keeping(), &creating_only(equal())), Plan::Settled);
}

#[test]
fn an_unbound_project_is_refused_and_its_repository_need_not_be_free() {
    let (exists, cannot) = ("ProjectExists", "UnsupportedVersion");
    for keys in [&[][..], &["legacy"]] {
        assert_eq!(
            row(&creating_only(observed(BindingState::Unbound, keys))),
            [exists, cannot, exists, exists, exists, cannot]
        );
    }
}

#[test]
fn a_refusal_names_the_missing_feature_its_editions_and_what_to_do() {
    let unbound = creating_only(observed(BindingState::Unbound, &[]));
    let given = |mode| Desired {
        key_given: true,
        mode,
        ..desired()
    };
    let (message, differences) = unable(plan(&given(Mode::ImportOrBind), &unbound));
    assert_eq!(differences, binding("unbound"));
    for part in [
        "PAY:checkout is not bound to repository PAY/checkout",
        "cannot bind a project that exists; 25.12 or later can, in every edition",
        "Developer Edition or later or the community branch plugin",
        "Either upgrade SonarQube",
        "or write another sonarqubeProject.key",
    ] {
        assert!(message.contains(part), "no {part:?} in {message:?}");
    }
    let (message, _) = unable(plan(&given(Mode::Bind), &unbound));
    assert!(
        message.contains("or choose mode ImportOrBind and write another sonarqubeProject.key"),
        "{message}"
    );
    let message = refused(plan(&desired(), &unbound), Reason::ProjectExists);
    assert!(
        message.contains("write another sonarqubeProject.key") && message.contains("25.12"),
        "{message}"
    );
    let absent = creating_only(observed(None, &[]));
    let message = refused(plan(&given(Mode::Bind), &absent), Reason::ProjectNotFound);
    assert!(
        message.contains("choose mode ImportOrBind") && !message.contains("create it"),
        "{message}"
    );
}

#[test]
fn drift_of_a_binding_is_reported_as_a_difference_without_offering_its_own_key() {
    let unbound = creating_only(observed(BindingState::Unbound, &["legacy"]));
    for desired in [keeping(), keeping_a_foreign_one()] {
        let (message, differences) = unable(plan(&desired, &unbound));
        assert_eq!(differences, binding("unbound"));
        assert!(
            message.contains("or delete the project, if its history may go")
                && !message.contains("sonarqubeProject.key"),
            "{message}"
        );
    }
    let binding_only = Desired {
        mode: Mode::Bind,
        ..keeping()
    };
    let (message, _) = unable(plan(&binding_only, &unbound));
    assert!(
        message.contains("choose mode ImportOrBind and delete the project"),
        "{message}"
    );
}

#[test]
fn another_repository_in_the_spec_is_refused_and_the_former_one_is_named() {
    let found = creating_only(observed(bound("PAY/kasse"), &[]));
    let (message, differences) = unable(plan(&keeping(), &found));
    assert_eq!(differences, binding("PAY/kasse"));
    assert!(
        message.contains("or write spec.repository: PAY/kasse")
            && message.contains("PAY:checkout is not bound to repository PAY/checkout"),
        "{message}"
    );
    let secret = creating_only(observed(bound("OPS/secret"), &[]));
    let (message, differences) = unable(plan(&tenant(keeping()), &secret));
    assert_eq!(differences, binding("another repository"));
    assert!(!message.contains("secret"), "{message}");
}

#[test]
fn observe_reports_only_the_difference() {
    let watching = Desired {
        management: Management::Observe,
        ..keeping()
    };
    let unbound = creating_only(observed(BindingState::Unbound, &[]));
    assert_eq!(differences(plan(&watching, &unbound)), binding("unbound"));
}

#[test]
fn a_project_deleted_by_hand_is_imported_again_and_taken_for_our_own_if_the_answer_is_lost() {
    let gone = creating_only(observed(None, &[]));
    assert_eq!(decision(&plan(&keeping(), &gone)), "import");
    let mut awaiting = keeping();
    awaiting.record.intent = Some(intent("PAY:checkout"));
    let accepted = awaiting.record.accepted.as_mut().unwrap();
    (accepted.id, accepted.created_by, accepted.bound_by) = (None, None, None);
    assert_eq!(
        decision(&plan(&awaiting, &creating_only(equal()))),
        "accept PAY:checkout Imported"
    );
}

/// Promise: what may be another client's project of the same key is given no rights, and takes no writes.
#[test]
fn rights_are_granted_only_on_projects_that_bindery_created() {
    let mut denied = creating_only(equal());
    denied.rights = Rights::Denied;
    assert_eq!(
        steps(plan(&keeping(), &denied)),
        [Step::GrantSelf(key("PAY:checkout"))]
    );
    let hidden = creating_only(observed(BindingState::Hidden, &[]));
    let mut awaiting = desired();
    awaiting.record.intent = Some(intent("PAY:checkout"));
    for unproven in [keeping(), awaiting] {
        refused(plan(&unproven, &hidden), Reason::PermissionMissing);
    }
    // If its binding is hidden, the listing contains its uuid all the same.
    let mut listed = hidden;
    listed.project.as_mut().unwrap().id = Some(ProjectId::new("uuid-1"));
    assert_eq!(
        steps(plan(&keeping(), &listed)),
        [Step::GrantSelf(key("PAY:checkout"))]
    );
}
