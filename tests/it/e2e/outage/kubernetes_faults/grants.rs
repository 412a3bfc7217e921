//! Secrets that the operator may not read for a while.

use serde_json::json;

use super::behind_a_proxy;
use crate::e2e::environment::deletions::DELETING;
use crate::e2e::environment::fault_proxy::{Effect, Fault, FaultProxy, Seen, Tear};
use crate::e2e::environment::{TestEnvironment, manifests};
use crate::support::server::{Server, simulated};

simulated!(
    a_secret_that_can_be_read_again_is_used_soon,
    a_role_without_get_is_named_and_costs_no_reconciles,
);

/// Lists and watches of the Secret.
const LISTS: &str = "/secrets?*bitbucket-token";
const WATCH: &str = "/secrets?*watch=true*bitbucket-token";
const READ: &str = "/secrets/bitbucket-token";

/// The lists and watches of the Secret so far.
fn lists(api_server: &FaultProxy) -> Vec<Seen> {
    let mut seen = api_server.seen();
    let parts: Vec<_> = LISTS.split('*').collect();
    seen.retain(|seen| parts.iter().all(|part| seen.target.contains(part)));
    seen
}

/// Waits until a watch of the Secret is answered.
async fn is_watched(env: &TestEnvironment, api_server: &FaultProxy) {
    let goes_on = |last: &Seen| last.target.contains("watch=true") && last.status == Some(200);
    let is_so = || lists(api_server).last().is_some_and(goes_on);
    env.eventually("the Secret is watched", is_so).await;
}

/// Has the connection find that it may not read the Secret.
async fn may_not_read(env: &TestEnvironment, api_server: &FaultProxy, request: &str) {
    api_server.fault(Fault::at("GET", READ).status(403, "Forbidden"));
    env.ask(request).await;
    env.connection_reason("bitbucket", "SecretForbidden").await;
}

/// Promise (row 53): a Secret that could not be read for a while is used soon after it can be, though it did not change:
/// its watch lists it again, and the connection does not wait for its own next try, ten minutes later.
async fn a_secret_that_can_be_read_again_is_used_soon(server: Server) {
    let (env, api_server) = behind_a_proxy(server, DELETING).await;
    // The watch goes on: whether it may is asked when it begins.
    is_watched(&env, &api_server).await;
    may_not_read(&env, &api_server, "while it is watched").await;
    api_server.clear();
    env.connection_is("bitbucket", ("Ready", "True")).await;

    // The watch is cut, and the connection reads the Secret as the next list will show it.
    is_watched(&env, &api_server).await;
    api_server.fault(Fault::at("GET", LISTS).status(403, "Forbidden"));
    let cut = Fault::at("GET", WATCH).times(1);
    api_server.fault(cut.effect(Effect::Stream(Tear::CutMidLine)));
    let annotate = ["annotate", "secret", "bitbucket-token", "-n", "platform"];
    env.kubectl(&[&annotate[..], &["example.com/changed=yes"]].concat());
    let is_refused = || lists(&api_server).last().unwrap().status == Some(403);
    env.eventually("the watch is refused", is_refused).await;
    env.reconcile_now("behind the cut").await;
    env.connection_is("bitbucket", ("Ready", "True")).await;
    may_not_read(&env, &api_server, "while no watch is taken").await;
    api_server.clear();
    env.connection_is("bitbucket", ("Ready", "True")).await;
}

/// Promise (row 53): a Role that allows to list and watch a Secret, and not to read it, is named by the verb that it lacks.
/// The watch asks until the Secret can be read; no reconcile does.
async fn a_role_without_get_is_named_and_costs_no_reconciles(server: Server) {
    let (env, api_server) = behind_a_proxy(server, DELETING).await;
    let [whole, _] = manifests::grant(&["bitbucket-token", "sonarqube-token"]);
    let mut reduced = whole.clone();
    reduced["rules"][0]["verbs"] = json!(["list", "watch"]);
    env.apply(&reduced);
    let read = ["get", "secrets/sonarqube-token", "--namespace=platform"];
    env.eventually("it may not be read", || !env.servers.operator_may(&read))
        .await;
    env.ask("without get").await;
    let message = env.connection_reason("bitbucket", "SecretForbidden").await;
    for part in [
        "may not read secrets platform/bitbucket-token (missing verbs: get), ",
        "secrets platform/sonarqube-token (missing verbs: get). ",
        " # as a manifest: bindery grant platform/bitbucket ",
    ] {
        assert!(message.contains(part), "{message}");
    }

    let asked = || {
        let seen = api_server.seen().into_iter();
        seen.filter(|seen| seen.target.contains("/secrets/sonarqube-token"))
            .count()
    };
    let so_far = asked();
    env.eventually("its watch asks", || asked() > so_far).await;
    let reconciles = || env.operator.reconciles("bitbucketconnection");
    let (so_far, before) = (asked(), reconciles());
    env.eventually("its watch asks again", || asked() >= so_far + 2)
        .await;
    assert_eq!(reconciles(), before);

    env.apply(&whole);
    env.connection_is("bitbucket", ("Ready", "True")).await;
}
