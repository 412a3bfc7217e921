//! A client that answers reads of some objects by what it was given. All else goes to the cluster, if there is one.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Method, Request, Response};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::client::Body;
use kube::{Client, ResourceExt as _};
use serde::Serialize;
use tower::{BoxError, Service};

/// Objects by the path of the API that shows them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given(BTreeMap<String, Vec<u8>>);

impl Given {
    /// Adds a Secret.
    pub(crate) fn secret(&mut self, secret: &Secret) {
        self.add("secrets", secret);
    }

    /// Adds a ConfigMap.
    pub(crate) fn config_map(&mut self, map: &ConfigMap) {
        self.add("configmaps", map);
    }

    fn add(&mut self, resource: &str, object: &(impl kube::Resource + Serialize)) {
        let namespace = object.namespace().unwrap_or_default();
        let name = object.name_any();
        let path = format!("/api/v1/namespaces/{namespace}/{resource}/{name}");
        // What was read from JSON can be written as JSON.
        self.0
            .insert(path, serde_json::to_vec(object).unwrap_or_default());
    }

    /// The client. `cluster`: the client for everything else; without one, nothing else exists.
    pub(crate) fn client(self, cluster: Option<Client>) -> Client {
        let namespace = cluster
            .as_ref()
            .map_or("default", Client::default_namespace);
        let namespace = namespace.to_owned();
        Client::new(
            Answering {
                given: Arc::new(self),
                cluster,
            },
            namespace,
        )
    }
}

/// See [`Given::client`].
#[derive(Clone)]
struct Answering {
    given: Arc<Given>,
    cluster: Option<Client>,
}

impl Service<Request<Body>> for Answering {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Self { given, cluster } = self.clone();
        Box::pin(async move {
            let known = given.0.get(request.uri().path());
            if let Some(known) = known.filter(|_| request.method() == Method::GET) {
                return answer(200, known.clone());
            }
            match cluster {
                Some(cluster) => Ok(cluster.send(request).await?),
                None => answer(404, NOT_FOUND.into()),
            }
        })
    }
}

const NOT_FOUND: &str = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"not given","reason":"NotFound","code":404}"#;

fn answer(status: u16, body: Vec<u8>) -> Result<Response<Body>, BoxError> {
    let response = Response::builder().status(status);
    let response = response.header("content-type", "application/json");
    Ok(response.body(Body::from(body))?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::kubernetes::secrets::{self, Unread};

    #[tokio::test]
    async fn what_is_given_is_read_and_nothing_else_exists() {
        let mut given = Given::default();
        let secret: Secret = serde_json::from_value(serde_json::json!({
            "metadata": {"namespace": "platform", "name": "token"},
            "data": {"token": "c2VjcmV0"},
        }))
        .unwrap();
        given.secret(&secret);
        let client = given.client(None);
        let read = secrets::secret(&client, "platform", "token").await.unwrap();
        let data: BTreeMap<_, _> = read.data.unwrap();
        assert_eq!(data["token"].0, b"secret");
        let other = secrets::secret(&client, "platform", "other").await;
        assert!(matches!(other, Err(Unread::Absent)));
    }
}
