//! The chart installs what `kubectl apply --kustomize deploy` installs.

use std::collections::BTreeMap;

use bindery::cli::Cli;
use bindery::rbac::NAMESPACED;
use clap::Parser as _;
use serde_json::{Map, Value, json};

use crate::support::chart::{CHART, manifest, object, objects, parsed};
use crate::support::servers::{helm, kustomize};

/// Labels of the chart alone: by them helm's users find what belongs to a release, and which version it is.
const HELM_LABELS: [&str; 4] = [
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/version",
    "helm.sh/chart",
];

/// Said by both of the Deployment; the chart says it of every object, so that one selector finds all.
const NAME_LABEL: &str = "app.kubernetes.io/name";

/// Only helm reads it: both kinds outlive the release.
const KEEP: &str = "helm.sh/resource-policy";

/// Objects by kind, namespace and name, without what is named above.
fn comparable(objects: Vec<Value>) -> BTreeMap<String, Value> {
    let mut comparable = BTreeMap::new();
    for mut object in objects {
        let place = &object["metadata"];
        let key = format!(
            "{} {} {}",
            text(&object["kind"]),
            place["namespace"].as_str().unwrap_or_default(),
            text(&place["name"]),
        );
        let metadata = object["metadata"].as_object_mut().unwrap();
        let labels = [&HELM_LABELS[..], &[NAME_LABEL]].concat();
        remove(metadata, "labels", &labels);
        remove(metadata, "annotations", &[KEEP]);
        if object["kind"] == "Deployment" {
            arguments_by_meaning(&mut object);
        }
        assert_eq!(comparable.insert(key, object), None, "an object twice");
    }
    comparable
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Removes these keys of a map, and the map itself when nothing else is in it.
fn remove(metadata: &mut Map<String, Value>, map: &str, keys: &[&str]) {
    let Some(entries) = metadata.get_mut(map).and_then(Value::as_object_mut) else {
        return;
    };
    entries.retain(|key, _| !keys.contains(&key.as_str()));
    if entries.is_empty() {
        metadata.remove(map);
    }
}

/// The chart spells every option out; what counts is what the operator understands.
fn arguments_by_meaning(deployment: &mut Value) {
    let container = &mut deployment["spec"]["template"]["spec"]["containers"][0];
    container["args"] = json!(understood(&container["args"]));
}

fn understood(arguments: &Value) -> String {
    let arguments = arguments.as_array().unwrap().iter().map(text);
    let understood = Cli::try_parse_from(std::iter::once("bindery").chain(arguments)).unwrap();
    format!("{understood:?}")
}

/// Promise: by helm or by kustomize, the same is installed.
#[test]
fn chart_and_base_are_the_same_objects() {
    let chart = comparable(objects("{}"));
    let mut base = comparable(parsed(&kustomize("deploy")));
    // helm keeps its own record in the namespace of a release, so it exists before any object of the chart.
    base.remove("Namespace  bindery-system").unwrap();
    assert_eq!(
        chart.keys().collect::<Vec<_>>(),
        base.keys().collect::<Vec<_>>()
    );
    for (key, object) in &chart {
        assert_eq!(object, &base[key], "{key}: first the chart's");
    }
}

#[test]
fn every_object_is_labelled_as_helm_recommends() {
    let everything = json!({
        "grants": {"clusterWide": true, "namespaces": {"platform": {"secrets": ["token"]}}},
        "podMonitor": {"enabled": true},
        "prometheusRule": {"enabled": true},
        "networkPolicy": {"enabled": true},
        "operator": {"metricsAuthentication": true},
        "admissionPolicies": {"secrets": true, "hosts": ["bitbucket.example.com"]},
        "labels": {"team": "build"},
    });
    for object in objects(&everything.to_string()) {
        let labels = object["metadata"]["labels"].as_object().unwrap();
        for label in HELM_LABELS.iter().chain([&NAME_LABEL, &"team"]) {
            assert!(labels.contains_key(*label), "no {label} on {object:#}");
        }
    }
}

/// Promise: an owner of a namespace who lets the chart grant access, grants what the sample grants by hand.
#[test]
fn a_grant_is_that_of_the_samples() {
    let samples = parsed(&kustomize("deploy/samples"));
    let lent = r#"{"secrets":["bitbucket-token","sonarqube-token"]}"#;
    let chart = objects(&format!("grants.namespaces.platform={lent}"));
    for (kind, part) in [("Role", "rules"), ("RoleBinding", "subjects")] {
        let sample = object(&samples, kind, "bindery-tokens").unwrap();
        let grant = object(&chart, kind, "bindery").unwrap();
        assert_eq!(grant[part], sample[part]);
        assert_eq!(grant["metadata"]["namespace"], "platform");
    }
    let role = &object(&chart, "RoleBinding", "bindery").unwrap()["roleRef"];
    let named = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "bindery"});
    assert_eq!(role, &named);
}

