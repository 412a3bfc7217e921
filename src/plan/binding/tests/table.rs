//! The first acceptance: what happens to an existing project, by mode and by the origin of the key.

use super::*;

/// What is planned, in a word.
pub(super) fn decision(plan: &Plan) -> String {
    match plan {
        Plan::Refused { refusal, .. } => refusal.reason.as_str().to_owned(),
        Plan::Settled => "settled".to_owned(),
        Plan::Differs(_) => "differs".to_owned(),
        Plan::Wait(_) => "wait".to_owned(),
        Plan::Steps(steps) => match steps.as_slice() {
            [Step::RecordIntent(intent), Step::Import { key, .. }] if intent == key => {
                "import".to_owned()
            }
            [step @ Step::Bind { .. }] if *step == bind_step() => "bind".to_owned(),
            [Step::Consider(key)] => format!("consider {key}"),
            [Step::Accept(acceptance)] => {
                format!("accept {} {:?}", acceptance.key, acceptance.origin)
            }
            other => format!("{other:?}"),
        },
    }
}

/// The decisions on one row: each mode, with the key omitted and with the key given.
pub(super) fn row(observed: &Observed) -> [String; 6] {
    let decision = |mode, key_given| {
        decision(&plan(
            &Desired {
                key_given,
                mode,
                ..desired()
            },
            observed,
        ))
    };
    [
        decision(Mode::ImportOrBind, false),
        decision(Mode::ImportOrBind, true),
        decision(Mode::Import, false),
        decision(Mode::Import, true),
        decision(Mode::Bind, false),
        decision(Mode::Bind, true),
    ]
}

#[test]
fn absent_and_bound_nowhere_is_imported_but_not_in_mode_bind() {
    assert_eq!(
        row(&observed(None, &[])),
        [
            "import",
            "import",
            "import",
            "import",
            "ProjectNotFound",
            "ProjectNotFound"
        ]
    );
}

#[test]
fn absent_and_bound_under_one_other_key_is_adopted_only_where_no_key_is_given() {
    let adopted = "consider legacy";
    let refused = "RepositoryAlreadyBound";
    assert_eq!(
        row(&observed(None, &["legacy"])),
        [adopted, refused, adopted, refused, adopted, refused]
    );
}

#[test]
fn absent_and_bound_under_several_keys_is_ambiguous() {
    assert_eq!(
        row(&observed(None, &["legacy", "older"])),
        ["AmbiguousProject"; 6]
    );
}

#[test]
fn unbound_is_bound_only_where_its_key_is_given_and_never_in_mode_import() {
    let exists = "ProjectExists";
    assert_eq!(
        row(&observed(BindingState::Unbound, &[])),
        [exists, "bind", exists, exists, exists, "bind"]
    );
}

#[test]
fn unbound_is_not_bound_to_a_repository_that_another_project_is_bound_to() {
    let (exists, refused) = ("ProjectExists", "RepositoryAlreadyBound");
    assert_eq!(
        row(&observed(BindingState::Unbound, &["legacy"])),
        [exists, refused, exists, exists, exists, refused]
    );
}

#[test]
fn a_project_bound_to_this_repository_is_adopted_in_any_letter_case() {
    for keys in [&["PAY:checkout"][..], &["PAY:checkout", "legacy"]] {
        assert_eq!(
            row(&observed(bound("pay/Checkout"), keys)),
            ["accept PAY:checkout Found"; 6]
        );
    }
}

#[test]
fn bound_elsewhere_is_never_seized() {
    let monorepo = BindingState::Bound {
        repository: path("PAY/checkout"),
        monorepo: Some(true),
    };
    let elsewhere = BindingState::Elsewhere("GitHub".to_owned());
    for binding in [bound("OPS/deploy"), elsewhere, monorepo] {
        assert_eq!(
            row(&observed(binding.clone(), &[])),
            ["ProjectAlreadyBound"; 6],
            "{binding:?}"
        );
    }
}

#[test]
fn an_import_takes_the_declared_name_else_the_repositorys() {
    let name_of = |name: Option<&str>| {
        let desired = Desired {
            name: name.map(str::to_owned),
            ..desired()
        };
        match steps(plan(&desired, &observed(None, &[]))).pop() {
            Some(Step::Import { name, .. }) => name,
            other => panic!("expected an import, got {other:?}"),
        }
    };
    assert_eq!(name_of(None), "Checkout");
    assert_eq!(name_of(Some("Kasse")), "Kasse");
}

#[test]
fn an_import_whose_answer_was_lost_is_adopted() {
    let mut awaiting = desired();
    awaiting.record.intent = Some(intent("pay:checkout"));
    assert_eq!(
        decision(&plan(&awaiting, &equal())),
        "accept PAY:checkout Imported"
    );
    assert_eq!(decision(&plan(&awaiting, &observed(None, &[]))), "import");
    awaiting.record.intent = Some(intent("another"));
    assert_eq!(
        decision(&plan(&awaiting, &equal())),
        "accept PAY:checkout Found"
    );
}

