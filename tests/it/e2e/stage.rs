//! Everything that an end-to-end test needs, empty at its start.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bindery::crd::{BitbucketConnection, ProjectBinding};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::wait::await_condition;
use kube::{Api, Client, Config, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use simulators::bitbucket::{Bitbucket, Permission, Profile, Right};
use tokio::sync::RwLockWriteGuard;

use super::operator::Operator;
use crate::support::parts::Parts;
use crate::support::sonarqube::SonarQube;
use crate::support::turn;

/// The token that SonarQube is given at first. Found anywhere but in a Secret, it is a leak.
pub(super) const BITBUCKET_TOKEN: &str = "canary-bitbucket-write-token-7f3a";

/// The longest that anything is waited for: what takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(90);

/// Two namespaces, a Bitbucket with a few repositories, an empty SonarQube, and an operator.
pub(super) struct Stage {
    pub(super) operator: Operator,
    pub(super) bitbucket: Bitbucket,
    pub(super) sonarqube: SonarQube,
    pub(super) parts: Parts,
    pub(super) client: Client,
    pub(super) directory: PathBuf,
    _turn: RwLockWriteGuard<'static, ()>,
}

impl Stage {
    /// An operator that looks for drift as often as it is asked to.
    pub(super) async fn set() -> Self {
        Self::set_with(&["--minimum-interval", "10"]).await
    }

    /// The same with other arguments for the operator.
    pub(super) async fn set_with(arguments: &[&str]) -> Self {
        let turn = turn::exclusive().await;
        let parts = Parts::from_env();
        let sonarqube = SonarQube::from_env();
        sonarqube.clear();
        let client = client(&parts).await;
        sweep(&client).await;
        let installed = [
            "apply",
            "--server-side",
            "--force-conflicts",
            "--kustomize",
            "deploy",
        ];
        parts.kubectl(&installed).unwrap();
        for namespace in ["platform", "payments", "outsiders"] {
            apply(
                &parts,
                &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
            );
        }
        let directory = std::env::temp_dir().join(format!("bindery-e2e-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let bitbucket = bitbucket().await;
        let operator = Operator::start(&parts, &directory, arguments);
        let stage = Self {
            operator,
            bitbucket,
            sonarqube,
            parts,
            client,
            directory,
            _turn: turn,
        };
        stage.secret("bitbucket-token", BITBUCKET_TOKEN);
        stage.secret("sonarqube-token", &stage.sonarqube.part.token);
        stage.grant(&[
            "bitbucket-token",
            "sonarqube-token",
            "bitbucket-read-token",
            "second-token",
        ]);
        stage
    }

    /// Ends the operator by SIGKILL and starts another one.
    pub(super) fn restart_operator(&mut self, arguments: &[&str]) {
        self.operator.kill();
        self.operator = Operator::start(&self.parts, &self.directory, arguments);
    }

    /// Makes or changes an object as GitOps does.
    pub(super) fn apply(&self, object: &Value) {
        apply(&self.parts, object);
    }

    /// Makes or changes a Secret in `platform`.
    pub(super) fn secret(&self, name: &str, token: &str) {
        self.apply(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "platform"},
            "stringData": {"token": token},
        }));
    }

    /// Lets the operator read these Secrets of `platform`, and no others.
    pub(super) fn grant(&self, secrets: &[&str]) {
        self.apply(&json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": "bindery-tokens", "namespace": "platform"},
            "rules": [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": secrets, "verbs": ["get", "list", "watch"]}],
        }));
        self.apply(&json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "bindery-tokens", "namespace": "platform"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "bindery-tokens"},
            "subjects": [{"kind": "ServiceAccount", "name": "bindery", "namespace": "bindery-system"}],
        }));
    }

    /// Applies the connection `bitbucket` in `platform`, with these fields of its spec changed or added.
    pub(super) fn connection(&self, change: Value) {
        self.connection_named("bitbucket", change);
    }

    /// The same under another name.
    pub(super) fn connection_named(&self, name: &str, change: Value) {
        let mut spec = json!({
            "bitbucket": {"url": self.bitbucket.url().as_str().trim_end_matches('/'), "tokenSecretRef": {"name": "bitbucket-token"}},
            "sonarqube": {"url": self.sonarqube.part.url, "tokenSecretRef": {"name": "sonarqube-token"}},
            "interval": "10s",
            "access": [{
                "name": "payments",
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "payments"}},
                "repositories": ["PAY/*"],
            }],
        });
        merge(&mut spec, change);
        self.apply(&json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "BitbucketConnection",
            "metadata": {"name": name, "namespace": "platform"}, "spec": spec,
        }));
    }

    /// Applies a binding of a repository (`PROJECT/slug`), with these fields of its spec changed or added.
    pub(super) fn binding(&self, namespace: &str, name: &str, repository: &str, change: Value) {
        let (project, slug) = repository.split_once('/').unwrap();
        let mut spec = json!({
            "connectionRef": {"name": "bitbucket", "namespace": "platform"},
            "repository": {"project": project, "slug": slug},
        });
        merge(&mut spec, change);
        self.apply(&json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding",
            "metadata": {"name": name, "namespace": namespace}, "spec": spec,
        }));
    }

    pub(super) fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Waits until the connection says this of itself for its present generation: `("Ready", "True")`.
    pub(super) async fn connection_is(
        &self,
        name: &str,
        condition: (&str, &str),
    ) -> BitbucketConnection {
        self.until("platform", name, |connection: &BitbucketConnection| {
            says(connection, condition)
        })
        .await
    }

    /// Waits until the binding says this of itself for its present generation.
    pub(super) async fn binding_is(
        &self,
        namespace: &str,
        name: &str,
        condition: (&str, &str),
    ) -> ProjectBinding {
        self.until(namespace, name, |binding: &ProjectBinding| {
            says(binding, condition)
        })
        .await
    }

    /// Waits until the binding's `Ready` condition has this reason for its present generation, and returns its message.
    pub(super) async fn binding_reason(&self, namespace: &str, name: &str, reason: &str) -> String {
        let binding = self
            .until(namespace, name, |binding: &ProjectBinding| {
                ready(binding).is_some_and(|condition| condition["reason"] == reason)
            })
            .await;
        ready(&binding).unwrap()["message"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// The same of a connection in `platform`.
    pub(super) async fn connection_reason(&self, name: &str, reason: &str) -> String {
        let connection = self
            .until("platform", name, |connection: &BitbucketConnection| {
                ready(connection).is_some_and(|condition| condition["reason"] == reason)
            })
            .await;
        ready(&connection).unwrap()["message"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Waits until the connection has counted its bindings, all of them ready: that is written last, and late.
    pub(super) async fn counted(&self, bindings: u32) {
        self.until(
            "platform",
            "bitbucket",
            |connection: &BitbucketConnection| {
                let counts = serde_json::to_value(&connection.status).unwrap()["bindings"].clone();
                counts == json!({"total": bindings, "ready": bindings})
            },
        )
        .await;
    }

    /// Waits until an object is as `wanted`, as the watch tells it.
    pub(super) async fn until<K>(
        &self,
        namespace: &str,
        name: &str,
        wanted: impl Fn(&K) -> bool,
    ) -> K
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + serde::Serialize
            + Send
            + Sync
            + 'static,
    {
        let api: Api<K> = self.api(namespace);
        let found = await_condition(api.clone(), name, |object: Option<&K>| {
            object.is_some_and(&wanted)
        });
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(object) => object.unwrap().unwrap(),
            Err(_) => panic!(
                "{namespace}/{name} never was as expected; it is {:#}",
                show(&api, name).await
            ),
        }
    }

    /// Waits until an object is gone.
    pub(super) async fn gone<K>(&self, namespace: &str, name: &str)
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + serde::Serialize
            + Send
            + Sync
            + 'static,
    {
        let api: Api<K> = self.api(namespace);
        let gone = await_condition(api.clone(), name, |object: Option<&K>| object.is_none());
        if tokio::time::timeout(PATIENCE, gone).await.is_err() {
            panic!(
                "{namespace}/{name} never went; it is {:#}",
                show(&api, name).await
            );
        }
    }

    /// Deletes a binding and waits until it is gone.
    pub(super) async fn delete_binding(&self, namespace: &str, name: &str) {
        let api: Api<ProjectBinding> = self.api(namespace);
        api.delete(name, &DeleteParams::default()).await.unwrap();
        self.gone::<ProjectBinding>(namespace, name).await;
    }

    /// Asks until something outside Kubernetes is so: SonarQube has no watch.
    pub(super) async fn eventually(&self, what: &str, mut so: impl FnMut() -> bool) {
        let mut ticks = tokio::time::interval(Duration::from_millis(200));
        let wait = async {
            while !so() {
                ticks.tick().await;
            }
        };
        assert!(
            tokio::time::timeout(PATIENCE, wait).await.is_ok(),
            "never happened: {what}"
        );
    }

    /// Has a connection looked at now, and waits until it was.
    pub(super) async fn look_now(&self, request: &str) {
        let patch =
            json!({"metadata": {"annotations": {"bindery.dev/reconcile-requested-at": request}}});
        let api: Api<BitbucketConnection> = self.api("platform");
        api.patch("bitbucket", &PatchParams::default(), &Patch::Merge(&patch))
            .await
            .unwrap();
        self.until(
            "platform",
            "bitbucket",
            |connection: &BitbucketConnection| {
                let status = connection.status.as_ref();
                status.and_then(|status| status.last_handled_reconcile_at.as_deref())
                    == Some(request)
            },
        )
        .await;
    }

    /// Has a binding looked at now, and waits until it was, whatever passes were under way.
    pub(super) async fn look_at(&self, namespace: &str, name: &str, request: &str) {
        let patch =
            json!({"metadata": {"annotations": {"bindery.dev/reconcile-requested-at": request}}});
        let api: Api<ProjectBinding> = self.api(namespace);
        api.patch(name, &PatchParams::default(), &Patch::Merge(&patch))
            .await
            .unwrap();
        self.until(namespace, name, |binding: &ProjectBinding| {
            let status = binding.status.as_ref();
            status.and_then(|status| status.last_handled_reconcile_at.as_deref()) == Some(request)
        })
        .await;
    }

    /// The uuid of the only configuration.
    pub(super) fn setting_id(&self) -> String {
        self.sonarqube.settings()[0]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

/// Whether an object says this of itself for its present generation.
pub(super) fn says(
    object: &(impl Resource + serde::Serialize),
    (kind, status): (&str, &str),
) -> bool {
    condition(object, kind).is_some_and(|condition| condition["status"] == status)
}

fn ready(object: &(impl Resource + serde::Serialize)) -> Option<Value> {
    condition(object, "Ready")
}

/// A condition of the present generation.
pub(super) fn condition(object: &(impl Resource + serde::Serialize), kind: &str) -> Option<Value> {
    let generation = object.meta().generation;
    let object = serde_json::to_value(object).unwrap();
    let conditions = object["status"]["conditions"].as_array()?;
    let found = conditions
        .iter()
        .find(|condition| condition["type"] == kind)?;
    (found["observedGeneration"].as_i64() == generation).then(|| found.clone())
}

async fn show<K>(api: &Api<K>, name: &str) -> Value
where
    K: Clone + Debug + DeserializeOwned + serde::Serialize,
{
    serde_json::to_value(api.get_opt(name).await.unwrap()).unwrap()
}

async fn client(parts: &Parts) -> Client {
    let kubeconfig = Kubeconfig::read_from(&parts.kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap();
    Client::try_from(config).unwrap()
}

/// Removes what an earlier test left: nobody is there to take care of finalizers.
async fn sweep(client: &Client) {
    sweep_kind::<ProjectBinding>(client).await;
    sweep_kind::<BitbucketConnection>(client).await;
}

async fn sweep_kind<K>(client: &Client)
where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
{
    let left = Api::<K>::all(client.clone())
        .list(&ListParams::default())
        .await
        .map(|list| list.items);
    for object in left.unwrap_or_default() {
        let api: Api<K> = Api::namespaced(client.clone(), &object.namespace().unwrap());
        let name = object.name_any();
        let released = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        api.patch(&name, &PatchParams::default(), &released)
            .await
            .unwrap();
        let _ = api.delete(&name, &DeleteParams::default()).await;
        await_condition(api, &name, |object: Option<&K>| object.is_none())
            .await
            .unwrap();
    }
}

async fn bitbucket() -> Bitbucket {
    let bitbucket = Bitbucket::start(Profile::V9_4).await.unwrap();
    bitbucket.world(|world| {
        world.user("bindery");
        for (project, slugs) in [
            ("PAY", &["checkout", "ledger", "payments-api"][..]),
            ("OPS", &["deploy"]),
        ] {
            world.project(project);
            for slug in slugs {
                world.repository(project, slug);
            }
            world.grant_project("bindery", project, Right::Write);
        }
        world.token(
            BITBUCKET_TOKEN,
            "bindery",
            &[Permission::ProjectRead, Permission::RepoWrite],
        );
    });
    bitbucket
}

fn apply(parts: &Parts, object: &Value) {
    let directory = std::env::temp_dir();
    let file = tempfile(&directory, object);
    let path = file.to_str().unwrap();
    let arguments = [
        "apply",
        "--server-side",
        "--force-conflicts",
        "--filename",
        path,
    ];
    let applied = parts.kubectl(&arguments);
    std::fs::remove_file(&file).unwrap();
    applied.unwrap();
}

fn tempfile(directory: &Path, object: &Value) -> PathBuf {
    let name = format!(
        "bindery-{}-{:?}.json",
        std::process::id(),
        std::thread::current().id()
    );
    let path = directory.join(name);
    std::fs::write(&path, object.to_string()).unwrap();
    path
}

/// Lays `change` over `base`: objects are merged, everything else is replaced, null removes.
fn merge(base: &mut Value, change: Value) {
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
