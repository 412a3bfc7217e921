//! The operator's pod under the standard that its namespace enforces.

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::cluster::{Cluster, Sandbox};
use crate::support::servers::kustomize;

fn from_base(kind: &str) -> Value {
    let base: Vec<Value> = serde_saphyr::from_multiple(&kustomize("deploy")).unwrap();
    let found = base.into_iter().find(|document| document["kind"] == kind);
    found.unwrap()
}

/// Gives the sandbox the labels of the operator's namespace.
async fn labelled(sandbox: &Sandbox<'_>) {
    let labels = from_base("Namespace")["metadata"]["labels"].clone();
    let namespaces: Api<Namespace> = Api::all(sandbox.cluster.client.clone());
    let patch = Patch::Merge(json!({"metadata": {"labels": labels}}));
    let parameters = PatchParams::default();
    namespaces
        .patch(&sandbox.namespace, &parameters, &patch)
        .await
        .unwrap();
}

async fn admit(sandbox: &Sandbox<'_>, pod_spec: &Value) -> Result<Pod, kube::Error> {
    let pod = json!({"metadata": {"name": "bindery"}, "spec": pod_spec});
    let pods: Api<Pod> = Api::namespaced(sandbox.cluster.client.clone(), &sandbox.namespace);
    let parameters = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    pods.create(&parameters, &serde_json::from_value(pod).unwrap())
        .await
}

#[tokio::test]
async fn the_operator_runs_under_the_standard_that_its_namespace_enforces() {
    let cluster = Cluster::connect().await;
    let sandbox = cluster.sandbox().await;
    labelled(&sandbox).await;
    let mut pod_spec = from_base("Deployment")["spec"]["template"]["spec"].clone();
    admit(&sandbox, &pod_spec).await.unwrap();

    // It does enforce: with less than the base says the pod is refused.
    pod_spec["securityContext"] = json!({});
    let refusal = admit(&sandbox, &pod_spec).await.unwrap_err().to_string();
    assert!(
        refusal.contains("violates PodSecurity \"restricted"),
        "{refusal}"
    );
}
