//! Reads for commands, which follow nothing.

use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::{Api, Client};

use super::error::Error;
use crate::crd::Kind;

/// How many objects a page has.
const PAGE: u32 = 500;

/// All objects of a kind, readable or not.
pub(crate) async fn all<K: Kind>(client: &Client) -> Result<Vec<DeserializeGuard<K>>, Error> {
    let api = Api::<DeserializeGuard<K>>::all(client.clone());
    let (mut objects, mut page) = (Vec::new(), ListParams::default().limit(PAGE));
    loop {
        let read = api.list(&page).await;
        let read = read.map_err(Error::when("list the objects of a kind"))?;
        objects.extend(read.items);
        match read.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page.continue_token = Some(token),
            None => return Ok(objects),
        }
    }
}

/// All namespaces, by their metadata.
pub(crate) async fn namespaces(
    client: &Client,
) -> Result<Vec<PartialObjectMeta<Namespace>>, Error> {
    let api = Api::<Namespace>::all(client.clone());
    let read = api.list_metadata(&ListParams::default()).await;
    Ok(read.map_err(Error::when("list the namespaces"))?.items)
}
