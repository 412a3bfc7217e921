//! The results: a table, a JSON file, and the charts that are made from it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::charts;
use super::fifty::Fifty;
use super::phases::{Percentiles, Phase, Run};

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Results {
    pub(crate) processors: usize,
    pub(crate) latency_milliseconds: u64,
    pub(crate) runs: Vec<Run>,
    pub(crate) fifty_connections: Option<Fifty>,
}

impl Results {
    pub(crate) fn new(runs: Vec<Run>, fifty_connections: Option<Fifty>) -> Self {
        Self {
            processors: std::thread::available_parallelism().unwrap().get(),
            latency_milliseconds: 10,
            runs,
            fifty_connections,
        }
    }

    /// Writes the results, and the charts beside them.
    pub(crate) fn write(&self, json: &Path) {
        let directory = json.parent().unwrap();
        std::fs::create_dir_all(directory).unwrap();
        std::fs::write(json, serde_json::to_string_pretty(self).unwrap() + "\n").unwrap();
        charts::draw(&self.runs, directory);
        println!("written: {}, and charts beside it", json.display());
    }

    pub(crate) fn print(&self) {
        print(&self.runs);
        if let Some(fifty) = &self.fifty_connections {
            println!(
                "\n50 connections with 20 bindings each, until those of 48 are Ready: {:.1} s; while one other hangs and one \
                 fails: {:.1} s",
                fifty.all_well, fifty.one_hangs_and_one_fails
            );
        }
    }
}

/// A row of the table, and what each run says in it.
type Row = (&'static str, fn(&Run) -> String);

const ROWS: [Row; 21] = [
    ("create: seconds", |run| seconds(run.create.seconds)),
    ("create: time ÷ floor", |run| {
        ratio(run.create.seconds, run.floor_of_create)
    }),
    ("create: calls a binding", |run| each(run.create.calls, run)),
    ("create: writes a binding", |run| {
        each_u64(run.create.writes(), run)
    }),
    ("create: reads a binding", |run| {
        each_u64(run.create.reads(), run)
    }),
    ("create: CPU seconds", |run| seconds(run.create.cpu)),
    ("memory after create: resident / peak MB", |run| {
        memory(run.memory_after_create)
    }),
    ("quiet interval: calls", |run| run.quiet.calls.to_string()),
    ("quiet interval: CPU seconds", |run| seconds(run.quiet.cpu)),
    ("quiet interval: writes", |run| {
        run.quiet.writes().to_string()
    }),
    ("memory at rest: resident / peak MB", |run| {
        memory(run.memory_at_rest)
    }),
    ("restart: seconds until ready", |run| {
        seconds(run.restart.seconds)
    }),
    ("restart: calls / writes", |run| {
        calls_and_writes(&run.restart)
    }),
    ("memory after restart: resident / peak MB", |run| {
        memory(run.memory_after_restart)
    }),
    ("a person's change: median / p99 s", |run| {
        percentiles(run.change)
    }),
    ("the same during create: median / p99 s", |run| {
        percentiles(run.change_during_create)
    }),
    ("1 % drift: seconds", |run| seconds(run.drift.seconds)),
    ("1 % drift: calls", |run| run.drift.calls.to_string()),
    ("rotation: seconds / calls", |run| {
        format!("{} / {}", seconds(run.rotation.seconds), run.rotation.calls)
    }),
    ("delete: seconds", |run| seconds(run.delete.seconds)),
    ("delete: time ÷ floor", |run| {
        ratio(run.delete.seconds, run.floor_of_delete)
    }),
];

/// Prints the table, in the form that the guide shows.
pub(crate) fn print(runs: &[Run]) {
    let heads: Vec<_> = runs.iter().map(|run| run.bindings.to_string()).collect();
    println!("\n| bindings | {} |", heads.join(" | "));
    println!("|---|{}", "---|".repeat(runs.len()));
    for (name, cell) in ROWS {
        let cells: Vec<_> = runs.iter().map(cell).collect();
        println!("| {name} | {} |", cells.join(" | "));
    }
    println!();
}

fn seconds(seconds: f64) -> String {
    if seconds < 10.0 {
        format!("{seconds:.2}")
    } else {
        format!("{seconds:.0}")
    }
}

fn ratio(part: f64, whole: f64) -> String {
    format!("{:.2}", part / whole)
}

fn each(count: usize, run: &Run) -> String {
    each_u64(count as u64, run)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn each_u64(count: u64, run: &Run) -> String {
    format!("{:.2}", count as f64 / run.bindings as f64)
}

fn memory(memory: super::operator::Memory) -> String {
    format!("{:.0} / {:.0}", memory.resident, memory.peak)
}

fn percentiles(percentiles: Percentiles) -> String {
    let Percentiles { median, p99, .. } = percentiles;
    format!("{} / {}", seconds(median), seconds(p99))
}

fn calls_and_writes(phase: &Phase) -> String {
    format!("{} / {}", phase.calls, phase.writes())
}
