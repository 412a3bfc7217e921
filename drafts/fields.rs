//! Each field of each kind: changed on an object that is ready, it ends as a fresh object with the new spec does.

mod table;

use std::collections::BTreeSet;

use bindery::crd::{self, BitbucketConnection, ProjectBinding};
use kube::{Resource, ResourceExt as _};
use serde::Serialize;
use serde_json::{Value, json};

use super::environment::manifests::{list, merge};
use super::environment::oracles::same_end;
use super::environment::waiting::says;
use super::environment::{BITBUCKET_TOKEN, TestEnvironment};
use crate::support::server::{Server, on};
use crate::support::tree;
use table::{BINDING, CONNECTION, Ends, Row};

on!([simulated_26_9_enterprise] => a_changed_field_ends_as_a_fresh_object_does);

/// What of the answers of SonarQube differs between two projects that are alike.
const OWN: [&str; 4] = ["id", "uuid", "projectUuid", "revision"];

/// The fields of a spec that hold a value.
fn fields(kind: &str) -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    let definitions = crd::definitions().into_iter();
    for definition in definitions.filter(|it| it.spec.names.kind == kind) {
        for version in definition.spec.versions {
            let schema = version.schema.unwrap().open_api_v3_schema.unwrap();
            let schema = serde_json::to_value(&schema).unwrap();
            values("", &schema["properties"]["spec"], &mut fields);
        }
    }
    fields
}

fn values(path: &str, schema: &Value, fields: &mut BTreeSet<String>) {
    if let Some(properties) = schema["properties"].as_object() {
        for (name, field) in properties {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            values(&path, field, fields);
        }
    } else if schema["items"].is_object() {
        values(&format!("{path}[]"), &schema["items"], fields);
    } else {
        fields.insert(path.to_owned());
    }
}

/// A field that is new has no row: this test says so.
#[test]
fn each_field_has_a_row() {
    for (kind, rows) in [
        ("ProjectBinding", BINDING),
        ("BitbucketConnection", CONNECTION),
    ] {
        let listed: BTreeSet<_> = rows.iter().map(|row| row.field.to_owned()).collect();
        assert_eq!(listed.len(), rows.len(), "{kind}: a field has two rows");
        assert_eq!(listed, fields(kind), "{kind}");
    }
}

/// What is shown elsewhere is shown by a test that exists.
#[test]
fn each_row_that_names_a_test_names_one_that_exists() {
    let sources: Vec<_> = tree::rust_files()
        .into_iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    for row in BINDING.iter().chain(CONNECTION) {
        if let Ends::ShownBy(test) | Ends::Refused(test) = row.ends {
            let function = format!("fn {test}(");
            let exists = sources.iter().any(|source| source.contains(&function));
            assert!(exists, "{}: there is no test {test}", row.field);
        }
    }
}

/// The fields that only a creation uses are those that the guide lists.
#[test]
fn the_guide_lists_the_fields_that_only_a_creation_uses() {
    let guide = std::fs::read_to_string(tree::top().join("docs/guide/binding.md")).unwrap();
    let (_, section) = guide.split_once("\n## Changing a binding\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let listed: BTreeSet<_> = section
        .lines()
        .filter_map(|line| line.strip_prefix("- `spec.")?.split('`').next())
        .collect();
    let at_creation = BINDING.iter().filter(|row| match row.ends {
        Ends::AtCreation(_) | Ends::Refused(_) => true,
        Ends::AsFresh(_) | Ends::ShownBy(_) | Ends::OnlyValue => false,
    });
    assert_eq!(listed, at_creation.map(|row| row.field).collect());
}

/// Promise: an object whose spec is changed ends as one that is created with the new spec.
async fn a_changed_field_ends_as_a_fresh_object_does(server: Server) {
    let env = TestEnvironment::set(server).await;
    for (name, token) in [
        ("second-token", BITBUCKET_TOKEN),
        ("bitbucket-token", BITBUCKET_TOKEN),
        ("sonarqube-token", &env.sonarqube.token),
    ] {
        env.apply(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "platform"},
            "stringData": {"token": token, "another": token},
        }));
    }
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    bindings(&env).await;
    connections(&env).await;
}

async fn bindings(env: &TestEnvironment) {
    let rows: Vec<_> = BINDING
        .iter()
        .filter(|row| row.change().is_some())
        .collect();
    env.bitbucket.world(|world| {
        for name in names(rows.len()) {
            world.repository("PAY", &name);
            world.repository("PAY", &format!("{name}-moved"));
            world.repository("OPS", &name);
        }
        world.grant_project("bindery", "OPS", simulators::bitbucket::Right::Write);
    });
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
    let ended = moved::<ProjectBinding>(env, &rows, spec).await;
    for (row, (moved, fresh)) in rows.iter().zip(ended) {
        let (moved, fresh) = (project(env, &moved), project(env, &fresh));
        same_end(&fresh, &moved).unwrap_or_else(|wrong| panic!("{}: {wrong}", row.field));
    }
}

