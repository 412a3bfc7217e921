//! Where tokens may go.

use clap::Args;

use crate::controller::SecretHosts;
use crate::http::{HostListError, HostPolicy};

/// Where tokens may go. The operator and the commands that call servers take the same options.
#[derive(Args, Clone, Debug)]
pub(super) struct HostArguments {
    /// Hosts that a token may be sent to: a comma list of `host[:port]`, `*.suffix`, IP or CIDR. Default: every host
    /// that does not resolve to a loopback, link-local or metadata address. A list replaces that rule.
    #[arg(long, env = "BINDERY_ALLOWED_HOSTS", value_name = "LIST", value_parser = host_policy)]
    allowed_hosts: Option<HostPolicy>,

    /// Hosts that no token is sent to, also where something else allows them: a list as `--allowed-hosts` takes it, for
    /// example the cluster's own networks and `*.svc`. An entry with a port denies that port alone.
    #[arg(long, env = "BINDERY_DENIED_HOSTS", value_name = "LIST", value_parser = denied_hosts)]
    denied_hosts: Option<HostPolicy>,

    /// Refuse Secrets without the annotation `bindery.dev/allowed-hosts`.
    #[arg(long, env = "BINDERY_REQUIRE_SECRET_HOSTS")]
    require_secret_hosts: bool,

    /// Allow plain http: tokens then travel in clear.
    #[arg(long, env = "BINDERY_ALLOW_HTTP")]
    pub(super) allow_http: bool,
}

impl HostArguments {
    /// Where tokens may go.
    pub(super) fn policy(&self) -> HostPolicy {
        HostPolicy::all(
            [self.allowed_hosts.clone().unwrap_or_default()]
                .into_iter()
                .chain(self.denied_hosts.clone()),
        )
    }

    /// Whether every Secret must name its hosts.
    pub(super) fn of_secrets(&self) -> SecretHosts {
        if self.require_secret_hosts {
            SecretHosts::Required
        } else {
            SecretHosts::Optional
        }
    }
}

fn host_policy(list: &str) -> Result<HostPolicy, HostListError> {
    HostPolicy::parse(list)
}

fn denied_hosts(list: &str) -> Result<HostPolicy, HostListError> {
    HostPolicy::denying(list)
}
