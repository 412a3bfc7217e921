//! Each field of each kind: changed on an object that is ready, it ends as a fresh object with the new spec does.
//! [`documents::fields`](crate::documents) checks that each field of the schema has a row.

pub(crate) mod table;

use bindery::crd::{self, BitbucketConnection, ProjectBinding};
use kube::ResourceExt as _;
use kube::api::{DeleteParams, ListParams};
use serde_json::{Value, json};

use super::environment::manifests::{list, merge, secret};
use super::environment::oracles::{same_end, without_what_differs};
use super::environment::waiting::{Watched, says};
use super::environment::{BITBUCKET_TOKEN, PATIENT, TestEnvironment};
use crate::support::server::{Server, on};
use table::{BINDING, CONNECTION, Change, Ends, Given, Row};

on!([simulated_26_9_enterprise] => a_changed_field_ends_as_a_fresh_object_does);

/// A row whose object is changed, with the names of that object and of the fresh one beside it.
struct Pair {
    row: &'static Row,
    change: Change,
    changed: String,
    fresh: String,
}

impl Pair {
    /// The fresh object has the new spec, unless only a creation uses the field.
    fn fresh_change(&self) -> Option<Change> {
        match self.row.ends {
            Ends::AtCreation(_) => None,
            Ends::AsFresh(_) | Ends::ShownBy(_) | Ends::Otherwise(_) | Ends::OnlyValue => {
                Some(self.change)
            }
        }
    }

    fn names(&self) -> [&str; 2] {
        [&self.changed, &self.fresh]
    }

    /// Compares what is found for the two.
    fn compare(&self, when: &str, find: impl Fn(&str) -> Value) {
        let [changed, fresh] = self
            .names()
            .map(|name| without_what_differs(&find(name), &[(name, "NAME")]));
        let compared = same_end(&fresh, &changed);
        compared.unwrap_or_else(|wrong| panic!("{}, {when}: {wrong}", self.row.field));
    }
}

fn pairs(kind: &str, rows: &'static [Row]) -> Vec<Pair> {
    let changed = rows.iter().filter_map(|row| Some((row, row.change()?)));
    let pair = |(nth, (row, change))| Pair {
        row,
        change,
        changed: format!("{kind}-{nth:02}-changed"),
        fresh: format!("{kind}-{nth:02}-fresh"),
    };
    changed.enumerate().map(pair).collect()
}

/// Promise: an object whose spec is changed ends as one that is created with the new spec, also when it is deleted.
async fn a_changed_field_ends_as_a_fresh_object_does(server: Server) {
    let env = TestEnvironment::set_with(server, &PATIENT).await;
    for (name, token) in [
        ("second-token", BITBUCKET_TOKEN),
        ("bitbucket-token", BITBUCKET_TOKEN),
        ("sonarqube-token", &env.sonarqube.token),
    ] {
        let mut secret = secret(name, token);
        secret["stringData"]["another"] = json!(token);
        env.apply(&secret);
    }
    let (bindings, connections) = (pairs("b", BINDING), pairs("c", CONNECTION));
    env.bitbucket.world(|world| {
        for pair in bindings.iter().chain(&connections) {
            for name in pair.names() {
                world.repository("PAY", name);
                world.repository("PAY", &format!("{name}-moved"));
                world.repository("OPS", name);
            }
        }
    });
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    change_bindings(&env, &bindings).await;
    change_connections(&env, &connections).await;
}

async fn change_bindings(env: &TestEnvironment, pairs: &[Pair]) {
    let spec = |name: &str| {
        json!({
            "connectionRef": {"name": "bitbucket"},
            "repository": {"project": "PAY", "slug": name},
            "sonarqubeProject": {
                "key": format!("key-{name}"), "name": format!("Project {name}"), "visibility": "Private",
                "newCodeDefinition": {"type": "NumberOfDays", "days": 7},
            },
        })
    };
    create::<ProjectBinding>(env, pairs, &spec).await;
    change::<ProjectBinding>(env, pairs, &spec).await;
    let statuses = statuses::<ProjectBinding>(env, "platform").await;
    for pair in pairs {
        pair.compare("the status", |name| statuses(name));
        pair.compare("in SonarQube", |name| project(env, name));
    }
    delete_all::<ProjectBinding>(env, "platform").await;
    for pair in pairs {
        pair.compare("after its deletion", |name| left(env, name));
    }
}

