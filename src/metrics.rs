//! What can be counted from outside. Labels hold kinds, operations and results: never a name, a URL or a text.

mod declared;
mod kubernetes;
mod process;
mod series;
mod servers;

use std::fmt::Write as _;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

pub use declared::{ALL, Declared, Kind};
pub use kubernetes::KubernetesCalls;
use process::Process;
use series::{Counters, Gauges, Real, RealCounters, Register, Times};

/// How a reconcile ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Everything is as declared.
    Well,
    /// It failed, and is tried again.
    Failed,
    /// It failed, and a person is needed.
    Terminal,
    /// The object is gone.
    Gone,
    /// The object cannot be read.
    Undecodable,
}

/// What is counted when it is asked for, rather than kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Census {
    /// Objects by kind, and by status and reason of their condition `Ready`.
    pub(crate) objects: Vec<Number<3>>,
    /// Bindings that have a condition `DecorationReady` by its status and reason.
    pub(crate) decoration: Vec<Number<2>>,
    /// Objects that cannot be read, by kind.
    pub(crate) undecodable: Vec<Number<1>>,
    /// How many objects failed in their last reconcile.
    pub(crate) in_backoff: usize,
    /// For each kind, how long its most overdue object waits.
    pub(crate) oldest_due: Vec<(&'static str, Duration)>,
    /// When the first of the tokens expires of which that is known, in seconds since 1970, and whose it is.
    pub(crate) token_expiry: Option<(&'static str, f64)>,
}

/// A number of objects, and the labels that it is exported with. Numbers with the same labels add up.
#[derive(Clone, Debug)]
pub(crate) struct Number<const LABELS: usize> {
    labels: [String; LABELS],
    number: u64,
}

impl<const LABELS: usize> Number<LABELS> {
    pub(crate) fn of(labels: [String; LABELS], number: u64) -> Self {
        Self { labels, number }
    }
}

type CensusTaker = Box<dyn Fn() -> Census + Send + Sync>;

/// All metrics of the operator.
pub struct Metrics {
    registry: Registry,
    reconciles: Counters,
    errors: Counters,
    terminal: Counters,
    panics: Counters,
    timeouts: Counters,
    reconcile_time: Times,
    active: Gauges,
    most: Gauges,
    leads: Gauges,
    objects: Gauges,
    decoration: Gauges,
    undecodable: Gauges,
    backoff: Real,
    due: Gauges,
    imports: Counters,
    adoptions: Counters,
    corrected: Counters,
    status_writes: Counters,
    time_to_ready: Times,
    watch_restarts: Counters,
    spread_reads: Counter,
    requests: Counters,
    calls: AtomicU64,
    request_time: Times,
    under_way: Gauges,
    waiting: Gauges,
    waited: RealCounters,
    budgets: Gauges,
    kubernetes: Counters,
    events_waiting: Real,
    events_lost: Counter,
    log_lines_lost: Counter,
    token_expiry: Gauges,
    cpu: Counter<f64, std::sync::atomic::AtomicU64>,
    memory: Real,
    files: Real,
    started: Real,
    census: OnceLock<CensusTaker>,
    views: OnceLock<servers::BudgetsViewer>,
    /// Held by a scrape: two at once would count everything twice.
    scrape: Mutex<()>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut register = Register(Registry::default());
        let cpu = Counter::default();
        register.add(declared::CPU, cpu.clone());
        let log_lines_lost = Counter::default();
        register.add(declared::LOG_LINES_LOST, log_lines_lost.clone());
        let events_lost = Counter::default();
        register.add(declared::EVENTS_LOST, events_lost.clone());
        let spread_reads = Counter::default();
        register.add(declared::SPREAD_READS, spread_reads.clone());
        let build = register.gauges(declared::BUILD);
        build.with(&[env!("CARGO_PKG_VERSION")], |build| build.set(1.0));
        Self {
            reconciles: register.counters(declared::RECONCILES),
            errors: register.counters(declared::ERRORS),
            terminal: register.counters(declared::TERMINAL),
            panics: register.counters(declared::PANICS),
            timeouts: register.counters(declared::TIMEOUTS),
            reconcile_time: register.times(declared::RECONCILE_TIME),
            active: register.gauges(declared::ACTIVE),
            most: register.gauges(declared::MOST),
            leads: register.gauges(declared::LEADS),
            objects: register.gauges(declared::OBJECTS),
            decoration: register.gauges(declared::DECORATION),
            undecodable: register.gauges(declared::UNDECODABLE),
            backoff: register.gauge(declared::BACKOFF),
            due: register.gauges(declared::DUE),
            imports: register.counters(declared::IMPORTS),
            adoptions: register.counters(declared::ADOPTIONS),
            corrected: register.counters(declared::CORRECTED),
            status_writes: register.counters(declared::STATUS_WRITES),
            time_to_ready: register.times(declared::TIME_TO_READY),
            watch_restarts: register.counters(declared::WATCH_RESTARTS),
            requests: register.counters(declared::REQUESTS),
            calls: AtomicU64::default(),
            request_time: register.times(declared::REQUEST_TIME),
            under_way: register.gauges(declared::UNDER_WAY),
            waiting: register.gauges(declared::WAITING),
            waited: register.real_counters(declared::WAITED),
            budgets: register.gauges(declared::BUDGETS),
            kubernetes: register.counters(declared::KUBERNETES),
            events_waiting: register.gauge(declared::EVENTS_WAITING),
            events_lost,
            log_lines_lost,
            spread_reads,
            token_expiry: register.gauges(declared::TOKEN_EXPIRY),
            memory: register.gauge(declared::MEMORY),
            files: register.gauge(declared::FILES),
            started: register.gauge(declared::STARTED),
            cpu,
            census: OnceLock::new(),
            views: OnceLock::new(),
            scrape: Mutex::default(),
            registry: register.0,
        }
    }
}

