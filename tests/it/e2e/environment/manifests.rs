//! Objects as they are applied.

use serde_json::{Value, json};

/// Several objects for one call of kubectl, in this order.
pub(crate) fn list(items: &[Value]) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

pub(crate) fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

/// A Secret of `platform`.
pub(crate) fn secret(name: &str, token: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "platform"},
        "stringData": {"token": token},
    })
}

/// What lets the operator read these Secrets of `platform`, and no others.
pub(crate) fn grant(secrets: &[&str]) -> [Value; 2] {
    grant_named("bindery-tokens", secrets)
}

/// The same by a Role of this name.
pub(crate) fn grant_named(name: &str, secrets: &[&str]) -> [Value; 2] {
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": name, "namespace": "platform"},
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": secrets, "verbs": ["get", "list", "watch"]}],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": "platform"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": "bindery", "namespace": "bindery-system"}],
    });
    [role, binding]
}

/// Lays `change` over `base`: objects are merged, everything else is replaced, null removes.
pub(crate) fn merge(base: &mut Value, change: Value) {
    match (base, change) {
        (Value::Object(base), Value::Object(change)) => {
            for (key, value) in change {
                if value.is_null() {
                    base.remove(&key);
                } else {
                    merge(base.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (base, change) => *base = change,
    }
}
