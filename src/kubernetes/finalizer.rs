//! Adds and removes our finalizer by a JSON patch that tests what it saw: nobody else's finalizer is touched.

use kube::api::{Patch, PatchParams};
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::crd::FINALIZER;

use super::error::Error;

/// Whether the object carries our finalizer.
pub(crate) fn is_set(object: &impl Resource) -> bool {
    object
        .finalizers()
        .iter()
        .any(|finalizer| finalizer == FINALIZER)
}

/// The object as it is now, while it still carries our finalizer: the watch may lag behind our own last pass, which
/// let it go and told so.
pub(crate) async fn unreleased<K>(api: &Api<K>, object: &K) -> Result<Option<K>, Error>
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
{
    let fresh = api.get_opt(&object.name_any()).await;
    let fresh = fresh.map_err(Error::when("read the object"))?;
    Ok(fresh.filter(|fresh| fresh.uid() == object.uid() && is_set(fresh)))
}

/// Adds our finalizer.
pub(crate) async fn add<K>(api: &Api<K>, object: &K) -> Result<(), Error>
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
{
    let patch = if object.finalizers().is_empty() {
        json!([
            {"op": "test", "path": "/metadata/uid", "value": object.uid()},
            {"op": "test", "path": "/metadata/finalizers", "value": null},
            {"op": "add", "path": "/metadata/finalizers", "value": [FINALIZER]},
        ])
    } else {
        json!([
            {"op": "test", "path": "/metadata/uid", "value": object.uid()},
            {"op": "test", "path": "/metadata/finalizers", "value": object.finalizers()},
            {"op": "add", "path": "/metadata/finalizers/-", "value": FINALIZER},
        ])
    };
    patched(api, object, patch, "add the finalizer").await
}

/// Removes our finalizer: the object may go.
pub(crate) async fn remove<K>(api: &Api<K>, object: &K) -> Result<(), Error>
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
{
    let Some(index) = object
        .finalizers()
        .iter()
        .position(|finalizer| finalizer == FINALIZER)
    else {
        return Ok(());
    };
    let place = format!("/metadata/finalizers/{index}");
    let patch = json!([
        {"op": "test", "path": "/metadata/uid", "value": object.uid()},
        {"op": "test", "path": place, "value": FINALIZER},
        {"op": "remove", "path": place},
    ]);
    patched(api, object, patch, "remove the finalizer").await
}

async fn patched<K>(
    api: &Api<K>,
    object: &K,
    patch: serde_json::Value,
    doing: &'static str,
) -> Result<(), Error>
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
{
    let patch: json_patch::Patch = serde_json::from_value(patch)
        .map_err(|source| Error::when(doing)(kube::Error::SerdeError(source)))?;
    let answer = api
        .patch(
            &object.name_any(),
            &PatchParams::default(),
            &Patch::Json::<()>(patch),
        )
        .await;
    match answer {
        // 404: gone already. 409, 422: changed under our hands; the watch brings it again.
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409 | 422) => Ok(()),
        Err(source) => Err(Error::when(doing)(source)),
    }
}
