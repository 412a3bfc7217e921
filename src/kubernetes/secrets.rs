//! Reads the Secrets and `ConfigMaps` that an object refers to, each by its name. No cache holds their content.

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;

use super::error::Error;

/// Why an object that is referred to was not read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// There is none of this name.
    Absent,
    /// The operator has no right to read it.
    Forbidden,
    /// The call failed.
    Failed(Error),
}

/// Reads a Secret.
pub(crate) async fn secret(client: &Client, namespace: &str, name: &str) -> Result<Secret, Unread> {
    read(client, namespace, name).await
}

/// Reads a ConfigMap.
pub(crate) async fn config_map(
    client: &Client,
    namespace: &str,
    name: &str,
) -> Result<ConfigMap, Unread> {
    read(client, namespace, name).await
}

async fn read<K>(client: &Client, namespace: &str, name: &str) -> Result<K, Unread>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    match api.get_opt(name).await {
        Ok(Some(object)) => Ok(object),
        Ok(None) => Err(Unread::Absent),
        Err(kube::Error::Api(status)) if status.code == 403 => Err(Unread::Forbidden),
        Err(source) => Err(Unread::Failed(Error::when(
            "read what the connection refers to",
        )(source))),
    }
}
