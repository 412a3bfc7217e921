//! Everything that an end-to-end test needs, empty at its start.

pub(crate) mod commands;
pub(crate) mod deletions;
pub(crate) mod fault_proxy;
pub(crate) mod imports;
pub(crate) mod manifests;
pub(crate) mod many;
pub(crate) mod newer_definition;
pub(crate) mod operator;
pub(crate) mod oracles;
pub(crate) mod proxy;
pub(crate) mod recorded;
pub(crate) mod snapshot;
pub(crate) mod waiting;

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bindery::crd::{BitbucketConnection, ProjectBinding, ProjectBindingSet};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::wait::await_condition;
use kube::{Api, Client, Config, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use simulators::bitbucket::{Bitbucket, Permission, Profile, Right};

use self::manifests::merge;
use self::operator::{LOOPBACK, Operator};
use crate::support::server::{Server, ServerLock};
use crate::support::servers::Servers;
use crate::support::sonarqube::SonarQube;

/// The token that SonarQube is given at first. Found anywhere but in a Secret, it is a leak.
pub(crate) const BITBUCKET_TOKEN: &str = "canary-bitbucket-write-token-7f3a";

/// The Secrets of `platform` that the operator may read, whether or not they are there.
const LENT: [&str; 4] = [
    "bitbucket-token",
    "sonarqube-token",
    "bitbucket-read-token",
    "second-token",
];

/// The longest that anything is waited for, unless a test says otherwise: what takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(90);

/// For hundreds of objects at once: an API server that is slow to renew the lease does not end the operator.
pub(crate) const PATIENT: [&str; 4] = ["--minimum-interval", "10s", "--lease-duration", "2m"];

/// The namespace of the connection, one that it admits, and one that it does not.
const NAMESPACES: [&str; 3] = ["platform", "payments", "outsiders"];

/// Three namespaces, a Bitbucket with a few repositories, an empty SonarQube, and an operator.
pub(crate) struct TestEnvironment {
    pub(crate) operator: Operator,
    pub(crate) bitbucket: Bitbucket,
    pub(crate) sonarqube: SonarQube,
    pub(crate) servers: Servers,
    pub(crate) client: Client,
    pub(crate) directory: PathBuf,
    pub(crate) patience: Duration,
    /// A proxy before the API server, by which operators that are started from now on reach it.
    pub(crate) api_server: Option<String>,
    _lock: ServerLock,
}

impl TestEnvironment {
    /// An operator that looks for drift as often as it is asked to.
    pub(crate) async fn set(server: Server) -> Self {
        Self::set_with(server, &["--minimum-interval", "10s"]).await
    }

    /// The same with other arguments for the operator.
    pub(crate) async fn set_with(server: Server, arguments: &[&str]) -> Self {
        Self::set_beside(server, Profile::V9_4, arguments).await
    }

    /// The same beside another version of Bitbucket.
    pub(crate) async fn set_beside(server: Server, version: Profile, arguments: &[&str]) -> Self {
        // The server first: a test that waits for it blocks none that needs no server.
        let lock = server.alone().await;
        let servers = Servers::take().await;
        let sonarqube = SonarQube::at(server).await;
        sonarqube.clear();
        let client = client(&servers).await;
        sweep(&client).await;
        install(&servers).unwrap();
        // All at once: a call of kubectl takes its time, and this is done for every test.
        let namespaces = NAMESPACES.map(manifests::namespace);
        let secrets = [
            ("bitbucket-token", BITBUCKET_TOKEN),
            ("sonarqube-token", &sonarqube.token),
        ];
        let secrets = secrets.map(|(name, token)| manifests::secret(name, token));
        let grant = manifests::grant(&LENT);
        let all = [&namespaces[..], &secrets, &grant].concat();
        apply(&servers, &manifests::list(&all));
        let directory = servers
            .directory
            .join(format!("e2e-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let bitbucket = bitbucket(version).await;
        let operator = Operator::start(&servers, &directory, &[&LOOPBACK, arguments].concat());
        Self {
            operator,
            bitbucket,
            sonarqube,
            servers,
            client,
            directory,
            patience: PATIENCE,
            api_server: None,
            _lock: lock,
        }
    }

    /// Ends the operator by SIGKILL and starts another one.
    pub(crate) fn restart_operator(&mut self, arguments: &[&str]) {
        self.restart_strict_operator(&[&LOOPBACK, arguments].concat());
    }

    /// The same without what lets it reach servers on loopback.
    pub(crate) fn restart_strict_operator(&mut self, arguments: &[&str]) {
        self.operator.kill();
        self.operator = self.another_operator(arguments);
    }

    /// Starts one more operator.
    pub(crate) fn another_operator(&self, arguments: &[&str]) -> Operator {
        let api_server = self.api_server.as_deref();
        Operator::start_through(&self.servers, &self.directory, api_server, arguments)
    }

    /// Makes or changes an object as GitOps does.
    pub(crate) fn apply(&self, object: &Value) {
        apply(&self.servers, object);
    }

    /// Makes or changes a Secret in `platform`.
    pub(crate) fn secret(&self, name: &str, token: &str) {
        self.apply(&manifests::secret(name, token));
    }

    /// Sees to it that there is no Secret of this name in `platform`.
    pub(crate) fn forget_secret(&self, name: &str) {
        let delete = ["delete", "secret", name, "-n", "platform"];
        let always = ["--ignore-not-found"];
        self.servers
            .kubectl(&[&delete[..], &always].concat())
            .unwrap();
    }

    /// Applies the connection `bitbucket` in `platform`, with these fields of its spec changed or added.
    pub(crate) fn connection(&self, change: Value) {
        self.connection_named("bitbucket", change);
    }

    /// The same under another name.
    pub(crate) fn connection_named(&self, name: &str, change: Value) {
        let mut spec = json!({
            "bitbucket": {"url": self.bitbucket.url().as_str().trim_end_matches('/'), "tokenSecretRef": {"name": "bitbucket-token"}},
            "sonarqube": {"url": self.sonarqube.url, "tokenSecretRef": {"name": "sonarqube-token"}},
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
    pub(crate) fn binding(&self, namespace: &str, name: &str, repository: &str, change: Value) {
        self.apply(&Self::binding_manifest(namespace, name, repository, change));
    }

    /// The manifest of such a binding.
    pub(crate) fn binding_manifest(
        namespace: &str,
        name: &str,
        repository: &str,
        change: Value,
    ) -> Value {
        let (project, slug) = repository.split_once('/').unwrap();
        let mut spec = json!({
            "connectionRef": {"name": "bitbucket", "namespace": "platform"},
            "repository": {"project": project, "slug": slug},
        });
        merge(&mut spec, change);
        json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding",
            "metadata": {"name": name, "namespace": namespace}, "spec": spec,
        })
    }

    pub(crate) fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Removes all objects of ours while no operator runs, as the loss of a cluster does.
    pub(crate) async fn lose_all_objects(&self) {
        sweep_kind::<ProjectBindingSet>(&self.client).await;
        sweep_kind::<ProjectBinding>(&self.client).await;
        sweep_kind::<BitbucketConnection>(&self.client).await;
    }

    /// The uuid of the only configuration.
    pub(crate) fn setting_id(&self) -> String {
        self.sonarqube.settings()[0]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

/// Applies `deploy/`.
pub(crate) fn install(servers: &Servers) -> Result<String, String> {
    servers.kubectl(&[
        "apply",
        "--server-side",
        "--force-conflicts",
        "--kustomize",
        "deploy",
    ])
}

async fn client(servers: &Servers) -> Client {
    let kubeconfig = Kubeconfig::read_from(servers.kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap();
    Client::try_from(config).unwrap()
}

/// Removes what an earlier test left: no operator removes finalizers.
async fn sweep(client: &Client) {
    sweep_kind::<ProjectBindingSet>(client).await;
    sweep_kind::<ProjectBinding>(client).await;
    sweep_kind::<BitbucketConnection>(client).await;
    // The operators of earlier tests have ended, most of them by SIGKILL.
    sweep_collection::<Lease>(client, "bindery-system").await;
    for namespace in NAMESPACES {
        // What one test grants must not be granted to the next one.
        sweep_collection::<Role>(client, namespace).await;
        sweep_collection::<RoleBinding>(client, namespace).await;
        sweep_collection::<Secret>(client, namespace).await;
        sweep_collection::<Lease>(client, namespace).await;
        let is_leaving = |found: &Namespace| found.metadata.deletion_timestamp.is_some();
        let stays = |found: Option<&Namespace>| found.is_none_or(|found| !is_leaving(found));
        let api: Api<Namespace> = Api::all(client.clone());
        // Nothing can be made in one that is leaving.
        let settled = await_condition(api, namespace, stays);
        let in_time = tokio::time::timeout(2 * PATIENCE, settled).await;
        in_time.unwrap().unwrap();
    }
}

/// Removes all objects of a kind without finalizers from a namespace, which need not exist.
async fn sweep_collection<K>(client: &Client, namespace: &str)
where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    api.delete_collection(&DeleteParams::default(), &ListParams::default())
        .await
        .unwrap();
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
        // Either may find it gone already: the namespace of an earlier test may be going.
        let _ = api.delete(&name, &DeleteParams::default()).await;
        let _ = api.patch(&name, &PatchParams::default(), &released).await;
        let gone = await_condition(api, &name, |object: Option<&K>| object.is_none());
        tokio::time::timeout(PATIENCE, gone).await.unwrap().unwrap();
    }
}

async fn bitbucket(version: Profile) -> Bitbucket {
    let bitbucket = Bitbucket::start(version).await.unwrap();
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

fn apply(servers: &Servers, object: &Value) {
    let directory = std::env::temp_dir();
    let file = tempfile(&directory, object);
    let applied = apply_file(servers, &file);
    std::fs::remove_file(&file).unwrap();
    applied.unwrap();
}

/// `kubectl apply --server-side --filename FILE`
pub(crate) fn apply_file(servers: &Servers, file: &Path) -> Result<String, String> {
    let options = ["--server-side", "--force-conflicts"];
    let path = ["--filename", file.to_str().unwrap()];
    servers.kubectl(&[&["apply"], &options[..], &path].concat())
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
