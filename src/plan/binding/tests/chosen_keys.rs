//! A server that imports under keys of its own choice: SonarQube 8.9 to 10.4.

use super::table::decision;
use super::*;

/// Nothing under our key, and the repository bound to these; an import of ours was announced.
fn importing(residents: &[&str], imported_as: Option<&str>) -> (Desired, Observed) {
    let mut desired = desired();
    desired.record.intent = Some(Intent {
        imported_as: imported_as.map(key),
        ..intent("PAY:checkout")
    });
    let observed = Observed {
        capabilities: server(BindingMethod::ImportRepository),
        ..observed(None, residents)
    };
    (desired, observed)
}

fn given_our_key(from: &str) -> [Step; 2] {
    [
        Step::GrantSelf(key(from)),
        Step::Rekey {
            from: key(from),
            to: key("PAY:checkout"),
        },
    ]
}

#[test]
fn an_imported_project_gets_its_key_also_when_it_is_bound_elsewhere_by_now() {
    let (desired, mut observed) = importing(&["PAY_checkout_other"], Some("PAY_checkout_x"));
    observed.imported = Some(key("PAY_checkout_x"));
    assert_eq!(
        steps(plan(&desired, &observed)),
        given_our_key("PAY_checkout_x")
    );
}

#[test]
fn an_import_whose_answer_was_lost_is_known_by_its_key_and_its_repository() {
    for chosen in ["PAY_checkout", "pay_checkout_AYx", "PAY_checkout_0b1c"] {
        let (desired, observed) = importing(&["legacy", chosen], None);
        assert_eq!(steps(plan(&desired, &observed)), given_our_key(chosen));
    }
}

/// Promise: no project that another client made or another binding holds gets another key.
#[test]
fn a_project_of_another_client_keeps_its_key() {
    let (desired, observed) = importing(&["legacy"], None);
    assert_eq!(
        decision(&plan(&desired, &observed)),
        "consider legacy",
        "a key that SonarQube does not choose"
    );
    let (desired, mut observed) = importing(&["PAY_checkout"], None);
    observed.bound_to_repository[0].held_for = Some(path("PAY/checkout"));
    assert_eq!(
        decision(&plan(&desired, &observed)),
        "consider PAY_checkout",
        "another object holds it, and its claim is asked next"
    );
    let (_, observed) = importing(&["PAY_checkout"], None);
    assert_eq!(
        decision(&plan(&super::desired(), &observed)),
        "consider PAY_checkout",
        "nothing was announced"
    );
}

/// Promise: never twice. While SonarQube may still be at work a second import would make a second project.
/// Promise: what another client made under our key is adopted, not ours to delete: our own import stands beside it.
#[test]
fn a_project_beside_the_import_was_made_by_another_client() {
    for (beside, origin) in [(true, Origin::Found), (false, Origin::Imported)] {
        let (desired, nothing) = importing(&["PAY:checkout"], Some("PAY_checkout_x"));
        let observed = Observed {
            project: equal().project,
            imported: beside.then(|| key("PAY_checkout_x")),
            ..nothing
        };
        let steps = steps(plan(&desired, &observed));
        let [Step::Accept(acceptance)] = &steps[..] else {
            panic!("expected an acceptance, got {steps:?}")
        };
        assert_eq!(acceptance.origin, origin);
    }
}

#[test]
fn an_import_without_an_answer_is_not_repeated_while_sonarqube_may_be_at_work() {
    let (desired, mut observed) = importing(&[], None);
    observed.import_at_work = true;
    assert_eq!(decision(&plan(&desired, &observed)), "wait");
    observed.import_at_work = false;
    assert_eq!(decision(&plan(&desired, &observed)), "import");
    // Where the key is ours, a repeated call is the same call.
    observed.import_at_work = true;
    observed.capabilities = server(BindingMethod::PutBoundProject);
    assert_eq!(decision(&plan(&desired, &observed)), "import");
    // The first import of all waits for nothing.
    observed.capabilities = server(BindingMethod::ImportRepository);
    assert_eq!(decision(&plan(&super::desired(), &observed)), "import");
}

/// SonarQube keeps the last 200 characters of a key and an end of its own.
#[test]
fn of_a_long_name_sonarqube_leaves_out_the_beginning() {
    // `PROJECT_slug` has 200, 201 and 202 characters.
    for (slug, is_ours) in [(99, false), (100, true), (101, true)] {
        let long = path(&format!("{}/{}", "P".repeat(100), "s".repeat(slug)));
        let (mut desired, mut observed) = importing(&["AYx"], None);
        if let RepositoryState::Found(found) = &mut observed.repository {
            found.path = long.clone();
        }
        desired.repository = long;
        let planned = plan(&desired, &observed);
        if is_ours {
            assert_eq!(steps(planned), given_our_key("AYx"), "{slug}");
        } else {
            assert_eq!(decision(&planned), "consider AYx", "{slug}");
        }
    }
}
