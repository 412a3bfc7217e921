//! Events: the texts that they carry, and how often they were published.

use serde_json::json;

use crate::e2e::environment::TestEnvironment;
use crate::support::server::{Server, simulated};

simulated!(an_event_shows_the_text_of_its_own_moment);

/// Promise: events of one reason carry the text that was true at the time; only equal texts are folded into one event.
async fn an_event_shows_the_text_of_its_own_moment(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.binding("payments", "checkout", "PAY/nowhere", json!({}));
    let reported = async |reason: &str| {
        env.binding_reason("payments", "checkout", reason).await;
    };
    reported("ConnectionNotFound").await;
    env.connection(json!({}));
    reported("RepositoryNotFound").await;
    // Not admitting looks the same as not being there.
    let outsiders = json!({"matchLabels": {"kubernetes.io/metadata.name": "outsiders"}});
    let others =
        json!([{"name": "others", "namespaceSelector": outsiders, "repositories": ["PAY/*"]}]);
    env.connection(json!({"access": others}));
    reported("ConnectionNotFound").await;

    let binding = env
        .api::<bindery::crd::ProjectBinding>("payments")
        .get("checkout")
        .await
        .unwrap();
    let not_ready = || {
        let events = env.reported(&binding).into_iter();
        events
            .filter(|event| event.reason == "NotReady")
            .map(|event| {
                let reason = event.note.split(':').next().unwrap().to_owned();
                (reason, event.times)
            })
            .collect::<Vec<_>>()
    };
    let expected = [
        ("ConnectionNotFound".to_owned(), 2),
        ("RepositoryNotFound".to_owned(), 1),
    ];
    let is_reported = || {
        let mut found = not_ready();
        found.sort();
        found == expected
    };
    env.eventually(&format!("{expected:?}, not {:?}", not_ready()), is_reported)
        .await;
}
