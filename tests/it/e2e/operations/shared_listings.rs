//! Connections to the same servers with the same tokens list them once.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::json;

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::many::repositories;
use crate::support::server::{Server, on};

on!([simulated_26_9_enterprise] => connections_to_the_same_servers_share_their_listings);

/// All but the last one have the same tokens.
const CONNECTIONS: usize = 6;

/// Nine tenths of the interval, in seconds: a little early is early enough.
const BETWEEN_LISTINGS: u64 = 9;

/// Promise: connections with the same tokens cost one set of listings an interval, and drift of any of them is corrected
/// by it. One with another token has listings of its own.
async fn connections_to_the_same_servers_share_their_listings(server: Server) {
    let env = TestEnvironment::set(server).await;
    let administrator = env.sonarqube.user_with("other", &["admin", "provisioning"]);
    env.secret("second-token", &administrator);
    let slugs = repositories(&env, CONNECTIONS);
    for (nth, slug) in slugs.iter().enumerate() {
        let token = if nth + 1 < CONNECTIONS {
            "sonarqube-token"
        } else {
            "second-token"
        };
        let sonarqube = json!({"sonarqube": {"tokenSecretRef": {"name": token}}});
        env.connection_named(slug, sonarqube);
        let through = json!({"connectionRef": {"name": slug}});
        env.binding("payments", slug, &format!("PAY/{slug}"), through);
    }
    for slug in &slugs {
        env.binding_is("payments", slug, ("Ready", "True")).await;
    }
    // An interval later, the listings that new bindings ask for were made.
    intervals_go_by(&env, 1).await;
    let begun = Instant::now();
    env.sonarqube.simulated().clear_calls();
    env.bitbucket.clear_calls();
    intervals_go_by(&env, 3).await;
    let listings = listings(&env);
    let most = usize::try_from(begun.elapsed().as_secs() / BETWEEN_LISTINGS).unwrap() + 2;
    assert_eq!(
        listings.len(),
        2,
        "each token lists for itself: {listings:?}"
    );
    assert!(
        listings.values().all(|made| *made <= most),
        "{most}: {listings:?}"
    );
    // The first one is the one that lists, or it is not.
    for slug in [&slugs[0], &slugs[CONNECTIONS - 2]] {
        let key = format!("PAY:{slug}");
        env.sonarqube
            .post("api/alm_settings/delete_binding", &[("project", &key)]);
        let is_bound = || env.sonarqube.bound_to(&key).is_some();
        env.eventually("it is bound again", is_bound).await;
    }
}

/// Waits until all connections were reconciled as often.
async fn intervals_go_by(env: &TestEnvironment, intervals: usize) {
    let before = env.operator.reconciles("bitbucketconnection");
    let reconciles = u64::try_from(intervals * CONNECTIONS).unwrap();
    let all = || env.operator.reconciles("bitbucketconnection") >= before + reconciles;
    env.eventually("intervals go by", all).await;
}

/// How often all projects were listed by each token.
fn listings(env: &TestEnvironment) -> BTreeMap<String, usize> {
    let mut listings = BTreeMap::new();
    for call in env.sonarqube.simulated().calls() {
        let is_listing = call.target.starts_with("/api/projects/search?p=1&")
            && !call.target.contains("&projects=");
        if is_listing {
            *listings
                .entry(format!("{:?}", call.credential))
                .or_default() += 1;
        }
    }
    listings
}
