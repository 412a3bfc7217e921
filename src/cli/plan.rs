//! `bindery plan`: what the operator is about to do.

mod shown;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use crate::controller::forecasts;
use crate::kubernetes::Namespaces;
use crate::metrics::Metrics;

use super::Answer;
use super::cluster::ClusterArguments;
use super::files::Manifests;
use super::paint::Paint;
use super::world::{Asked, Cluster, Scene, ServerArguments};
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

    /// How the plan is printed.
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,

    #[command(flatten)]
    cluster: ClusterArguments,

    #[command(flatten)]
    servers: ServerArguments,
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

impl PlanArguments {
    /// Plans, and prints the plan.
    pub(super) async fn run(&self) -> anyhow::Result<Answer> {
        let manifests = match &self.filename {
            Some(path) => Manifests::read(path)?,
            None => Manifests::default(),
        };
        let scene = Scene {
            cluster: self.read().await?,
            manifests: &manifests,
            namespace: self.namespace.as_deref().unwrap_or("default"),
            asked: if self.live {
                Asked::Live(self.namespace.clone())
            } else {
                Asked::Declared
            },
            is_thorough: false,
        };
        let metrics = Arc::new(Metrics::default());
        let forecasts = forecasts(self.servers.world(scene, &metrics)?).await;
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

    async fn read(&self) -> anyhow::Result<Cluster> {
        if self.no_cluster {
            return Ok(Cluster::default());
        }
        let read = Cluster::read(self.cluster.client().await?, &Namespaces::All).await;
        read.map_err(|error| anyhow::anyhow!(error.message()))
            .context("failed to read the cluster; --no-cluster plans without one")
    }
}
