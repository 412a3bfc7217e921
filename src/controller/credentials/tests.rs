use std::convert::Infallible;
use std::time::Duration;

use futures::future::pending;
use http::{Request, Response, header};
use kube::client::Body;
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use super::*;
use crate::controller::context::tests::of_an_operator_by;

/// What the API server is asked: the path with its query, and whether for metadata only.
type Asked = (String, bool);

/// An API server with a Role that allows to list and watch Secrets, and not to read them.
fn that_lists_only() -> (kube::Client, UnboundedReceiver<Asked>) {
    let (asked, requests) = unbounded_channel();
    let api_server = tower::service_fn(move |request: Request<Body>| {
        let target = request.uri().to_string();
        let accepted = format!("{:?}", request.headers().get(header::ACCEPT));
        let is_of_metadata = accepted.contains("PartialObjectMetadata");
        asked.send((target.clone(), is_of_metadata)).unwrap();
        let status = if target.contains("/secrets/") {
            403
        } else {
            200
        };
        let body = if target.contains("/secrets/") {
            json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403, "reason": "Forbidden"})
        } else if target.contains("/secrets?") {
            json!({"metadata": {"resourceVersion": "1"}, "items": []})
        } else {
            json!({"spec": {}, "status": {"allowed": true}})
        };
        async move {
            if target.contains("watch=true") {
                pending::<()>().await;
            }
            let answer = Response::builder().status(status);
            let answer = answer.body(Body::from(body.to_string().into_bytes()));
            Ok::<_, Infallible>(answer.unwrap())
        }
    });
    (kube::Client::new(api_server, "platform"), requests)
}

/// Waits until the API server is asked for this.
async fn is_asked(requests: &mut UnboundedReceiver<Asked>, what: &str, for_metadata: bool) {
    let asked = async {
        while requests
            .recv()
            .await
            .is_none_or(|(target, is_of_metadata)| {
                !target.contains(what) || is_of_metadata != for_metadata
            })
        {}
    };
    let asked = timeout(Duration::from_mins(1), asked).await;
    assert!(asked.is_ok(), "never asked: {what}");
}

/// Promise: a missing verb is named, with the commands that grant it; and the watch of a Secret that a reconcile may not
/// read asks until it may, so that no reconcile has to.
#[tokio::test]
async fn a_secret_that_may_be_listed_but_not_read_is_asked_for_until_it_may_be_read() {
    let (client, mut requests) = that_lists_only();
    let context = of_an_operator_by(client);
    let connection: BitbucketConnection = serde_json::from_value(json!({
        "apiVersion": "bindery.dev/v1alpha1", "kind": "BitbucketConnection",
        "metadata": {"name": "bitbucket", "namespace": "platform"},
        "spec": {
            "bitbucket": {"url": "https://bitbucket.example.com", "tokenSecretRef": {"name": "token"}},
            "sonarqube": {"url": "https://sonarqube.example.com", "tokenSecretRef": {"name": "token"}},
        },
    }))
    .unwrap();
    follow(&connection, &context);
    is_asked(&mut requests, "watch=true", true).await;
    let refused = token_of_sonarqube(&connection, &context).await.unwrap_err();
    let message = refused.refusal().message;
    for part in [
        "may not read secrets platform/token (missing verbs: get). ",
        " # as a manifest: bindery grant platform/bitbucket --service-account ",
        "kubectl create role bindery-bitbucket --verb=get,list,watch ",
    ] {
        assert!(message.contains(part), "{message}");
    }
    is_asked(&mut requests, "/secrets/token", true).await;
}
