//! The configuration of kube-state-metrics, which has a series for each object.

use std::fs;

use bindery::crd;
use serde_json::Value;

use crate::support::tree;

const FILE: &str = "deploy/kube-state-metrics.yaml";

fn resources() -> Vec<Value> {
    let text = fs::read_to_string(tree::top().join(FILE)).unwrap();
    let configuration: Value = serde_saphyr::from_str(&text).unwrap();
    configuration["spec"]["resources"]
        .as_array()
        .unwrap()
        .clone()
}

/// The schema of a field of a kind, in the version that kube-state-metrics reads; none if there is no such field.
fn field(kind: &str, path: &[String]) -> Option<Value> {
    let definitions = crd::definitions();
    let mut definitions = definitions.iter();
    let definition = definitions.find(|found| found.spec.names.kind == kind)?;
    let schema = serde_json::to_value(&definition.spec.versions[0].schema).unwrap();
    let root = schema["openAPIV3Schema"].clone();
    path.iter().try_fold(root, |schema, name| {
        // A path leads into each entry of a list; `[type=Ready]` selects one.
        let of_entries = &schema["items"];
        let below = if name.starts_with('[') {
            of_entries
        } else if of_entries.is_null() {
            &schema["properties"][name]
        } else {
            &of_entries["properties"][name]
        };
        (!below.is_null()).then(|| below.clone())
    })
}

fn path(value: &Value) -> Vec<String> {
    let names = value.as_array().into_iter().flatten();
    names
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

/// Every path of the fields of an object that this part of the configuration reads, from the object's root.
fn paths(part: &Value, base: &[String], found: &mut Vec<Vec<String>>) {
    let Some(fields) = part.as_object() else {
        return;
    };
    let base = [
        base,
        &path(&fields.get("path").cloned().unwrap_or_default()),
    ]
    .concat();
    found.push(base.clone());
    for (name, value) in fields {
        match name.as_str() {
            "labelsFromPath" => {
                for below in value.as_object().unwrap().values() {
                    found.push([&base[..], &path(below)].concat());
                }
            }
            "valueFrom" => found.push([&base[..], &path(value)].concat()),
            _ => paths(value, &base, found),
        }
    }
}

/// Promise: every series is about a field that the kind has, for all kinds.
#[test]
fn series_are_about_fields_that_exist() {
    let resources = resources();
    let kinds: Vec<_> = resources
        .iter()
        .map(|resource| resource["groupVersionKind"]["kind"].as_str().unwrap())
        .collect();
    let declared: Vec<_> = crd::definitions()
        .iter()
        .map(|definition| definition.spec.names.kind.clone())
        .collect();
    assert_eq!(kinds, declared);
    for resource in &resources {
        let kind = resource["groupVersionKind"]["kind"].as_str().unwrap();
        let version = resource["groupVersionKind"]["version"].as_str().unwrap();
        assert_eq!(version, "v1alpha1");
        for metric in resource["metrics"].as_array().unwrap() {
            assert!(metric["help"].as_str().unwrap().len() > 10, "{metric}");
            let mut found = Vec::new();
            paths(&metric["each"], &[], &mut found);
            for path in found {
                let is_metadata = path.first().is_some_and(|first| first == "metadata");
                let exists = is_metadata || field(kind, &path).is_some();
                assert!(exists, "{kind} has no {}", path.join("."));
            }
        }
    }
}

#[test]
fn a_field_that_does_not_exist_is_noticed() {
    let of = |path: &[&str]| {
        let path: Vec<_> = path.iter().map(|name| (*name).to_owned()).collect();
        field("ProjectBinding", &path)
    };
    assert!(of(&["status", "conditions", "[type=Ready]", "reason"]).is_some());
    assert!(of(&["status", "condition"]).is_none());
}
