//! What each value changes.

use std::collections::BTreeSet;

use bindery::cli::Cli;
use clap::CommandFactory as _;
use serde_json::{Value, json};

use crate::support::chart::{object, objects};

/// A value, the object it shows in, where, and as what.
type Row = (Value, (&'static str, &'static str), &'static str, Value);

const DEPLOYMENT: (&str, &str) = ("Deployment", "bindery");
const ACCOUNT: (&str, &str) = ("ServiceAccount", "bindery");
const CONNECTIONS: (&str, &str) = (
    "CustomResourceDefinition",
    "bitbucketconnections.bindery.dev",
);
const POD: &str = "/spec/template/spec";
const CONTAINER: &str = "/spec/template/spec/containers/0";

fn pod_rows() -> Vec<Row> {
    let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
    let toleration = json!([{"key": "ci", "operator": "Exists", "effect": "NoSchedule"}]);
    let affinity = json!({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}});
    let in_pod =
        |values: Value, place: &'static str, shown: Value| (values, DEPLOYMENT, place, shown);
    vec![
        in_pod(
            json!({"image": {"repository": "registry.example.com/bindery"}}),
            "containers/0/image",
            json!("registry.example.com/bindery:0.1.0"),
        ),
        in_pod(
            json!({"image": {"tag": "0.1.1"}}),
            "containers/0/image",
            json!("ghcr.io/bindery/bindery:0.1.1"),
        ),
        in_pod(
            json!({"image": {"tag": "0.1.1", "digest": digest}}),
            "containers/0/image",
            json!(format!("ghcr.io/bindery/bindery@{digest}")),
        ),
        in_pod(
            json!({"image": {"pullPolicy": "Always"}}),
            "containers/0/imagePullPolicy",
            json!("Always"),
        ),
        in_pod(
            json!({"image": {"pullSecrets": ["registry"]}}),
            "imagePullSecrets",
            json!([{"name": "registry"}]),
        ),
        in_pod(
            json!({"operator": {"listen": "[::]:9090"}}),
            "containers/0/ports/0/containerPort",
            json!(9090),
        ),
        in_pod(
            json!({"resources": {"limits": {"memory": "1Gi"}}}),
            "containers/0/resources/limits/memory",
            json!("1Gi"),
        ),
        in_pod(
            json!({"nodeSelector": {"pool": "tools"}}),
            "nodeSelector",
            json!({"pool": "tools"}),
        ),
        in_pod(
            json!({"tolerations": toleration}),
            "tolerations",
            toleration,
        ),
        in_pod(json!({"affinity": affinity}), "affinity", affinity),
        in_pod(
            json!({"priorityClassName": "tools"}),
            "priorityClassName",
            json!("tools"),
        ),
        in_pod(
            json!({"serviceAccount": {"name": "sonar"}}),
            "serviceAccountName",
            json!("sonar"),
        ),
    ]
}

#[test]
fn values_of_the_pod_are_in_the_pod() {
    for (values, (kind, name), place, shown) in pod_rows() {
        let objects = objects("bindery-system", &values);
        let found = object(&objects, kind, name).unwrap();
        let place = format!("{POD}/{place}");
        assert_eq!(found.pointer(&place), Some(&shown), "{values} at {place}");
    }
}

fn object_rows() -> Vec<Row> {
    let team = || json!({"team": "build"});
    let monitor = ("PodMonitor", "bindery");
    let template = "/spec/template/metadata";
    let labels = "/spec/template/metadata/labels/team";
    let subject = "/subjects/0/name";
    let account = json!({"create": false, "name": "sonar"});
    let lent = json!({"platform": {"configMaps": ["bitbucket-ca"]}});
    let read = json!(["get", "list", "watch"]);
    vec![
        (
            json!({"labels": team()}),
            DEPLOYMENT,
            labels,
            json!("build"),
        ),
        (
            json!({"labels": team()}),
            CONNECTIONS,
            "/metadata/labels/team",
            json!("build"),
        ),
        (
            json!({"podLabels": team()}),
            DEPLOYMENT,
            labels,
            json!("build"),
        ),
        (
            json!({"podAnnotations": team()}),
            DEPLOYMENT,
            template,
            json!({"annotations": team(), "labels": {"app.kubernetes.io/name": "bindery"}}),
        ),
        (
            json!({"serviceAccount": {"annotations": team()}}),
            ACCOUNT,
            "/metadata/annotations",
            team(),
        ),
        (
            json!({"serviceAccount": account}),
            ("ClusterRoleBinding", "bindery"),
            subject,
            json!("sonar"),
        ),
        (
            json!({}),
            CONNECTIONS,
            "/metadata/annotations",
            json!({"helm.sh/resource-policy": "keep"}),
        ),
        (
            json!({"crds": {"keep": false}}),
            CONNECTIONS,
            "/apiVersion",
            json!("apiextensions.k8s.io/v1"),
        ),
        (
            json!({"grants": {"namespaces": lent}}),
            ("Role", "bindery"),
            "/rules",
            json!([{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["bitbucket-ca"], "verbs": read}]),
        ),
        (
            json!({"grants": {"clusterWide": true}}),
            ("ClusterRole", "bindery-secrets"),
            "/rules",
            json!([{"apiGroups": [""], "resources": ["secrets", "configmaps"], "verbs": read}]),
        ),
        (
            json!({"grants": {"clusterWide": true}}),
            ("ClusterRoleBinding", "bindery-secrets"),
            "/subjects",
            json!([{"kind": "ServiceAccount", "name": "bindery", "namespace": "bindery-system"}]),
        ),
        (
            json!({"podMonitor": {"enabled": true, "interval": "30s", "labels": team()}}),
            monitor,
            "/spec",
            json!({
                "podMetricsEndpoints": [{"port": "http", "path": "/metrics", "interval": "30s"}],
                "selector": {"matchLabels": {"app.kubernetes.io/name": "bindery"}},
            }),
        ),
        (
            json!({"podMonitor": {"enabled": true, "labels": team()}}),
            monitor,
            "/metadata/labels/team",
            json!("build"),
        ),
    ]
}

