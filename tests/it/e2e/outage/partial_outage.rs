//! One call of a server fails while everything else works.

use std::time::{Duration, Instant};

use serde_json::json;
use simulators::sonarqube::{Effect, Fault, Scripted};

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::many;
use crate::e2e::environment::waiting::says;
use crate::support::server::{Server, simulated};

simulated!(
    imports_that_fail_alone_have_the_servers_checked_ever_less_often,
    a_write_that_fails_alone_has_the_servers_checked_ever_less_often,
);

const IMPORT: &str = "PUT /api/v2/dop-translation/bound-projects";
const VISIBILITY: &str = "POST /api/projects/update_visibility";

const BINDINGS: usize = 40;

/// What the server asks for, in seconds.
const RETRY_AFTER: u32 = 5;

/// Promise: SonarQube fails in one call alone. Its connection is checked, found well, and then left in peace; the
/// bindings try again at their own pace, and are ready soon after it works again.
async fn imports_that_fail_alone_have_the_servers_checked_ever_less_often(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let slugs = many::repositories(&env, BINDINGS);
    let begun = fail_alone(&env, IMPORT, None);
    env.apply(&many::bindings(&slugs));
    let all_tried = || calls(&env, IMPORT) >= BINDINGS;
    env.eventually("all bindings tried", all_tried).await;
    assert_left_in_peace(&env, (IMPORT, begun), BINDINGS * 5).await;
    assert_corrected(&env, &slugs).await;
}

/// Promise: the same holds for a call that no check of the connection makes. Where the server asks for a pause, it has
/// it from all its bindings, not from each one after its own call.
async fn a_write_that_fails_alone_has_the_servers_checked_ever_less_often(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let slugs = many::repositories(&env, BINDINGS);
    let begun = fail_alone(&env, VISIBILITY, Some(RETRY_AFTER));
    for slug in &slugs {
        let private = json!({"sonarqubeProject": {"visibility": "Private"}});
        env.binding("payments", slug, &format!("PAY/{slug}"), private);
    }
    let some_tried = || calls(&env, VISIBILITY) >= 2;
    env.eventually("some bindings tried", some_tried).await;
    // One after each pause, and those that were in progress.
    assert_left_in_peace(&env, (VISIBILITY, begun), 4 + 8).await;
    assert_corrected(&env, &slugs).await;
}

/// Returns since when calls are counted.
fn fail_alone(env: &TestEnvironment, call: &str, retry_after: Option<u32>) -> Instant {
    let header = |seconds: u32| ("retry-after".to_owned(), seconds.to_string());
    let away = Scripted {
        status: 503,
        body: "{}".to_owned(),
        headers: retry_after.map(header).into_iter().collect(),
    };
    let fault = Fault::at(call).effect(Effect::Answer(away));
    env.sonarqube.simulated().fault(fault);
    env.sonarqube.simulated().clear_calls();
    Instant::now()
}

/// How often calls of this method and path were made.
fn calls(env: &TestEnvironment, call: &str) -> usize {
    let calls = env.sonarqube.simulated().calls();
    let of = |method: &str, target: &str| {
        let path = target.split('?').next().unwrap_or_default();
        format!("{method} {path}") == call
    };
    calls
        .iter()
        .filter(|call| of(&call.method, &call.target))
        .count()
}

async fn assert_left_in_peace(
    env: &TestEnvironment,
    (call, begun): (&str, Instant),
    most_tries: usize,
) {
    let before = calls(env, call);
    // 20 s, not less: that is what is promised to cost little.
    tokio::time::sleep(Duration::from_secs(20)).await;
    let checks = calls(env, "GET /api/system/status");
    // At once, perhaps once more for those that failed meanwhile, then after 5, 10, 15 s and so on at the earliest. New
    // bindings ask for listings: each is made by a reconcile that checks the servers, and may be asked for too early.
    let listings = calls(env, "GET /api/alm_settings/count_binding");
    let seconds = usize::try_from(begun.elapsed().as_secs()).unwrap();
    let most = 2 + seconds / 5 + 2 * listings;
    eprintln!("measured: {checks} checks and {listings} listings in {seconds} s");
    assert!(
        (1..=most).contains(&checks),
        "{checks} checks of SonarQube and {listings} listings in {seconds} s"
    );
    let tries = calls(env, call) - before;
    assert!((1..=most_tries).contains(&tries), "{tries} tries");
    let connection = env.connection_is("bitbucket", ("Ready", "True")).await;
    assert!(says(&connection, ("SonarQubeReachable", "True")));
}

async fn assert_corrected(env: &TestEnvironment, slugs: &[String]) {
    env.sonarqube.simulated().clear_faults();
    for slug in slugs {
        env.binding_is("payments", slug, ("Ready", "True")).await;
    }
}
