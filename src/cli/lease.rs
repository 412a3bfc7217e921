//! The lease that one of several operators holds.

use std::time::Duration;

use clap::Args;

use crate::kubernetes::clock;
use crate::kubernetes::lease::Holder;

use super::run::duration;

/// Where the lease is, and how long it lasts.
#[derive(Args, Debug)]
pub(super) struct LeaseArguments {
    /// The namespace of the lease `bindery`. Operators that share it write one at a time: the others stand by. Default: the
    /// namespace of the pod, outside a cluster that of the kubeconfig's current context.
    #[arg(long, env = "BINDERY_LEASE_NAMESPACE", value_name = "NAMESPACE")]
    lease_namespace: Option<String>,

    /// How long the lease lasts without a renewal: a duration between `5s` and `10m`. An operator that ends without giving
    /// the lease back is replaced after this time. It renews every 2/15 of it and stops writing after 2/3.
    #[arg(
        long,
        env = "BINDERY_LEASE_DURATION",
        value_name = "DURATION",
        default_value = "15s",
        value_parser = |text: &str| duration(text, "5s", "10m")
    )]
    lease_duration: Duration,
}

impl LeaseArguments {
    /// Who writes the lease. `own`: the namespace that Kubernetes' configuration names.
    pub(super) fn holder(&self, own: &str) -> Holder {
        Holder {
            namespace: self
                .lease_namespace
                .clone()
                .unwrap_or_else(|| own.to_owned()),
            identity: identity(),
            lasts: self.lease_duration,
        }
    }
}

/// The name of the pod, and what distinguishes this process from earlier and later ones.
fn identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = Some(host.trim()).filter(|host| !host.is_empty());
    let started = clock::since_1970().as_nanos();
    format!(
        "{}_{}_{started:x}",
        host.unwrap_or("bindery"),
        std::process::id()
    )
}
