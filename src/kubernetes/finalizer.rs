//! Adds and removes our finalizer by a JSON patch that tests what it saw: no other finalizer is touched. The API server
//! answers with the metadata alone: a status is several times as long.

use std::fmt::Debug;

use kube::api::{Patch, PatchParams};
use kube::core::{NamespaceResourceScope, PartialObjectMeta, PartialObjectMetaExt as _};
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::crd::FINALIZER;

use super::Place;
use super::error::Error;

/// Whether the object carries our finalizer.
pub(crate) fn is_set(object: &impl Resource) -> bool {
    object
        .finalizers()
        .iter()
        .any(|finalizer| finalizer == FINALIZER)
}

/// How often a patch is made anew because the object changed under our hands. Afterwards the queue tries again.
const ATTEMPTS: usize = 3;

/// An object that may carry our finalizer, also one of which this version can read no more than the metadata.
pub(crate) trait Guarded:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug
{
}

impl<K> Guarded for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Debug
{
}

/// Adds our finalizer.
pub(crate) async fn add<K: Guarded>(place: Place<'_>, object: &K) -> Result<(), Error> {
    settle(place, object, addition, "add the finalizer").await
}

/// Removes our finalizer: the object may go.
pub(crate) async fn remove<K: Guarded>(place: Place<'_>, object: &K) -> Result<(), Error> {
    settle(place, object, removal, "remove the finalizer").await
}

/// The patch that adds our finalizer; none if it is set, or if the object is being deleted and accepts none.
fn addition(object: &impl Resource) -> Option<Value> {
    if is_set(object) || object.meta().deletion_timestamp.is_some() {
        return None;
    }
    let path = "/metadata/finalizers";
    let (seen, change) = if object.finalizers().is_empty() {
        let change = json!({"op": "add", "path": path, "value": [FINALIZER]});
        (Value::Null, change)
    } else {
        let change = json!({"op": "add", "path": format!("{path}/-"), "value": FINALIZER});
        (json!(object.finalizers()), change)
    };
    Some(json!([
        {"op": "test", "path": "/metadata/uid", "value": object.uid()},
        {"op": "test", "path": path, "value": seen},
        change,
    ]))
}

/// The patch that removes our finalizer; none where it is not set.
fn removal(object: &impl Resource) -> Option<Value> {
    let mut finalizers = object.finalizers().iter();
    let index = finalizers.position(|finalizer| finalizer == FINALIZER)?;
    let place = format!("/metadata/finalizers/{index}");
    Some(json!([
        {"op": "test", "path": "/metadata/uid", "value": object.uid()},
        {"op": "test", "path": place, "value": FINALIZER},
        {"op": "remove", "path": place},
    ]))
}

