//! `bindery plan`: what the operator is about to do.

mod objects;
mod shown;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::ResourceExt as _;
use kube::core::{DeserializeGuard, PartialObjectMeta};

use crate::controller::{Objects, ProjectDeletion, Settings, World, forecasts};
use crate::crd::{BitbucketConnection, ProjectBinding};
use crate::declared::connection_of;
use crate::http::Limits;
use crate::kubernetes::{Namespaces, clock, once};
use crate::metrics::Metrics;

use super::Answer;
use super::cluster::ClusterArguments;
use super::files::Manifests;
use super::hosts::HostArguments;
use super::paint::Paint;
use objects::{GivenTokens, applied, given};
use shown::Shown;

/// What to plan, and how to print it.
#[derive(Args, Debug)]
pub struct PlanArguments {
    /// Plan as if the manifests in this file or directory were applied; `-` is the standard input.
    #[arg(long, short, value_name = "PATH", required_unless_present = "live")]
    filename: Option<PathBuf>,

    /// Plan what the cluster has.
    #[arg(long, conflicts_with = "filename")]
    live: bool,

    /// Do not read a cluster: what the manifests do not have does not exist.
    #[arg(long, requires = "filename", conflicts_with = "context")]
    no_cluster: bool,

    /// With --filename: the namespace of objects that name none. With --live: only objects of this namespace.
    #[arg(long, short, value_name = "NAME")]
    namespace: Option<String>,

    /// A file with the token for SonarQube, in place of the Secrets. Or set `BINDERY_SONARQUBE_TOKEN`.
    #[arg(long, value_name = "PATH")]
    sonarqube_token_file: Option<PathBuf>,

    /// A file with the token for Bitbucket, in place of the Secrets. Or set `BINDERY_BITBUCKET_TOKEN`.
    #[arg(long, value_name = "PATH")]
    bitbucket_token_file: Option<PathBuf>,

    /// A file with the import token, where connections have one of their own. Or set `BINDERY_BITBUCKET_IMPORT_TOKEN`.
    #[arg(long, value_name = "PATH")]
    bitbucket_import_token_file: Option<PathBuf>,

    /// How the plan is printed.
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,

    #[command(flatten)]
    cluster: ClusterArguments,

    #[command(flatten)]
    hosts: HostArguments,
}

/// How a plan is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// For machines.
    Json,
    /// For a comment on a pull request.
    Markdown,
}

/// What the cluster has.
#[derive(Default)]
struct Cluster {
    client: Option<kube::Client>,
    connections: Vec<DeserializeGuard<BitbucketConnection>>,
    bindings: Vec<DeserializeGuard<ProjectBinding>>,
    namespaces: Vec<PartialObjectMeta<Namespace>>,
}

impl Cluster {
    async fn read(client: kube::Client) -> anyhow::Result<Self> {
        let read = async {
            Ok::<_, crate::kubernetes::Error>(Self {
                connections: once::all(&client).await?,
                bindings: once::all(&client).await?,
                namespaces: once::namespaces(&client).await?,
                client: Some(client),
            })
        };
        read.await
            .map_err(|error| anyhow::anyhow!(error.message()))
            .context("failed to read the cluster; --no-cluster plans without one")
    }
}

impl PlanArguments {
    /// Plans, and prints the plan.
    pub(super) async fn run(&self) -> anyhow::Result<Answer> {
        let manifests = match &self.filename {
            Some(path) => Manifests::read(path)?,
            None => Manifests::default(),
        };
        let cluster = if self.no_cluster {
            Cluster::default()
        } else {
            Cluster::read(self.cluster.client().await?).await?
        };
        let metrics = Arc::new(Metrics::default());
        let world = self.world(&manifests, cluster, &metrics)?;
        let forecasts = forecasts(world).await;
        let shown = Shown {
            forecasts: &forecasts,
            calls: metrics.calls(),
        };
        let text = match self.output {
            Output::Text => shown.text(Paint::of_stdout()),
            Output::Json => format!("{:#}\n", shown.json()),
            Output::Markdown => shown.markdown(),
        };
        Ok(Answer {
            text,
            status: shown.status(),
        })
    }

