//! The program: reads the command line and hands over.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bindery::cli::{Cli, Command, RunArguments};
use bindery::metrics::Metrics;
use bindery::server::{self, Readiness};
use bindery::{controller, generate, telemetry};
use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Run(arguments) => run(&arguments),
        Command::Crds(arguments) => match arguments.write {
            Some(tree) => rewrite_generated_files(&tree),
            None => print_crds(),
        },
    }
}

#[tokio::main]
async fn run(arguments: &RunArguments) -> anyhow::Result<()> {
    telemetry::start(&arguments.log, arguments.log_format).context("failed to read --log")?;
    let stop = CancellationToken::new();
    let mut terminated = signal(SignalKind::terminate()).context("failed to listen for SIGTERM")?;
    let mut interrupted = signal(SignalKind::interrupt()).context("failed to listen for SIGINT")?;
    let client = client().await?;
    let listener = TcpListener::bind(arguments.listen).await.with_context(|| {
        format!(
            "failed to listen on {}: choose another --listen",
            arguments.listen
        )
    })?;
    let (metrics, readiness) = (Arc::new(Metrics::default()), Readiness::default());
    let serving = server::serve(
        listener,
        Arc::clone(&metrics),
        readiness.clone(),
        stop.clone(),
    );
    let working = controller::run(
        client,
        arguments.settings(),
        metrics,
        readiness,
        stop.clone(),
    );
    let stopping = async {
        tokio::select! { _ = terminated.recv() => {}, _ = interrupted.recv() => {} }
        tracing::info!("stopping: passes that are under way come to their end");
        stop.cancel();
    };
    let (served, (), ()) = tokio::join!(serving, working, stopping);
    served.context("failed to serve metrics")
}

/// How long the Kubernetes API may be silent while something is read from it, a watch included: longer than a watch that
/// has nothing to tell. Without it a connection that is half open holds up whoever reads from it for ever.
const LONGEST_SILENCE: Duration = Duration::from_secs(90);

async fn client() -> anyhow::Result<kube::Client> {
    let mut config = kube::Config::infer()
        .await
        .context("failed to find the Kubernetes API: run in a cluster, or set KUBECONFIG")?;
    config.read_timeout = Some(LONGEST_SILENCE);
    // Counted from when a call is sent, not from when its connection was used last.
    config.reset_reader_on_write = true;
    kube::Client::try_from(config).context("failed to prepare calls to the Kubernetes API")
}

fn print_crds() -> anyhow::Result<()> {
    io::stdout()
        .write_all(generate::crds()?.as_bytes())
        .context("failed to print")
}

fn rewrite_generated_files(tree: &Path) -> anyhow::Result<()> {
    for file in generate::files()? {
        let path = tree.join(&file.path);
        fs::write(&path, file.content)
            .with_context(|| format!("failed to write {}", path.display()))?;
    }
    Ok(())
}
