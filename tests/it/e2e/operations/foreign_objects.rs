//! What the operator costs does not depend on what others have in the cluster.

use std::fs;

use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};
use serde_json::{Value, json};

use crate::e2e::environment::TestEnvironment;
use crate::support::server::{Server, simulated};

simulated!(secrets_and_namespaces_of_others_cost_nothing);

/// In a cluster there are hundreds of Secrets and namespaces. These are fewer, and still several times as large together as
/// the operator: it cannot have read them unnoticed.
const SECRETS: usize = 100;
const NAMESPACES: usize = 100;

/// Nearly the largest Secret that Kubernetes stores, in bytes of base64.
const LARGE: usize = 1_000_000;

const OF_OTHERS: &str = "bindery-test=of-others";

/// Promise: no Secret is listed, watched with its content, or read, except those that connections refer to, by name; and
/// the memory of the operator does not grow with what others have.
async fn secrets_and_namespaces_of_others_cost_nothing(server: Server) {
    let mut env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    let ready = ("Ready", "True");
    env.binding_is("payments", "checkout", ready).await;
    let alone = memory_after_a_start(&mut env).await;
    make(&env).await;
    let among = memory_after_a_start(&mut env).await;
    remove(&env).await;
    assert!(
        among < alone * 1.5,
        "{among} bytes among {SECRETS} Secrets and {NAMESPACES} namespaces, {alone} without them"
    );
    let urls = urls(&fs::read_to_string(&env.operator.log).unwrap());
    let of_secrets: Vec<_> = urls.iter().filter(|url| url.contains("/secrets")).collect();
    assert!(!of_secrets.is_empty(), "no URL is logged");
    for url in of_secrets {
        let is_by_name = url.contains("/namespaces/platform/secrets/")
            || url.contains("/namespaces/platform/secrets?")
                && url.contains("fieldSelector=metadata.name%3D");
        assert!(is_by_name, "{url}");
    }
}

/// Starts the operator anew, and waits until it has reconciled what there is.
async fn memory_after_a_start(env: &mut TestEnvironment) -> f64 {
    env.restart_operator(&["--minimum-interval", "10s"]);
    let operator = &env.operator;
    let kinds = ["bitbucketconnection", "projectbinding"];
    let is_at_work = || kinds.iter().all(|kind| operator.reconciles(kind) > 0);
    env.eventually("everything is reconciled", is_at_work).await;
    let metrics = env.operator.metrics();
    let mut lines = metrics.lines();
    let memory = lines.find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
    memory.unwrap().parse().unwrap()
}

async fn make(env: &TestEnvironment) {
    let meta = |name: String| json!({"name": name, "labels": {"bindery-test": "of-others"}});
    let namespaces: Api<Namespace> = Api::all(env.client.clone());
    let secrets: Api<Secret> = env.api("platform");
    for number in 0..NAMESPACES {
        let namespace = json!({"metadata": meta(format!("of-others-{number}"))});
        create(&namespaces, namespace).await;
    }
    let content = "A".repeat(LARGE);
    for number in 0..SECRETS {
        let metadata = meta(format!("of-others-{number}"));
        create(
            &secrets,
            json!({"metadata": metadata, "data": {"content": content}}),
        )
        .await;
    }
}

async fn create<K>(api: &Api<K>, object: Value)
where
    K: kube::Resource<DynamicType = ()>
        + Clone
        + serde::Serialize
        + serde::de::DeserializeOwned
        + std::fmt::Debug,
{
    let object: K = serde_json::from_value(object).unwrap();
    match api.create(&PostParams::default(), &object).await {
        // A run before was ended in the middle.
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        created => drop(created.unwrap()),
    }
}

/// The namespaces are not waited for: Kubernetes takes its time to remove each.
async fn remove(env: &TestEnvironment) {
    let of_others = ListParams::default().labels(OF_OTHERS);
    let secrets: Api<Secret> = env.api("platform");
    let at_once = DeleteParams::default();
    secrets
        .delete_collection(&at_once, &of_others)
        .await
        .unwrap();
    let namespaces: Api<Namespace> = Api::all(env.client.clone());
    for number in 0..NAMESPACES {
        let name = format!("of-others-{number}");
        match namespaces.delete(&name, &at_once).await {
            // It was being removed since a run before.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
            deleted => drop(deleted.unwrap()),
        }
    }
}

/// The URLs that the operator requested from the Kubernetes API, by its log.
fn urls(log: &str) -> Vec<String> {
    let lines = log
        .lines()
        .filter_map(|line| line.split_once("\"http.url\":\""));
    let urls = lines.filter_map(|(_, rest)| Some(rest.split_once('"')?.0.to_owned()));
    urls.collect()
}