    fn world(
        &self,
        manifests: &Manifests,
        cluster: Cluster,
        metrics: &Arc<Metrics>,
    ) -> anyhow::Result<World> {
        let namespace = self.namespace.as_deref().unwrap_or("default");
        let connections = manifests.of_kind::<BitbucketConnection>(namespace)?;
        let bindings = manifests.of_kind::<ProjectBinding>(namespace)?;
        if self.filename.is_some() && connections.is_empty() && bindings.is_empty() {
            bail!("the manifests hold no object of ours");
        }
        let place = |namespace: Option<String>, name| (namespace.unwrap_or_default(), name);
        let declared: BTreeSet<_> = bindings
            .iter()
            .map(|it| place(it.namespace(), it.name_any()))
            .collect();
        // A binding can be planned once its connection was.
        let needed: BTreeSet<_> = bindings
            .iter()
            .map(connection_of)
            .chain(
                connections
                    .iter()
                    .map(|it| place(it.namespace(), it.name_any())),
            )
            .collect();
        let now = clock::now();
        let connections = applied(cluster.connections, connections, &now);
        let bindings = applied(cluster.bindings, bindings, &now);
        let needed = if self.live {
            self.needed_by(&bindings, &connections)
        } else {
            needed
        };
        let objects = (
            manifests.of::<Secret>("v1", "Secret")?,
            manifests.of::<ConfigMap>("v1", "ConfigMap")?,
        );
        let given = given(objects, &connections, &self.tokens()?);
        let (live, only) = (self.live, self.namespace.clone());
        Ok(World {
            client: given.client(cluster.client),
            settings: self.settings(),
            metrics: Arc::clone(metrics),
            namespaces: namespaces(cluster.namespaces, manifests)?,
            connections: Objects {
                all: connections,
                is_wanted: Box::new(move |namespace, name| {
                    needed.contains(&(namespace.to_owned(), name.to_owned()))
                }),
            },
            bindings: Objects {
                all: bindings,
                is_wanted: Box::new(move |namespace, name| {
                    if live {
                        only.as_ref().is_none_or(|only| only == namespace)
                    } else {
                        declared.contains(&(namespace.to_owned(), name.to_owned()))
                    }
                }),
            },
        })
    }

    /// The connections of the namespace that is asked about, and those of its bindings.
    fn needed_by(
        &self,
        bindings: &[DeserializeGuard<ProjectBinding>],
        connections: &[DeserializeGuard<BitbucketConnection>],
    ) -> BTreeSet<(String, String)> {
        let is_wanted = |namespace: &Option<String>| {
            self.namespace
                .as_ref()
                .is_none_or(|only| Some(only) == namespace.as_ref())
        };
        let readable = bindings.iter().filter_map(|it| it.0.as_ref().ok());
        let of_bindings = readable.filter(|it| is_wanted(&it.namespace()));
        let own = connections.iter().filter(|it| is_wanted(&it.namespace()));
        of_bindings
            .map(connection_of)
            .chain(own.map(|it| (it.namespace().unwrap_or_default(), it.name_any())))
            .collect()
    }

    /// As the operator is started, where that matters to a plan.
    fn settings(&self) -> Settings {
        Settings {
            namespaces: Namespaces::All,
            hosts: self.hosts.policy(),
            secret_hosts: self.hosts.of_secrets(),
            plain_http: self.hosts.plain_http(),
            project_deletion: ProjectDeletion::Refused,
            minimum_interval: Duration::ZERO,
            concurrency: 2,
            sonarqube: Limits::default(),
            bitbucket: Limits::default(),
            deadline: Duration::from_mins(10),
            service_account: "bindery-system:bindery".to_owned(),
        }
    }

    /// Tokens that are given by files or by the environment.
    fn tokens(&self) -> anyhow::Result<GivenTokens> {
        Ok(GivenTokens {
            sonarqube: token(
                self.sonarqube_token_file.as_deref(),
                "BINDERY_SONARQUBE_TOKEN",
            )?,
            bitbucket: token(
                self.bitbucket_token_file.as_deref(),
                "BINDERY_BITBUCKET_TOKEN",
            )?,
            import: token(
                self.bitbucket_import_token_file.as_deref(),
                "BINDERY_BITBUCKET_IMPORT_TOKEN",
            )?,
        })
    }
}

/// A token from a file, else from the environment. Not read by clap, which would take it as an argument, too: every
/// process of a machine can read the arguments of the others.
fn token(file: Option<&Path>, variable: &str) -> anyhow::Result<Option<Vec<u8>>> {
    use std::os::unix::ffi::OsStringExt;
    if let Some(file) = file {
        let read = std::fs::read(file);
        let read = read.with_context(|| format!("failed to read {}", file.display()))?;
        return Ok(Some(read));
    }
    let value = std::env::var_os(variable).map(OsStringExt::into_vec);
    Ok(value.filter(|value| !value.is_empty()))
}

/// The namespaces of the cluster, with those of the manifests.
fn namespaces(
    cluster: Vec<PartialObjectMeta<Namespace>>,
    manifests: &Manifests,
) -> anyhow::Result<Vec<PartialObjectMeta<Namespace>>> {
    let declared = manifests.of::<PartialObjectMeta<Namespace>>("v1", "Namespace")?;
    let declared = declared.into_iter().map(|mut namespace| {
        // As the API server labels it.
        let name = namespace.name_any();
        let labels = namespace.metadata.labels.get_or_insert_default();
        labels.insert("kubernetes.io/metadata.name".to_owned(), name);
        namespace
    });
    Ok(cluster.into_iter().chain(declared).collect())
}
