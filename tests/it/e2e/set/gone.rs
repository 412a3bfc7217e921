//! What a set deletes, and what it never deletes for.

use std::time::Duration;

use bindery::crd::ProjectBinding;
use serde_json::{Value, json};
use simulators::bitbucket::{Effect, Fault, SIGN_ON_PAGE};

use super::environment::{apply, bindings, counts, next_listing, reconcile, uids};
use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::manifests::merge;
use crate::support::server::{Server, on};

on!([simulated_26_9] =>
    no_binding_is_deleted_for_a_bad_listing,
    no_binding_is_deleted_for_a_listing_that_comes_too_late,
    the_bindings_of_deleted_repositories_are_deleted_within_the_limit,
    the_bindings_of_deleted_repositories_are_kept_by_default
);

/// Longer than the operator waits for any answer.
const TOO_LATE: Duration = Duration::from_mins(1);

/// A set that deletes what is gone, of three repositories that are bound.
async fn bound(server: Server, limit: i32) -> TestEnvironment {
    bound_with(server, limit, &["--minimum-interval", "10s"]).await
}

/// The same with other arguments for the operator.
async fn bound_with(server: Server, limit: i32, arguments: &[&str]) -> TestEnvironment {
    let env = TestEnvironment::set_with(server, arguments).await;
    env.connection(json!({"interval": "1h"}));
    apply(
        &env,
        json!({
            "onRepositoryGone": "Delete", "limits": {"deletedPerInterval": limit},
            "template": {"spec": {"deletionPolicy": "Orphan"}},
        }),
    );
    counts(&env, [3, 3, 0, 0]).await;
    for name in ["pay-checkout", "pay-ledger", "pay-payments-api"] {
        env.binding_is("payments", name, ("Ready", "True")).await;
    }
    env
}

/// What Bitbucket says of a repository that it does not have.
const MISSING: &str = r#"{"errors": [{"message": "no", "exceptionName": "com.atlassian.bitbucket.repository.NoSuchRepositoryException"}]}"#;

/// A row of a listing.
fn row(id: i64, project: &str, slug: &str) -> Value {
    json!({"id": id, "slug": slug, "name": slug, "project": {"key": project}})
}

/// A page of a listing.
fn page(rows: &[Value], rest: Value) -> String {
    let mut page =
        json!({"values": rows, "size": rows.len(), "limit": 1000, "start": 0, "isLastPage": true});
    merge(&mut page, rest);
    page.to_string()
}

/// Promise: no listing that says less than it should takes a binding away, even if it comes again and again, under
/// `onRepositoryGone: Delete` and without a limit that would hold it back.
async fn no_binding_is_deleted_for_a_bad_listing(server: Server) {
    let env = bound(server, 100).await;
    let all = uids(&env).await;
    let listing = || Fault::at("repositories");
    let checkout: ProjectBinding = env.api("payments").get("pay-checkout").await.unwrap();
    let id = checkout.status.unwrap().repository.unwrap().id;
    let first = || row(id, "PAY", "checkout");
    let denied = r#"{"errors": [{"message": "no", "exceptionName": "com.atlassian.bitbucket.AuthorisationException"}]}"#;
    let endless = page(&[first()], json!({"isLastPage": false, "nextPageStart": 1}));
    // Whether the connection takes the listing for a good one, so that the set goes by it.
    let (refused, taken) = (false, true);
    let answers = |status: u16, body: &str| vec![listing().answer(status, body)];
    let rows = |rows: &[Value]| answers(200, &page(rows, json!({})));
    let another = [row(90, "PAY", "checkout")];
    // What its own call says of a repository then, too.
    let missing = || vec![Fault::at("repository").answer(404, MISSING)];
    let lying = page(&[first()], json!({"size": 1000}));
    let twice = vec![
        listing().with("start", "0").answer(200, &endless),
        listing().answer(200, &page(&[first()], json!({}))),
    ];
    let bad = [
        ("html", refused, answers(200, SIGN_ON_PAGE)),
        ("unauthorized", refused, answers(401, denied)),
        ("forbidden", refused, answers(403, denied)),
        ("cut", refused, vec![listing().effect(Effect::Truncate)]),
        ("lost", refused, vec![Fault::at("*").effect(Effect::Drop)]),
        ("empty", taken, rows(&[])),
        ("lying", taken, answers(200, &lying)),
        ("twice", taken, twice),
        ("half", taken, rows(&[first()])),
        ("hidden", taken, rows(&[row(4, "OPS", "deploy")])),
        (
            "gone",
            taken,
            [rows(&[row(4, "OPS", "deploy")]), missing()].concat(),
        ),
        ("another", taken, [rows(&another), missing()].concat()),
    ];
    for (name, is_taken, faults) in bad {
        for fault in faults {
            env.bitbucket.fault(fault);
        }
        for nth in 0..3 {
            let request = format!("{name}-{nth}");
            env.reconcile_now(&request).await;
            if is_taken {
                reconcile(&env, &request).await;
            }
        }
        env.bitbucket.clear_faults();
        next_listing(&env, &format!("{name}-good")).await;
        assert_eq!(uids(&env).await, all, "{name}");
    }
    env.bitbucket
        .world(|world| world.rekey_project("PAY", "NEW").unwrap());
    for nth in 0..3 {
        next_listing(&env, &format!("renamed-{nth}")).await;
    }
    assert_eq!(uids(&env).await, all, "renamed");
}

