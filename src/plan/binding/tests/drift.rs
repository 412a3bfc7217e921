//! An accepted project is kept as declared, and what can prevent that.

use super::*;

#[test]
fn a_settled_world_needs_nothing() {
    assert_eq!(plan(&keeping(), &equal()), Plan::Settled);
    assert_eq!(plan(&keeping_a_foreign_one(), &equal()), Plan::Settled);
}

#[test]
fn re_pointed_and_unbound_projects_are_corrected_under_the_current_name() {
    let elsewhere = BindingState::Elsewhere("GitHub".to_owned());
    let monorepo = BindingState::Bound {
        repository: path("PAY/checkout"),
        monorepo: Some(true),
    };
    for binding in [
        bound("OPS/deploy"),
        BindingState::Unbound,
        elsewhere,
        monorepo,
    ] {
        for desired in [keeping(), keeping_a_foreign_one()] {
            let found = observed(binding.clone(), &[]);
            assert_eq!(steps(plan(&desired, &found)), [bind_step()], "{binding:?}");
        }
    }
}

#[test]
fn nothing_is_bound_to_a_repository_that_another_project_took_meanwhile() {
    let taken = observed(BindingState::Unbound, &["legacy"]);
    let message = refused(plan(&keeping(), &taken), Reason::RepositoryAlreadyBound);
    assert!(
        message.contains("legacy already: unbind it there"),
        "{message}"
    );
    let gone = observed(None, &["legacy"]);
    let message = refused(plan(&keeping(), &gone), Reason::RepositoryAlreadyBound);
    assert!(
        !message.contains("sonarqubeProject.key"),
        "an accepted key cannot be changed: {message}"
    );
}

#[test]
fn a_project_deleted_by_hand_is_imported_again_but_not_in_mode_bind() {
    let gone = observed(None, &[]);
    assert!(matches!(
        steps(plan(&keeping(), &gone)).as_slice(),
        [Step::RecordIntent(_), Step::Import { .. }]
    ));
    let binding = Desired {
        mode: Mode::Bind,
        ..keeping()
    };
    let message = refused(plan(&binding, &gone), Reason::ProjectNotFound);
    assert!(message.contains("mode ImportOrBind"), "{message}");
}

#[test]
fn a_project_recreated_by_hand_must_satisfy_the_table_again() {
    let mut found = observed(bound("OPS/deploy"), &[]);
    found.project.as_mut().unwrap().id = Some(ProjectId::new("uuid-2"));
    refused(plan(&keeping(), &found), Reason::ProjectAlreadyBound);
    found.project.as_mut().unwrap().binding = BindingState::Unbound;
    refused(plan(&keeping(), &found), Reason::ProjectExists);
    found.project.as_mut().unwrap().binding = bound("PAY/checkout");
    assert!(matches!(
        steps(plan(&keeping(), &found)).as_slice(),
        [Step::Accept(Acceptance { origin: Origin::Found, id: Some(id), .. })] if id.as_str() == "uuid-2"
    ));
}

#[test]
fn a_swapped_server_makes_every_memory_worthless() {
    let mut record = keeping().record;
    record.intent = Some(intent("PAY:checkout"));
    assert_eq!(record.clone().on(&ServerId::new("server")), record);
    assert_eq!(record.on(&ServerId::new("another")), Record::default());
    let intent = Record {
        intent: Some(intent("PAY:checkout")),
        ..Record::default()
    };
    assert_eq!(intent.clone().on(&ServerId::new("server")), intent);
}

#[test]
fn another_repository_in_the_spec_re_points_the_project_where_it_is_free() {
    let moved = Desired {
        repository: path("PAY/kasse"),
        ..keeping()
    };
    let mut found = observed(bound("PAY/checkout"), &[]);
    found.repository = RepositoryState::Found(Repository {
        id: 8,
        path: path("PAY/kasse"),
        name: "Kasse".to_owned(),
        project_name: "Payments".to_owned(),
    });
    assert!(matches!(
        steps(plan(&moved, &found)).as_slice(),
        [Step::Bind { repository, .. }] if *repository == path("PAY/kasse")
    ));
    found.bound_to_repository = vec![resident("legacy")];
    refused(plan(&moved, &found), Reason::RepositoryAlreadyBound);
}

#[test]
fn a_project_held_for_another_repository_does_not_block() {
    let held_for = |home| {
        let mut found = observed(bound("PAY/ledger"), &["PAY:ledger"]);
        found.bound_to_repository[0].held_for = Some(path(home));
        plan(&keeping(), &found)
    };
    assert_eq!(steps(held_for("PAY/ledger")), [bind_step()]);
    refused(held_for("pay/Checkout"), Reason::RepositoryAlreadyBound);
}

