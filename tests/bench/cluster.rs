//! The API server that `tests/servers` started, with the operator's kinds and rights on it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bindery::crd::{BitbucketConnection, ProjectBinding, RECONCILE_REQUESTED_AT};
use futures::StreamExt as _;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::servers::{self, Servers};

pub(crate) const NAMESPACE: &str = "bench";

/// As many objects are created or deleted at once.
const AT_ONCE: usize = 16;

#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) client: Client,
    pub(crate) kubeconfig: PathBuf,
    /// What the benchmark itself has asked about Bindery's kinds and events.
    own: Arc<Mutex<Requests>>,
}

/// Requests that the API server has answered, by verb and resource.
pub(crate) type Requests = BTreeMap<String, u64>;

impl Cluster {
    /// The cluster of `tests/servers run`, with `deploy/` applied.
    #[expect(
        clippy::disallowed_methods,
        reason = "tests/servers says by environment where the servers are"
    )]
    pub(crate) async fn ready() -> Self {
        let kubeconfig = std::env::var("KUBECONFIG").expect("run `make bench`");
        let cluster = Self {
            client: Client::try_default().await.unwrap(),
            kubeconfig: kubeconfig.into(),
            own: Arc::default(),
        };
        let flags = [
            "--server-side",
            "--force-conflicts",
            "--kustomize",
            "deploy",
        ];
        cluster.kubectl(&[&["apply"][..], &flags].concat());
        for kind in ["projectbindings", "bitbucketconnections"] {
            let crd = format!("crd/{kind}.bindery.dev");
            cluster.kubectl(&["wait", "--for=condition=Established", &crd]);
        }
        cluster.apply(
            &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}),
        );
        cluster.apply(&json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": "bindery-tokens", "namespace": NAMESPACE},
            "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]}],
        }));
        cluster.apply(&json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "bindery-tokens", "namespace": NAMESPACE},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "bindery-tokens"},
            "subjects": [{"kind": "ServiceAccount", "name": "bindery", "namespace": "bindery-system"}],
        }));
        cluster
    }

    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        let output = Command::new("kubectl")
            .env("KUBECONFIG", &self.kubeconfig)
            .args(arguments)
            .output()
            .expect("kubectl is needed");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn apply(&self, object: &Value) {
        let file = std::env::temp_dir().join(format!("bindery-bench-{}.json", std::process::id()));
        std::fs::write(&file, object.to_string()).unwrap();
        let path = file.to_str().unwrap();
        self.kubectl(&[
            "apply",
            "--server-side",
            "--force-conflicts",
            "--filename",
            path,
        ]);
        std::fs::remove_file(file).unwrap();
    }

    pub(crate) fn secret(&self, name: &str, token: &str) {
        self.apply(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": NAMESPACE},
            "stringData": {"token": token},
        }));
    }

    /// Applies a connection to these servers, and its two Secrets.
    pub(crate) fn connection(&self, name: &str, servers: &Servers) {
        self.secret(&format!("{name}-bitbucket"), servers::BITBUCKET_TOKEN);
        self.secret(&format!("{name}-sonarqube"), servers::SONARQUBE_TOKEN);
        let url = |url: String| url.trim_end_matches('/').to_owned();
        self.apply(&json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "BitbucketConnection",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {
                "interval": "60s",
                "bitbucket": {
                    "url": url(servers.bitbucket.url().to_string()),
                    "tokenSecretRef": {"name": format!("{name}-bitbucket")},
                },
                "sonarqube": {
                    "url": url(servers.sonarqube.url().to_string()),
                    "tokenSecretRef": {"name": format!("{name}-sonarqube")},
                },
            },
        }));
    }

    pub(crate) fn connection_is_ready(&self, name: &str) {
        let connection = format!("bitbucketconnection/{name}");
        let flags = ["--for=condition=Ready", "--timeout=60s"];
        self.kubectl(&[&["wait", "-n", NAMESPACE, &connection][..], &flags].concat());
    }

    pub(crate) fn bindings(&self) -> Api<ProjectBinding> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    /// The benchmark's own requests are not the operator's.
    fn note(&self, request: &str) {
        let mut own = self.own.lock().unwrap();
        *own.entry(request.to_owned()).or_default() += 1;
    }

    /// Creates an object, as a GitOps tool does.
    pub(crate) async fn create(&self, binding: &ProjectBinding) {
        self.note("POST projectbindings");
        let bindings = self.bindings();
        bindings
            .create(&PostParams::default(), binding)
            .await
            .unwrap();
    }

    pub(crate) async fn patch(&self, name: &str, patch: Value) -> ProjectBinding {
        self.note("PATCH projectbindings");
        let bindings = self.bindings();
        let patch = Patch::Merge(patch);
        bindings
            .patch(name, &PatchParams::default(), &patch)
            .await
            .unwrap()
    }

    /// Asks for a reconcile of a connection, which begins with its listings.
    pub(crate) async fn ask_for_a_reconcile(&self, connection: &str, value: &str) {
        self.note("PATCH bitbucketconnections");
        let connections: Api<BitbucketConnection> = Api::namespaced(self.client.clone(), NAMESPACE);
        let patch =
            Patch::Merge(json!({"metadata": {"annotations": {RECONCILE_REQUESTED_AT: value}}}));
        connections
            .patch(connection, &PatchParams::default(), &patch)
            .await
            .unwrap();
    }

    /// Waits until a connection counts so many bindings as ready: that is written up to ten seconds after the last change.
    pub(crate) async fn until_counted(&self, connection: &str, ready: usize) {
        let connections: Api<BitbucketConnection> = Api::namespaced(self.client.clone(), NAMESPACE);
        loop {
            self.note("GET bitbucketconnections");
            let status = connections.get(connection).await.unwrap().status;
            let counted = status.and_then(|status| status.bindings).map(|it| it.ready);
            if counted == i64::try_from(ready).ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Creates objects, several at once.
    pub(crate) async fn create_all(&self, bindings: &[ProjectBinding]) {
        let all = futures::stream::iter(bindings);
        all.for_each_concurrent(AT_ONCE, |binding| self.create(binding))
            .await;
    }

    /// Asks for the deletion of objects, several at once.
    pub(crate) async fn delete_all(&self, names: &[String]) {
        let all = futures::stream::iter(names);
        all.for_each_concurrent(AT_ONCE, async |name| {
            self.note("DELETE projectbindings");
            let bindings = self.bindings();
            bindings
                .delete(name, &DeleteParams::default())
                .await
                .unwrap();
        })
        .await;
    }

    /// The names of all bindings that are left.
    pub(crate) async fn left(&self) -> Vec<String> {
        self.note("LIST projectbindings");
        let all = self.bindings().list_metadata(&ListParams::default()).await;
        all.unwrap()
            .iter()
            .map(kube::ResourceExt::name_any)
            .collect()
    }

    /// What the API server has answered so far about Bindery's kinds and events, without what the benchmark itself
    /// asked.
    pub(crate) async fn requests(&self) -> Requests {
        let request = http::Request::get("/metrics").body(Vec::new()).unwrap();
        let text = self.client.request_text(request).await.unwrap();
        let mut requests = Requests::new();
        for line in text.lines() {
            let Some(labels) = line.strip_prefix("apiserver_request_total{") else {
                continue;
            };
            let (labels, count) = labels.rsplit_once("} ").unwrap();
            let label = |name: &str| {
                let start = labels.find(&format!("{name}=\"")).unwrap() + name.len() + 2;
                labels[start..].split('"').next().unwrap()
            };
            let resource = label("resource");
            if ["projectbindings", "bitbucketconnections", "events"].contains(&resource) {
                let key = format!("{} {resource} {}", label("verb"), label("subresource"));
                let count = count.parse::<f64>().unwrap();
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a counter"
                )]
                let count = count as u64;
                *requests.entry(key.trim().to_owned()).or_default() += count;
            }
        }
        for (request, count) in self.own.lock().unwrap().iter() {
            let all = requests.entry(request.clone()).or_default();
            *all = all.saturating_sub(*count);
        }
        requests
    }
}

/// What was answered between two moments.
pub(crate) fn between(before: &Requests, after: &Requests) -> Requests {
    let grown = after.iter().map(|(key, count)| {
        let earlier = before.get(key).copied().unwrap_or_default();
        (key.clone(), count.saturating_sub(earlier))
    });
    grown.filter(|(_, count)| *count > 0).collect()
}

/// A new binding of a repository.
pub(crate) fn binding(name: &str, connection: &str, repository: &str) -> ProjectBinding {
    let (project, slug) = repository.split_once('/').unwrap();
    serde_json::from_value(json!({
        "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "connectionRef": {"name": connection},
            "repository": {"project": project, "slug": slug},
        },
    }))
    .unwrap()
}
