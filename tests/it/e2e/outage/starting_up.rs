//! A server that starts up says many things that are not so.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bindery::crd::{BitbucketConnection, ProjectBinding};
use futures::StreamExt as _;
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, ResourceExt as _};
use serde_json::json;

use tokio::task::JoinSet;

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::waiting::condition;
use crate::support::server::{Server, on};
use crate::support::starting::{Listening, answers_of_the_simulator};

on!([simulated_26_9, real_26_9, simulated_25_1] => nothing_is_believed_while_sonarqube_starts);

/// Promise: while SonarQube starts, its 404 and 401 are not believed. Nothing is created again, no token is called
/// bad, what is up to date stays so, and what is new waits.
async fn nothing_is_believed_while_sonarqube_starts(server: Server) {
    let mut env = TestEnvironment::set(server).await;
    env.patience = Duration::from_mins(5);
    env.connection(json!({}));
    for slug in ["checkout", "ledger", "payments-api"] {
        env.binding("payments", slug, &format!("PAY/{slug}"), json!({}));
    }
    let mut settled = Vec::new();
    for slug in ["checkout", "ledger", "payments-api"] {
        settled.push(env.binding_is("payments", slug, ("Ready", "True")).await);
    }
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let before = env.sonarqube.everything();
    let (reasons, _watching) = reasons_of_the_connection(&env);

    let (url, token) = (&env.sonarqube.url, &env.sonarqube.token);
    let listening = Listening::to(url, token);
    env.sonarqube.post("api/system/restart", &[]);
    env.eventually("SonarQube goes down", || env.sonarqube.phase().is_none())
        .await;
    env.reconcile_now("while it is down").await;
    env.binding("platform", "deploy", "OPS/deploy", json!({}));
    env.binding_reason("platform", "deploy", "ConnectionUnavailable")
        .await;
    reconcile_until_it_is_up(&env).await;
    the_simulator_answers_the_same(server, &listening.heard()).await;
    drop(listening);
    env.reconcile_now("once it is up").await;
    env.connection_is("bitbucket", ("Ready", "True")).await;
    env.binding_is("platform", "deploy", ("Ready", "True"))
        .await;

    for then in &settled {
        let name = then.name_any();
        let now: ProjectBinding = env.api("payments").get(&name).await.unwrap();
        assert_eq!(
            now.metadata.resource_version, then.metadata.resource_version,
            "{name}"
        );
    }
    let reasons = reasons.lock().unwrap().clone();
    assert!(reasons.contains(&"ServerNotUp".to_owned()), "{reasons:?}");
    for reason in &reasons {
        // A server that starts takes connections before it answers them, for many seconds where much else runs.
        let expected = [
            "Succeeded",
            "ServerNotUp",
            "ConnectionUnavailable",
            "Timeout",
        ];
        assert!(expected.contains(&reason.as_str()), "{reasons:?}");
    }
    let events = events_of(&env, &settled).await;
    assert_eq!(events.len(), settled.len(), "one import each: {events:?}");
    env.delete_binding("platform", "deploy").await;
    env.sonarqube
        .post("api/projects/delete", &[("project", "OPS:deploy")]);
    assert_eq!(env.sonarqube.everything(), before);
}

/// All that a real server says while it restarts, the simulated one says in one of its phases.
async fn the_simulator_answers_the_same(server: Server, heard: &BTreeSet<String>) {
    let known = answers_of_the_simulator(server.version.parse().unwrap()).await;
    let unknown: Vec<_> = heard.difference(&known).collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
    for answer in [
        r#"nobody: GET api/system/status -> 200 "STARTING""#,
        "user: GET api/users/current -> nothing",
        r#"user: GET api/users/current -> 404 {"errors":[{"msg":"Unknown url : /api/users/current"}]}"#,
        r#"user: GET api/users/current -> 401 {"errors":[{"msg":"User is not authenticated"}]}"#,
        r#"user: GET api/v2/dop-translation/dop-settings -> 401 {"message":"User is not authenticated"}"#,
    ] {
        assert!(heard.contains(answer), "{answer} was not heard: {heard:#?}");
    }
}

/// Each request triggers the connection and all of its bindings: they meet all answers of a SonarQube that starts.
async fn reconcile_until_it_is_up(env: &TestEnvironment) {
    let looks = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(250));
        for look in 1.. {
            ticks.tick().await;
            if env.sonarqube.phase().as_deref() == Some("UP") {
                return;
            }
            env.reconcile_now(&format!("while it starts, {look}")).await;
        }
    };
    tokio::time::timeout(env.patience, looks).await.unwrap();
}

/// Collects every reason that the connection's `Ready` gives from now on, in order, while the task stands.
fn reasons_of_the_connection(env: &TestEnvironment) -> (Arc<Mutex<Vec<String>>>, JoinSet<()>) {
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&reasons);
    let only = watcher::Config::default().fields("metadata.name=bitbucket");
    let connections = watcher(env.api::<BitbucketConnection>("platform"), only).applied_objects();
    let mut watching = JoinSet::new();
    watching.spawn(connections.for_each(move |connection| {
        let reason = match connection {
            Ok(connection) => condition(&connection, "Ready")
                .and_then(|ready| ready["reason"].as_str().map(str::to_owned)),
            // What happened meanwhile is not known: among reasons that are all expected, this one is none.
            Err(error) => Some(format!("the watch failed: {error}")),
        };
        seen.lock().unwrap().extend(reason);
        std::future::ready(())
    }));
    (reasons, watching)
}

/// What the events say of these bindings, but that they became ready.
async fn events_of(env: &TestEnvironment, bindings: &[ProjectBinding]) -> Vec<(String, String)> {
    let events: Api<Event> = env.api("payments");
    let events = events.list(&ListParams::default()).await.unwrap();
    let of_these = events.into_iter().filter(|event| {
        let about = event
            .regarding
            .as_ref()
            .and_then(|object| object.uid.clone());
        bindings.iter().any(|binding| binding.uid() == about)
    });
    of_these
        .map(|event| {
            (
                event.reason.unwrap_or_default(),
                event.note.unwrap_or_default(),
            )
        })
        .filter(|(reason, _)| reason != "Ready")
        .collect()
}