#[test]
fn a_repository_that_is_missing_or_moved_stops_everything_and_is_named() {
    let mut found = observed(bound("OPS/deploy"), &[]);
    found.repository = RepositoryState::Missing;
    let message = refused(plan(&keeping(), &found), Reason::RepositoryNotFound);
    assert!(
        message.contains("PAY/checkout") && message.contains("spec.repository"),
        "{message}"
    );
    found.repository = moved_away("OPS/checkout");
    let message = refused(plan(&keeping(), &found), Reason::RepositoryMoved);
    assert!(
        message.contains("to OPS/checkout: write the new place into spec.repository"),
        "{message}"
    );
}

#[test]
fn visibility_is_corrected_on_created_and_reported_on_adopted_projects() {
    let public = |desired| Desired {
        visibility: Some(Visibility::Public),
        ..desired
    };
    assert_eq!(
        steps(plan(&public(keeping()), &equal())),
        [Step::SetVisibility(key("PAY:checkout"), Visibility::Public)]
    );
    let reported = differences(plan(&public(keeping_a_foreign_one()), &equal()));
    assert_eq!(
        reported,
        [Difference {
            field: "sonarqubeProject.visibility",
            desired: "Public".to_owned(),
            observed: "Private".to_owned(),
        }]
    );
    let mut public_already = equal();
    public_already.project.as_mut().unwrap().visibility = Some(Visibility::Public);
    for desired in [keeping(), keeping_a_foreign_one()] {
        assert_eq!(plan(&public(desired), &public_already), Plan::Settled);
    }
}

#[test]
fn visibility_is_kept_on_adopted_projects_where_the_policy_says_always() {
    let always = |desired| Desired {
        visibility: Some(Visibility::Public),
        visibility_policy: VisibilityPolicy::Always,
        ..desired
    };
    assert_eq!(
        steps(plan(&always(keeping_a_foreign_one()), &equal())),
        [Step::SetVisibility(key("PAY:checkout"), Visibility::Public)]
    );
    let mut public = equal();
    public.project.as_mut().unwrap().visibility = Some(Visibility::Public);
    let private = Desired {
        visibility: Some(Visibility::Private),
        ..always(keeping_a_foreign_one())
    };
    assert_eq!(
        steps(plan(&private, &public)),
        [
            Step::GrantSelf(key("PAY:checkout")),
            Step::SetVisibility(key("PAY:checkout"), Visibility::Private)
        ],
        "the operator keeps the right to see the project"
    );
    let observing = Desired {
        management: Management::Observe,
        ..always(desired())
    };
    let reported = differences(plan(&observing, &equal()));
    let fields: Vec<_> = reported.iter().map(|one| one.field).collect();
    assert_eq!(
        fields,
        ["sonarqubeProject.visibility"],
        "an observed project that was never accepted is compared, too"
    );
}

#[test]
fn new_code_is_written_only_when_the_spec_changes() {
    let wanting = |days| Desired {
        new_code: Some(NewCode::NumberOfDays(days)),
        ..keeping()
    };
    let step = |days| Step::SetNewCode(key("PAY:checkout"), NewCode::NumberOfDays(days));
    assert_eq!(steps(plan(&wanting(30), &equal())), [step(30)]);
    let written = |days| {
        let mut desired = wanting(days);
        desired.record.accepted.as_mut().unwrap().new_code = Some(NewCode::NumberOfDays(30));
        desired
    };
    assert_eq!(plan(&written(30), &equal()), Plan::Settled);
    assert_eq!(steps(plan(&written(7), &equal())), [step(7)]);
    let removed = Desired {
        new_code: None,
        ..written(30)
    };
    assert_eq!(plan(&removed, &equal()), Plan::Settled);
}

#[test]
fn the_main_branch_is_renamed_at_import_and_only_on_our_own() {
    let mut found = equal();
    let branches = |default: Option<&str>| {
        Some(Branches {
            main: "main".to_owned(),
            default: default.map(str::to_owned),
        })
    };
    for settled in [None, branches(None), branches(Some("main"))] {
        found.branches = settled;
        assert_eq!(plan(&keeping(), &found), Plan::Settled);
    }
    found.branches = branches(Some("trunk"));
    assert_eq!(
        steps(plan(&keeping(), &found)),
        [Step::RenameMainBranch(
            key("PAY:checkout"),
            "trunk".to_owned()
        )]
    );
    assert_eq!(plan(&keeping_a_foreign_one(), &found), Plan::Settled);
}

