//! `bindingDefaults` of a connection: what its bindings have where their own spec says nothing.

use bindery::crd::{FINALIZER, ProjectBinding};
use kube::ResourceExt as _;
use serde_json::{Value, json};

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::snapshot::Snapshot;
use crate::e2e::set::environment as sets;
use crate::support::server::{Server, on};

on!([simulated_26_9, simulated_9_9, real_26_9] => defaults_are_recorded_and_a_later_change_is_for_new_bindings_only);

fn defaults(template: &str, visibility: &str, days: u32, deletion: &str) -> Value {
    json!({"bindingDefaults": {
        "sonarqubeProject": {
            "keyTemplate": template, "visibility": visibility,
            "newCodeDefinition": {"type": "NumberOfDays", "days": days},
        },
        "deletionPolicy": deletion,
    }})
}

/// Key, visibility and written days of new code of the project of a binding, and whether its deletion is protected.
fn found(env: &TestEnvironment, binding: &ProjectBinding) -> Value {
    let status = binding.status.as_ref().unwrap();
    let key = &status.sonarqube_project.as_ref().unwrap().key;
    let visibility = env.sonarqube.project(key).unwrap()["visibility"].clone();
    let days = status
        .record
        .new_code_definition
        .as_ref()
        .and_then(|it| it.days);
    let is_protected = binding.finalizers().iter().any(|it| it == FINALIZER);
    json!([key, visibility, days, is_protected])
}

/// Promise: a field of the binding counts before the default of its connection. What a project was imported with is
/// recorded: other defaults change nothing of it, not even what its deletion does, and hold for new bindings, also for
/// those of a set. `bindery plan` goes by the same defaults.
async fn defaults_are_recorded_and_a_later_change_is_for_new_bindings_only(server: Server) {
    let deletes = ["--minimum-interval", "10s", "--allow-project-deletion"];
    let env = TestEnvironment::set_with(server, &deletes).await;
    env.connection(defaults("{project}_{slug}", "Private", 7, "DeleteProject"));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let own = json!({
        "sonarqubeProject": {
            "visibility": "Public", "newCodeDefinition": {"type": "NumberOfDays", "days": 30},
        },
        "deletionPolicy": "Orphan",
    });
    let planned = |slug: &str| {
        let place = format!("PAY/{slug}");
        let manifest = TestEnvironment::binding_manifest("payments", slug, &place, json!({}));
        env.bindery(&["plan", "--filename", "-"], &manifest.to_string())
    };
    let plan = planned("checkout").text;
    assert!(plan.contains("PAY_checkout"), "{plan}");
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    env.binding("payments", "ledger", "PAY/ledger", own);
    let with = [
        ("checkout", json!(["PAY_checkout", "private", 7, true])),
        ("ledger", json!(["PAY_ledger", "public", 30, false])),
    ];
    for (name, expected) in &with {
        let binding = env.binding_is("payments", name, ("Ready", "True")).await;
        assert_eq!(found(&env, &binding), *expected, "{name}");
    }

    let (before, snapshot) = (env.sonarqube.everything(), Snapshot::now(&env).await);
    env.connection(defaults("{project}.{slug}", "Public", 14, "Orphan"));
    env.reconcile_now("changed").await;
    for (name, expected) in &with {
        let binding = env.requested_reconcile("payments", name, "changed").await;
        assert_eq!(found(&env, &binding), *expected, "{name}, other defaults");
    }
    assert_eq!(env.sonarqube.everything(), before);
    assert_eq!(snapshot.since(&env).await.writes(), 0);

    let plan = planned("payments-api").text;
    assert!(plan.contains("PAY.payments-api"), "{plan}");
    sets::apply(&env, json!({}));
    let binding = env
        .binding_is("payments", "pay-payments-api", ("Ready", "True"))
        .await;
    let expected = json!(["PAY.payments-api", "public", 14, false]);
    assert_eq!(found(&env, &binding), expected);

    env.delete_binding("payments", "checkout").await;
    let mut left = env.sonarqube.project_keys();
    left.sort();
    assert_eq!(left, ["PAY.payments-api", "PAY_ledger"]);
}
