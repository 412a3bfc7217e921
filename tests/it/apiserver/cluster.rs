//! A kube-apiserver that knows the two kinds, and namespaces in it that clean up after themselves.

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DynamicObject, GetParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, Request};
use kube::runtime::conditions::is_crd_established;
use kube::runtime::wait::await_condition;
use kube::{Api, Client, Config, CustomResourceExt, ResourceExt};
use serde_json::{Value, json};

use crate::support::servers::Servers;
use bindery::crd::{self, BitbucketConnection, ProjectBinding, ProjectBindingSet};
use bindery::rbac;

pub(super) struct Cluster {
    pub(super) servers: Servers,
    pub(super) client: Client,
}

impl Cluster {
    pub(super) async fn connect() -> Self {
        let servers = Servers::take().await;
        let kubeconfig = Kubeconfig::read_from(servers.kubeconfig).unwrap();
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .unwrap();
        let cluster = Self {
            servers,
            client: Client::try_from(config).unwrap(),
        };
        let is_prepared = &cluster.servers.control_plane().is_prepared;
        is_prepared.get_or_init(|| cluster.install()).await;
        cluster
    }

    async fn install(&self) {
        let definitions: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let ours = PatchParams::apply("bindery-tests").force();
        for definition in crd::definitions() {
            let name = definition.name_any();
            definitions
                .patch(&name, &ours, &Patch::Apply(&definition))
                .await
                .unwrap();
            await_condition(definitions.clone(), &name, is_crd_established())
                .await
                .unwrap();
        }
        self.grant().await;
        self.await_published_schema().await;
        self.servers.discover_anew();
    }

    /// The operator's rights, and those of people.
    async fn grant(&self) {
        let ours = PatchParams::apply("bindery-tests").force();
        let roles: Api<ClusterRole> = Api::all(self.client.clone());
        for role in rbac::roles() {
            roles
                .patch(&role.name_any(), &ours, &Patch::Apply(&role))
                .await
                .unwrap();
        }
        let bindings: Api<ClusterRoleBinding> = Api::all(self.client.clone());
        let binding = rbac::operator_binding();
        bindings
            .patch(&binding.name_any(), &ours, &Patch::Apply(&binding))
            .await
            .unwrap();
    }

    /// `kubectl explain` and server-side apply read the `OpenAPI` document, which follows some moments later.
    async fn await_published_schema(&self) {
        let mut attempts = tokio::time::interval(Duration::from_millis(100));
        let published = async {
            loop {
                attempts.tick().await;
                let request = Request::new("/openapi/v3/apis/bindery.dev");
                let request = request.get("v1alpha1", &GetParams::default()).unwrap();
                let document = self.client.request_text(request).await.unwrap_or_default();
                let kinds = ["BitbucketConnection", "ProjectBinding", "ProjectBindingSet"];
                let has = |kind: &str| document.contains(&format!("{kind}\""));
                if kinds.into_iter().all(has) {
                    break;
                }
            }
        };
        tokio::time::timeout(Duration::from_mins(1), published)
            .await
            .unwrap();
    }

    /// Creates `object` without keeping it, with unknown fields refused; the refusal in words.
    pub(super) async fn admit(&self, object: &Value) -> Result<Value, String> {
        let resource = resource(object);
        let path = format!(
            "/apis/{}/namespaces/default/{}",
            resource.api_version, resource.plural
        );
        let parameters = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        let body = serde_json::to_vec(object).unwrap();
        let mut request = Request::new(path).create(&parameters, body).unwrap();
        let strict = format!("{}&fieldValidation=Strict", request.uri());
        *request.uri_mut() = strict.parse().unwrap();
        self.client
            .request(request)
            .await
            .map_err(|error| in_words(&error))
    }

    /// Applies `object` as GitOps does, without keeping it; the refusal in words.
    pub(super) async fn apply(&self, object: &Value) -> Result<(), String> {
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), "default", &resource(object));
        let parameters = PatchParams {
            dry_run: true,
            ..PatchParams::apply("bindery-tests")
        };
        let applied = api
            .patch(name(object), &parameters, &Patch::Apply(object))
            .await;
        applied.map(drop).map_err(|error| in_words(&error))
    }

    /// A namespace of the test's own.
    pub(super) async fn sandbox(&self) -> Sandbox<'_> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let object = json!({"metadata": {"generateName": "bindery-test-"}});
        let object = serde_json::from_value(object).unwrap();
        let created = namespaces
            .create(&PostParams::default(), &object)
            .await
            .unwrap();
        Sandbox {
            cluster: self,
            namespace: created.name_any(),
        }
    }
}

pub(super) struct Sandbox<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) namespace: String,
}

impl Sandbox<'_> {
    pub(super) fn api(&self, object: &Value) -> Api<DynamicObject> {
        Api::namespaced_with(
            self.cluster.client.clone(),
            &self.namespace,
            &resource(object),
        )
    }

    pub(super) async fn create(&self, object: &Value) -> Value {
        let typed = serde_json::from_value(object.clone()).unwrap();
        let created = self
            .api(object)
            .create(&PostParams::default(), &typed)
            .await
            .unwrap();
        serde_json::to_value(created).unwrap()
    }

    /// Merges `change` into what is there.
    pub(super) async fn change(&self, object: &Value, change: &Value) -> Value {
        self.merge(object, change, &PatchParams::default())
            .await
            .unwrap()
    }

    /// The answer to `change`, which is not kept.
    pub(super) async fn attempt(&self, object: &Value, change: &Value) -> Result<Value, String> {
        let parameters = PatchParams {
            dry_run: true,
            ..PatchParams::default()
        };
        self.merge(object, change, &parameters).await
    }

    async fn merge(
        &self,
        object: &Value,
        change: &Value,
        parameters: &PatchParams,
    ) -> Result<Value, String> {
        let patch = Patch::Merge(change);
        let merged = self
            .api(object)
            .patch(name(object), parameters, &patch)
            .await;
        merged
            .map(|merged| serde_json::to_value(merged).unwrap())
            .map_err(|error| in_words(&error))
    }

    /// Merges `status` into the existing status, as the operator does.
    pub(super) async fn observe(&self, object: &Value, status: &Value) -> Value {
        let api = self.api(object);
        let patch = Patch::Merge(json!({"status": status}));
        let patched = api
            .patch_status(name(object), &PatchParams::default(), &patch)
            .await
            .unwrap();
        serde_json::to_value(patched).unwrap()
    }

    pub(super) fn kubectl(&self, arguments: &[&str]) -> String {
        let within = ["--namespace", &self.namespace];
        self.cluster
            .servers
            .kubectl(&[&within, arguments].concat())
            .unwrap()
    }
}

impl Drop for Sandbox<'_> {
    fn drop(&mut self) {
        let arguments = ["delete", "namespace", &self.namespace, "--wait=false"];
        if let Err(error) = self.cluster.servers.kubectl(&arguments) {
            eprintln!("{} is left behind: {error}", self.namespace);
        }
    }
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

fn resource(object: &Value) -> ApiResource {
    match object["kind"].as_str() {
        Some("ProjectBinding") => ProjectBinding::api_resource(),
        Some("ProjectBindingSet") => ProjectBindingSet::api_resource(),
        Some(_) | None => BitbucketConnection::api_resource(),
    }
}

fn in_words(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        status.message.clone()
    } else {
        error.to_string()
    }
}
