//! `make bench`: what bindings cost, measured from outside of the operator, beside the floor of the same run.
//!
//! Calls are counted by the logs of the simulated servers, writes by the API server's own metrics, memory and CPU time
//! by `/proc`. The floor is a bare loop that makes the calls and writes which no operator could do without.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark ends where something is not as it should be, and prints what it measured"
)]

mod calls;
mod charts;
mod cluster;
mod fifty;
mod floor;
mod operator;
mod phases;
mod report;
mod run;
mod servers;
mod table;
mod work;

use std::path::{Path, PathBuf};

use clap::Parser;

use report::Results;

/// Measures the operator at work on a real API server and simulated servers with 10 ms of latency.
#[derive(Parser)]
struct Arguments {
    /// How many bindings; several runs with a comma between them.
    #[arg(long, value_delimiter = ',', default_value = "100,1000")]
    sizes: Vec<usize>,
    /// Where the results are written, as JSON.
    #[arg(long, default_value = "target/bench/bench.json")]
    json: PathBuf,
    /// Keeps what this file has of other sizes.
    #[arg(long)]
    add: bool,
    /// Measures nothing: writes the page of the guide in this directory, with its charts, from the results that are
    /// there.
    #[arg(long, value_name = "DIRECTORY")]
    report: Option<PathBuf>,
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
    if let Some(guide) = &arguments.report {
        Results::read(&arguments.json).write_page(guide);
        return;
    }
    assert_small(&arguments.binary);
    let mut results = if arguments.add {
        Results::read(&arguments.json)
    } else {
        Results::default()
    };
    // Written after each part: a later one may end the program.
    for size in &arguments.sizes {
        let run = Box::pin(phases::run(&arguments.binary, *size)).await;
        results.add(run);
        results.write(&arguments.json);
        results.print();
    }
    if arguments.fifty {
        results.fifty_connections = Some(Box::pin(fifty::run(&arguments.binary)).await);
        results.write(&arguments.json);
        results.print();
    }
}

/// Bytes that the binary may have, as it is shipped.
const LARGEST: u64 = 20_000_000;

fn assert_small(binary: &Path) {
    let size = std::fs::metadata(binary).unwrap().len();
    println!("the binary has {size} bytes");
    assert!(size <= LARGEST, "and may have {LARGEST}");
}
