//! The chart, rendered by helm.

use bindery::rbac::SYSTEM_NAMESPACE;
use serde_json::Value;

use super::servers::helm;

/// Where the chart is, from the top of the tree.
pub(crate) const CHART: &str = "charts/bindery";

/// What a release `bindery` in this namespace would send, as text, or why helm refuses it. The values are given as
/// `--set-json` takes them: `labels={"team":"build"},crds.keep=false`.
pub(crate) fn manifest(namespace: &str, values: &str) -> Result<String, String> {
    helm(&[
        "template",
        "bindery",
        CHART,
        "--namespace",
        namespace,
        "--set-json",
        values,
    ])
}

/// The same in the namespace that `deploy/` has, object by object.
pub(crate) fn objects(values: &str) -> Vec<Value> {
    parsed(&manifest(SYSTEM_NAMESPACE, values).unwrap())
}

/// The objects of a YAML stream.
pub(crate) fn parsed(manifest: &str) -> Vec<Value> {
    let mut documents: Vec<Value> = serde_saphyr::from_multiple(manifest).unwrap();
    documents.retain(|document| !document.is_null());
    documents
}

/// The one object of this kind and name.
pub(crate) fn object<'a>(objects: &'a [Value], kind: &str, name: &str) -> Option<&'a Value> {
    objects
        .iter()
        .find(|object| object["kind"] == kind && object["metadata"]["name"] == name)
}
