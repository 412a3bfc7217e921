//! `bindery grant`: the rights that a connection needs, as a Role and its binding.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use k8s_openapi::api::rbac::v1::Subject;
use kube::ResourceExt as _;

use crate::crd::BitbucketConnection;
use crate::declared::connection::references;
use crate::kubernetes::objects;
use crate::rbac;

use super::cluster::{AccountArguments, ClusterArguments, ObjectPath};
use super::files::Manifests;
use super::yaml;

/// For which connection.
#[derive(Args, Debug)]
pub struct GrantArguments {
    /// The connection, as NAMESPACE/NAME.
    #[arg(required_unless_present = "operator")]
    connection: Option<ObjectPath>,

    /// Print what the operator itself needs, in place of what a connection needs.
    #[arg(long, conflicts_with_all = ["connection", "filename"])]
    operator: bool,

    /// Read the connection from this file or directory, or from the standard input (`-`), and not from the cluster.
    #[arg(long, short, value_name = "PATH")]
    filename: Option<PathBuf>,

    #[command(flatten)]
    account: AccountArguments,

    #[command(flatten)]
    cluster: ClusterArguments,
}

impl GrantArguments {
    /// One Role and its binding for everything that the connection refers to.
    pub(super) async fn run(&self) -> anyhow::Result<String> {
        let Some(path) = &self.connection else {
            return operator(&self.account.service_account);
        };
        let connection = self.read(path).await?;
        let ObjectPath { namespace, name } = path;
        let (role, binding) = rbac::grant(
            (namespace, name),
            &references(&connection),
            &self.account.service_account,
        );
        Ok([yaml(&role)?, yaml(&binding)?].concat())
    }

    async fn read(
        &self,
        ObjectPath { namespace, name }: &ObjectPath,
    ) -> anyhow::Result<BitbucketConnection> {
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

/// The roles of the operator, for this account.
fn operator((namespace, name): &(String, String)) -> anyhow::Result<String> {
    let subject = |subjects: &mut Option<Vec<Subject>>| {
        for subject in subjects.iter_mut().flatten() {
            subject.namespace = Some(namespace.clone());
            subject.name.clone_from(name);
        }
    };
    let (mut role, mut binding) = (rbac::lease_role(), rbac::lease_binding());
    let mut everywhere = rbac::operator_binding();
    role.metadata.namespace = Some(namespace.clone());
    binding.metadata.namespace = Some(namespace.clone());
    subject(&mut binding.subjects);
    subject(&mut everywhere.subjects);
    let documents = [
        yaml(&rbac::operator_role())?,
        yaml(&everywhere)?,
        yaml(&role)?,
        yaml(&binding)?,
    ];
    Ok(documents.concat())
}
