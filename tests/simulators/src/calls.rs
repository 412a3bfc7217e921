//! The log of calls, in which no token ever stands.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// One request and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// Counts up from 1 and goes on after the log is cleared.
    pub number: u64,
    /// In upper case.
    pub method: String,
    /// Path and query as they were sent; a token in them is shown as `<token ID>`.
    pub target: String,
    /// The name of the route, one of the server's `operations`; `unknown` outside all of them.
    pub operation: &'static str,
    /// Which program called.
    pub caller: Caller,
    /// With what credential.
    pub credential: Credential,
    /// Those of its headers that distinguish programs: `accept`, `user-agent`, `x-atlassian-token`.
    pub headers: BTreeMap<&'static str, String>,
    /// When it came, in milliseconds since the server was started.
    pub at_milliseconds: u64,
    /// How many calls of the same program were in progress when it came, itself included.
    pub at_once: usize,
    /// How it ended.
    pub outcome: Outcome,
}

/// Which program called, after its `User-Agent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Caller {
    /// `SonarQube/…`, or `okhttp/…` before 26.
    #[serde(rename = "sonarqube")]
    SonarQube,
    /// `bindery…`.
    Bindery,
    /// Anything else.
    Other,
}

impl Caller {
    pub(crate) fn of(user_agent: &str) -> Self {
        let lower = user_agent.to_lowercase();
        if lower.starts_with("sonarqube/") || lower.starts_with("okhttp/") {
            Self::SonarQube
        } else if lower.starts_with("bindery") {
            Self::Bindery
        } else {
            Self::Other
        }
    }
}

/// A credential, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Credential {
    /// None was sent.
    Anonymous,
    /// The id of a token of this world.
    Token(String),
    /// The name of a user who sent a password.
    Password(String),
    /// Not known here, or unreadable.
    Unknown,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Not yet, or the caller went away before.
    Pending,
    /// With this status.
    Status(u16),
    /// By a lost connection, as a fault asked for.
    Dropped,
}

/// All calls since the log was cleared.
#[derive(Clone, Debug)]
pub(crate) struct Calls {
    started: Instant,
    log: Vec<Call>,
    last_number: u64,
    /// Those that the server is not done with, also where the log was cleared meanwhile.
    under_way: BTreeMap<u64, Caller>,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            log: Vec::new(),
            last_number: 0,
            under_way: BTreeMap::new(),
        }
    }
}

impl Calls {
    /// Notes a call and gives it its number.
    pub(crate) fn begin(&mut self, mut call: Call) -> u64 {
        self.last_number += 1;
        call.number = self.last_number;
        let since = self.started.elapsed().as_millis();
        call.at_milliseconds = u64::try_from(since).unwrap_or(u64::MAX);
        self.under_way.insert(call.number, call.caller);
        let of_the_same = self.under_way.values();
        call.at_once = of_the_same.filter(|caller| **caller == call.caller).count();
        self.log.push(call);
        self.last_number
    }

    /// Notes that the server is done with a call, also where its caller went away.
    pub(crate) fn is_done(&mut self, number: u64) {
        self.under_way.remove(&number);
    }

    /// Notes how a call ended, unless the log was cleared meanwhile.
    pub(crate) fn end(&mut self, number: u64, outcome: Outcome) {
        // Numbers count up: a log of a hundred thousand calls is not searched from its beginning.
        let place = self.log.binary_search_by_key(&number, |call| call.number);
        if let Ok(index) = place {
            self.log[index].outcome = outcome;
        }
    }

    pub(crate) fn all(&self) -> Vec<Call> {
        self.log.clone()
    }

    pub(crate) fn clear(&mut self) {
        self.log.clear();
    }

    pub(crate) fn counts(&self) -> BTreeMap<(Caller, &'static str), usize> {
        let mut counts = BTreeMap::new();
        for call in &self.log {
            *counts.entry((call.caller, call.operation)).or_default() += 1;
        }
        counts
    }
}
