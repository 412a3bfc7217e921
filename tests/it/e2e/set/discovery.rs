//! Which repositories get a binding, and what that costs.

use bindery::crd::{ProjectBinding, ProjectBindingSet};
use serde_json::{Value, json};
use simulators::bitbucket::{Fault, SIGN_ON_PAGE};

use super::environment::{apply, bindings, counts, manifest, reconcile};
use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::many::repositories;
use crate::e2e::environment::waiting::{condition, says};
use crate::support::server::{Server, on};

on!([simulated_26_9] =>
    a_project_is_bound_as_a_whole_without_a_call_of_the_set,
    what_is_skipped_or_not_admitted_gets_no_binding,
    what_is_planned_for_a_set_is_what_it_creates,
    a_request_is_answered_while_the_connection_has_no_good_listing
);
on!([simulated_26_9, real_26_9] => no_more_is_created_in_an_interval_than_the_limit);

/// So many repositories besides the three of every environment.
const MANY: usize = 57;

/// Promise: all repositories of a project are bound by one object, a new one within an interval, and the set itself
/// makes no call to any server.
async fn a_project_is_bound_as_a_whole_without_a_call_of_the_set(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({"interval": "1h"}));
    repositories(&env, MANY);
    apply(&env, json!({"limits": {"newPerInterval": 100}}));
    counts(&env, [60, 60, 0, 0]).await;
    let names = bindings(&env).await;
    assert_eq!(names.len(), 60, "{names:?}");
    for name in &names {
        env.binding_is("payments", name, ("Ready", "True")).await;
    }
    env.reconcile_now("settled").await;
    // New bindings may have calls of their own meanwhile: those of the set would be made each time.
    let mut least = usize::MAX;
    for nth in 0..5 {
        env.bitbucket.clear_calls();
        env.sonarqube.simulated().clear_calls();
        reconcile(&env, &nth.to_string()).await;
        let calls = env.bitbucket.calls().len() + env.sonarqube.simulated().calls().len();
        least = least.min(calls);
    }
    assert_eq!(least, 0, "calls to Bitbucket and SonarQube");
    env.bitbucket.world(|world| {
        world.repository("PAY", "brand-new");
    });
    env.connection(json!({"interval": "10s"}));
    let new = "pay-brand-new";
    env.binding_is("payments", new, ("Ready", "True")).await;
    counts(&env, [61, 61, 0, 0]).await;
}

