//! Many new bindings at once: what a create costs, and that nothing is taken that a listing does not show yet.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bindery::crd::ProjectBinding;
use kube::api::{Patch, PatchParams};
use simulators::bitbucket::{Bitbucket, Caller, Fault, Profile};

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::many::{bindings, repositories};
use crate::support::server::{Server, simulated};

simulated!(
    a_create_among_many_costs_few_calls,
    a_create_that_comes_alone_costs_no_more,
    one_listing_serves_many_bindings_and_wakes_them,
    imports_go_on_while_the_next_listing_is_made,
    a_project_that_appears_after_the_listing_is_not_taken,
    an_import_that_created_nothing_adopts_no_project,
    an_object_that_is_written_before_its_intent_is_reconciled_anew,
    a_url_that_is_changed_during_many_imports_gets_a_token_for_a_moment_at_most,
);

const IMPORT: &str = "PUT /api/v2/dop-translation/bound-projects";

/// An environment with repositories that the listing shows.
pub(crate) async fn listed(server: Server, count: usize) -> (TestEnvironment, Vec<String>) {
    listed_with(server, count, &["--minimum-interval", "10s"]).await
}

/// The same, for an operator with these arguments.
pub(crate) async fn listed_with(
    server: Server,
    count: usize,
    arguments: &[&str],
) -> (TestEnvironment, Vec<String>) {
    let env = TestEnvironment::set_with(server, arguments).await;
    env.connection(serde_json::json!({"interval": "1h"}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let slugs = repositories(&env, count);
    env.reconcile_now("the repositories").await;
    (env, slugs)
}

/// Binds all of them while the servers answer slowly enough for many to be at work at once.
pub(crate) fn bind(env: &TestEnvironment, slugs: &[String]) {
    let slow = || {
        Fault::at("*")
            .caller(Caller::Bindery)
            .delay(Duration::from_millis(30))
    };
    env.bitbucket.fault(slow());
    env.sonarqube.simulated().fault(slow());
    env.apply(&bindings(slugs));
}

pub(crate) async fn are_ready(env: &TestEnvironment, slugs: &[String]) -> Vec<ProjectBinding> {
    let mut ready = Vec::new();
    for slug in slugs {
        ready.push(env.binding_is("payments", slug, ("Ready", "True")).await);
    }
    ready
}

/// Calls of the operator to both servers, by operation.
fn calls(env: &TestEnvironment) -> BTreeMap<&'static str, usize> {
    let sonarqube = env.sonarqube.simulated().counts();
    let all = sonarqube.into_iter().chain(env.bitbucket.counts());
    let mut calls = BTreeMap::new();
    for ((caller, operation), count) in all {
        if caller == Caller::Bindery {
            *calls.entry(operation).or_default() += count;
        }
    }
    calls
}

/// What creates have cost.
struct Cost {
    calls: BTreeMap<&'static str, usize>,
    took: Duration,
}

impl Cost {
    /// What it costs to bind these: counted from before the first is there until all are Ready.
    async fn of(env: &TestEnvironment, bind: impl AsyncFnOnce()) -> Self {
        env.sonarqube.simulated().clear_calls();
        env.bitbucket.clear_calls();
        let begun = Instant::now();
        bind().await;
        let (calls, took) = (calls(env), begun.elapsed());
        Self { calls, took }
    }

    fn made(&self, operation: &str) -> usize {
        self.calls.get(operation).copied().unwrap_or(0)
    }

    /// Promise: each create costs the import and two calls for its branch, however quickly or slowly they are made. The
    /// rest is shared: of many no more than four in ten seconds ask for themselves, there is one listing in ten seconds,
    /// or in two while more is read alone than a listing costs, and where the token goes is read once in a second.
    fn is_that_of(&self, creates: usize) {
        let calls = &self.calls;
        for own in [
            "/api/v2/dop-translation/bound-projects",
            "/api/project_branches/list",
            "default-branch",
        ] {
            assert_eq!(self.made(own), creates, "{own}: {calls:?}");
        }
        let seconds = usize::try_from(self.took.as_secs()).unwrap() + 1;
        let listings = self.made("/api/alm_settings/count_binding");
        assert!(listings <= 1 + seconds / 2, "{listings}: {calls:?}");
        let looks = self.made("repository");
        assert!(looks <= 4 * (1 + seconds / 10), "{looks}: {calls:?}");
        assert_eq!(self.made("/api/alm_settings/get_binding"), 0, "{calls:?}");
        // Where the listing began before the object was there, the binding of its repository is read before the import.
        let of_bindings = self.made("/api/v2/dop-translation/project-bindings");
        let most = creates + 2 * (looks + listings);
        assert!(of_bindings <= most, "{of_bindings}: {calls:?}");
        eprintln!("measured: {creates} creates in {seconds} s: {calls:?}");
        let of_keys = self.made("/api/projects/search") - listings;
        assert!(of_keys <= creates + seconds, "{of_keys}: {calls:?}");
        let of_settings = self.made("/api/v2/dop-translation/dop-settings");
        // The connection reads it too, for a listing.
        let most = seconds.min(creates) + looks + listings;
        assert!(of_settings <= most, "{of_settings}: {calls:?}");
    }
}

/// Promise: of many creates each costs three calls and a share of look-ups, and three writes and an event.
async fn a_create_among_many_costs_few_calls(server: Server) {
    let (env, slugs) = listed(server, 60).await;
    let before = api_calls(&env);
    let cost = Cost::of(&env, async || {
        bind(&env, &slugs);
        for binding in are_ready(&env, &slugs).await {
            let status = binding.status.unwrap();
            assert_eq!(status.record.created_by, binding.metadata.uid);
            assert_eq!(status.record.intent, None);
        }
    });
    cost.await.is_that_of(slugs.len());
    // The finalizer, the intent, the status; an event. The connection has some of its own.
    let after = api_calls(&env);
    let made = |verb: &str| after.get(verb).unwrap_or(&0) - before.get(verb).unwrap_or(&0);
    let verbs = ["PATCH", "POST", "GET"].map(made);
    assert!((60 * 3..=60 * 3 + 6).contains(&verbs[0]), "{verbs:?}");
    assert!((60..=60 + 3).contains(&verbs[1]), "{verbs:?}");
    // No object is read: the Secrets of the connection are.
    assert!(verbs[2] <= 18, "{verbs:?}");
}

/// Promise: the same holds for creates that come one after the other, as a slow client makes them.
async fn a_create_that_comes_alone_costs_no_more(server: Server) {
    let (env, slugs) = listed(server, 12).await;
    let cost = Cost::of(&env, async || {
        for slug in &slugs {
            env.apply(&bindings(std::slice::from_ref(slug)));
            env.binding_is("payments", slug, ("Ready", "True")).await;
        }
    });
    cost.await.is_that_of(slugs.len());
}

/// Promise: where the listing is too old, one is made for all that wait for it, and wakes them.
async fn one_listing_serves_many_bindings_and_wakes_them(server: Server) {
    let (env, slugs) = listed(server, 20).await;
    let listed = Instant::now();
    let is_old = || listed.elapsed() > Duration::from_secs(10);
    env.eventually("the listing is old", is_old).await;
    let cost = Cost::of(&env, async || {
        bind(&env, &slugs);
        are_ready(&env, &slugs).await;
    });
    let cost = cost.await;
    cost.is_that_of(slugs.len());
    let listings = cost.made("/api/alm_settings/count_binding");
    assert!(listings >= 1, "{:?}", cost.calls);
}

/// Promise: the next listing is made before the last is too old. Imports go on meanwhile, by the last one.
async fn imports_go_on_while_the_next_listing_is_made(server: Server) {
    const LISTING: &str = "GET /api/alm_settings/count_binding";
    const TAKES: Duration = Duration::from_secs(1);
    let (env, slugs) = listed(server, 200).await;
    let sonarqube = env.sonarqube.simulated();
    // Eleven imports a second: the first listing that shows all objects is too old before all are made.
    sonarqube.fault(Fault::at(IMPORT).delay(Duration::from_millis(700)));
    sonarqube.fault(Fault::at(LISTING).delay(TAKES));
    sonarqube.clear_calls();
    bind(&env, &slugs);
    are_ready(&env, &slugs).await;
    let calls = sonarqube.calls();
    let came = |call: &str| -> Vec<Duration> {
        let path = call.split(' ').nth(1).unwrap();
        let of_it = calls.iter().filter(|call| call.operation == path);
        of_it
            .map(|call| Duration::from_millis(call.at_milliseconds))
            .collect()
    };
    let imports = came(IMPORT);
    let mut looked_at = 0;
    for began in came(LISTING) {
        // More are left than are at work at once.
        let ended = began + TAKES;
        if imports.iter().filter(|at| **at > ended).count() < 16 {
            continue;
        }
        // What was planned before the last one was too old may come in the first moments.
        let is_meanwhile = |at: &Duration| (began + TAKES / 2..ended).contains(at);
        assert!(
            imports.iter().any(is_meanwhile),
            "no import while the listing of {began:?} was made: {imports:?}"
        );
        looked_at += 1;
    }
    assert!(looked_at >= 2, "{looked_at}: {imports:?}");
}

/// Promise: many imports share what was asked a second ago about where their token goes, and no more than that: then
/// none goes to a URL that a user changed, and it is corrected.
async fn a_url_that_is_changed_during_many_imports_gets_a_token_for_a_moment_at_most(
    server: Server,
) {
    let (env, slugs) = listed(server, 60).await;
    let elsewhere = Bitbucket::start(Profile::V9_4).await.unwrap();
    let slow = Fault::at(IMPORT).delay(Duration::from_millis(500));
    env.sonarqube.simulated().fault(slow);
    bind(&env, &slugs);
    let some = || env.sonarqube.project_keys().len() >= 10;
    env.eventually("ten imports", some).await;
    let url = elsewhere.url();
    let change = [
        ("key", "bitbucket"),
        ("url", url.as_str().trim_end_matches('/')),
        ("personalAccessToken", "made-by-hand"),
    ];
    env.sonarqube
        .post("api/alm_settings/update_bitbucket", &change);
    // A second, and the import that began in it.
    tokio::time::sleep(Duration::from_secs(3)).await;
    elsewhere.clear_calls();
    are_ready(&env, &slugs).await;
    assert_eq!(elsewhere.calls(), []);
}

/// Promise: an intent is stored over the object as it was planned for. If another client wrote it meanwhile, it is
/// planned again, which is no failure.
async fn an_object_that_is_written_before_its_intent_is_reconciled_anew(server: Server) {
    let (env, slugs) = listed(server, 1).await;
    let look = "GET /api/projects/search";
    let sonarqube = env.sonarqube.simulated();
    let slow = Fault::at(look).delay(Duration::from_secs(3));
    sonarqube.fault(slow.times(1));
    sonarqube.clear_calls();
    env.apply(&bindings(&slugs));
    let path = look.split(' ').nth(1).unwrap();
    let asked = || calls(&env).contains_key(path);
    env.eventually("the look is in progress", asked).await;
    // A label triggers no reconcile.
    let api = env.api::<ProjectBinding>("payments");
    let label = Patch::Merge(serde_json::json!({"metadata": {"labels": {"team": "payments"}}}));
    let parameters = PatchParams::default();
    api.patch(&slugs[0], &parameters, &label).await.unwrap();
    let ready = are_ready(&env, &slugs).await.remove(0);
    assert_eq!(env.reasons(&ready), ["Imported"]);
    let calls = calls(&env);
    let imports = calls["/api/v2/dop-translation/bound-projects"];
    assert_eq!(imports, 1, "{calls:?}");
    // For the plan that was dropped, and for the one that was carried out.
    assert!(calls[path] >= 2, "{calls:?}");
}

/// Calls of the operator to the API server, by method.
fn api_calls(env: &TestEnvironment) -> BTreeMap<String, u64> {
    let mut calls = BTreeMap::new();
    for line in env.operator.metrics().lines() {
        if let Some(labels) = line.strip_prefix("rest_client_requests_total{") {
            let method = labels.split("method=\"").nth(1).unwrap();
            let method = method.split('"').next().unwrap().to_owned();
            let count: u64 = line.rsplit_once(' ').unwrap().1.parse().unwrap();
            *calls.entry(method).or_default() += count;
        }
    }
    calls
}

/// Promise: a listing may be some seconds old, and still no project of another user is taken.
async fn a_project_that_appears_after_the_listing_is_not_taken(server: Server) {
    let (env, slugs) = listed(server, 30).await;
    let (taken, others) = slugs.split_at(8);
    for slug in taken {
        env.sonarqube.create_project(&format!("PAY:{slug}"), slug);
    }
    bind(&env, &slugs);
    are_ready(&env, others).await;
    for slug in taken {
        env.binding_reason("payments", slug, "ProjectExists").await;
        assert_eq!(env.sonarqube.bound_to(&format!("PAY:{slug}")), None);
    }
}

/// Promise: an import that met a project of another user says so, and does not make it ours.
async fn an_import_that_created_nothing_adopts_no_project(server: Server) {
    let (env, slugs) = listed(server, 30).await;
    let slug = &slugs[12];
    let key = format!("PAY:{slug}");
    let held = Fault::at(IMPORT).with("projectKey", &key);
    let sonarqube = env.sonarqube.simulated();
    sonarqube.fault(held.delay(Duration::from_secs(3)));
    bind(&env, &slugs);
    let intends = |binding: &ProjectBinding| {
        let status = binding.status.as_ref();
        status.is_some_and(|status| status.record.intent.is_some())
    };
    env.until("payments", slug, intends).await;
    env.sonarqube.create_project(&key, slug);
    let ready = are_ready(&env, &slugs).await;
    let record = &ready[12].status.as_ref().unwrap().record;
    let made = (&record.created_by, &record.bound_by);
    assert_eq!(made, (&None, &ready[12].metadata.uid));
}
