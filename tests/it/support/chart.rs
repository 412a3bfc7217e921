//! The chart, rendered by helm.

use serde_json::Value;

use super::parts::helm;

/// Where the chart is, from the top of the tree.
pub(crate) const CHART: &str = "charts/bindery";

/// What a release `bindery` in this namespace would send with these values, as text; helm's complaint if it refuses them.
pub(crate) fn manifest(namespace: &str, values: &Value) -> Result<String, String> {
    let values = values.to_string();
    helm(&[
        "template",
        "bindery",
        CHART,
        "--namespace",
        namespace,
        "--set-json",
        &values,
    ])
}

/// The same, object by object.
pub(crate) fn objects(namespace: &str, values: &Value) -> Vec<Value> {
    parsed(&manifest(namespace, values).unwrap())
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
