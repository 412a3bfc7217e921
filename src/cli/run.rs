//! How the operator is started. Every option can be given as an environment variable too.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::controller::{SecretHosts, Settings};
use crate::http::{HostListError, HostPolicy};

/// How the operator runs.
#[derive(Args, Debug)]
pub struct RunArguments {
    /// Hosts that a token may be sent to: a comma list of `host[:port]`, `*.suffix`, IP or CIDR. Default: every host that
    /// does not resolve to a loopback, link-local or metadata address. A list replaces that rule.
    #[arg(long, env = "BINDERY_ALLOWED_HOSTS", value_name = "LIST", value_parser = host_policy)]
    allowed_hosts: Option<HostPolicy>,

    /// Refuse Secrets without the annotation `bindery.dev/allowed-hosts`.
    #[arg(long, env = "BINDERY_REQUIRE_SECRET_HOSTS")]
    require_secret_hosts: bool,

    /// Allow plain http: tokens then travel in clear.
    #[arg(long, env = "BINDERY_ALLOW_HTTP")]
    allow_http: bool,

    /// Let `deletionPolicy: DeleteProject` delete SonarQube projects, with their history. Without it, such bindings
    /// leave the project where it is.
    #[arg(long, env = "BINDERY_ALLOW_PROJECT_DELETION")]
    allow_project_deletion: bool,

    /// The shortest interval at which drift is looked for, whatever a connection asks for; in seconds, at most a day.
    #[arg(
        long,
        env = "BINDERY_MINIMUM_INTERVAL",
        value_name = "SECONDS",
        default_value_t = 60,
        value_parser = clap::value_parser!(u64).range(..=86_400)
    )]
    minimum_interval: u64,

    /// Maximum number of concurrent reconciles per kind. Reconciles that call servers count per connection instead: half of
    /// this number for the bindings of each.
    #[arg(
        long,
        env = "BINDERY_CONCURRENCY",
        value_name = "N",
        default_value_t = 16,
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    concurrency: u16,

    /// How long a reconcile may take, in seconds, from 10 to a day. One that takes longer ends, says so in the status, and
    /// is tried again. The listings of a connection must fit into it.
    #[arg(
        long,
        env = "BINDERY_RECONCILE_TIMEOUT",
        value_name = "SECONDS",
        default_value_t = 600,
        value_parser = clap::value_parser!(u64).range(10..=86_400)
    )]
    reconcile_timeout: u64,

    /// Where /metrics, /healthz and /readyz are served.
    #[arg(
        long,
        env = "BINDERY_LISTEN",
        value_name = "ADDRESS",
        default_value = "0.0.0.0:8080"
    )]
    pub listen: SocketAddr,

    /// The operator's own service account as `namespace:name`, for the commands that messages suggest.
    #[arg(
        long,
        env = "BINDERY_SERVICE_ACCOUNT",
        value_name = "NAMESPACE:NAME",
        default_value = "bindery-system:bindery"
    )]
    service_account: String,

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
    /// The settings of the controllers.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            hosts: self.allowed_hosts.clone().unwrap_or_default(),
            secret_hosts: if self.require_secret_hosts {
                SecretHosts::Required
            } else {
                SecretHosts::Optional
            },
            allow_http: self.allow_http,
            allow_project_deletion: self.allow_project_deletion,
            minimum_interval: Duration::from_secs(self.minimum_interval),
            concurrency: self.concurrency,
            deadline: Duration::from_secs(self.reconcile_timeout),
            service_account: self.service_account.clone(),
        }
    }
}

fn host_policy(list: &str) -> Result<HostPolicy, HostListError> {
    HostPolicy::parse(list)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::Cli;

    /// Promise: a value that the operator cannot run with ends it with status 2 and words, before anything else.
    #[test]
    fn a_value_out_of_bounds_is_refused_with_words() {
        let refused = |option: &str, value: &str| {
            let error = Cli::try_parse_from(["bindery", "run", option, value]).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            error.to_string()
        };
        for (option, value) in [
            ("--minimum-interval", "10000000000000000000"),
            ("--minimum-interval", "86401"),
            ("--concurrency", "0"),
            ("--concurrency", "65536"),
            ("--reconcile-timeout", "9"),
        ] {
            let words = refused(option, value);
            assert!(
                words.contains(option) && words.contains("is not in"),
                "{words}"
            );
        }
        for (option, value) in [("--minimum-interval", "86400"), ("--concurrency", "1")] {
            assert!(Cli::try_parse_from(["bindery", "run", option, value]).is_ok());
        }
    }
}