impl Metrics {
    /// Everything, in the text format of `OpenMetrics`.
    #[must_use]
    pub fn text(&self) -> String {
        let _alone = self.scrape.lock().unwrap_or_else(PoisonError::into_inner);
        self.measure_process();
        if let Some(census) = self.census.get() {
            self.count(&census());
        }
        self.measure_budgets();
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            // A String cannot refuse to be written to.
            let _ = writeln!(text, "# EOF");
        }
        text
    }

    /// Who knows what is there, asked at every scrape: series vanish with the last object that they count.
    pub(crate) fn take_census_by(&self, census: impl Fn() -> Census + Send + Sync + 'static) {
        // Only one controller runs in a process.
        let _ = self.census.set(Box::new(census));
    }

    fn count(&self, census: &Census) {
        let Census {
            objects,
            decoration,
            undecodable,
            in_backoff,
            oldest_due,
            token_expiry,
        } = census;
        self.objects.export(objects);
        self.decoration.export(decoration);
        self.undecodable.export(undecodable);
        let in_backoff = u32::try_from(*in_backoff).unwrap_or(u32::MAX);
        self.backoff.set(f64::from(in_backoff));
        for (kind, overdue) in oldest_due {
            self.due
                .with(&[kind], |seconds| seconds.set(overdue.as_secs_f64()));
        }
        self.token_expiry.family.clear();
        if let Some((system, seconds)) = token_expiry {
            self.token_expiry
                .with(&[system], |expiry| expiry.set(*seconds));
        }
    }

    fn measure_process(&self) {
        let process = Process::now();
        if let Some(seconds) = process.cpu_seconds {
            self.cpu.inc_by((seconds - self.cpu.get()).max(0.0));
        }
        for (gauge, value) in [
            (&self.memory, process.memory_bytes),
            (&self.files, process.open_files),
            (&self.started, process.started_seconds),
        ] {
            if let Some(value) = value {
                gauge.set(value);
            }
        }
    }

    /// Whether this operator leads.
    pub(crate) fn leads(&self, leads: bool) {
        let leads = f64::from(u8::from(leads));
        self.leads.with(&["bindery"], |shown| shown.set(leads));
    }

    /// Maximum number of concurrent reconciles of a kind.
    pub(crate) fn may_run(&self, kind: &str, concurrency: u16) {
        let controller = kind.to_lowercase();
        self.most
            .with(&[&controller], |most| most.set(f64::from(concurrency)));
        // A series that begins with its first count shows no increase.
        for counters in [&self.errors, &self.terminal, &self.panics, &self.timeouts] {
            counters.with(&[&controller], |_| ());
        }
        for counters in [&self.corrected, &self.status_writes, &self.watch_restarts] {
            counters.with(&[kind], |_| ());
        }
    }

    /// Counts a reconcile that begins. It ends when the returned guard is dropped.
    pub(crate) fn reconcile_begins(&self, kind: &str) -> UnderWay {
        let active = self.active.with(&[&kind.to_lowercase()], Real::clone);
        active.inc();
        UnderWay(active)
    }

    pub(crate) fn reconcile_ended(&self, kind: &str, ended: Ended, elapsed: Duration) {
        let controller = kind.to_lowercase();
        let result = match ended {
            Ended::Well => "success",
            Ended::Failed | Ended::Terminal => "error",
            Ended::Gone => "gone",
            Ended::Undecodable => "undecodable",
        };
        // An object that cannot be read is not reconciled, so it takes no time.
        if ended != Ended::Undecodable {
            self.reconcile_time
                .with(&[&controller], |time| time.observe(elapsed.as_secs_f64()));
        }
        self.reconciles.with(&[&controller, result], Counter::inc);
        if matches!(ended, Ended::Failed | Ended::Terminal) {
            self.errors.with(&[&controller], Counter::inc);
        }
        if ended == Ended::Terminal {
            self.terminal.with(&[&controller], Counter::inc);
        }
    }

    pub(crate) fn panicked(&self, kind: &str) {
        self.panics.with(&[&kind.to_lowercase()], Counter::inc);
    }

    pub(crate) fn timed_out(&self, kind: &str) {
        self.timeouts.with(&[&kind.to_lowercase()], Counter::inc);
    }

    pub(crate) fn imported<T, E>(&self, result: &Result<T, E>) {
        let result = if result.is_ok() { "success" } else { "error" };
        self.imports.with(&[result], Counter::inc);
    }

    pub(crate) fn adopted(&self, kind: &str) {
        self.adoptions.with(&[kind], Counter::inc);
    }

    pub(crate) fn corrected(&self, kind: &str) {
        self.corrected.with(&[kind], Counter::inc);
    }

    pub(crate) fn status_written(&self, kind: &str) {
        self.status_writes.with(&[kind], Counter::inc);
    }

    /// A binding that is up to date had its spread read.
    pub(crate) fn spread_read(&self) {
        self.spread_reads.inc();
    }

    /// An event is to be published.
    pub(crate) fn event_waits(&self) {
        self.events_waiting.inc();
    }

    /// An event was published.
    pub(crate) fn event_is_published(&self) {
        self.events_waiting.dec();
    }

    /// An event will not be published.
    pub(crate) fn event_is_lost(&self) {
        self.events_waiting.dec();
        self.events_lost.inc();
    }

    /// A log line was lost.
    pub(crate) fn log_line_lost(&self) {
        self.log_lines_lost.inc();
    }

    /// An object became ready, after so long.
    pub(crate) fn became_ready(&self, kind: &str, after: Duration) {
        self.time_to_ready
            .with(&[kind], |time| time.observe(after.as_secs_f64()));
    }

    pub(crate) fn watch_restarted(&self, kind: &str) {
        self.watch_restarts.with(&[kind], Counter::inc);
    }
}

/// A reconcile that is in progress.
#[derive(Debug)]
pub(crate) struct UnderWay(Real);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Counts a call to the Kubernetes API: by its answer, or by none.
    pub(crate) fn asked_kubernetes(&self, method: &str, status: Option<u16>) {
        let code = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        self.kubernetes.with(&[&code, method], Counter::inc);
    }
}

#[cfg(test)]
mod tests;
