//! Calls in the logs of the simulated servers, sorted by their purpose.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use simulators::bitbucket::{Call, Caller};

/// How many external calls were made between two moments. All but the last count are of the operator alone.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Calls {
    /// Pages of listings: projects, bindings, repositories.
    pub(crate) listings: usize,
    /// `get_binding`: the spread reads.
    pub(crate) spread_reads: usize,
    /// All other calls, reads and writes.
    pub(crate) others: usize,
    /// Calls with another method than GET.
    pub(crate) writes: usize,
    /// How often each route was called: method, server, route.
    pub(crate) by_route: BTreeMap<String, usize>,
    /// What SonarQube itself called in Bitbucket. Each import costs two of these, with any client.
    pub(crate) by_sonarqube: usize,
}

enum Purpose {
    Listing,
    SpreadRead,
    Other,
}

impl Calls {
    /// Sorts the logs of a pair of servers.
    pub(crate) fn of(sonarqube: &[Call], bitbucket: &[Call]) -> Self {
        let mut calls = Self::default();
        for call in sonarqube {
            calls.note("sonarqube", call);
        }
        for call in bitbucket {
            calls.note("bitbucket", call);
        }
        calls
    }

    /// All calls of the operator.
    pub(crate) fn all(&self) -> usize {
        self.listings + self.spread_reads + self.others
    }

    fn note(&mut self, server: &str, call: &Call) {
        match call.caller {
            Caller::Bindery => {}
            Caller::SonarQube => {
                self.by_sonarqube += 1;
                return;
            }
            // The floor and the benchmark itself have the operator's client; nothing else calls.
            Caller::Other => return,
        }
        let (purpose, detail) = sort(call);
        match purpose {
            Purpose::Listing => self.listings += 1,
            Purpose::SpreadRead => self.spread_reads += 1,
            Purpose::Other => self.others += 1,
        }
        if call.method != "GET" {
            self.writes += 1;
        }
        let route = call.operation.trim_start_matches('/');
        let route = format!("{} {server} {route}{detail}", call.method);
        *self.by_route.entry(route).or_default() += 1;
    }
}

/// Routes that answer a page of a listing, unless one row is asked for.
const LISTINGS: [&str; 3] = [
    "/api/projects/search",
    "/api/v2/dop-translation/project-bindings",
    "repositories",
];

/// Whether a route is that of a listing.
pub(crate) fn is_listing(operation: &str) -> bool {
    LISTINGS.contains(&operation)
}

/// Whether a route has what no listing has: spread reads.
pub(crate) fn is_spread_read(operation: &str) -> bool {
    operation == "/api/alm_settings/get_binding"
}

/// The purpose of a call, and what distinguishes it from others of its route.
fn sort(call: &Call) -> (Purpose, &'static str) {
    let (_, query) = call.target.split_once('?').unwrap_or_default();
    let asks_for = |names: &[&str]| {
        let mut named = query.split('&').filter_map(|it| it.split('=').next());
        named.any(|name| names.contains(&name))
    };
    if is_spread_read(call.operation) {
        (Purpose::SpreadRead, "")
    } else if !is_listing(call.operation) {
        (Purpose::Other, "")
    } else if asks_for(&["projects", "q", "repository", "name"]) {
        (Purpose::Other, " (by name)")
    } else {
        (Purpose::Listing, " (listing)")
    }
}
