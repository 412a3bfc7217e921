//! `make bench`: what bindings cost, measured from outside of the operator, beside the floor of the same run.
//!
//! Calls are counted by the logs of the simulated servers, writes by the API server's own metrics, memory and CPU time by
//! `/proc`. The floor is a bare loop that makes the calls and writes which no operator could do without.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark ends where something is not as it should be, and prints what it measured"
)]

mod charts;
mod cluster;
mod fifty;
mod floor;
mod operator;
mod phases;
mod report;
mod servers;
mod work;

use std::path::PathBuf;

use clap::Parser;

/// Measures the operator at work on a real API server and simulated servers with 10 ms of latency.
#[derive(Parser)]
struct Arguments {
    /// How many bindings; several runs with a comma between them.
    #[arg(long, value_delimiter = ',', default_value = "100,1000")]
    sizes: Vec<usize>,
    /// Where the results are written, as JSON; the charts are written beside it.
    #[arg(long, default_value = "target/bench/bench.json")]
    json: PathBuf,
    /// Also 50 connections, one of which hangs and one of which fails.
    #[arg(long)]
    fifty: bool,
    /// The operator; default: the one that was built with this program.
    #[arg(long, default_value = env!("CARGO_BIN_EXE_bindery"))]
    binary: PathBuf,
    /// What `cargo bench` says to each benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let mut runs = Vec::new();
    for size in &arguments.sizes {
        runs.push(Box::pin(phases::run(&arguments.binary, *size)).await);
        report::print(&runs);
    }
    let fifty = if arguments.fifty {
        Some(Box::pin(fifty::run(&arguments.binary)).await)
    } else {
        None
    };
    let results = report::Results::new(runs, fifty);
    results.write(&arguments.json);
    results.print();
}
