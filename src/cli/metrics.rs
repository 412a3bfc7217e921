//! Where `/metrics` is served, and to whom.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

/// Where `/metrics` is served, and to whom.
#[derive(Args, Debug)]
pub struct MetricsArguments {
    /// Where /metrics is served, if not at `--listen`: that address then serves the probes only.
    #[arg(long, env = "BINDERY_METRICS_LISTEN", value_name = "ADDRESS")]
    pub metrics_listen: Option<SocketAddr>,

    /// Serve /metrics by TLS: a directory with `tls.crt` and `tls.key`, as the volume of a Secret has them. They are read
    /// again when they change.
    #[arg(
        long,
        env = "BINDERY_METRICS_TLS",
        value_name = "DIRECTORY",
        requires = "metrics_listen"
    )]
    pub metrics_tls: Option<PathBuf>,

    /// Serve /metrics only to those whose bearer token Kubernetes knows (`TokenReview`), and who may get /metrics
    /// (`SubjectAccessReview`). Needs `--metrics-tls`, since tokens would travel in clear.
    #[arg(long, env = "BINDERY_METRICS_AUTHENTICATION", requires = "metrics_tls")]
    pub metrics_authentication: bool,
}
