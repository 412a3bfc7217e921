//! The program: reads the command line and hands over.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::Context;
use bindery::cli::{self, Cli, Command, RunArguments};
use bindery::metrics::Metrics;
use bindery::server::{self, Readiness};
use bindery::{controller, kubernetes, telemetry};
use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Run(arguments) => run(&arguments),
        Command::Crds => print_crds(),
    }
}

#[tokio::main]
async fn run(arguments: &RunArguments) -> anyhow::Result<()> {
    let (metrics, readiness) = (Arc::new(Metrics::default()), Readiness::default());
    let _last_lines = telemetry::start(&arguments.log, arguments.log_format, &metrics)
        .context("failed to read --log")?;
    let stop = CancellationToken::new();
    let mut terminated = signal(SignalKind::terminate()).context("failed to listen for SIGTERM")?;
    let mut interrupted = signal(SignalKind::interrupt()).context("failed to listen for SIGINT")?;
    let client = client(&metrics).await?;
    let listener = TcpListener::bind(arguments.listen).await.with_context(|| {
        format!(
            "failed to listen on {}: choose another --listen",
            arguments.listen
        )
    })?;
    // The first task that ends stops the process: Kubernetes restarts a process that ended, not one that hangs.
    let serving = async {
        let ready = readiness.clone();
        let served = server::serve(listener, Arc::clone(&metrics), ready, stop.clone()).await;
        stop.cancel();
        served.context("failed to serve metrics")
    };
    let working = async {
        let (settings, metrics) = (arguments.settings(), Arc::clone(&metrics));
        let worked = controller::run(client, settings, metrics, readiness.clone(), stop.clone());
        let worked = worked.await;
        stop.cancel();
        worked.context("failed to run on")
    };
    let stopping = async {
        tokio::select! {
            _ = terminated.recv() => {},
            _ = interrupted.recv() => {},
            () = stop.cancelled() => return,
        }
        tracing::info!("stopping: waiting for the reconciles that are in progress");
        stop.cancel();
    };
    let (served, worked, ()) = tokio::join!(serving, working, stopping);
    served.and(worked)
}

async fn client(metrics: &Arc<Metrics>) -> anyhow::Result<kube::Client> {
    let config = kube::Config::infer()
        .await
        .context("failed to find the Kubernetes API: run in a cluster, or set KUBECONFIG")?;
    kubernetes::client(config, metrics)
        .context("failed to prepare the client of the Kubernetes API")
}

fn print_crds() -> anyhow::Result<()> {
    let definitions = cli::definitions().context("failed to write the definitions as YAML")?;
    io::stdout()
        .write_all(definitions.as_bytes())
        .context("failed to print")
}
