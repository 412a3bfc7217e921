//! What the tables of kubectl show while not everything is well.

use std::time::{Duration, Instant};

use bindery::crd::BitbucketConnection;
use serde_json::json;

use crate::e2e::environment::TestEnvironment;
use crate::support::server::{Server, simulated};

simulated!(
    a_failing_binding_shows_its_repository_and_project,
    the_first_count_of_bindings_is_shown_at_once,
);

/// Promise: the columns REPOSITORY and PROJECT are filled from the spec until the servers have returned more.
async fn a_failing_binding_shows_its_repository_and_project(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.binding("payments", "checkout", "PAY/no-such-repository", json!({}));
    env.binding_reason("payments", "checkout", "RepositoryNotFound")
        .await;
    let table = env.kubectl(&["get", "pbind", "checkout", "--namespace", "payments"]);
    let row: Vec<_> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(
        row[..6],
        [
            "checkout",
            "False",
            "RepositoryNotFound",
            "Unknown",
            "PAY/no-such-repository",
            "PAY:no-such-repository"
        ]
    );
}

/// Promise: a connection shows `0/2` as soon as it has two bindings. Later counts are written every ten seconds at
/// most.
async fn the_first_count_of_bindings_is_shown_at_once(server: Server) {
    let env = TestEnvironment::set(server).await;
    let counts = |count: &'static str| {
        move |connection: &BitbucketConnection| {
            let status = connection.status.as_ref();
            let bindings = status.and_then(|status| status.bindings.as_ref());
            bindings.is_some_and(|bindings| bindings.summary == count)
        }
    };
    // Counts were just written: the next ones of this connection are ten seconds away.
    env.connection(json!({}));
    env.binding("payments", "first", "PAY/no-such-repository", json!({}));
    env.until("platform", "bitbucket", counts("0/1")).await;
    // Both bindings are there when the connection comes: its first count cannot be that of one alone.
    for name in ["second", "third"] {
        let through = json!({"connectionRef": {"name": "second"}});
        env.binding("payments", name, "PAY/no-such-repository", through);
    }
    let began = Instant::now();
    env.connection_named("second", json!({"configurationName": "second"}));
    env.until("platform", "second", counts("0/2")).await;
    assert!(
        began.elapsed() < Duration::from_secs(7),
        "{:?}",
        began.elapsed()
    );
}
