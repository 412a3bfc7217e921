//! What is as declared costs nothing but a few listings.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::many;
use crate::e2e::environment::snapshot::{Done, SPREAD_READ, Snapshot};
use crate::support::server::{Server, on};

on!([real_26_9, simulated_25_1] => reconciles_of_settled_bindings_are_quiet);
on!([simulated_9_9] => what_no_listing_has_is_read_evenly_over_the_interval);

const BINDINGS: u32 = 50;

/// One page each: SonarQube lists 500 at a time, Bitbucket 1,000.
const LISTINGS: [&str; 3] = [
    "sonarqube GET api/v2/dop-translation/project-bindings 200",
    "sonarqube GET api/projects/search 200",
    "bitbucket GET rest/api/1.0/repos 200",
];

/// What an interval reads however many bindings there are. The token that SonarQube has cannot be read: it tries it.
const FIXED: [&str; 6] = [
    "sonarqube GET api/system/status 200",
    "sonarqube GET api/users/current 200",
    "sonarqube GET api/settings/values 200",
    "sonarqube GET api/v2/dop-translation/dop-settings 200",
    "sonarqube GET api/alm_settings/validate 204",
    "sonarqube GET api/alm_settings/count_binding 200",
];

/// What is read on request, after a failure, and seldom.
const SELDOM: [&str; 3] = [
    "sonarqube GET api/features/list 200",
    "bitbucket GET rest/api/1.0/application-properties 200",
    "bitbucket GET rest/api/1.0/users 200",
];

/// What finds out what the server can do, on request: calls that lack what they would need, and are
/// refused where they are known at all.
const PROBES: [&str; 6] = [
    "POST api/alm_settings/set_bitbucket_binding",
    "PUT api/v2/dop-translation/bound-projects",
    "GET api/v2/dop-translation/bound-projects",
    "GET api/v2/dop-translation/project-bindings 400",
    "POST api/alm_integrations/import_bitbucketserver_project",
    "GET api/navigation/global",
];

/// Promise: reconciles of fifty bindings that are up to date write nothing anywhere, and ask each server for its
/// listings; what no listing has is asked in spread reads.
async fn reconciles_of_settled_bindings_are_quiet(server: Server) {
    let env = settled_bindings(server).await;
    for reconcile in 1..=3 {
        let before = Snapshot::now(&env).await;
        env.reconcile_now(&format!("reconcile {reconcile}")).await;
        let done = before.since(&env).await;
        report(&format!("forced reconcile {reconcile}"), &done);
        let asked = each_once(&[&LISTINGS, &FIXED, &SELDOM]);
        assert_eq!(without_probes(&done), asked, "reconcile {reconcile}");
        assert_eq!(done.writes(), 0, "reconcile {reconcile}: {done:?}");
        // The acknowledgement, and nothing else.
        assert_eq!(done.status_writes, 1, "{done:?}");
        assert_eq!(done.written, ["BitbucketConnection bitbucket"]);
        assert_eq!(done.events, 0, "{done:?}");
    }

    env.connection(json!({"interval": "10s"}));
    intervals_go_by(&env, 2).await;
    let reconciles = env.operator.reconciles("projectbinding");
    let before = Snapshot::now(&env).await;
    intervals_go_by(&env, INTERVALS).await;
    let done = before.since(&env).await;
    report("three natural intervals", &done);
    assert_eq!((done.writes(), done.status_writes), (0, 0), "{done:?}");
    assert_eq!(done.written, Vec::<String>::new());
    assert_eq!(done.events, 0, "{done:?}");
    let mut exactly = each_once(&[&LISTINGS, &FIXED]);
    for count in exactly.values_mut() {
        *count *= INTERVALS;
    }
    assert_eq!(without_spread_reads(&done), exactly);
    // A binding that is up to date is reconciled only for its spread read: one in twelve intervals, of which three went
    // by.
    let done_reconciles = env.operator.reconciles("projectbinding") - reconciles;
    assert!(
        done_reconciles <= u64::from(BINDINGS) / 2,
        "{done_reconciles} reconciles"
    );
    assert!(spread_reads(&done) <= done_reconciles, "{done:?}");
}

