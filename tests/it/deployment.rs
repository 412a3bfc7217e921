//! What `kubectl apply --kustomize` would send.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;

use crate::support::servers::kustomize;

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
