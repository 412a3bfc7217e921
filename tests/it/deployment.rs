//! What `kubectl apply --kustomize` would send.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;

use crate::support::servers::kustomize;
use crate::support::tree;

fn documents(directory: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&kustomize(directory)).unwrap()
}

fn kinds(documents: &[Value]) -> Vec<&str> {
    documents
        .iter()
        .map(|document| document["kind"].as_str().unwrap())
        .collect()
}

fn only<'a>(documents: &'a [Value], kind: &str) -> &'a Value {
    documents
        .iter()
        .find(|document| document["kind"] == kind)
        .unwrap()
}

#[test]
fn the_base_holds_everything_that_the_operator_needs() {
    let base = documents("deploy");
    let mut kinds = kinds(&base);
    kinds.sort_unstable();
    assert_eq!(
        kinds,
        [
            "ClusterRole",
            "ClusterRole",
            "ClusterRole",
            "ClusterRole",
            "ClusterRoleBinding",
            "CustomResourceDefinition",
            "CustomResourceDefinition",
            "Deployment",
            "Namespace",
            "PodDisruptionBudget",
            "Role",
            "RoleBinding",
            "ServiceAccount"
        ]
    );
}

/// Promise: one pod writes and another one stands by; a drain and a new version take one at a time.
#[test]
fn two_pods_share_a_lease_in_their_namespace() {
    let base = documents("deploy");
    let deployment: Deployment = serde_json::from_value(only(&base, "Deployment").clone()).unwrap();
    let spec = deployment.spec;
    assert_eq!(spec.replicas, Some(2));
    let rolling = spec.strategy.unwrap().rolling_update.unwrap();
    assert_eq!(rolling.max_unavailable, Some(IntOrString::Int(1)));
    let budget = &only(&base, "PodDisruptionBudget")["spec"];
    assert_eq!(budget["maxUnavailable"], 1);
    let selector = serde_json::to_value(&spec.selector).unwrap();
    assert_eq!(budget["selector"], selector);
    for kind in ["Role", "RoleBinding"] {
        let metadata = &only(&base, kind)["metadata"];
        assert_eq!(metadata["namespace"], "bindery-system", "{kind}");
    }
}

/// Promise: the pod may not run as root, and names no user: the image does, and some clusters choose their own.
#[test]
fn the_pod_leaves_the_choice_of_its_user_to_image_and_cluster() {
    let base = documents("deploy");
    let pod = &only(&base, "Deployment")["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"].get("runAsUser"), None);
}

#[test]
fn the_pod_writes_nothing_to_its_own_image() {
    let base = documents("deploy");
    let container = &only(&base, "Deployment")["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
}

#[test]
fn no_role_reaches_a_secret_or_a_config_map_of_every_namespace() {
    for document in documents("deploy")
        .into_iter()
        .filter(|document| document["kind"] == "ClusterRole")
    {
        let role: ClusterRole = serde_json::from_value(document).unwrap();
        for rule in role.rules.unwrap() {
            let resources = rule.resources.unwrap();
            for forbidden in ["secrets", "configmaps", "*"] {
                assert!(
                    !resources.iter().any(|resource| resource == forbidden),
                    "{resources:?}"
                );
            }
            assert!(!rule.verbs.iter().any(|verb| verb == "*"));
        }
    }
}

/// The labels that an expression wants of a metric that it names: those in the braces behind it.
fn wanted_labels<'a>(expression: &'a str, metric: &str) -> Vec<&'a str> {
    let places = expression.match_indices(metric);
    let behind = places.filter_map(|(at, _)| expression[at + metric.len()..].strip_prefix('{'));
    behind
        .filter_map(|rest| rest.split_once('}'))
        .flat_map(|(matchers, _)| matchers.split(','))
        .map(|matcher| {
            let end = matcher.find(['=', '!']).unwrap();
            matcher[..end].trim()
        })
        .collect()
}

/// The labels that an expression groups by.
fn grouping_labels(expression: &str) -> Vec<&str> {
    let groups = expression.split(" by (").skip(1);
    groups
        .filter_map(|rest| rest.split_once(')'))
        .flat_map(|(labels, _)| labels.split(','))
        .map(str::trim)
        .collect()
}

/// What Prometheus itself may add.
const OF_PROMETHEUS: &str = "cluster";

/// Promise: every alert is about a metric that exists.
/// The metrics of an alert. Before a parenthesis stands a function.
fn metrics_in(expression: &str) -> Vec<&str> {
    let words = regex::Regex::new(r"([a-z]+_[a-z_]+)(\(?)").unwrap();
    let found = words.captures_iter(expression).map(|word| word.extract());
    found
        .filter(|(_, [_, opening])| opening.is_empty())
        .map(|(_, [name, _])| name)
        .collect()
}

#[test]
fn alerts_are_about_metrics_that_exist() {
    let path = tree::top().join("deploy/alerts.yaml");
    let rules: serde_json::Value =
        serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let rules = rules["groups"][0]["rules"].as_array().unwrap().clone();
    assert!(rules.len() > 5);
    let reported: Vec<_> = bindery::metrics::ALL
        .iter()
        .map(|declared| (declared.scraped(), declared.labels))
        .collect();
    for rule in rules {
        let expression = rule["expr"].as_str().unwrap();
        let metrics = metrics_in(expression);
        assert!(!metrics.is_empty(), "{expression}");
        for metric in metrics {
            let found = reported.iter().find(|(name, _)| name == metric);
            let (_, labels) = found.unwrap_or_else(|| panic!("{metric} in {expression}"));
            for label in wanted_labels(expression, metric) {
                assert!(labels.contains(&label), "{metric}{{{label}}}");
            }
            for label in grouping_labels(expression) {
                let known = label == OF_PROMETHEUS || labels.contains(&label);
                assert!(known, "{label} of {metric} in {expression}");
            }
        }
        assert!(
            rule["annotations"]["summary"].as_str().unwrap().len() > 40,
            "{rule}"
        );
    }
}