/// Intervals that are counted.
const INTERVALS: u64 = 3;

/// Waits until so many reconciles of the connection have ended.
async fn intervals_go_by(env: &TestEnvironment, intervals: u64) {
    let reconciles = || env.operator.reconciles("bitbucketconnection");
    let before = reconciles();
    let all = || reconciles() >= before + intervals;
    env.eventually("intervals go by", all).await;
}

/// Promise: where no listing has bindings each is asked about once an interval, and no moment of it sees many at once.
async fn what_no_listing_has_is_read_evenly_over_the_interval(server: Server) {
    let env = settled_bindings(server).await;
    env.connection(json!({"interval": "10s"}));
    // One interval, until all of them have only spread reads.
    intervals_go_by(&env, 3).await;
    let reads = || {
        env.measured("bindery_spread_reads_total")
            .unwrap_or_default()
    };
    let (first, begun) = (reads(), Instant::now());
    let (mut last, mut most) = ((begun, first), 0.0_f64);
    for tenth in 1..=20_u32 {
        let end = begun + TENTH * tenth;
        env.eventually("a tenth goes by", || Instant::now() >= end)
            .await;
        let now = (Instant::now(), reads());
        // On a busy machine a tenth is counted late, and with it what belongs to the next ones.
        let tenths = (now.0 - last.0).div_duration_f64(TENTH).max(1.0);
        most = most.max((now.1 - last.1) / tenths);
        last = now;
    }
    let intervals = (last.0 - begun).div_duration_f64(TENTH * 10);
    let (all, bindings) = (last.1 - first, f64::from(BINDINGS));
    let line = format!("two intervals: {all} spread reads, at most {most} in a tenth\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    let expected = bindings * intervals;
    assert!(
        (expected * 0.9..=expected * 1.1).contains(&all),
        "{all} in {intervals} intervals"
    );
    assert!(most <= bindings * 0.4, "{most} at once");
}

/// A tenth of the interval.
const TENTH: Duration = Duration::from_secs(1);

fn spread_reads(done: &Done) -> u64 {
    done.calls.get(SPREAD_READ).copied().unwrap_or_default()
}

fn without_spread_reads(done: &Done) -> BTreeMap<String, u64> {
    let mut calls = done.calls.clone();
    calls.remove(SPREAD_READ);
    calls
}

fn without_probes(done: &Done) -> BTreeMap<String, u64> {
    let mut calls = without_spread_reads(done);
    calls.retain(|call, count| {
        let is_probe = PROBES.iter().any(|probe| call.contains(probe));
        assert!(!is_probe || *count == 1, "{call} was probed {count} times");
        !is_probe
    });
    // Some versions serve the page of no rows that is asked for to see whether there is a listing.
    if let Some(pages) = calls.get_mut(LISTINGS[0])
        && *pages == 2
    {
        *pages = 1;
    }
    calls
}

fn each_once(groups: &[&[&str]]) -> BTreeMap<String, u64> {
    let calls = groups.iter().copied().flatten();
    calls.map(|call| ((*call).to_owned(), 1)).collect()
}

/// Fifty bindings that are not reconciled for an hour.
async fn settled_bindings(server: Server) -> TestEnvironment {
    let env = TestEnvironment::set(server).await;
    let slugs = many::repositories(&env, BINDINGS as usize);
    env.connection(json!({"interval": "1h"}));
    env.apply(&many::bindings(&slugs));
    env.counted(BINDINGS).await;
    // The sweep before the imports knows nothing of them: one more, and every binding is up to date.
    env.reconcile_now("settled").await;
    env
}

fn report(what: &str, done: &Done) {
    let count = |group: &[&str]| {
        let calls = group.iter().filter_map(|call| done.calls.get(*call));
        calls.sum::<u64>()
    };
    let (listings, fixed) = (count(&LISTINGS), count(&FIXED) + count(&SELDOM));
    // Past the capture of the test runner: these numbers are to be seen in every run.
    let line = format!(
        "{what}: {listings} listing pages, {fixed} fixed reads, {} others, {} status writes\n",
        done.total() - listings - fixed,
        done.status_writes
    );
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}