/// What a connection admits shows in another namespace: there, some of them have a binding of the same name.
async fn change_connections(env: &TestEnvironment, pairs: &[Pair]) {
    let bitbucket = env.bitbucket.url();
    let spec = |name: &str| {
        json!({
            "bitbucket": {
                "url": bitbucket.as_str().trim_end_matches('/'), "tokenSecretRef": {"name": "bitbucket-token"},
            },
            "sonarqube": {"url": env.sonarqube.url, "tokenSecretRef": {"name": "sonarqube-token"}},
            "configurationName": name,
            "interval": "10m",
            "access": [{
                "name": "payments",
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "payments"}},
                "repositories": ["PAY/*"],
            }],
        })
    };
    let admitting = || pairs.iter().filter(|it| it.row.field.starts_with("access"));
    let bindings = admitting().flat_map(Pair::names).map(|name| {
        let change = json!({"connectionRef": {"name": name}});
        TestEnvironment::binding_manifest("payments", name, &format!("PAY/{name}"), change)
    });
    env.apply(&list(&bindings.collect::<Vec<_>>()));
    create::<BitbucketConnection>(env, pairs, &spec).await;
    for pair in admitting() {
        let ready = ("Ready", "True");
        env.binding_is("payments", &pair.changed, ready).await;
    }
    change::<BitbucketConnection>(env, pairs, &spec).await;
    for name in admitting().flat_map(Pair::names) {
        env.requested_reconcile("payments", name, "changed").await;
    }
    let settled = statuses::<BitbucketConnection>(env, "platform").await;
    let served = statuses::<ProjectBinding>(env, "payments").await;
    // One that fails leaves what it created before: its conditions alone are compared.
    let (failing, serving): (Vec<_>, Vec<_>) = pairs
        .iter()
        .partition(|pair| settled(&pair.fresh)["configuration"].is_null());
    for pair in failing {
        pair.compare("the conditions", |name| settled(name)["conditions"].clone());
    }
    let stored = env.sonarqube.settings();
    for pair in &serving {
        pair.compare("the status", |name| settled(name));
        pair.compare("in SonarQube", |name| configuration(&stored, name));
    }
    for pair in admitting() {
        pair.compare("its binding", |name| served(name)["conditions"].clone());
    }
    delete_all::<ProjectBinding>(env, "payments").await;
    delete_all::<BitbucketConnection>(env, "platform").await;
    let stored = env.sonarqube.settings();
    for pair in serving {
        pair.compare("after its deletion", |name| configuration(&stored, name));
    }
}

/// Creates the objects of all pairs, and waits until those that will be changed are ready.
async fn create<K: Watched + crd::Kind>(
    env: &TestEnvironment,
    pairs: &[Pair],
    spec: &impl Fn(&str) -> Value,
) {
    let created = pairs.iter().flat_map(|pair| {
        let changed = object::<K>(env, spec(&pair.changed), &pair.changed, None);
        let fresh = object::<K>(env, spec(&pair.fresh), &pair.fresh, pair.fresh_change());
        [changed, fresh]
    });
    env.apply(&list(&created.collect::<Vec<_>>()));
    for pair in pairs {
        let is_ready = |it: &K| says(it, ("Ready", "True"));
        env.until("platform", &pair.changed, is_ready).await;
    }
}

/// Changes the first object of each pair, and waits until all have ended.
async fn change<K: Watched + crd::Kind>(
    env: &TestEnvironment,
    pairs: &[Pair],
    spec: &impl Fn(&str) -> Value,
) {
    let changed = pairs.iter().map(|pair| {
        let name = &pair.changed;
        object::<K>(env, spec(name), name, Some(pair.change))
    });
    env.apply(&list(&changed.collect::<Vec<_>>()));
    for name in pairs.iter().flat_map(Pair::names) {
        let has_ended = |it: &K| says(it, ("Ready", "True")) || says(it, ("Stalled", "True"));
        env.until("platform", name, has_ended).await;
    }
}

fn object<K: crd::Kind>(
    env: &TestEnvironment,
    mut spec: Value,
    name: &str,
    change: Option<Change>,
) -> Value {
    if let Some(change) = change {
        let bitbucket = env.bitbucket.url();
        let given = Given {
            name,
            bitbucket: bitbucket.as_str().trim_end_matches('/'),
            sonarqube: &env.sonarqube.url,
        };
        merge(&mut spec, change(&given));
    }
    json!({
        "apiVersion": "bindery.dev/v1alpha1", "kind": K::kind(&()),
        "metadata": {"name": name, "namespace": "platform"}, "spec": spec,
    })
}

/// The statuses of all objects of a namespace, by name, without what is their own.
async fn statuses<K: Watched + crd::Kind>(
    env: &TestEnvironment,
    namespace: &str,
) -> impl Fn(&str) -> Value {
    let objects = env.api::<K>(namespace).list(&ListParams::default()).await;
    let objects = objects.unwrap().items;
    move |name| {
        let object = objects.iter().find(|it| it.name_any() == name).unwrap();
        let uid = object.uid().unwrap();
        let mut status = serde_json::to_value(object).unwrap()["status"].clone();
        // It is read during an import only.
        status["repository"]["defaultBranch"].take();
        without_what_differs(&status, &[(&uid, "UID")])
    }
}

async fn delete_all<K: Watched>(env: &TestEnvironment, namespace: &str) {
    let api = env.api::<K>(namespace);
    let left = api.list(&ListParams::default()).await.unwrap().items;
    let (all, now) = (ListParams::default(), DeleteParams::default());
    api.delete_collection(&now, &all).await.unwrap();
    for object in left {
        env.gone::<K>(namespace, &object.name_any()).await;
    }
}

/// What SonarQube holds for a binding.
fn project(env: &TestEnvironment, name: &str) -> Value {
    let key = format!("key-{name}");
    let of = |path: &str| env.sonarqube.get(path, &[("project", &key)]);
    let project = env.sonarqube.project(&key);
    let new_code = of("api/new_code_periods/show");
    // Two refusals would be equal.
    let is_read = new_code["type"].is_string();
    assert!(project.is_none() || is_read, "{name}: {new_code}");
    json!({
        "project": project,
        "binding": of("api/alm_settings/get_binding"),
        "new code": new_code,
    })
}

/// What it holds once the binding is gone.
fn left(env: &TestEnvironment, name: &str) -> Value {
    let key = format!("key-{name}");
    env.sonarqube
        .get("api/alm_settings/get_binding", &[("project", &key)])
}

/// Of all configurations, that of a connection.
fn configuration(all: &[Value], name: &str) -> Value {
    let renamed = format!("renamed-{name}");
    let mut own = all.to_vec();
    own.retain(|it| it["key"] == name || it["key"] == *renamed);
    json!(own)
}
