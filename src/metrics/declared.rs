//! Every metric by name: the registration and the user's guide are both made from this list.

/// A metric with its documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Its name; that of a counter without the `_total` at its end.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// The names of its labels. None of them holds a name, a URL or a text.
    pub labels: &'static [&'static str],
    /// What it says.
    pub meaning: &'static str,
}

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Grows and shrinks.
    Gauge,
    /// Counts seconds in buckets.
    Histogram,
}

impl Kind {
    /// As Prometheus spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl Declared {
    /// The name under which it is scraped.
    #[must_use]
    pub fn scraped(&self) -> String {
        match self.kind {
            Kind::Counter => format!("{}_total", self.name),
            Kind::Gauge | Kind::Histogram => self.name.to_owned(),
        }
    }
}

/// Declares metrics as constants, and the list of all of them.
macro_rules! declare {
    ($($constant:ident = $kind:ident($name:literal, [$($label:literal),*], $meaning:literal);)+) => {
        $(pub(super) const $constant: Declared = Declared {
            name: $name,
            kind: Kind::$kind,
            labels: &[$($label),*],
            meaning: $meaning,
        };)+

        /// Every metric, in the order of the guide.
        pub const ALL: &[Declared] = &[$($constant),+];
    };
}

// The first ones have the names of controller-runtime, so that its dashboards work.
declare! {
    RECONCILES = Counter("controller_runtime_reconcile", ["controller", "result"], "Reconciles, by how they ended: `success`, `error`, `gone`, `undecodable`.");
    ERRORS = Counter("controller_runtime_reconcile_errors", ["controller"], "Reconciles that failed.");
    TERMINAL = Counter("controller_runtime_terminal_reconcile_errors", ["controller"], "Those of them that need a person.");
    PANICS = Counter("controller_runtime_reconcile_panics", ["controller"], "Reconciles that panicked: defects.");
    TIMEOUTS = Counter("controller_runtime_reconcile_timeouts", ["controller"], "Reconciles that were ended at --reconcile-timeout.");
    RECONCILE_TIME = Histogram("controller_runtime_reconcile_time_seconds", ["controller"], "How long reconciles take.");
    ACTIVE = Gauge("controller_runtime_active_workers", ["controller"], "Reconciles in progress.");
    MOST = Gauge("controller_runtime_max_concurrent_reconciles", ["controller"], "How many may work at once, beside those that call servers: `--concurrency`.");
    LEADS = Gauge("leader_election_master_status", ["name"], "1 while this operator holds the lease and writes, 0 while it stands by.");
    OBJECTS = Gauge("bindery_objects", ["kind", "ready", "reason"], "Objects by their condition `Ready`, counted when asked for.");
    DECORATION = Gauge("bindery_decoration", ["ready", "reason"], "ProjectBindings by their condition `DecorationReady`, counted when asked for.");
    BACKOFF = Gauge("bindery_objects_in_backoff", [], "Objects whose last reconcile failed.");
    DUE = Gauge("bindery_oldest_due_seconds", ["kind"], "How long the longest overdue reconcile is overdue.");
    UNDECODABLE = Gauge("bindery_undecodable_objects", ["kind"], "Objects that this version cannot read.");
    IMPORTS = Counter("bindery_imports", ["result"], "Attempts to create a project from a repository: `success`, `error`.");
    ADOPTIONS = Counter("bindery_adoptions", ["kind"], "Projects and configurations that were there and were taken over.");
    CORRECTED = Counter("bindery_drift_corrected", ["kind"], "Things that differed and were made equal again.");
    TIME_TO_READY = Histogram("bindery_time_to_ready_seconds", ["kind"], "How long objects were not ready that became so: since they were created, or since they were ready last. To the second.");
    STATUS_WRITES = Counter("bindery_status_writes", ["kind"], "Statuses written to Kubernetes. None while nothing changes.");
    WATCH_RESTARTS = Counter("bindery_watch_restarts", ["kind"], "Watches that failed and were begun again; those of Secrets and ConfigMaps also while they may not be read.");
    REQUESTS = Counter("bindery_external_requests", ["system", "operation", "code"], "Calls to SonarQube and Bitbucket, by their answer.");
    SPREAD_READS = Counter("bindery_spread_reads", [], "Spread reads: what no listing has is read for each ProjectBinding once in twelve intervals, or once in each interval if SonarQube lists no bindings (before 10.5).");
    REQUEST_TIME = Histogram("bindery_external_request_duration_seconds", ["system"], "How long calls to SonarQube and Bitbucket take.");
    UNDER_WAY = Gauge("bindery_external_inflight", ["system"], "Calls to SonarQube and Bitbucket that are in progress.");
    WAITING = Gauge("bindery_external_waiting", ["system"], "Calls to SonarQube and Bitbucket that wait: for other calls to end, for the rate limit, or because the server asked for it.");
    WAITED = Counter("bindery_external_wait_seconds", ["system"], "How long calls waited, in seconds.");
    BUDGETS = Gauge("bindery_external_budgets", ["system", "state"], "Pairs of a server and a token, by what holds calls back beside the limits: `open` (nothing), `recovering` (the server is back, and is asked more and more), `troubled` (the last call was not answered; one at a time tries), `paused` (the server asked to be left alone: `Retry-After`).");
    KUBERNETES = Counter("rest_client_requests", ["code", "method"], "Calls to the Kubernetes API, by their answer.");
    EVENTS_WAITING = Gauge("bindery_events_waiting", [], "Events that are to be published.");
    EVENTS_LOST = Counter("bindery_events_lost", [], "Events that were not published: the Kubernetes API refused them, or more waited than there is room for.");
    LOG_LINES_LOST = Counter("bindery_log_lines_lost", [], "Log lines that were not written because standard error was not read in time.");
    TOKEN_EXPIRY = Gauge("bindery_token_expiry_timestamp_seconds", ["system"], "When the first token expires, in seconds since 1970, of those whose expiry is known. SonarQube 9.9 and later report it, Bitbucket does not.");
    BUILD = Gauge("bindery_build_info", ["version"], "1, with the version of the operator.");
    CPU = Counter("process_cpu_seconds", [], "Processor time that was used, in seconds.");
    MEMORY = Gauge("process_resident_memory_bytes", [], "Memory in use.");
    FILES = Gauge("process_open_fds", [], "Open file descriptors.");
    STARTED = Gauge("process_start_time_seconds", [], "When the process started, in seconds since 1970.");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_prometheus_and_none_stands_twice() {
        for (index, one) in ALL.iter().enumerate() {
            let plain = |letter: char| letter.is_ascii_lowercase() || letter == '_';
            assert!(one.name.chars().all(plain), "{}", one.name);
            assert!(!one.name.ends_with("_total"), "{}", one.name);
            assert!(ALL[..index].iter().all(|other| other.name != one.name));
        }
    }
}
