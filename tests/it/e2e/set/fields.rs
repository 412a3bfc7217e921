//! Each field of a set: what a change of it does to the bindings that exist. `e2e::fields::table` has the fields.

use bindery::crd::{ProjectBinding, ProjectBindingSet};
use kube::api::DeleteParams;
use serde_json::{Value, json};

use super::environment::{apply, counts, manifest, next_listing, reconcile, uids};
use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::manifests::list;
use crate::e2e::fields::table::{Change, Given, Row, SET};
use crate::support::server::{Server, on};

on!([simulated_26_9] =>
    a_changed_field_of_a_set_reaches_its_bindings,
    a_change_of_what_a_set_selects_takes_no_binding_away
);

/// What a set gives to a binding, and not to one alone.
fn given(binding: &ProjectBinding) -> Value {
    let mut given = serde_json::to_value(binding).unwrap();
    given["spec"]["repository"].take();
    for (kind, own) in [
        ("labels", "bindery.dev/set"),
        ("annotations", "bindery.dev/set-template"),
    ] {
        given["metadata"][kind].as_object_mut().unwrap().remove(own);
    }
    json!([
        given["spec"],
        given["metadata"]["labels"],
        given["metadata"]["annotations"]
    ])
}

/// A field, and two sets of one repository each: one that is changed, and a fresh one.
struct Pair {
    field: &'static str,
    change: Value,
    sets: [String; 2],
}

fn pairs() -> Vec<Pair> {
    let nothing = Given {
        name: "",
        bitbucket: "",
        sonarqube: "",
    };
    let changed = SET.iter().filter_map(|row| Some((row, row.change()?)));
    let pair = |(nth, (row, change)): (usize, (&Row, Change))| Pair {
        field: row.field,
        change: change(&nothing),
        sets: ["changed", "fresh"].map(|which| format!("set-{nth:02}-{which}")),
    };
    changed.enumerate().map(pair).collect()
}

/// The set of this name, of the repository of that name.
fn set(name: &str, change: &Value) -> Value {
    let mut set = manifest(change.clone());
    set["metadata"]["name"] = name.into();
    set["spec"]["select"] = json!([{"project": "PAY", "include": [name]}]);
    set
}

/// Promise: each field that the bindings of a set get from it reaches those that exist, as it reaches new ones.
async fn a_changed_field_of_a_set_reaches_its_bindings(server: Server) {
    let env = TestEnvironment::set(server).await;
    let pairs = pairs();
    env.bitbucket.world(|world| {
        for name in pairs.iter().flat_map(|pair| &pair.sets) {
            world.repository("PAY", name);
        }
    });
    env.connection(json!({"interval": "1h"}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let second = json!({
        "configurationPolicy": "Reference", "configurationName": "bitbucket", "interval": "1h",
    });
    env.connection_named("second", second);
    env.connection_is("second", ("Ready", "True")).await;
    let first = pairs.iter().flat_map(|pair| {
        let [changed, fresh] = &pair.sets;
        [set(changed, &json!({})), set(fresh, &pair.change)]
    });
    env.apply(&list(&first.collect::<Vec<_>>()));
    let made = async |set: &str| {
        let name = format!("pay-{set}");
        let is_there = |_: &ProjectBinding| true;
        given(&env.until("payments", &name, is_there).await)
    };
    let mut expected = Vec::new();
    for pair in &pairs {
        let [changed, fresh] = &pair.sets;
        let (before, fresh) = (made(changed).await, made(fresh).await);
        assert_ne!(before, fresh, "{}: nothing is changed", pair.field);
        expected.push(fresh);
    }
    let second = pairs.iter().map(|pair| set(&pair.sets[0], &pair.change));
    env.apply(&list(&second.collect::<Vec<_>>()));
    for (pair, fresh) in pairs.iter().zip(expected) {
        let name = format!("pay-{}", pair.sets[0]);
        let is_as_fresh = |binding: &ProjectBinding| given(binding) == fresh;
        env.until("payments", &name, is_as_fresh).await;
    }
}

/// Promise: a set that selects other repositories, names bindings otherwise or is suspended leaves what it made. Its
/// limits, and what it does when a repository or the set goes, are those of its last spec.
async fn a_change_of_what_a_set_selects_takes_no_binding_away(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({"interval": "1h"}));
    apply(&env, json!({}));
    counts(&env, [3, 3, 0, 0]).await;
    let made = uids(&env).await;
    env.bitbucket.world(|world| {
        world.repository("PAY", "ledger").archived = true;
    });
    next_listing(&env, "archived").await;
    let select = |entry: Value| json!({"select": [entry]});
    for (nth, change) in [
        select(json!({"project": "OPS"})),
        select(json!({"project": "PAY", "include": ["checkout"]})),
        select(json!({"project": "PAY", "exclude": ["ledger"]})),
        select(json!({"project": "PAY", "skip": ["Archived"]})),
        json!({"template": {"nameTemplate": "x-{slug}"}}),
    ]
    .into_iter()
    .enumerate()
    {
        apply(&env, change.clone());
        reconcile(&env, &format!("selected-{nth}")).await;
        assert_eq!(uids(&env).await, made, "{change}");
    }
    env.bitbucket.world(|world| {
        world.repository("PAY", "new");
        world.delete_repository("PAY", "payments-api").unwrap();
    });
    let change = |field: &str, value: Value| {
        let mut spec = json!({
            "template": {"nameTemplate": "x-{slug}"}, "suspend": false, "deletionPolicy": "Cascade",
            "onRepositoryGone": "Delete", "limits": {"deletedPerInterval": 5},
        });
        spec[field] = value;
        apply(&env, spec);
    };
    change("suspend", json!(true));
    next_listing(&env, "suspended").await;
    assert_eq!(uids(&env).await, made, "suspended");
    change("limits", json!({"deletedPerInterval": 0}));
    env.until("payments", "x-new", |_: &ProjectBinding| true)
        .await;
    for request in ["gone", "gone twice"] {
        next_listing(&env, request).await;
    }
    assert_eq!(uids(&env).await.len(), 4, "it may delete none");
    change("suspend", json!(false));
    next_listing(&env, "gone for ever").await;
    env.gone::<ProjectBinding>("payments", "pay-payments-api")
        .await;
    let api = env.api::<ProjectBindingSet>("payments");
    api.delete("all", &DeleteParams::default()).await.unwrap();
    for name in ["pay-checkout", "pay-ledger", "x-new"] {
        env.gone::<ProjectBinding>("payments", name).await;
    }
}
