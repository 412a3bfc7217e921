//! What is as declared costs nothing but a few listings.

use std::collections::BTreeMap;
use std::io::Write as _;

use serde_json::json;

use super::crash;
use super::stage::Stage;
use super::tally::{Done, Tally};
use crate::support::server::{Server, on};

on!([real_26_9, simulated_25_1] => passes_over_settled_bindings_are_quiet);

const BINDINGS: u32 = 50;

/// One page each: SonarQube lists 500 at a time, Bitbucket 1,000.
const LISTINGS: [&str; 4] = [
    "sonarqube GET api/v2/dop-translation/project-bindings 200",
    "sonarqube GET api/alm_settings/count_binding 200",
    "sonarqube GET api/projects/search 200",
    "bitbucket GET rest/api/1.0/repos 200",
];

/// What a pass reads however many bindings there are. What SonarQube has for a token nobody can read: it tries it.
const HEALTH: [&str; 8] = [
    "sonarqube GET api/system/status 200",
    "sonarqube GET api/users/current 200",
    "sonarqube GET api/features/list 200",
    "sonarqube GET api/settings/values 200",
    "sonarqube GET api/v2/dop-translation/dop-settings 200",
    "sonarqube GET api/alm_settings/validate 204",
    "bitbucket GET rest/api/1.0/application-properties 200",
    "bitbucket GET rest/api/1.0/users 200",
];

/// What finds out what the server can do, when somebody asks for a pass: calls that lack what they would need, and are
/// refused where they are known at all.
const PROBES: [&str; 6] = [
    "POST api/alm_settings/set_bitbucket_binding",
    "PUT api/v2/dop-translation/bound-projects",
    "GET api/v2/dop-translation/bound-projects",
    "GET api/v2/dop-translation/project-bindings 400",
    "POST api/alm_integrations/import_bitbucketserver_project",
    "GET api/navigation/global",
];

/// What no listing has, of one project in each twelfth sweep or so.
pub(super) const SPREAD_READ: &str = "sonarqube GET api/alm_settings/get_binding 200";

/// Promise: passes over fifty settled bindings write nothing anywhere, and ask each server for its listings; what no
/// listing has is asked of a share of them.
async fn passes_over_settled_bindings_are_quiet(server: Server) {
    let stage = settled_bindings(server).await;
    for pass in 1..=3 {
        let before = Tally::now(&stage).await;
        stage.look_now(&format!("pass {pass}")).await;
        let done = before.since(&stage).await;
        report(&format!("forced pass {pass}"), &done);
        assert_eq!(without_probes(&done), one_pass(), "pass {pass}");
        assert_eq!(done.writes(), 0, "pass {pass}: {done:?}");
        assert!(spread_reads(&done) <= SHARE, "pass {pass}: {done:?}");
        // The acknowledgement, and nothing else.
        assert_eq!(done.status_writes, 1, "{done:?}");
        assert_eq!(done.written, ["BitbucketConnection bitbucket"]);
        assert_eq!(done.events, 0, "{done:?}");
    }

    stage.connection(json!({"interval": "10s"}));
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    let before = Tally::now(&stage).await;
    let passes = |kind| stage.operator.passes(kind);
    let (connections, bindings) = (passes("bitbucketconnection"), passes("projectbinding"));
    let all_had_a_turn = || {
        passes("bitbucketconnection") > connections
            // The change of the spec is one pass each, the interval another.
            && passes("projectbinding") >= bindings + 2 * u64::from(BINDINGS)
    };
    stage
        .eventually("an interval goes by", all_had_a_turn)
        .await;
    let done = before.since(&stage).await;
    report("a natural interval", &done);
    assert_eq!((done.writes(), done.status_writes), (0, 0), "{done:?}");
    assert_eq!(done.written, Vec::<String>::new());
    assert_eq!(done.events, 0, "{done:?}");
    let kinds: Vec<_> = without_spread_reads(&done).into_keys().collect();
    let known: Vec<_> = one_pass().into_keys().collect();
    assert_eq!(kinds, known, "nothing else is asked for a single binding");
    let sweeps = done.calls[LISTINGS[0]];
    assert!(spread_reads(&done) <= sweeps * SHARE, "{done:?}");
}

/// The most bindings whose turn one sweep may be: far less than all of them, and more than a twelfth, since their keys
/// do not fall evenly.
const SHARE: u64 = BINDINGS as u64 / 3;

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

fn one_pass() -> BTreeMap<String, u64> {
    LISTINGS
        .iter()
        .chain(&HEALTH)
        .map(|call| ((*call).to_owned(), 1))
        .collect()
}

/// Fifty bindings that nobody looks at for an hour.
async fn settled_bindings(server: Server) -> Stage {
    let stage = Stage::set(server).await;
    let slugs = crash::repositories(&stage, BINDINGS as usize);
    stage.connection(json!({"interval": "1h"}));
    stage.apply(&crash::bindings(&slugs));
    stage.counted(BINDINGS).await;
    // The sweep before the imports knows nothing of them: one more, and every binding is at rest.
    stage.look_now("settled").await;
    stage
}

fn report(what: &str, done: &Done) {
    let count = |group: &[&str]| {
        let calls = group.iter().filter_map(|call| done.calls.get(*call));
        calls.sum::<u64>()
    };
    let (listings, health) = (count(&LISTINGS), count(&HEALTH));
    // Past the capture of the test runner: these numbers are to be seen in every run.
    let line = format!(
        "{what}: {listings} listing pages, {health} fixed reads, {} spread reads, {} status writes\n",
        done.total() - listings - health,
        done.status_writes
    );
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}
