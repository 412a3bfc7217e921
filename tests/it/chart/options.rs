//! What each value changes.

use serde_json::Value;

use crate::support::chart::{object, objects, parsed};
use crate::support::tree;

/// Kind and name.
pub(super) type Object = (&'static str, &'static str);

pub(super) const DEPLOYMENT: Object = ("Deployment", "bindery");
const ACCOUNT: Object = ("ServiceAccount", "bindery");
const CONNECTIONS: Object = (
    "CustomResourceDefinition",
    "bitbucketconnections.bindery.dev",
);
const EVERY_SECRET: Object = ("ClusterRole", "bindery-secrets");
pub(super) const MONITOR: Object = ("PodMonitor", "bindery");
const RULE: Object = ("PrometheusRule", "bindery");
const POLICY: Object = ("NetworkPolicy", "bindery");

/// A value, where in the pod it shows, and as what.
const IN_THE_POD: [(&str, &str, &str); 15] = [
    (
        r#"image.repository="registry.example.com/bindery""#,
        "containers/0/image",
        concat!(
            "\"registry.example.com/bindery:",
            env!("CARGO_PKG_VERSION"),
            "\""
        ),
    ),
    (
        r#"image.repository="localhost:5000/bindery",image.tag="next""#,
        "containers/0/image",
        r#""localhost:5000/bindery:next""#,
    ),
    (
        r#"image.tag="next""#,
        "containers/0/image",
        r#""ghcr.io/bindery/bindery:next""#,
    ),
    (
        r#"image.tag="next",image.digest="sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef""#,
        "containers/0/image",
        r#""ghcr.io/bindery/bindery@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef""#,
    ),
    (
        r#"image.pullPolicy="Always""#,
        "containers/0/imagePullPolicy",
        r#""Always""#,
    ),
    (
        r#"image.pullSecrets=["registry"]"#,
        "imagePullSecrets",
        r#"[{"name":"registry"}]"#,
    ),
    // Some names look like numbers.
    (
        r#"image.pullSecrets=["2024"]"#,
        "imagePullSecrets",
        r#"[{"name":"2024"}]"#,
    ),
    (
        r#"hostAliases=[{"ip":"10.0.0.7","hostnames":["bitbucket.example.com"]}]"#,
        "hostAliases",
        r#"[{"ip":"10.0.0.7","hostnames":["bitbucket.example.com"]}]"#,
    ),
    (
        r#"operator.listen="[::]:9090""#,
        "containers/0/ports/0/containerPort",
        "9090",
    ),
    (
        r#"resources.limits.memory="1Gi""#,
        "containers/0/resources/limits/memory",
        r#""1Gi""#,
    ),
    (
        r#"nodeSelector.pool="tools""#,
        "nodeSelector",
        r#"{"pool":"tools"}"#,
    ),
    (
        r#"tolerations=[{"key":"ci","operator":"Exists"}]"#,
        "tolerations",
        r#"[{"key":"ci","operator":"Exists"}]"#,
    ),
    (
        r#"affinity.nodeAffinity={"preferredDuringSchedulingIgnoredDuringExecution":[]}"#,
        "affinity",
        r#"{"nodeAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[]}}"#,
    ),
    (
        r#"priorityClassName="tools""#,
        "priorityClassName",
        r#""tools""#,
    ),
    (
        r#"serviceAccount.name="sonar""#,
        "serviceAccountName",
        r#""sonar""#,
    ),
];

