//! Waiting until something is so: by the watch in Kubernetes, by asking again elsewhere.

use std::fmt::Debug;
use std::time::Duration;

use bindery::crd::{BitbucketConnection, ProjectBinding};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use kube::runtime::wait::await_condition;
use kube::{Api, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::TestEnvironment;

/// A kind whose objects tests wait for.
pub(crate) trait Watched:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + DeserializeOwned
    + Serialize
    + Send
    + Sync
    + 'static
{
}

impl<K> Watched for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Serialize
        + Send
        + Sync
        + 'static
{
}

impl TestEnvironment {
    /// Waits until the connection says this of itself for its present generation: `("Ready", "True")`.
    pub(crate) async fn connection_is(
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
    pub(crate) async fn binding_is(
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
    pub(crate) async fn binding_reason(&self, namespace: &str, name: &str, reason: &str) -> String {
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
    pub(crate) async fn connection_reason(&self, name: &str, reason: &str) -> String {
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
    pub(crate) async fn counted(&self, bindings: u32) {
        self.until(
            "platform",
            "bitbucket",
            |connection: &BitbucketConnection| {
                let counts = serde_json::to_value(&connection.status).unwrap()["bindings"].clone();
                counts["total"] == bindings && counts["ready"] == bindings
            },
        )
        .await;
    }

    /// Waits until an object is as `wanted`, as the watch shows it.
    pub(crate) async fn until<K: Watched>(
        &self,
        namespace: &str,
        name: &str,
        wanted: impl Fn(&K) -> bool,
    ) -> K {
        let wanted = |object: Option<&K>| object.is_some_and(&wanted);
        self.watch((namespace, name), wanted, "was as expected")
            .await
            .unwrap()
    }

    /// Waits until an object is gone.
    pub(crate) async fn gone<K: Watched>(&self, namespace: &str, name: &str) {
        let is_gone = |object: Option<&K>| object.is_none();
        self.watch((namespace, name), is_gone, "went").await;
    }

    async fn watch<K: Watched>(
        &self,
        (namespace, name): (&str, &str),
        wanted: impl Fn(Option<&K>) -> bool,
        expected: &str,
    ) -> Option<K> {
        let api: Api<K> = self.api(namespace);
        let found = await_condition(api.clone(), name, wanted);
        let Ok(object) = tokio::time::timeout(self.patience, found).await else {
            panic!(
                "{namespace}/{name} never {expected}; it is {:#}",
                show(&api, name).await
            );
        };
        object.unwrap()
    }

    /// Deletes a binding and waits until it is gone.
    pub(crate) async fn delete_binding(&self, namespace: &str, name: &str) {
        let api: Api<ProjectBinding> = self.api(namespace);
        api.delete(name, &DeleteParams::default()).await.unwrap();
        self.gone::<ProjectBinding>(namespace, name).await;
    }

    /// Asks until something outside Kubernetes is so: SonarQube has no watch.
    pub(crate) async fn eventually(&self, what: &str, mut so: impl FnMut() -> bool) {
        let mut ticks = tokio::time::interval(Duration::from_millis(200));
        let wait = async {
            while !so() {
                ticks.tick().await;
            }
        };
        assert!(
            tokio::time::timeout(self.patience, wait).await.is_ok(),
            "never happened: {what}"
        );
    }

    /// Has a connection reconciled now.
    pub(crate) async fn ask(&self, request: &str) {
        let patch =
            json!({"metadata": {"annotations": {"bindery.dev/reconcile-requested-at": request}}});
        let api: Api<BitbucketConnection> = self.api("platform");
        api.patch("bitbucket", &PatchParams::default(), &Patch::Merge(&patch))
            .await
            .unwrap();
    }

    /// The same, and waits until it was.
    pub(crate) async fn reconcile_now(&self, request: &str) {
        self.ask(request).await;
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

    /// Has a binding reconciled now, and waits until it was, also if reconciles were in progress.
    pub(crate) async fn requested_reconcile(
        &self,
        namespace: &str,
        name: &str,
        request: &str,
    ) -> ProjectBinding {
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
        .await
    }
}

/// Whether an object says this of itself for its present generation.
pub(crate) fn says(
    object: &(impl Resource + serde::Serialize),
    (kind, status): (&str, &str),
) -> bool {
    condition(object, kind).is_some_and(|condition| condition["status"] == status)
}

/// Whether the connection has counted its bindings so: `"1/1"`.
pub(crate) fn counts(summary: &str) -> impl Fn(&BitbucketConnection) -> bool {
    move |connection| {
        let status = connection.status.as_ref();
        let counts = status.and_then(|status| status.bindings.as_ref());
        counts.is_some_and(|counts| counts.summary == summary)
    }
}

fn ready(object: &(impl Resource + serde::Serialize)) -> Option<Value> {
    condition(object, "Ready")
}

/// A condition of the present generation.
pub(crate) fn condition(object: &(impl Resource + serde::Serialize), kind: &str) -> Option<Value> {
    let generation = object.meta().generation;
    let object = serde_json::to_value(object).unwrap();
    let conditions = object["status"]["conditions"].as_array()?;
    let found = conditions
        .iter()
        .find(|condition| condition["type"] == kind)?;
    (found["observedGeneration"].as_i64() == generation).then(|| found.clone())
}

async fn show<K: Watched>(api: &Api<K>, name: &str) -> Value {
    let mut found = serde_json::to_value(api.get_opt(name).await.unwrap()).unwrap();
    // Long, and about nothing that a test waits for.
    if let Some(metadata) = found["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    found
}