#[test]
fn denied_rights_are_granted_on_our_own_and_asked_for_on_others() {
    let mut denied = equal();
    denied.rights = Rights::Denied;
    let mut awaiting = desired();
    awaiting.record.intent = Some(intent("PAY:checkout"));
    for found in [denied, observed(BindingState::Hidden, &[])] {
        for ours in [keeping(), awaiting.clone()] {
            assert_eq!(
                steps(plan(&ours, &found)),
                [Step::GrantSelf(key("PAY:checkout"))]
            );
        }
        for foreign in [keeping_a_foreign_one(), desired()] {
            let message = refused(plan(&foreign, &found), Reason::PermissionMissing);
            assert!(
                message.contains("PAY:checkout: give it the permissions Browse and Administer"),
                "{message}"
            );
        }
    }
    let mut unseen = observed(None, &[]);
    unseen.rights = Rights::Denied;
    refused(plan(&desired(), &unseen), Reason::PermissionMissing);
}

#[test]
fn a_project_claimed_by_another_binding_is_not_changed() {
    let mut claimed = observed(bound("OPS/deploy"), &[]);
    claimed.claimed_by = Some(Contender {
        uid: Uid::new("another"),
        name: "team/first".to_owned(),
        accepted: true,
        created: 1,
    });
    for desired in [desired(), keeping()] {
        let message = refused(plan(&desired, &claimed), Reason::AlreadyManaged);
        assert!(
            message.contains("team/first") && message.contains("sonarqubeProject.key"),
            "{message}"
        );
    }
}

#[test]
fn access_is_checked_in_every_reconcile_before_any_fact_is_shown() {
    let outside = |desired| Desired {
        repository: path("OPS/deploy"),
        ..tenant(desired)
    };
    let mut claimed = equal();
    claimed.claimed_by = Some(Contender {
        uid: Uid::new("another"),
        name: "ops/secret".to_owned(),
        accepted: true,
        created: 1,
    });
    for desired in [desired(), keeping()] {
        let message = refused(plan(&outside(desired), &claimed), Reason::AccessDenied);
        assert!(
            message.contains("spec.access") && !message.contains("secret"),
            "{message}"
        );
    }
    let other_key = Desired {
        key: key("OPS:deploy"),
        key_given: true,
        ..tenant(desired())
    };
    refused(plan(&other_key, &equal()), Reason::AccessDenied);
}

#[test]
fn observe_reports_the_writes_of_full_and_writes_nothing() {
    let watching = |desired| Desired {
        management: Management::Observe,
        visibility: Some(Visibility::Public),
        new_code: Some(NewCode::PreviousVersion),
        ..desired
    };
    let fields = |desired: Desired, observed: &Observed| {
        let found = differences(plan(&watching(desired), observed));
        found.iter().map(|one| one.field).collect::<Vec<_>>()
    };
    let mut branches = equal();
    branches.branches = Some(Branches {
        main: "main".to_owned(),
        default: Some("trunk".to_owned()),
    });
    assert_eq!(
        fields(desired(), &observed(None, &[])),
        ["sonarqubeProject"]
    );
    assert_eq!(
        fields(desired(), &equal()),
        ["sonarqubeProject.visibility"],
        "a project that was never accepted is compared as well"
    );
    assert_eq!(
        fields(keeping(), &branches),
        [
            "sonarqubeProject.visibility",
            "sonarqubeProject.newCodeDefinition",
            "mainBranch"
        ]
    );
    let days = Desired {
        management: Management::Observe,
        new_code: Some(NewCode::NumberOfDays(30)),
        ..keeping()
    };
    let reported = differences(plan(&days, &equal()));
    assert_eq!(reported[0].desired, "30 days", "in a person's words");
    let quiet = Desired {
        management: Management::Observe,
        ..keeping()
    };
    assert_eq!(plan(&quiet, &equal()), Plan::Settled);
    // What cannot be seen is not called equal.
    let hidden = observed(BindingState::Hidden, &[]);
    refused(plan(&quiet, &hidden), Reason::PermissionMissing);
}

#[test]
fn a_difference_shows_a_tenant_no_names_outside_its_access() {
    let reported = |desired: Desired, binding| {
        let watching = Desired {
            management: Management::Observe,
            ..desired
        };
        differences(plan(&watching, &observed(binding, &[])))[0]
            .observed
            .clone()
    };
    assert_eq!(reported(keeping(), bound("OPS/secret")), "OPS/secret");
    assert_eq!(
        reported(tenant(keeping()), bound("OPS/secret")),
        "another repository"
    );
    assert_eq!(reported(tenant(keeping()), bound("PAY/kasse")), "PAY/kasse");
    assert_eq!(reported(keeping(), BindingState::Unbound), "unbound");
}
