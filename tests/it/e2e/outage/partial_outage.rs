//! One call of a server fails while everything else works.

use std::time::{Duration, Instant};

use serde_json::json;
use simulators::sonarqube::{Effect, Fault, Scripted};

use crate::e2e::environment::Stage;
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
    let stage = Stage::set(server).await;
    stage.connection(json!({}));
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    let slugs = many::repositories(&stage, BINDINGS);
    let begun = fail_alone(&stage, IMPORT, None);
    stage.apply(&many::bindings(&slugs));
    let all_tried = || calls(&stage, IMPORT) >= BINDINGS;
    stage.eventually("all bindings tried", all_tried).await;
    assert_left_in_peace(&stage, (IMPORT, begun), BINDINGS * 5).await;
    assert_healed(&stage, &slugs).await;
}

/// Promise: the same holds for a call that no check of the connection makes. Where the server asks for a pause, it has
/// it from all its bindings, not from each one after its own call.
async fn a_write_that_fails_alone_has_the_servers_checked_ever_less_often(server: Server) {
    let stage = Stage::set(server).await;
    stage.connection(json!({}));
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    let slugs = many::repositories(&stage, BINDINGS);
    let begun = fail_alone(&stage, VISIBILITY, Some(RETRY_AFTER));
    for slug in &slugs {
        let private = json!({"sonarqubeProject": {"visibility": "Private"}});
        stage.binding("payments", slug, &format!("PAY/{slug}"), private);
    }
    let some_tried = || calls(&stage, VISIBILITY) >= 2;
    stage.eventually("some bindings tried", some_tried).await;
    // One after each pause, and those that were in progress.
    assert_left_in_peace(&stage, (VISIBILITY, begun), 4 + 8).await;
    assert_healed(&stage, &slugs).await;
}

/// Returns since when calls are counted.
fn fail_alone(stage: &Stage, call: &str, retry_after: Option<u32>) -> Instant {
    let header = |seconds: u32| ("retry-after".to_owned(), seconds.to_string());
    let away = Scripted {
        status: 503,
        body: "{}".to_owned(),
        headers: retry_after.map(header).into_iter().collect(),
    };
    let fault = Fault::at(call).effect(Effect::Answer(away));
    stage.sonarqube.simulated().fault(fault);
    stage.sonarqube.simulated().clear_calls();
    Instant::now()
}

/// How often calls of this method and path were made.
fn calls(stage: &Stage, call: &str) -> usize {
    let calls = stage.sonarqube.simulated().calls();
    let of = |method: &str, target: &str| {
        let path = target.split('?').next().unwrap_or_default();
        format!("{method} {path}") == call
    };
    calls
        .iter()
        .filter(|call| of(&call.method, &call.target))
        .count()
}

async fn assert_left_in_peace(stage: &Stage, (call, begun): (&str, Instant), most_tries: usize) {
    let before = calls(stage, call);
    // 20 s, not less: that is what is promised to cost little.
    tokio::time::sleep(Duration::from_secs(20)).await;
    let checks = calls(stage, "GET /api/system/status");
    // At once, perhaps once more for those that failed meanwhile, then after 5, 10, 15 s and so on at the earliest.
    let most = 2 + usize::try_from(begun.elapsed().as_secs()).unwrap() / 5;
    assert!((1..=most).contains(&checks), "{checks} checks of SonarQube");
    let tries = calls(stage, call) - before;
    assert!((1..=most_tries).contains(&tries), "{tries} tries");
    let connection = stage.connection_is("bitbucket", ("Ready", "True")).await;
    assert!(says(&connection, ("SonarQubeReachable", "True")));
}

async fn assert_healed(stage: &Stage, slugs: &[String]) {
    stage.sonarqube.simulated().clear_faults();
    for slug in slugs {
        stage.binding_is("payments", slug, ("Ready", "True")).await;
    }
}