/// A value, the object that it shows in, where, and as what.
const IN_OBJECTS: [(&str, Object, &str, &str); 23] = [
    ("replicas=3", DEPLOYMENT, "/spec/replicas", "3"),
    (
        r#"labels.team="build""#,
        DEPLOYMENT,
        "/spec/template/metadata/labels/team",
        r#""build""#,
    ),
    (
        r#"labels.team="build""#,
        CONNECTIONS,
        "/metadata/labels/team",
        r#""build""#,
    ),
    (
        r#"podLabels.team="build""#,
        DEPLOYMENT,
        "/spec/template/metadata/labels/team",
        r#""build""#,
    ),
    (
        r#"podAnnotations.team="build""#,
        DEPLOYMENT,
        "/spec/template/metadata",
        r#"{"annotations":{"team":"build"},"labels":{"app.kubernetes.io/name":"bindery"}}"#,
    ),
    (
        r#"serviceAccount.annotations.team="build""#,
        ACCOUNT,
        "/metadata/annotations",
        r#"{"team":"build"}"#,
    ),
    (
        r#"serviceAccount={"create":false,"name":"sonar"}"#,
        ("ClusterRoleBinding", "bindery"),
        "/subjects/0/name",
        r#""sonar""#,
    ),
    (
        "{}",
        CONNECTIONS,
        "/metadata/annotations",
        r#"{"helm.sh/resource-policy":"keep"}"#,
    ),
    (
        r#"grants.namespaces.platform.configMaps=["ca"]"#,
        ("Role", "bindery"),
        "/rules",
        r#"[{"apiGroups":[""],"resources":["configmaps"],"resourceNames":["ca"],"verbs":["get","list","watch"]}]"#,
    ),
    (
        "grants.clusterWide=true",
        EVERY_SECRET,
        "/rules",
        r#"[{"apiGroups":[""],"resources":["secrets","configmaps"],"verbs":["get","list","watch"]}]"#,
    ),
    (
        "grants.clusterWide=true",
        ("ClusterRoleBinding", "bindery-secrets"),
        "/subjects",
        r#"[{"kind":"ServiceAccount","name":"bindery","namespace":"bindery-system"}]"#,
    ),
    (
        r#"podMonitor={"enabled":true,"labels":{"team":"build"}}"#,
        MONITOR,
        "/metadata/labels/team",
        r#""build""#,
    ),
    (
        r#"labels.team="all",podMonitor={"enabled":true,"labels":{"team":"build"}}"#,
        MONITOR,
        "/metadata/labels/team",
        r#""build""#,
    ),
    (
        r#"labels.team="all",prometheusRule={"enabled":true,"labels":{"team":"build"}}"#,
        RULE,
        "/metadata/labels/team",
        r#""build""#,
    ),
    (
        r#"grants.namespaces={"2024":{"secrets":["1e3"]}}"#,
        ("Role", "bindery"),
        "/metadata/namespace",
        r#""2024""#,
    ),
    (
        "networkPolicy.enabled=true",
        POLICY,
        "/spec",
        r#"{"podSelector":{"matchLabels":{"app.kubernetes.io/name":"bindery"}},"policyTypes":["Ingress"],"ingress":[{"ports":[{"port":"http"}]}]}"#,
    ),
    (
        r#"networkPolicy={"enabled":true,"from":[{"namespaceSelector":{}}]}"#,
        POLICY,
        "/spec/ingress/0/from",
        r#"[{"namespaceSelector":{}}]"#,
    ),
    (
        r#"networkPolicy={"enabled":true,"egress":[{"to":[{"ipBlock":{"cidr":"10.0.0.0/8"}}],"ports":[{"port":443}]}]}"#,
        POLICY,
        "/spec/egress",
        r#"[{"ports":[{"port":53,"protocol":"UDP"},{"port":53,"protocol":"TCP"}]},{"ports":[{"port":443}],"to":[{"ipBlock":{"cidr":"10.0.0.0/8"}}]}]"#,
    ),
    (
        r#"networkPolicy={"enabled":true,"egress":[{"ports":[{"port":443}]}]}"#,
        POLICY,
        "/spec/policyTypes",
        r#"["Ingress","Egress"]"#,
    ),
    (
        r#"serviceAccount.name="2024""#,
        ("ServiceAccount", "2024"),
        "/metadata/name",
        r#""2024""#,
    ),
    (
        r#"podMonitor={"enabled":true,"interval":"30s"}"#,
        MONITOR,
        "/spec/podMetricsEndpoints",
        r#"[{"port":"http","path":"/metrics","interval":"30s"}]"#,
    ),
    (
        "podMonitor.enabled=true",
        MONITOR,
        "/spec/selector",
        r#"{"matchLabels":{"app.kubernetes.io/name":"bindery"}}"#,
    ),
    (
        r#"prometheusRule={"enabled":true,"labels":{"team":"build"}}"#,
        RULE,
        "/metadata/labels/team",
        r#""build""#,
    ),
];

/// A value, and the object that exists only without it.
const TAKEN_AWAY: [(&str, Object); 6] = [
    ("crds.enabled=false", CONNECTIONS),
    (r#"serviceAccount={"create":false,"name":"sonar"}"#, ACCOUNT),
    ("aggregateRoles=false", ("ClusterRole", "bindery-view")),
    ("aggregateRoles=false", ("ClusterRole", "bindery-edit")),
    (
        "aggregateRoles=false",
        ("ClusterRole", "bindery-connection-edit"),
    ),
    (r#"serviceAccount.name="sonar""#, ACCOUNT),
];

pub(super) fn shows(values: &str, (kind, name): Object, place: &str, shown: &str) {
    let objects = objects(values);
    let found = object(&objects, kind, name).unwrap().pointer(place);
    let shown: Value = serde_json::from_str(shown).unwrap();
    assert_eq!(found, Some(&shown), "{values} at {place}");
}

#[test]
fn values_of_the_pod_are_in_the_pod() {
    for (values, place, shown) in IN_THE_POD {
        shows(
            values,
            DEPLOYMENT,
            &format!("/spec/template/spec/{place}"),
            shown,
        );
    }
}

#[test]
fn values_of_other_objects_are_in_them() {
    for (values, object, place, shown) in IN_OBJECTS {
        shows(values, object, place, shown);
    }
}

#[test]
fn objects_that_are_not_wanted_are_not_there() {
    let default = objects("{}");
    for (values, (kind, name)) in TAKEN_AWAY {
        assert!(object(&default, kind, name).is_some(), "{kind} {name}");
        assert!(
            object(&objects(values), kind, name).is_none(),
            "{values}: {kind} {name}"
        );
    }
    for (kind, name) in [EVERY_SECRET, MONITOR, RULE, POLICY, ("Role", "bindery")] {
        assert!(
            object(&default, kind, name).is_none(),
            "{kind} {name} by default"
        );
    }
}

/// Promise: the rules are those of `deploy/`, and helm leaves alone what Prometheus is to fill in.
#[test]
fn the_alerts_are_those_of_the_base() {
    let objects = objects("prometheusRule.enabled=true");
    let rule = object(&objects, RULE.0, RULE.1).unwrap();
    let alerts = std::fs::read_to_string(tree::top().join("deploy/alerts.yaml")).unwrap();
    assert_eq!(vec![rule["spec"].clone()], parsed(&alerts));
}

#[test]
fn kinds_that_are_not_to_be_kept_go_with_the_release() {
    let unkept = objects("crds.keep=false");
    let definition = object(&unkept, CONNECTIONS.0, CONNECTIONS.1).unwrap();
    assert_eq!(definition["metadata"].get("annotations"), None);
}
