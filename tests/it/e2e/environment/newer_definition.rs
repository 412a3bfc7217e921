//! A definition of our kinds by a newer Bindery, as it stands after a rollback.

use serde_json::json;

use super::{TestEnvironment, install};
use crate::support::servers::Servers;

/// A value that this Bindery has never heard of.
pub(crate) const UNHEARD_OF: &str = "Telepathy";

/// A definition where a field of the spec takes one more value. Dropped, also by a panic, it is as it was, and the
/// object that cannot be read is gone.
pub(crate) struct NewerDefinition {
    /// `kind/name --namespace namespace` of that object.
    object: [&'static str; 3],
    servers: Servers,
}

impl NewerDefinition {
    /// Changes the definition of this plural for the sake of the object `[kind/name, --namespace, namespace]`.
    pub(crate) fn install(
        env: &TestEnvironment,
        (plural, field): (&str, &str),
        object: [&'static str; 3],
    ) -> Self {
        let guard = Self {
            object,
            servers: env.servers.clone(),
        };
        let place = format!(
            "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/{field}/enum/-"
        );
        let patch = json!([{"op": "add", "path": place, "value": UNHEARD_OF}]).to_string();
        let name = format!("{plural}.bindery.dev");
        env.kubectl(&["patch", "crd", &name, "--type", "json", "--patch", &patch]);
        guard
    }

    /// Writes the object with this command of kubectl's, as soon as the API server serves the changed definition, which
    /// takes a moment, and waits until the operator has met it.
    pub(crate) async fn write(&self, env: &TestEnvironment, command: &[&str]) {
        let is_served = || env.servers.kubectl(command).is_ok();
        env.eventually("the newer definition is served", is_served)
            .await;
        let is_met = || env.operator.metrics().contains("undecodable");
        env.eventually("the object was met", is_met).await;
    }
}

impl Drop for NewerDefinition {
    fn drop(&mut self) {
        let servers = &self.servers;
        // After a failure it may still be held, by an operator that is gone.
        let released = r#"{"metadata": {"finalizers": null}}"#;
        let released = ["--type", "merge", "--patch", released];
        let _ = servers.kubectl(&[&["patch"], &self.object[..], &released].concat());
        let deleted = [&["delete"], &self.object[..], &["--ignore-not-found"]].concat();
        let ended = [servers.kubectl(&deleted), install(servers)];
        if !std::thread::panicking() {
            for ended in ended {
                ended.unwrap();
            }
        }
    }
}
