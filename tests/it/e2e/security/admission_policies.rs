//! The two optional admission policies: whose Secrets a connection may name, and which hosts.

use serde_json::{Value, json};

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::manifests::{list, merge};
use crate::support::server::{Server, simulated};
use crate::support::servers::Servers;

simulated!(a_connection_names_only_secrets_of_its_author_and_allowed_hosts);

/// Both policies, as long as this lives.
struct Installed(Servers);

impl Drop for Installed {
    fn drop(&mut self) {
        let directory = "deploy/admission-policies";
        let _ = self.0.kubectl(&["delete", "--kustomize", directory]);
    }
}

/// What lets `tenant` do this in `platform`.
fn grant(name: &str, rights: &Value) -> [Value; 2] {
    let metadata = json!({"name": name, "namespace": "platform"});
    let group = "rbac.authorization.k8s.io";
    let version = format!("{group}/v1");
    let role =
        json!({"apiVersion": version, "kind": "Role", "metadata": metadata, "rules": [rights]});
    let binding = json!({
        "apiVersion": version, "kind": "RoleBinding", "metadata": metadata,
        "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
        "subjects": [{"apiGroup": group, "kind": "User", "name": "tenant"}],
    });
    [role, binding]
}

fn may_get(resource: &str, name: &str) -> [Value; 2] {
    let rights = json!({"apiGroups": [""], "resources": [resource], "resourceNames": [name], "verbs": ["get"]});
    grant(&format!("tenant-{resource}-{name}"), &rights)
}

/// Applies a connection as `tenant`, with this change of its spec and these options. The refusal, if there is one.
fn applied(env: &TestEnvironment, change: Value, options: &[&str]) -> Option<String> {
    let mut connection = json!({
        "apiVersion": "bindery.dev/v1alpha1", "kind": "BitbucketConnection",
        "metadata": {"name": "theirs", "namespace": "platform"},
        "spec": {
            "bitbucket": {"url": "https://bitbucket.example.com", "tokenSecretRef": {"name": "bb"}},
            "sonarqube": {"url": "https://A.tools.example.com", "tokenSecretRef": {"name": "sq"}},
        },
    });
    merge(&mut connection["spec"], change);
    let file = env.directory.join("theirs.json");
    std::fs::write(&file, connection.to_string()).unwrap();
    let apply = ["apply", "--server-side", "--force-conflicts", "--as=tenant"];
    let path = file.to_str().unwrap();
    let answer = env
        .servers
        .kubectl(&[&apply[..], options, &["--filename", path]].concat());
    answer.err()
}

/// Whether a connection with this change is refused with these words.
fn is_refused(env: &TestEnvironment, change: &Value, words: &str) -> bool {
    applied(env, change.clone(), &["--dry-run=server"])
        .is_some_and(|refusal| refusal.contains(words))
}

/// Waits until a connection with this change is refused with these words: the API server learns of policies and roles a
/// moment later.
async fn refused(env: &TestEnvironment, change: &Value, words: &str) {
    env.eventually(words, || is_refused(env, change, words))
        .await;
}

const TOKEN: &str = "spec.bitbucket.tokenSecretRef: you may not get Secret bb";

/// Grants one thing after the other, and returns a change that names only what was granted.
async fn grant_step_by_step(env: &TestEnvironment) -> Value {
    let import = json!({"bitbucket": {"importTokenSecretRef": {"name": "import"}}});
    let bundle = json!({"sonarqube": {"caBundleRef": {"kind": "ConfigMap", "name": "ca"}}});
    let secret = json!({"bitbucket": {"caBundleRef": {"kind": "Secret", "name": "ca"}}});
    for (granted, change, words) in [
        (
            may_get("secrets", "bb"),
            &json!({}),
            "spec.sonarqube.tokenSecretRef: you may not get Secret sq",
        ),
        (
            may_get("secrets", "sq"),
            &import,
            "spec.bitbucket.importTokenSecretRef: you may not get Secret import",
        ),
        (
            may_get("configmaps", "other"),
            &bundle,
            "spec.sonarqube.caBundleRef: you may not get ConfigMap ca",
        ),
        (
            may_get("configmaps", "ca"),
            &secret,
            "spec.bitbucket.caBundleRef: you may not get Secret ca",
        ),
    ] {
        env.apply(&list(&granted));
        refused(env, change, words).await;
    }
    bundle
}

/// Promise: with the policies, an author who may not read a Secret cannot have it sent anywhere, and no author can name
/// a foreign host.
async fn a_connection_names_only_secrets_of_its_author_and_allowed_hosts(server: Server) {
    let env = TestEnvironment::set(server).await;
    let rights = json!({
        "apiGroups": ["bindery.dev"], "resources": ["bitbucketconnections"], "verbs": ["*"],
    });
    env.apply(&list(&grant("tenant-connections", &rights)));
    let installed = Installed(env.servers.clone());
    let policies = ["--server-side", "--kustomize", "deploy/admission-policies"];
    env.kubectl(&[&["apply"], &policies[..]].concat());
    refused(&env, &json!({}), TOKEN).await;
    let granted = grant_step_by_step(&env).await;
    let foreign = json!({"sonarqube": {"url": "https://sonarqube.example.org"}});
    let hosts =
        "a connection may not name sonarqube.example.org: allowed are bitbucket.example.com";
    refused(&env, &foreign, hosts).await;
    let is_applied = || applied(&env, granted.clone(), &[]).is_none();
    env.eventually("all is granted", is_applied).await;

    // A change of the spec is an author's again; one of the metadata is not.
    let revoke = ["delete", "rolebinding", "tenant-secrets-bb"];
    env.kubectl(&[&revoke[..], &["--namespace=platform"]].concat());
    refused(&env, &json!({"interval": "20m"}), TOKEN).await;
    let label = ["label", "bbconn", "theirs", "a=b", "--namespace=platform"];
    env.kubectl(&[&label[..], &["--as=tenant"]].concat());
    drop(installed);
    for role in ["connections", "secrets-bb", "secrets-sq", "configmaps-ca"] {
        let role = format!("tenant-{role}");
        env.kubectl(&["delete", "role", &role, "--namespace=platform"]);
    }
}
