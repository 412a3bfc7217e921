//! The program: reads the command line and hands over.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use bindery::cli::{self, Answer, Command, MetricsArguments, Program, RunArguments};
use bindery::controller::{Setup, Signals};
use bindery::fence::Fence;
use bindery::kubernetes::Reviews;
use bindery::kubernetes::lease::Leases;
use bindery::lease::Contender;
use bindery::metrics::Metrics;
use bindery::server::{self, MetricsPage, Readiness, TlsListener};
use bindery::{controller, kubernetes, telemetry};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<_> = std::env::args_os().collect();
    let program = Program::called(&arguments);
    let command = match cli::parse(&arguments, program) {
        Ok(cli) => cli.command,
        Err(refused) => {
            unless_unread(refused.print())?;
            let command = arguments.get(1).and_then(|it| it.to_str());
            return Ok(ExitCode::from(cli::status_of_usage(&refused, command)));
        }
    };
    if let Command::Run(arguments) = &command {
        return run(arguments).map(|()| ExitCode::SUCCESS);
    }
    print(command, program)
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
    let authenticates = arguments.metrics.metrics_authentication;
    let page = MetricsPage {
        metrics: Arc::clone(&metrics),
        reviews: authenticates.then(|| Reviews::new(unfenced.clone())),
    };
    let pages = Pages::listen(arguments, page).await?;
    // The first task that ends stops the process: Kubernetes restarts a process that ended, not one that hangs.
    let serving = async {
        let served = pages.serve(readiness.clone(), &stop).await;
        stop.cancel();
        served.context("failed to serve the probes and metrics")
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

/// Where the probes and `/metrics` are served.
struct Pages {
    probes: TcpListener,
    metrics: Address,
    page: MetricsPage,
}

/// Where `/metrics` is served.
enum Address {
    /// With the probes.
    OfTheProbes,
    Own(TcpListener),
    OwnByTls(TlsListener),
}

impl Pages {
    async fn listen(arguments: &RunArguments, page: MetricsPage) -> anyhow::Result<Self> {
        let probes = listen(arguments.listen, "--listen").await?;
        let MetricsArguments {
            metrics_listen: own,
            metrics_tls: tls,
            metrics_authentication: _,
        } = &arguments.metrics;
        let metrics = match (own, tls) {
            (None, _) => Address::OfTheProbes,
            (Some(own), None) => Address::Own(listen(*own, "--metrics-listen").await?),
            (Some(own), Some(directory)) => {
                let listener = listen(*own, "--metrics-listen").await?;
                let listener = TlsListener::new(listener, directory);
                Address::OwnByTls(
                    listener.context("failed to read the certificate of --metrics-tls")?,
                )
            }
        };
        Ok(Self {
            probes,
            metrics,
            page,
        })
    }

    /// Serves until the shutdown signal. If one of the two fails, the other one ends too.
    async fn serve(self, readiness: Readiness, stop: &CancellationToken) -> io::Result<()> {
        let Self {
            probes,
            metrics,
            page,
        } = self;
        let stopped = || stop.clone();
        let alone = |probes| server::serve(probes, readiness.clone(), None, stopped());
        match metrics {
            Address::OfTheProbes => server::serve(probes, readiness, Some(page), stopped()).await,
            Address::Own(own) => {
                let own = server::serve_metrics(own, page, stopped());
                tokio::try_join!(alone(probes), own).map(drop)
            }
            Address::OwnByTls(own) => {
                let own = server::serve_metrics(own, page, stopped());
                tokio::try_join!(alone(probes), own).map(drop)
            }
        }
    }
}

async fn listen(address: SocketAddr, option: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("failed to listen on {address}: choose another {option}"))
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
async fn print(command: Command, program: Program) -> anyhow::Result<ExitCode> {
    let Answer { text, status } = cli::answer(command, program).await?;
    unless_unread(io::stdout().write_all(text.as_bytes()))?;
    Ok(ExitCode::from(status))
}

/// It is no failure to print if the reader has seen enough, as `head` has.
fn unless_unread(printed: io::Result<()>) -> anyhow::Result<()> {
    match printed {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed.context("failed to print"),
    }
}