/// Promise: the namespace is the release's, whichever it is.
#[test]
fn nothing_but_its_name_depends_on_the_namespace() {
    let here = manifest("bindery-system", "grants.clusterWide=true").unwrap();
    // Some names look like numbers.
    for namespace in ["tools", "2024"] {
        let there = manifest(namespace, "grants.clusterWide=true").unwrap();
        assert_ne!(here, there);
        let moved = here.replace("bindery-system", namespace);
        assert_eq!(moved, there);
        for object in parsed(&there) {
            let found = &object["metadata"]["namespace"];
            assert!(found.is_null() || found == namespace, "{object:#}");
        }
    }
}

/// Promise: an operator of some namespaces gets the same rights there as one of the whole cluster has, and none elsewhere.
#[test]
fn an_operator_of_some_namespaces_has_rights_in_these_alone() {
    let everywhere = objects("{}");
    let some = objects(r#"namespaces=["payments","2024"],aggregateRoles=false"#);
    let is_of_the_cluster = |object: &&Value| text(&object["kind"]).starts_with("ClusterRole");
    assert_eq!(some.iter().find(is_of_the_cluster), None);
    let granted = |kind: &str| {
        let named = some
            .iter()
            .filter(|it| it["metadata"]["name"] == NAMESPACED);
        let found = named.filter(|it| it["kind"] == kind);
        found.cloned().collect::<Vec<_>>()
    };
    let (granted_roles, bindings) = (granted("Role"), granted("RoleBinding"));
    for objects in [&granted_roles, &bindings] {
        let namespaces = objects.iter().map(|it| text(&it["metadata"]["namespace"]));
        assert_eq!(namespaces.collect::<Vec<_>>(), ["payments", "2024"]);
    }
    let cluster_binding = object(&everywhere, "ClusterRoleBinding", "bindery").unwrap();
    assert_eq!(bindings[0]["subjects"], cluster_binding["subjects"]);
    let cluster = object(&everywhere, "ClusterRole", "bindery").unwrap();
    let mut rules = cluster["rules"].clone();
    for rule in rules.as_array_mut().unwrap() {
        if rule["resources"] == json!(["namespaces"]) {
            rule["verbs"] = json!(["get"]);
        }
    }
    assert_eq!(granted_roles[0]["rules"], rules);
}

/// Promise: a second release cannot bring a second operator: it would own the same objects, which helm refuses.
#[test]
fn nothing_but_a_label_depends_on_the_name_of_the_release() {
    let arguments = ["template", "other", CHART, "--namespace", "bindery-system"];
    let other = parsed(&helm(&arguments).unwrap());
    assert_eq!(
        other[0]["metadata"]["labels"]["app.kubernetes.io/instance"],
        "other"
    );
    assert_eq!(comparable(other), comparable(objects("{}")));
}

#[test]
fn helm_lint_finds_nothing() {
    let report = helm(&["lint", "--strict", CHART]).unwrap();
    assert!(
        report.contains("1 chart(s) linted, 0 chart(s) failed"),
        "{report}"
    );
    for complaint in ["[WARNING]", "[INFO]"] {
        assert!(!report.contains(complaint), "{report}");
    }
}

/// Promise: the chart can be a dependency of another one, its schema notwithstanding.
#[test]
fn another_chart_may_depend_on_it() {
    let parent = std::env::temp_dir().join(format!("bindery-chart-{}", std::process::id()));
    std::fs::create_dir_all(parent.join("charts")).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let definition = json!({
        "apiVersion": "v2", "name": "platform", "version": "1.0.0",
        "dependencies": [{"name": "bindery", "version": version, "condition": "bindery.enabled"}],
    });
    let values = json!({"global": {"region": "north"}, "bindery": {"enabled": true, "operator": {"log": "debug"}}});
    std::fs::write(parent.join("Chart.yaml"), definition.to_string()).unwrap();
    std::fs::write(parent.join("values.yaml"), values.to_string()).unwrap();
    let packed = parent.join("charts");
    let package = ["package", CHART, "--destination", packed.to_str().unwrap()];
    helm(&package).unwrap();
    let rendered = helm(&["template", "platform", parent.to_str().unwrap()]);
    std::fs::remove_dir_all(&parent).unwrap();
    let objects = parsed(&rendered.unwrap());
    let deployment = object(&objects, "Deployment", "bindery").unwrap();
    let arguments = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
    assert!(
        arguments
            .as_array()
            .unwrap()
            .contains(&json!("--log=debug")),
        "{arguments}"
    );
}