/// Promise: `skip`, `exclude` and `access` decide, and `Empty` costs a call for each repository that would be new.
async fn what_is_skipped_or_not_admitted_gets_no_binding(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.bitbucket.world(|world| {
        world.repository("PAY", "old").archived = true;
        world.repository("PAY", "fork").origin = Some("ledger".to_owned());
        world.repository("PAY", "empty").branches.clear();
        world.repository("PAY", "sandbox-1");
    });
    env.connection(json!({"interval": "1h"}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    env.bitbucket.clear_calls();
    let entry =
        json!({"exclude": ["sandbox-*"], "skip": ["Archived", "Forks", "Empty", "Personal"]});
    let entries = ["PAY", "OPS"].map(|project| {
        let mut entry = entry.clone();
        entry["project"] = project.into();
        entry
    });
    apply(&env, json!({"select": entries}));
    let set = counts(&env, [3, 3, 4, 0]).await;
    assert_eq!(
        bindings(&env).await,
        ["pay-checkout", "pay-ledger", "pay-payments-api"]
    );
    let asked = env.bitbucket.calls().into_iter();
    let asked = asked.filter(|call| call.target.contains("/branches?limit=1"));
    assert_eq!(
        asked.count(),
        4,
        "three that have a branch, and an empty one"
    );
    let said = serde_json::to_value(&set.status).unwrap().to_string();
    assert!(
        said.contains("access of the connection does not admit OPS/deploy"),
        "{said}"
    );
}

/// Promise: a set that selects much by mistake creates no more than its limit.
async fn no_more_is_created_in_an_interval_than_the_limit(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({"interval": "1h"}));
    apply(&env, json!({"limits": {"newPerInterval": 2}}));
    counts(&env, [3, 2, 0, 0]).await;
    let set = reconcile(&env, "again").await;
    let ready = serde_json::to_value(&set.status).unwrap()["conditions"][0].clone();
    assert_eq!(
        (&ready["status"], &ready["reason"]),
        (&json!("False"), &json!("LimitReached"))
    );
    assert_eq!(bindings(&env).await, ["pay-checkout", "pay-ledger"]);
    apply(&env, json!({"limits": {"newPerInterval": 3}}));
    counts(&env, [3, 3, 0, 0]).await;
    for name in bindings(&env).await {
        env.binding_is("payments", &name, ("Ready", "True")).await;
    }
}

/// Promise: `bindery plan` names the bindings that a set would create, and creates none.
async fn what_is_planned_for_a_set_is_what_it_creates(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({"interval": "1h"}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let set = manifest(json!({"select": [{"project": "PAY", "exclude": ["ledger"]}]}));
    let arguments = ["plan", "--filename", "-", "--output", "json"];
    let printed = env.bindery(&arguments, &set.to_string());
    assert_eq!(printed.status, 2, "{printed:?}");
    let objects = printed.json()["objects"].take();
    let objects = objects.as_array().unwrap().iter();
    let mut of_sets = objects.filter(|it| it["kind"] == "ProjectBindingSet");
    let planned = of_sets.next().unwrap()["actions"].as_array().unwrap();
    let planned: Vec<_> = planned.iter().map(|it| it["binding"].clone()).collect();
    assert!(bindings(&env).await.is_empty());
    env.apply(&set);
    counts(&env, [2, 2, 0, 0]).await;
    assert_eq!(json!(bindings(&env).await), json!(planned));
}

/// Promise: who requests a reconcile gets an answer, and one that is true: without a good listing nothing was compared.
/// An outage alone changes nothing. A binding that is Ready answers after the outage.
async fn a_request_is_answered_while_the_connection_has_no_good_listing(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({"interval": "1h"}));
    apply(&env, json!({}));
    counts(&env, [3, 3, 0, 0]).await;
    let is_ready = |set: &ProjectBindingSet| says(set, ("Ready", "True"));
    env.until("payments", "all", is_ready).await;
    env.binding_is("payments", "pay-checkout", ("Ready", "True"))
        .await;
    let bad = Fault::at("repositories").answer(200, SIGN_ON_PAGE);
    env.bitbucket.fault(bad);
    env.reconcile_now("bad").await;
    env.connection_is("bitbucket", ("Ready", "False")).await;
    let set: ProjectBindingSet = env.api("payments").get("all").await.unwrap();
    assert!(is_ready(&set), "{set:?}");
    for request in ["asked", "asked again"] {
        let set = reconcile(&env, request).await;
        let reason =
            |kind| condition(&set, kind).map(|it| (it["status"].clone(), it["reason"].clone()));
        let failed = Some((json!("False"), json!("ConnectionNotReady")));
        assert_eq!(reason("Ready"), failed);
        assert_eq!(reason("Discovered"), failed);
        let counts = serde_json::to_value(&set.status).unwrap()["repositories"].clone();
        assert_eq!(counts["bound"], Value::from(3), "what was found stays");
    }
    let request = "bindery.dev/reconcile-requested-at=asked";
    let binding = ["pbind", "pay-checkout", "--namespace=payments"];
    env.kubectl(&[&["annotate"], &binding[..], &[request]].concat());
    env.bitbucket.clear_faults();
    env.reconcile_now("good").await;
    env.until("payments", "all", is_ready).await;
    env.until("payments", "pay-checkout", |binding: &ProjectBinding| {
        let status = binding.status.as_ref();
        status.and_then(|status| status.last_handled_reconcile_at.as_deref()) == Some("asked")
    })
    .await;
}