async fn connections(env: &TestEnvironment) {
    let rows: Vec<_> = CONNECTION
        .iter()
        .filter(|row| row.change().is_some())
        .collect();
    let bitbucket = env
        .bitbucket
        .url()
        .as_str()
        .trim_end_matches('/')
        .to_owned();
    let spec = |name: &str| {
        json!({
            "bitbucket": {"url": bitbucket, "tokenSecretRef": {"name": "bitbucket-token"}},
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
    let ended = moved::<BitbucketConnection>(env, &rows, spec).await;
    for (row, (moved, fresh)) in rows.iter().zip(ended) {
        let (moved, fresh) = (setting(env, &moved), setting(env, &fresh));
        same_end(&fresh, &moved).unwrap_or_else(|wrong| panic!("{}: {wrong}", row.field));
    }
}

/// The names of the objects of so many rows: the one that is changed, and the fresh one.
fn names(rows: usize) -> impl Iterator<Item = String> {
    (0..rows).flat_map(|row| [format!("moved-{row}"), format!("fresh-{row}")])
}

/// Creates two objects for each row, the second one with the change. Then it changes the first. Returns the pairs as they
/// end, after their statuses were compared.
async fn moved<K>(env: &TestEnvironment, rows: &[&Row], spec: impl Fn(&str) -> Value) -> Vec<(K, K)>
where
    K: crd::Kind
        + Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Serialize
        + Send
        + Sync
        + 'static,
{
    let object = |row: usize, name: &str, is_changed: bool| {
        let mut spec = spec(name);
        if is_changed && let Some(change) = rows[row].change() {
            merge(&mut spec, change(name));
        }
        json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": K::kind(&()),
            "metadata": {"name": name, "namespace": "platform"}, "spec": spec,
        })
    };
    let numbers = 0..rows.len();
    let created = numbers.clone().flat_map(|row| {
        let (moved, fresh) = (format!("moved-{row}"), format!("fresh-{row}"));
        // What a creation uses is compared with an object that was never changed.
        let as_declared = !matches!(rows[row].ends, Ends::AtCreation(_));
        [object(row, &moved, false), object(row, &fresh, as_declared)]
    });
    env.apply(&list(&created.collect::<Vec<_>>()));
    for row in numbers.clone() {
        let name = format!("moved-{row}");
        env.until("platform", &name, |it: &K| says(it, ("Ready", "True")))
            .await;
    }
    let changed = numbers
        .clone()
        .map(|row| object(row, &format!("moved-{row}"), true));
    env.apply(&list(&changed.collect::<Vec<_>>()));
    let has_ended = |it: &K| says(it, ("Ready", "True")) || says(it, ("Stalled", "True"));
    let mut ended = Vec::new();
    for row in numbers {
        let (moved, fresh) = (format!("moved-{row}"), format!("fresh-{row}"));
        let fresh = env.until("platform", &fresh, has_ended).await;
        let moved = env.until("platform", &moved, has_ended).await;
        let (said, expected) = (conditions(&moved), conditions(&fresh));
        same_end(&expected, &said).unwrap_or_else(|wrong| panic!("{}: {wrong}", rows[row].field));
        ended.push((moved, fresh));
    }
    ended
}

fn conditions(object: &impl crd::Kind) -> Value {
    let each = object.conditions().iter();
    let each = each.map(|it| format!("{} is {}: {}", it.type_, it.status, it.reason));
    json!(each.collect::<BTreeSet<_>>())
}

/// What SonarQube holds for a binding.
fn project(env: &TestEnvironment, binding: &ProjectBinding) -> Value {
    let name = binding.name_any();
    let key = format!("key-{name}");
    let sonarqube = &env.sonarqube;
    let of = |path: &str| sonarqube.get(path, &[("project", &key)]);
    let show = json!({
        "project": sonarqube.project(&key),
        "binding": of("api/alm_settings/get_binding"),
        "new code": of("api/new_code_periods/show"),
        "target": serde_json::to_value(&binding.status).unwrap()["target"],
    });
    alike(show, &name)
}

/// What SonarQube holds for a connection.
fn setting(env: &TestEnvironment, connection: &BitbucketConnection) -> Value {
    let name = connection.name_any();
    let settings = env.sonarqube.get("api/alm_settings/list_definitions", &[]);
    let settings = settings["bitbucket"].as_array().unwrap().iter();
    let own: Vec<_> = settings
        .filter(|it| it["key"].as_str().unwrap().contains(&name))
        .cloned()
        .collect();
    alike(json!(own), &name)
}

/// The same without what is its own.
fn alike(mut value: Value, name: &str) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|field, _| !OWN.contains(&field.as_str()));
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    strip(&mut value);
    serde_json::from_str(&value.to_string().replace(name, "NAME")).unwrap()
}