#[test]
fn values_of_other_objects_are_in_them() {
    for (values, (kind, name), place, shown) in object_rows() {
        let objects = objects("bindery-system", &values);
        let found = object(&objects, kind, name).unwrap();
        assert_eq!(found.pointer(place), Some(&shown), "{values} at {place}");
    }
}

#[test]
fn objects_that_are_not_wanted_are_not_there() {
    let default = objects("bindery-system", &json!({}));
    for (values, (kind, name)) in [
        (json!({"crds": {"enabled": false}}), CONNECTIONS),
        (
            json!({"serviceAccount": {"create": false, "name": "sonar"}}),
            ACCOUNT,
        ),
        (
            json!({"aggregateRoles": false}),
            ("ClusterRole", "bindery-view"),
        ),
        (
            json!({"aggregateRoles": false}),
            ("ClusterRole", "bindery-edit"),
        ),
    ] {
        assert!(object(&default, kind, name).is_some(), "{kind} {name}");
        let objects = objects("bindery-system", &values);
        assert!(
            object(&objects, kind, name).is_none(),
            "{values}: {kind} {name}"
        );
    }
    let unkept = objects("bindery-system", &json!({"crds": {"keep": false}}));
    let definition = object(&unkept, CONNECTIONS.0, CONNECTIONS.1).unwrap();
    assert_eq!(definition["metadata"].get("annotations"), None);
    for (kind, name) in [
        ("ClusterRole", "bindery-secrets"),
        ("PodMonitor", "bindery"),
        ("Role", "bindery"),
    ] {
        assert!(
            object(&default, kind, name).is_none(),
            "{kind} {name} by default"
        );
    }
}

fn arguments(namespace: &str, values: &Value) -> Vec<String> {
    let objects = objects(namespace, values);
    let deployment = object(&objects, "Deployment", "bindery").unwrap();
    let arguments = deployment.pointer(CONTAINER).unwrap()["args"].clone();
    serde_json::from_value(arguments).unwrap()
}

/// Promise: the commands that messages suggest name the account of this release.
#[test]
fn the_operator_knows_its_own_account() {
    let arguments = arguments("tools", &json!({"serviceAccount": {"name": "sonar"}}));
    assert!(
        arguments.contains(&"--service-account=tools:sonar".to_owned()),
        "{arguments:?}"
    );
}

#[test]
fn every_option_reaches_the_operator() {
    let values = json!({"operator": {
        "allowedHosts": ["bitbucket.example.com:7990", "*.sonar.example.com"],
        "requireSecretHosts": true,
        "allowHttp": true,
        "allowProjectDeletion": true,
        "minimumInterval": 1_234_567,
        "concurrency": 3,
        "listen": "[::]:9090",
        "log": "info,bindery=debug",
        "logFormat": "text",
    }});
    let arguments = arguments("tools", &values);
    assert_eq!(
        arguments,
        [
            "run",
            "--service-account=tools:bindery",
            "--allowed-hosts=bitbucket.example.com:7990,*.sonar.example.com",
            "--require-secret-hosts",
            "--allow-http",
            "--allow-project-deletion",
            "--minimum-interval=1234567",
            "--concurrency=3",
            "--listen=[::]:9090",
            "--log=info,bindery=debug",
            "--log-format=text",
        ]
    );
    let given: BTreeSet<_> = arguments[1..]
        .iter()
        .map(|argument| argument.split('=').next().unwrap().to_owned())
        .collect();
    assert_eq!(
        given,
        options_of_run(),
        "the chart has a value for every option"
    );
}

fn options_of_run() -> BTreeSet<String> {
    let command = Cli::command();
    let run = command.find_subcommand("run").unwrap();
    run.get_arguments()
        .map(|argument| format!("--{}", argument.get_long().unwrap()))
        .collect()
}