/// Patches the object until there is nothing to patch. A conflict and a refusal have the same status codes, so the
/// object is read again: if it did not change, an admission policy or a webhook refuses the patch, and that is an
/// error.
async fn settle<K: Guarded>(
    place: Place<'_>,
    object: &K,
    patch: impl Fn(&PartialObjectMeta<K>) -> Option<Value>,
    doing: &'static str,
) -> Result<(), Error> {
    let namespace = object.namespace().unwrap_or_default();
    let api: Api<K> = Api::namespaced(place.client.clone(), &namespace);
    let mut object = object.meta().clone().into_response_partial::<K>();
    let mut attempts = 1..=ATTEMPTS;
    while let Some(patch) = patch(&object) {
        attempts.next();
        let patch: json_patch::Patch = serde_json::from_value(patch)
            .map_err(|source| Error::when(doing)(kube::Error::SerdeError(source)))?;
        let patch = Patch::Json::<()>(patch);
        let name = object.name_any();
        let refusal = match api
            .patch_metadata(&name, &PatchParams::default(), &patch)
            .await
        {
            Ok(patched) => {
                place.writes.wrote(&patched);
                return Ok(());
            }
            Err(kube::Error::Api(status)) if status.code == 404 => {
                place.writes.left(&object);
                return Ok(());
            }
            Err(kube::Error::Api(status)) if matches!(status.code, 409 | 422) => {
                kube::Error::Api(status)
            }
            Err(source) => return Err(Error::when(doing)(source)),
        };
        let fresh = api
            .get_metadata_opt(&name)
            .await
            .map_err(Error::when(doing))?;
        let Some(fresh) = fresh.filter(|fresh| fresh.uid() == object.uid()) else {
            return Ok(());
        };
        if attempts.is_empty() || fresh.resource_version() == object.resource_version() {
            return Err(Error::when(doing)(refusal));
        }
        object = fresh;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    use axum::http::{Method, StatusCode};
    use axum::{Json, Router};
    use tokio::net::TcpListener;
    use tokio::task::JoinSet;

    use crate::crd::ProjectBinding;
    use crate::fence::Fence;
    use crate::kubernetes::OwnWrites;
    use crate::metrics::Metrics;

    use super::*;

    /// A call and its answer, in the order in which they must come.
    type Script = Arc<Mutex<VecDeque<(Method, StatusCode, Value)>>>;

    fn binding(version: u64, finalizers: &[&str]) -> Value {
        json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding",
            "metadata": {
                "name": "checkout", "namespace": "payments", "uid": "own",
                "resourceVersion": version.to_string(), "finalizers": finalizers,
            },
            "spec": {"connectionRef": {"name": "c"}, "repository": {"project": "PAY", "slug": "checkout"}},
        })
    }

    fn refused() -> (Method, StatusCode, Value) {
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Invalid", "code": 422,
            "message": "the policy says no",
        });
        (Method::PATCH, StatusCode::UNPROCESSABLE_ENTITY, status)
    }

    /// What removing the finalizer comes to with an API server that answers so, and how many of these calls were not
    /// made.
    async fn removal_with(
        script: impl IntoIterator<Item = (Method, StatusCode, Value)>,
    ) -> (Result<(), String>, usize) {
        let script: Script = Arc::new(Mutex::new(script.into_iter().collect()));
        let answers = Arc::clone(&script);
        let answer = move |method: Method| async move {
            let (expected, status, body) = answers.lock().unwrap().pop_front().unwrap();
            assert_eq!(method, expected);
            (status, Json(body))
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut servers = JoinSet::new();
        let server = Router::new().fallback(answer);
        servers.spawn(async move { axum::serve(listener, server).await.unwrap() });
        let config = kube::Config::new(url.parse().unwrap());
        let client = crate::kubernetes::client(config, &Arc::default(), Fence::open()).unwrap();
        let object: ProjectBinding = serde_json::from_value(binding(1, &[FINALIZER])).unwrap();
        let place = Place {
            client: &client,
            metrics: &Metrics::default(),
            writes: &OwnWrites::default(),
        };
        let ended = remove(place, &object).await;
        let left = script.lock().unwrap().len();
        (ended.map_err(|error| error.message()), left)
    }

    fn found(version: u64, finalizers: &[&str]) -> (Method, StatusCode, Value) {
        (Method::GET, StatusCode::OK, binding(version, finalizers))
    }

    #[tokio::test]
    async fn a_conflict_is_tried_again_with_the_object_as_it_is_now() {
        let patched = (Method::PATCH, StatusCode::OK, binding(3, &["other"]));
        let now = found(2, &["other", FINALIZER]);
        assert_eq!(removal_with([refused(), now, patched]).await, (Ok(()), 0));
    }

    #[tokio::test]
    async fn a_refused_patch_is_an_error_in_the_words_of_the_refusal() {
        let (ended, left) = removal_with([refused(), found(1, &[FINALIZER])]).await;
        let expected =
            "failed to remove the finalizer: the API server answered 422: the policy says no";
        assert_eq!((ended.unwrap_err().as_str(), left), (expected, 0));
    }

    #[tokio::test]
    async fn a_patch_that_took_effect_or_has_no_object_is_done() {
        assert_eq!(removal_with([refused(), found(2, &[])]).await, (Ok(()), 0));
        let nothing = json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404,
            "message": "not found",
        });
        let gone = (Method::GET, StatusCode::NOT_FOUND, nothing);
        assert_eq!(removal_with([refused(), gone]).await, (Ok(()), 0));
    }

    /// An object that changes all the time is left to the queue.
    #[tokio::test]
    async fn an_object_that_never_holds_still_is_given_up_for_now() {
        let script = (2..5).flat_map(|version| [refused(), found(version, &[FINALIZER])]);
        let (ended, left) = removal_with(script).await;
        assert!(ended.is_err());
        assert_eq!(left, 0);
    }
}
