//! Whose a binding is, and whose its fields.

use bindery::crd::{ProjectBinding, ProjectBindingSet};
use kube::ResourceExt as _;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::environment::{apply, bindings, counts};
use crate::e2e::environment::TestEnvironment;
use crate::support::server::{Server, on};

on!([simulated_26_9] =>
    a_binding_of_a_person_is_never_touched,
    a_field_that_a_person_takes_over_stays_theirs,
    a_set_that_is_deleted_leaves_its_bindings,
    a_set_that_is_deleted_with_cascade_deletes_its_bindings
);

const SET: &str = "bindery.dev/set";

async fn binding(env: &TestEnvironment, name: &str) -> ProjectBinding {
    env.api("payments").get(name).await.unwrap()
}

/// Promise: a repository that a binding of a person has is conflicting, and a name that one has is not taken.
async fn a_binding_of_a_person_is_never_touched(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({"interval": "1h"}));
    env.binding("payments", "by-hand", "PAY/ledger", json!({}));
    // It has the name that the set would give to another repository.
    env.binding("payments", "pay-checkout", "PAY/payments-api", json!({}));
    for name in ["by-hand", "pay-checkout"] {
        env.binding_is("payments", name, ("Ready", "True")).await;
    }
    let before = [
        binding(&env, "by-hand").await.spec,
        binding(&env, "pay-checkout").await.spec,
    ];
    apply(
        &env,
        json!({"template": {"spec": {"deletionPolicy": "Orphan"}}}),
    );
    let set = counts(&env, [3, 1, 0, 2]).await;
    let said = serde_json::to_value(&set.status).unwrap().to_string();
    assert!(
        said.contains("other bindings have PAY/ledger (by-hand), PAY/payments-api (pay-checkout)"),
        "{said}"
    );
    let names = bindings(&env).await;
    let hashed = names.iter().find(|name| name.starts_with("pay-checkout-"));
    assert!(hashed.is_some() && names.len() == 3, "{names:?}");
    let after = ["by-hand", "pay-checkout"];
    for (name, before) in after.into_iter().zip(before) {
        let after = binding(&env, name).await;
        assert_eq!((after.labels().get(SET), &after.spec), (None, &before));
    }
}

/// Promise: a change of the template reaches every field but those that a person has taken over.
async fn a_field_that_a_person_takes_over_stays_theirs(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({"interval": "1h"}));
    let template = |policy: &str, moved: &str| json!({"template": {"spec": {"deletionPolicy": policy, "onRepositoryMoved": moved}}});
    apply(&env, template("Orphan", "Report"));
    counts(&env, [3, 3, 0, 0]).await;
    let by_hand = json!({"spec": {"deletionPolicy": "DeleteProject", "suspend": true}});
    let api = env.api::<ProjectBinding>("payments");
    let patch = Patch::Merge(&by_hand);
    api.patch("pay-ledger", &PatchParams::default(), &patch)
        .await
        .unwrap();
    apply(&env, template("Unbind", "Follow"));
    let fields = |binding: &ProjectBinding| -> Value {
        let spec = serde_json::to_value(&binding.spec).unwrap();
        json!([
            spec["deletionPolicy"],
            spec["onRepositoryMoved"],
            spec["suspend"]
        ])
    };
    for (name, expected) in [
        ("pay-checkout", json!(["Unbind", "Follow", false])),
        ("pay-ledger", json!(["DeleteProject", "Follow", true])),
    ] {
        let is_updated = |binding: &ProjectBinding| fields(binding) == expected;
        env.until("payments", name, is_updated).await;
    }
}

/// Promise: the bindings of a set that is deleted stay, and belong to no set.
async fn a_set_that_is_deleted_leaves_its_bindings(server: Server) {
    let env = deleted(server, "Orphan").await;
    let names = bindings(&env).await;
    assert_eq!(names, ["pay-checkout", "pay-ledger", "pay-payments-api"]);
    for name in names {
        let labels = binding(&env, &name).await.labels().clone();
        assert_eq!(labels, [("team".to_owned(), "payments".to_owned())].into());
    }
}

/// Promise: with `Cascade` they go with it.
async fn a_set_that_is_deleted_with_cascade_deletes_its_bindings(server: Server) {
    let env = deleted(server, "Cascade").await;
    for name in ["pay-checkout", "pay-ledger", "pay-payments-api"] {
        env.gone::<ProjectBinding>("payments", name).await;
    }
}

async fn deleted(server: Server, policy: &str) -> TestEnvironment {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({"interval": "1h"}));
    let labels = json!({"labels": {"team": "payments"}});
    apply(
        &env,
        json!({"deletionPolicy": policy, "template": {"metadata": labels}}),
    );
    counts(&env, [3, 3, 0, 0]).await;
    let api = env.api::<ProjectBindingSet>("payments");
    api.delete("all", &DeleteParams::default()).await.unwrap();
    env.gone::<ProjectBindingSet>("payments", "all").await;
    env
}
