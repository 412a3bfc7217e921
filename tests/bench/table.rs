//! The table of all runs.

use super::operator::Memory;
use super::run::{Percentiles, Phase, Run};

/// A row of the table: its name, what is promised at 10,000 bindings, and what each run says in it.
struct Row(&'static str, &'static str, fn(&Run) -> String);

const ROWS: &[Row] = &[
    Row("create: seconds until all are Ready", "", |run| {
        seconds(run.create.seconds)
    }),
    Row("create: time ÷ floor", "≤ 1.3", |run| {
        ratio(run.create.seconds, run.floor.create)
    }),
    Row("create: time ÷ floor with whole statuses", "", |run| {
        ratio(run.create.seconds, run.floor_with_whole_statuses.create)
    }),
    Row(
        "create: calls per binding, without listings and spread reads",
        "≤ 3.1",
        |run| each(run.create.calls.others as u64, run),
    ),
    Row("create: listings / spread reads", "", |run| {
        let calls = &run.create.calls;
        format!("{} / {}", calls.listings, calls.spread_reads)
    }),
    Row(
        "create: writes to the API server per binding",
        "≤ 4",
        |run| each(run.create.writes(), run),
    ),
    Row(
        "create: reads from the API server per binding",
        "≤ 0.1",
        |run| each(run.create.reads(), run),
    ),
    Row("create: CPU seconds", "≤ 40", |run| {
        seconds(run.create.cpu)
    }),
    Row("memory after create: resident / peak MB", "≤ 80", |run| {
        memory(run.memory_after_create)
    }),
    Row(
        "memory in the quiet minute: resident / peak MB",
        "≤ 80",
        |run| memory(run.memory_at_rest),
    ),
    Row("memory after restart: resident / peak MB", "≤ 80", |run| {
        memory(run.memory_after_restart)
    }),
    Row(
        "quiet minute: listings / spread reads / other calls",
        "other ≤ 6",
        |run| calls(&run.quiet),
    ),
    Row("quiet minute: writes to the API server", "0", |run| {
        run.quiet.writes().to_string()
    }),
    Row("quiet minute: CPU seconds", "< 0.6", |run| {
        seconds(run.quiet.cpu)
    }),
    Row("restart: seconds until ready", "≤ 3", |run| {
        seconds(run.restart.seconds)
    }),
    Row("restart: writes to the API server", "0", |run| {
        run.restart.writes().to_string()
    }),
    Row("restart: calls", "", |run| {
        run.restart.calls.all().to_string()
    }),
    Row(
        "a person's change, nothing else going on: median / p99 seconds",
        "",
        |run| percentiles(run.change),
    ),
    Row(
        "a person's change during create: median / p99 seconds",
        "≤ 0.5 / ≤ 2",
        |run| percentiles(run.change_during_create),
    ),
    Row(
        "a person's change during a sweep: median / p99 seconds",
        "≤ 0.5 / ≤ 2",
        |run| percentiles(run.change_during_sweep),
    ),
    Row("1 % drift: seconds until corrected", "", |run| {
        seconds(run.drift.seconds)
    }),
    Row(
        "1 % drift: listings / spread reads / other calls",
        "",
        |run| calls(&run.drift),
    ),
    Row("rotation of a token: seconds", "", |run| {
        seconds(run.rotation.seconds)
    }),
    Row(
        "rotation: listings / spread reads / other calls",
        "other ≤ 5",
        |run| calls(&run.rotation),
    ),
    Row("delete: seconds until all are gone", "", |run| {
        seconds(run.delete.seconds)
    }),
    Row("delete: time ÷ floor", "≤ 1.3", |run| {
        ratio(run.delete.seconds, run.floor.delete)
    }),
    Row("delete: time ÷ floor with whole statuses", "", |run| {
        ratio(run.delete.seconds, run.floor_with_whole_statuses.delete)
    }),
    Row(
        "delete: calls per binding, without listings and spread reads",
        "",
        |run| each(run.delete.calls.others as u64, run),
    ),
    Row(
        "delete: writes / reads of the API server per binding",
        "2 / 0",
        |run| {
            let (writes, reads) = (run.delete.writes(), run.delete.reads());
            format!("{} / {}", each(writes, run), each(reads, run))
        },
    ),
    Row("delete: CPU seconds", "", |run| seconds(run.delete.cpu)),
];

/// The table, as the guide shows it.
pub(crate) fn markdown(runs: &[Run]) -> String {
    let heads: Vec<_> = runs.iter().map(|run| thousands(run.bindings)).collect();
    let head = format!("| bindings | {} | promised at 10,000 |", heads.join(" | "));
    let line = format!("|---|{}---|", "---|".repeat(runs.len()));
    let rows = ROWS.iter().map(|Row(name, promise, cell)| {
        let cells: Vec<_> = runs.iter().map(cell).collect();
        format!("| {name} | {} | {promise} |", cells.join(" | "))
    });
    let lines: Vec<_> = [head, line].into_iter().chain(rows).collect();
    lines.join("\n") + "\n"
}

fn thousands(count: usize) -> String {
    if count < 1000 {
        count.to_string()
    } else {
        format!("{},{:03}", count / 1000, count % 1000)
    }
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

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn each(count: u64, run: &Run) -> String {
    format!("{:.2}", count as f64 / run.bindings as f64)
}

fn memory(memory: Memory) -> String {
    format!("{:.0} / {:.0}", memory.resident, memory.peak)
}

fn percentiles(percentiles: Percentiles) -> String {
    let Percentiles { median, p99, .. } = percentiles;
    format!("{} / {}", seconds(median), seconds(p99))
}

fn calls(phase: &Phase) -> String {
    let calls = &phase.calls;
    format!(
        "{} / {} / {}",
        calls.listings, calls.spread_reads, calls.others
    )
}
