//! Reads for commands, which follow nothing.

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::ListParams;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::{Api, Client, ResourceExt as _};

use super::error::Error;
use super::scope::Namespaces;
use crate::crd::Kind;

/// How many objects a page has.
const PAGE: u32 = 500;

/// All objects of a kind in these namespaces, readable or not.
pub(crate) async fn all<K: Kind>(
    client: &Client,
    namespaces: &Namespaces,
) -> Result<Vec<DeserializeGuard<K>>, Error> {
    let mut objects = Vec::new();
    for scope in namespaces.scopes() {
        let api = scope.api::<DeserializeGuard<K>>(client);
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let read = api.list(&page).await;
            let read = read.map_err(Error::when("list the objects of a kind"))?;
            objects.extend(read.items);
            match read.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page.continue_token = Some(token),
                None => break,
            }
        }
    }
    Ok(objects)
}

/// These namespaces, by their metadata.
pub(crate) async fn namespaces(
    client: &Client,
    namespaces: &Namespaces,
) -> Result<Vec<PartialObjectMeta<Namespace>>, Error> {
    let api = Api::<Namespace>::all(client.clone());
    let mut found = Vec::new();
    match namespaces {
        Namespaces::All => {
            let read = api.list_metadata(&ListParams::default()).await;
            found = read.map_err(Error::when("list the namespaces"))?.items;
        }
        Namespaces::Only(names) => {
            for name in names {
                let read = api.get_metadata_opt(name).await;
                found.extend(read.map_err(Error::when("read a namespace"))?);
            }
        }
    }
    Ok(found)
}

/// The major and minor version of the API server.
pub(crate) async fn version(client: &Client) -> Result<(u32, u32), Error> {
    let read = client.apiserver_version().await;
    let read = read.map_err(Error::when("read the version of the API server"))?;
    let number = |text: &str| {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or_default()
    };
    Ok((number(&read.major), number(&read.minor)))
}

/// A definition by its name.
pub(crate) async fn definition(
    client: &Client,
    name: &str,
) -> Result<Option<CustomResourceDefinition>, Error> {
    let api = Api::<CustomResourceDefinition>::all(client.clone());
    let read = api.get_opt(name).await;
    read.map_err(Error::when("read a definition"))
}

/// A lease of an operator.
pub(crate) struct Held {
    pub(crate) namespace: String,
    pub(crate) holder: String,
    /// Whether it was renewed in time.
    pub(crate) is_fresh: bool,
}

/// The leases of all operators of this cluster that are held.
pub(crate) async fn leases(client: &Client) -> Result<Vec<Held>, Error> {
    let api = Api::<Lease>::all(client.clone());
    let named = ListParams::default().fields(&format!("metadata.name={}", super::lease::NAME));
    let read = api.list(&named).await;
    let read = read.map_err(Error::when("list the leases"))?;
    let held = read.into_iter().filter_map(|lease| {
        let namespace = lease.namespace()?;
        let spec = lease.spec?;
        let renewed = spec.renew_time?;
        let lasts = u64::try_from(spec.lease_duration_seconds?).ok()?;
        let since = super::clock::since(&Time(renewed.0));
        Some(Held {
            namespace,
            holder: spec.holder_identity.filter(|holder| !holder.is_empty())?,
            is_fresh: since <= std::time::Duration::from_secs(lasts),
        })
    });
    Ok(held.collect())
}
