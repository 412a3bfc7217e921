//! Some namespaces, each read by its name: a Role in a namespace allows that, and neither a list nor a watch.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::{Stream, StreamExt as _, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::Event;
use kube::{Api, Client};

use crate::kubernetes::scope::unread;

use super::prune;

/// How often each namespace is read.
pub(super) const AGAIN: Duration = Duration::from_mins(1);

/// How soon after a read that failed.
const AFTER_A_FAILURE: Duration = Duration::from_secs(5);

type Read = PartialObjectMeta<Namespace>;

/// Reads these namespaces again and again, as a watch would show them: a list of all first, then each one.
pub(super) fn read_each(
    client: &Client,
    names: &BTreeSet<String>,
    again: Duration,
) -> impl Stream<Item = Event<Read>> + Send + use<> {
    let mut reads: Vec<_> = names
        .iter()
        .map(|name| read_again(client.clone(), name.clone(), again).boxed())
        .collect();
    let first = async move {
        let mut listed = vec![Event::Init];
        for read in &mut reads {
            listed.extend(read.next().await.map(Event::InitApply));
        }
        listed.push(Event::InitDone);
        let later = stream::select_all(reads).map(Event::Apply);
        stream::iter(listed).chain(later)
    };
    stream::once(first).flatten()
}

/// Reads one namespace at once, and then again and again. It ends never.
fn read_again(client: Client, name: String, again: Duration) -> impl Stream<Item = Read> + Send {
    let state = (Api::<Namespace>::all(client), name, Duration::ZERO);
    stream::unfold(state, move |(api, name, mut pause)| async move {
        loop {
            tokio::time::sleep(pause).await;
            if let Some(read) = read(&api, &name, pause.is_zero()).await {
                return Some((read, (api, name, again)));
            }
            pause = AFTER_A_FAILURE;
        }
    })
}

/// Reads a namespace. `None`: this failed, and is to be tried again.
async fn read(api: &Api<Namespace>, name: &str, is_first: bool) -> Option<Read> {
    match api.get_metadata_opt(name).await {
        Ok(Some(mut namespace)) => {
            prune(&mut namespace);
            Some(namespace)
        }
        Ok(None) => Some(unread(name)),
        Err(kube::Error::Api(status)) if status.code == 403 => {
            if is_first {
                tracing::warn!(
                    namespace = name,
                    "the operator may not get namespaces in namespace {name}: of its labels, access of connections \
                     sees kubernetes.io/metadata.name only. Apply the Role for --namespaces, or upgrade the chart"
                );
            }
            Some(unread(name))
        }
        Err(error) => {
            tracing::warn!(%error, namespace = name, "failed to read the namespace; it is read again");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use axum::extract::Path;
    use axum::http::StatusCode;
    use axum::response::IntoResponse as _;
    use axum::routing::get;
    use axum::{Json, Router};
    use serde_json::json;
    use tokio::net::TcpListener;
    use tokio::task::JoinSet;

    use super::*;

    /// An API server that counts the reads of a namespace in its label `read`, and forbids those of `secret`.
    async fn api_server(servers: &mut JoinSet<()>) -> Client {
        let reads = Arc::new(AtomicU32::new(0));
        let answer = move |Path(name): Path<String>| async move {
            if name == "secret" {
                let refusal =
                    json!({"kind": "Status", "code": 403, "reason": "Forbidden", "message": "no"});
                return (StatusCode::FORBIDDEN, Json(refusal)).into_response();
            }
            let read = reads.fetch_add(1, Ordering::SeqCst).to_string();
            let metadata = json!({"name": name, "labels": {"read": read}, "managedFields": []});
            let kind = json!({
                "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": metadata,
            });
            Json(kind).into_response()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().route("/api/v1/namespaces/{name}", get(answer));
        servers.spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Client::try_from(kube::Config::new(url.parse().unwrap())).unwrap()
    }

    /// Promise: each namespace is listed once, and read again; one that may not be read has the label that all have.
    #[tokio::test]
    async fn namespaces_are_listed_and_read_again() {
        let mut servers = JoinSet::new();
        let client = api_server(&mut servers).await;
        let names = ["payments", "secret"].map(str::to_owned).into();
        let shown = read_each(&client, &names, Duration::from_millis(1));
        let mut shown = std::pin::pin!(shown);
        let label = |read: &Read, name: &str| read.metadata.labels.clone().unwrap()[name].clone();
        assert!(matches!(shown.next().await, Some(Event::Init)));
        let Some(Event::InitApply(payments)) = shown.next().await else {
            panic!("payments is listed")
        };
        assert_eq!(label(&payments, "read"), "0");
        assert_eq!(payments.metadata.managed_fields, None);
        let Some(Event::InitApply(secret)) = shown.next().await else {
            panic!("secret is listed")
        };
        assert_eq!(label(&secret, "kubernetes.io/metadata.name"), "secret");
        assert!(matches!(shown.next().await, Some(Event::InitDone)));
        loop {
            if let Some(Event::Apply(read)) = shown.next().await
                && read.metadata.name.as_deref() == Some("payments")
            {
                assert_eq!(label(&read, "read"), "1");
                break;
            }
        }
    }
}
