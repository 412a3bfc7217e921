//! The program: reads the command line and hands over.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use bindery::cli::{self, Answer, Cli, Command, RunArguments};
use bindery::controller::{Setup, Signals};
use bindery::fence::Fence;
use bindery::kubernetes::lease::Leases;
use bindery::lease::Contender;
use bindery::metrics::Metrics;
use bindery::server::{self, Readiness};
use bindery::{controller, kubernetes, telemetry};
use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

fn main() -> anyhow::Result<ExitCode> {
    let command = Cli::parse().command;
    if let Command::Run(arguments) = &command {
        return run(arguments).map(|()| ExitCode::SUCCESS);
    }
    print(command)
}

#[tokio::main]
async fn run(arguments: &RunArguments) -> anyhow::Result<()> {
    let (metrics, readiness) = (Arc::new(Metrics::default()), Readiness::default());
    let _last_lines = telemetry::start(&arguments.log, arguments.log_format, &metrics)
        .context("failed to read --log")?;
    let stop = CancellationToken::new();
    let mut terminated = signal(SignalKind::terminate()).context("failed to listen for SIGTERM")?;
    let mut interrupted = signal(SignalKind::interrupt()).context("failed to listen for SIGINT")?;
    let fence = Fence::closed();
    let config = kube::Config::infer()
        .await
        .context("failed to find the Kubernetes API: run in a cluster, or set KUBECONFIG")?;
    let holder = arguments.holder(&config.default_namespace);
    let (client, unfenced) = clients(config, &metrics, &fence)?;
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
        let own = kubernetes::own_account(&unfenced).await;
        let leases = Leases::new(unfenced, holder);
        let setup = Setup {
            client,
            fence: fence.clone(),
            settings: arguments.settings(own),
            metrics: Arc::clone(&metrics),
        };
        let signals = Signals {
            stop: stop.clone(),
            ..Signals::default()
        };
        let leading = signals.leading.clone();
        let controllers = controller::run(setup, readiness.clone(), signals);
        let contender = Contender::new(leases, fence, &metrics);
        let worked = contender.run(controllers, leading).await;
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

/// The client of the Kubernetes API, and the one of the lease, which works while this operator does not lead.
fn clients(
    config: kube::Config,
    metrics: &Arc<Metrics>,
    fence: &Fence,
) -> anyhow::Result<(kube::Client, kube::Client)> {
    let unfenced = kubernetes::lease_client(config.clone())
        .context("failed to prepare the client of the lease")?;
    let client = kubernetes::client(config, metrics, fence.clone())
        .context("failed to prepare the client of the Kubernetes API")?;
    Ok((client, unfenced))
}

/// Carries out a command, and prints what it says.
#[tokio::main]
async fn print(command: Command) -> anyhow::Result<ExitCode> {
    let Answer { text, status } = cli::answer(command).await?;
    match io::stdout().write_all(text.as_bytes()) {
        // The reader has seen enough, as `head` has.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        printed => printed.context("failed to print")?,
    }
    Ok(ExitCode::from(status))
}