#[test]
fn an_intent_whose_answer_came_is_no_proof_for_a_later_project() {
    let mut answered = keeping();
    answered.record.intent = Some(intent("PAY:checkout"));
    let mut recreated = equal();
    recreated.project.as_mut().unwrap().id = Some(ProjectId::new("uuid-2"));
    assert_eq!(
        decision(&plan(&answered, &recreated)),
        "accept PAY:checkout Found"
    );
}

#[test]
fn hidden_bindings_stop_an_import_and_nothing_else() {
    let mut hidden = observed(None, &[]);
    hidden.hidden_bindings = 3;
    let message = refused(plan(&desired(), &hidden), Reason::HiddenBindings);
    assert!(
        message.contains("hides 3 binding(s)") && message.contains("Browse on all projects"),
        "{message}"
    );
    let mut there = equal();
    there.hidden_bindings = 3;
    assert_eq!(
        decision(&plan(&desired(), &there)),
        "accept PAY:checkout Found"
    );
}

#[test]
fn the_messages_name_what_to_do() {
    let given = Desired {
        key_given: true,
        ..desired()
    };
    let rows = [
        (
            &desired(),
            observed(BindingState::Unbound, &[]),
            Reason::ProjectExists,
            "write sonarqubeProject.key: PAY:checkout",
        ),
        (
            &given,
            observed(None, &["legacy"]),
            Reason::RepositoryAlreadyBound,
            "SonarQube project legacy: write that key",
        ),
        (
            &desired(),
            observed(None, &["legacy", "older"]),
            Reason::AmbiguousProject,
            "SonarQube project legacy, SonarQube project older: write the one to keep",
        ),
        (
            &given,
            observed(BindingState::Unbound, &["legacy"]),
            Reason::RepositoryAlreadyBound,
            "SonarQube project legacy already: unbind it there",
        ),
        (
            &desired(),
            observed(bound("OPS/deploy"), &[]),
            Reason::ProjectAlreadyBound,
            "repository OPS/deploy and is not taken over: choose another sonarqubeProject.key",
        ),
    ];
    for (desired, observed, reason, text) in rows {
        let message = refused(plan(desired, &observed), reason);
        assert!(message.contains(text), "{message}");
    }
}

#[test]
fn a_tenant_reads_no_names_outside_its_access() {
    let given = Desired {
        key_given: true,
        ..desired()
    };
    let mut moved = equal();
    moved.repository = moved_away("OPS/secret");
    let rows = [
        (
            &desired(),
            observed(None, &["secret"]),
            Reason::AccessDenied,
        ),
        (
            &given,
            observed(None, &["secret"]),
            Reason::RepositoryAlreadyBound,
        ),
        (
            &desired(),
            observed(None, &["secret", "secret2"]),
            Reason::AmbiguousProject,
        ),
        (
            &given,
            observed(BindingState::Unbound, &["secret"]),
            Reason::RepositoryAlreadyBound,
        ),
        (
            &desired(),
            observed(bound("OPS/secret"), &[]),
            Reason::ProjectAlreadyBound,
        ),
        (
            &desired(),
            observed(BindingState::Elsewhere("secret".to_owned()), &[]),
            Reason::ProjectAlreadyBound,
        ),
        (&desired(), moved, Reason::RepositoryMoved),
    ];
    for (desired, observed, reason) in rows {
        let message = refused(plan(&tenant(desired.clone()), &observed), reason);
        assert!(!message.contains("secret"), "{message}");
    }
}

#[test]
fn a_tenant_reads_the_names_within_its_access() {
    let mut moved = equal();
    moved.repository = moved_away("PAY/kasse");
    let message = refused(plan(&tenant(desired()), &moved), Reason::RepositoryMoved);
    assert!(message.contains("to PAY/kasse: write"), "{message}");
}

#[test]
fn an_adopted_key_must_be_admitted_like_any_other() {
    let found = observed(None, &["PAY:other"]);
    let rules = |projects: &[&str]| Desired {
        access: Access::Admitted(vec![AccessRule {
            repositories: vec!["PAY/*".to_owned()],
            projects: AdmittedKeys::Matching(
                projects.iter().map(|&text| text.to_owned()).collect(),
            ),
        }]),
        ..desired()
    };
    assert_eq!(
        decision(&plan(&rules(&["PAY:*"]), &found)),
        "consider PAY:other"
    );
    refused(
        plan(&rules(&["PAY:checkout"]), &found),
        Reason::AccessDenied,
    );
}

#[test]
fn a_key_adopted_from_the_listing_satisfies_the_table_once_its_project_is_read() {
    let mut adopting = keeping_a_foreign_one();
    adopting.record.accepted.as_mut().unwrap().id = None;
    assert_eq!(
        decision(&plan(&adopting, &equal())),
        "accept PAY:checkout Found"
    );
    assert_eq!(
        decision(&plan(&adopting, &observed(bound("OPS/deploy"), &[]))),
        "ProjectAlreadyBound"
    );
}
