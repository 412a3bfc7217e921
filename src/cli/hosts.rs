//! Where tokens may go.

use clap::Args;

use crate::controller::SecretHosts;
use crate::http::{HostListError, HostPolicy, PlainHttp};

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

    /// Allow plain http to these hosts, of those that a token may be sent to: a list as `--allowed-hosts` takes it.
    /// Without a list, to all of them. Tokens then travel in clear.
    #[arg(
        long,
        env = "BINDERY_ALLOW_HTTP",
        value_name = "LIST",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "*",
        value_parser = plain_http
    )]
    allow_http: Option<PlainHttp>,
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

    /// Where tokens may travel in clear.
    pub(super) fn plain_http(&self) -> PlainHttp {
        self.allow_http.clone().unwrap_or_default()
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

fn plain_http(list: &str) -> Result<PlainHttp, HostListError> {
    if list == "*" {
        return Ok(PlainHttp::Allowed);
    }
    HostPolicy::parse(list).map(PlainHttp::AllowedTo)
}

fn denied_hosts(list: &str) -> Result<HostPolicy, HostListError> {
    HostPolicy::denying(list)
}
