//! How the operator is started. Every option can be given as an environment variable too.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::controller::{ProjectDeletion, Settings};
use crate::crd;
use crate::kubernetes::lease::Holder;

use super::hosts::HostArguments;
use super::lease::LeaseArguments;
use super::limits::LimitArguments;
use super::metrics::MetricsArguments;
use super::scope::ScopeArguments;

/// The account that chart and `deploy/` create, where the API server sees none: outside of a cluster.
const USUAL_ACCOUNT: &str = "bindery-system:bindery";

/// How the operator runs.
#[derive(Args, Debug)]
pub struct RunArguments {
    #[command(flatten)]
    scope: ScopeArguments,

    #[command(flatten)]
    hosts: HostArguments,

    /// Let `deletionPolicy: DeleteProject` delete SonarQube projects, with their history. Without it, such bindings
    /// leave the project where it is.
    #[arg(long, env = "BINDERY_ALLOW_PROJECT_DELETION")]
    allow_project_deletion: bool,

    /// The shortest interval between two checks for drift, for all connections: a duration such as `90s` or
    /// `10m`, at most `24h`.
    #[arg(
        long,
        env = "BINDERY_MINIMUM_INTERVAL",
        value_name = "DURATION",
        default_value = "60s",
        value_parser = |text: &str| duration(text, "0s", "24h")
    )]
    minimum_interval: Duration,

    /// Maximum number of concurrent reconciles per kind. Reconciles that call servers count per connection instead:
    /// half of this number for the bindings of each.
    #[arg(
        long,
        env = "BINDERY_CONCURRENCY",
        value_name = "N",
        default_value_t = 16,
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    concurrency: u16,

    #[command(flatten)]
    lease: LeaseArguments,

    #[command(flatten)]
    limits: LimitArguments,

    /// How long a reconcile may take: a duration between `10s` and `24h`. One that takes longer ends, says so in the
    /// status, and is tried again. The listings of a connection must fit into it.
    #[arg(
        long,
        env = "BINDERY_RECONCILE_TIMEOUT",
        value_name = "DURATION",
        default_value = "10m",
        value_parser = |text: &str| duration(text, "10s", "24h")
    )]
    reconcile_timeout: Duration,

    /// Where /healthz and /readyz are served, and /metrics unless `--metrics-listen` is given.
    #[arg(
        long,
        env = "BINDERY_LISTEN",
        value_name = "ADDRESS",
        default_value = "0.0.0.0:8080"
    )]
    pub listen: SocketAddr,

    /// Where `/metrics` is served, and to whom.
    #[command(flatten)]
    pub metrics: MetricsArguments,

    /// The operator's own service account as `namespace:name`, for the commands that messages suggest. Default: the
    /// one that the API server sees.
    #[arg(long, env = "BINDERY_SERVICE_ACCOUNT", value_name = "NAMESPACE:NAME")]
    service_account: Option<String>,

    /// What is logged, as in `info,bindery=debug`.
    #[arg(
        long,
        env = "BINDERY_LOG",
        value_name = "FILTER",
        default_value = "info"
    )]
    pub log: String,

    /// How it is logged.
    #[arg(long, env = "BINDERY_LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl RunArguments {
    /// Who writes the lease. `own`: the namespace that Kubernetes' configuration names.
    #[must_use]
    pub fn holder(&self, own: &str) -> Holder {
        self.lease.holder(own)
    }

    /// The settings of the controllers. `own`: the service account that the API server sees.
    #[must_use]
    pub fn settings(&self, own: Option<String>) -> Settings {
        let given = self.service_account.clone();
        Settings {
            namespaces: self.scope.namespaces(),
            hosts: self.hosts.policy(),
            secret_hosts: self.hosts.of_secrets(),
            plain_http: self.hosts.plain_http(),
            project_deletion: if self.allow_project_deletion {
                ProjectDeletion::Allowed
            } else {
                ProjectDeletion::Refused
            },
            minimum_interval: self.minimum_interval,
            concurrency: self.concurrency,
            sonarqube: self.limits.of_sonarqube(),
            bitbucket: self.limits.of_bitbucket(),
            deadline: self.reconcile_timeout,
            service_account: given.or(own).unwrap_or_else(|| USUAL_ACCOUNT.to_owned()),
        }
    }
}

/// Reads a duration as `spec.interval` has it, between these bounds.
pub(super) fn duration(text: &str, shortest: &str, longest: &str) -> Result<Duration, String> {
    let read = |text| crd::duration(text).map(Duration::from);
    let bounds = read(shortest).zip(read(longest));
    read(text)
        .zip(bounds)
        .filter(|(value, (shortest, longest))| (shortest..=longest).contains(&value))
        .map(|(value, _)| value)
        .ok_or_else(|| {
            format!(
                "not a duration between {shortest} and {longest}, for example 90s, 10m or 1h30m"
            )
        })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::Cli;

    /// Promise: a value that the operator cannot run with ends it with status 2 and words, before anything else.
    #[test]
    fn a_value_out_of_bounds_is_refused_with_words() {
        let refused = |option: &str, value: &str| {
            let error =
                Cli::try_parse_from(["bindery", "run", &format!("{option}={value}")]).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            error.to_string()
        };
        let intervals = ["10000000000000000000h", "24h1s", "-1s", "5m-5m", "60", ""];
        let intervals = intervals.map(|value| ("--minimum-interval", value));
        let others = [
            ("--reconcile-timeout", "9s"),
            ("--lease-duration", "4s"),
            ("--lease-duration", "10m1s"),
        ];
        for (option, value) in intervals.into_iter().chain(others) {
            let words = refused(option, value);
            let is_named = words.contains(option) && words.contains("not a duration between");
            assert!(is_named, "{words}");
        }
        for (option, value) in [
            ("--concurrency", "0"),
            ("--concurrency", "65536"),
            ("--sonarqube-concurrency", "0"),
            ("--sonarqube-rate", "0"),
            ("--sonarqube-burst", "100001"),
            ("--bitbucket-concurrency", "65536"),
            ("--bitbucket-rate", "100001"),
            ("--bitbucket-burst", "0"),
        ] {
            let words = refused(option, value);
            let is_named = words.contains(option) && words.contains("is not in");
            assert!(is_named, "{words}");
        }
        for (given, missing) in [
            (
                &["--metrics-authentication"][..],
                "--metrics-tls <DIRECTORY>",
            ),
            (&["--metrics-tls=tls"], "--metrics-listen <ADDRESS>"),
        ] {
            let command = [&["bindery", "run"], given].concat();
            let words = Cli::try_parse_from(command).unwrap_err().to_string();
            assert!(words.contains(missing), "{words}");
        }
        for value in ["", "a,", "Payments", "a b", "-a", "*"] {
            let words = refused("--namespaces", value);
            assert!(words.contains("not the name of a namespace"), "{words}");
        }
        for (option, value) in [
            ("--namespaces", "payments,2024-a"),
            ("--minimum-interval", "24h"),
            ("--minimum-interval", "0s"),
            ("--minimum-interval", "1m30s"),
            ("--reconcile-timeout", "10s"),
            ("--concurrency", "1"),
        ] {
            let parsed = Cli::try_parse_from(["bindery", "run", &format!("{option}={value}")]);
            assert!(parsed.is_ok(), "{option} {value}");
        }
    }
}
