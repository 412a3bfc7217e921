//! `bindery doctor`: everything that is wrong, each thing with what corrects it.

mod cluster;
mod finding;
mod objects;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use crate::controller::forecasts;
use crate::kubernetes::{Error, clock};
use crate::metrics::Metrics;
use crate::plan::counted;

use super::Answer;
use super::cluster::{AccountArguments, ClusterArguments};
use super::files::Manifests;
use super::paint::Paint;
use super::program::Program;
use super::scope::ScopeArguments;
use super::world::{Asked, Cluster, Scene, ServerArguments};
use finding::Report;
use objects::Facts;

/// What to check.
#[derive(Args, Debug)]
pub struct DoctorArguments {
    /// Check what the installation needs, before it is made.
    #[arg(long)]
    pre: bool,

    /// With --pre: check the servers and tokens of the connections in this file or directory, too.
    #[arg(long, short, value_name = "PATH", requires = "pre")]
    filename: Option<PathBuf>,

    #[command(flatten)]
    account: AccountArguments,

    #[command(flatten)]
    scope: ScopeArguments,

    /// How the findings are printed.
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,

    #[command(flatten)]
    cluster: ClusterArguments,

    #[command(flatten)]
    servers: ServerArguments,
}

/// How the findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl DoctorArguments {
    /// Checks everything, and prints what is wrong.
    pub(super) async fn run(&self, program: Program) -> anyhow::Result<Answer> {
        let client = self.cluster.client().await?;
        let mut report = Report::by(program);
        if self.pre {
            self.before(&client, &mut report).await?;
        } else {
            self.installed(client, &mut report).await?;
        }
        let text = match self.output {
            Output::Text => report.text(Paint::of_stdout()),
            Output::Json => format!("{:#}\n", report.json()),
        };
        Ok(Answer {
            status: report.status(),
            text,
        })
    }

    /// What the installation needs.
    async fn before(&self, client: &kube::Client, report: &mut Report) -> anyhow::Result<()> {
        cluster::version(client, report).await.map_err(said)?;
        let namespace = &self.account.service_account.0;
        cluster::may_install(client, namespace, report)
            .await
            .map_err(said)?;
        let Some(path) = &self.filename else {
            return Ok(());
        };
        let manifests = Manifests::read(path)?;
        let scene = Scene {
            cluster: Cluster::default(),
            manifests: &manifests,
            namespace: "default",
            asked: Asked::Declared,
            is_thorough: true,
        };
        self.objects(scene, report).await
    }

    /// The operator, its rights, its objects and their servers.
    async fn installed(&self, client: kube::Client, report: &mut Report) -> anyhow::Result<()> {
        let account = &self.account.service_account;
        cluster::version(&client, report).await.map_err(said)?;
        let is_there = cluster::definitions(&client, report).await.map_err(said)?;
        cluster::leader(&client, account, report)
            .await
            .map_err(said)?;
        let namespaces = self.scope.namespaces();
        cluster::rights(&client, (account, &namespaces), report)
            .await
            .map_err(said)?;
        if !is_there {
            return Ok(());
        }
        let found = Cluster::read(client.clone(), &namespaces)
            .await
            .map_err(said)?;
        cluster::grants(&client, account, &found.connections, report)
            .await
            .map_err(said)?;
        report.wrong.extend(objects::stuck(&found.connections));
        report.wrong.extend(objects::stuck(&found.bindings));
        let now = clock::now();
        let expiring = objects::expiring(&found.connections, now.0);
        report.wrong.extend(expiring);
        let manifests = Manifests::default();
        let scene = Scene {
            cluster: found,
            manifests: &manifests,
            namespace: "default",
            asked: Asked::Live(None),
            is_thorough: true,
        };
        self.objects(scene, report).await
    }

    async fn objects(&self, scene: Scene<'_>, report: &mut Report) -> anyhow::Result<()> {
        let world = self.servers.world(scene, &Arc::new(Metrics::default()))?;
        let facts = Facts::of(&world.connections.all, &world.bindings.all);
        let forecasts = forecasts(world).await;
        let before = report.wrong.len();
        for forecast in &forecasts {
            report.wrong.extend(objects::findings(forecast, &facts));
        }
        if report.wrong.len() == before {
            report.well.push(checked(forecasts.len()));
        }
        Ok(())
    }
}

/// That so many objects are well.
fn checked(objects: usize) -> String {
    counted(
        objects,
        "object and its servers",
        "objects and their servers",
    )
}

/// A failure of the API server, in one line.
#[expect(clippy::needless_pass_by_value, reason = "given to map_err")]
fn said(error: Error) -> anyhow::Error {
    anyhow::anyhow!(error.message())
}

#[cfg(test)]
mod tests {
    use super::checked;

    #[test]
    fn one_object_is_no_plural() {
        let said = [1, 2].map(checked);
        assert_eq!(
            said,
            ["1 object and its servers", "2 objects and their servers"]
        );
    }
}
