//! `bindery grant`: the rights that a connection needs, as a Role and its binding.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use kube::ResourceExt as _;

use crate::crd::BitbucketConnection;
use crate::declared::connection::references;
use crate::kubernetes::objects;
use crate::rbac;

use super::cluster::{ClusterArguments, ObjectPath, service_account};
use super::files::Manifests;
use super::yaml;

/// For which connection.
#[derive(Args, Debug)]
pub struct GrantArguments {
    /// The connection, as NAMESPACE/NAME.
    connection: ObjectPath,

    /// Read the connection from this file or directory, or from the standard input (`-`), and not from the cluster.
    #[arg(long, short, value_name = "PATH")]
    filename: Option<PathBuf>,

    /// The operator's service account.
    #[arg(
        long,
        env = "BINDERY_SERVICE_ACCOUNT",
        value_name = "NAMESPACE:NAME",
        default_value = "bindery-system:bindery",
        value_parser = service_account
    )]
    service_account: (String, String),

    #[command(flatten)]
    cluster: ClusterArguments,
}

impl GrantArguments {
    /// One Role and its binding for everything that the connection refers to.
    pub(super) async fn run(&self) -> anyhow::Result<String> {
        let connection = self.connection().await?;
        let ObjectPath { namespace, name } = &self.connection;
        let (role, binding) = rbac::grant(
            (namespace, name),
            &references(&connection),
            &self.service_account,
        );
        Ok([yaml(&role)?, yaml(&binding)?].concat())
    }

    async fn connection(&self) -> anyhow::Result<BitbucketConnection> {
        let ObjectPath { namespace, name } = &self.connection;
        let found = if let Some(path) = &self.filename {
            let all = Manifests::read(path)?.of_kind::<BitbucketConnection>(namespace)?;
            all.into_iter()
                .find(|it| it.namespace().as_ref() == Some(namespace) && it.name_any() == *name)
        } else {
            let client = self.cluster.client().await?;
            objects::read::<BitbucketConnection>(&client, namespace, name)
                .await
                .map_err(|error| anyhow::anyhow!(error.message()))?
        };
        found.with_context(|| {
            format!("there is no BitbucketConnection {namespace}/{name}: create it, or give a file that has it with --filename")
        })
    }
}