/// Promise: a listing that does not come in time takes no binding away, though it would miss repositories that their own
/// calls do not find either.
async fn no_binding_is_deleted_for_a_listing_that_comes_too_late(server: Server) {
    let deadline = ["--minimum-interval", "10s", "--reconcile-timeout", "10s"];
    let env = bound_with(server, 100, &deadline).await;
    let all = uids(&env).await;
    let checkout: ProjectBinding = env.api("payments").get("pay-checkout").await.unwrap();
    let id = checkout.status.unwrap().repository.unwrap().id;
    let one = page(&[row(id, "PAY", "checkout")], json!({}));
    let late = Fault::at("repositories").answer(200, &one).delay(TOO_LATE);
    env.bitbucket.fault(late);
    for slug in ["ledger", "payments-api"] {
        let own = Fault::at(&format!("/rest/api/*/projects/PAY/repos/{slug}"));
        env.bitbucket.fault(own.answer(404, MISSING));
    }
    for request in ["late", "late again"] {
        env.reconcile_now(request).await;
        env.connection_reason("bitbucket", "Timeout").await;
    }
    env.bitbucket.clear_faults();
    next_listing(&env, "good").await;
    assert_eq!(uids(&env).await, all);
    counts(&env, [3, 3, 0, 0]).await;
}

/// Promise: the binding of a deleted repository goes after two listings without it and its own 404, and no more of them
/// in an interval than the limit.
async fn the_bindings_of_deleted_repositories_are_deleted_within_the_limit(server: Server) {
    let env = bound(server, 1).await;
    env.bitbucket.world(|world| {
        world.delete_repository("PAY", "ledger").unwrap();
        world.delete_repository("PAY", "payments-api").unwrap();
    });
    next_listing(&env, "once").await;
    assert_eq!(bindings(&env).await.len(), 3, "one listing is not enough");
    next_listing(&env, "twice").await;
    env.gone::<ProjectBinding>("payments", "pay-ledger").await;
    for request in ["third", "fourth"] {
        next_listing(&env, request).await;
    }
    let left = ["pay-checkout", "pay-payments-api"];
    assert_eq!(bindings(&env).await, left, "the limit is one");
    let project = env.sonarqube.bound_to("PAY:ledger");
    assert!(
        project.is_some(),
        "deletionPolicy: Orphan leaves SonarQube as it is"
    );
}

/// Promise: without `onRepositoryGone: Delete` nothing is deleted.
async fn the_bindings_of_deleted_repositories_are_kept_by_default(server: Server) {
    let env = bound(server, 100).await;
    apply(&env, json!({}));
    env.bitbucket
        .world(|world| world.delete_repository("PAY", "ledger").unwrap());
    for nth in 0..3 {
        next_listing(&env, &format!("kept-{nth}")).await;
    }
    assert_eq!(bindings(&env).await.len(), 3);
    counts(&env, [2, 2, 0, 0]).await;
}
