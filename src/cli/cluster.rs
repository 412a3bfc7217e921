//! How commands reach a cluster. They only read from it.

use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use kube::config::KubeConfigOptions;

use crate::fence::Fence;
use crate::kubernetes;
use crate::metrics::Metrics;

/// Which cluster.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct ClusterArguments {
    /// The context of the kubeconfig. Default: the current one, or the cluster that this process runs in.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

impl ClusterArguments {
    /// A client whose writes are refused before they are sent.
    pub(super) async fn client(&self) -> anyhow::Result<kube::Client> {
        let config = self.config().await?;
        let uncounted = Arc::new(Metrics::default());
        kubernetes::client(config, &uncounted, Fence::closed())
            .context("failed to prepare the client of the Kubernetes API")
    }

    pub(super) async fn config(&self) -> anyhow::Result<kube::Config> {
        let found = match &self.context {
            None => kube::Config::infer().await.map_err(anyhow::Error::from),
            Some(context) => kube::Config::from_kubeconfig(&KubeConfigOptions {
                context: Some(context.clone()),
                ..KubeConfigOptions::default()
            })
            .await
            .map_err(anyhow::Error::from),
        };
        found.context("failed to find the Kubernetes API: set KUBECONFIG, or run in a cluster")
    }
}

/// As whom the operator runs, for commands that read or print its rights.
#[derive(Args, Clone, Debug)]
pub(super) struct AccountArguments {
    /// The operator's service account.
    #[arg(
        long,
        env = "BINDERY_SERVICE_ACCOUNT",
        value_name = "NAMESPACE:NAME",
        default_value = "bindery-system:bindery",
        value_parser = service_account
    )]
    pub(super) service_account: (String, String),
}

/// `namespace/name` of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ObjectPath {
    pub(super) namespace: String,
    pub(super) name: String,
}

impl std::str::FromStr for ObjectPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((namespace, name))
                if !namespace.is_empty() && !name.is_empty() && !name.contains('/') =>
            {
                Ok(Self {
                    namespace: namespace.to_owned(),
                    name: name.to_owned(),
                })
            }
            Some(_) | None => Err("not of the form NAMESPACE/NAME".to_owned()),
        }
    }
}

/// `namespace:name` of the operator's service account.
fn service_account(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => {
            Ok((namespace.to_owned(), name.to_owned()))
        }
        Some(_) | None => Err("not of the form NAMESPACE:NAME".to_owned()),
    }
}
