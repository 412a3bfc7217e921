//! What the kernel reports about the process. Without `/proc`, nothing is exported.

use std::fs;

/// Ticks a second of the times in `/proc`, the same on every Linux.
const TICKS: f64 = 100.0;

/// The metrics of the process. Each is exported only if it could be read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Process {
    pub(super) cpu_seconds: Option<f64>,
    pub(super) memory_bytes: Option<f64>,
    pub(super) open_files: Option<f64>,
    pub(super) started_seconds: Option<f64>,
}

impl Process {
    pub(super) fn now() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let system = fs::read_to_string("/proc/stat").unwrap_or_default();
        let (cpu, since_boot) = times(&stat).unzip();
        let boot = value(&system, "btime ");
        Self {
            cpu_seconds: cpu,
            memory_bytes: value(&status, "VmRSS:").map(|kibibytes| kibibytes * 1024.0),
            open_files: open_files(),
            started_seconds: boot
                .zip(since_boot)
                .map(|(boot, since_boot)| boot + since_boot),
        }
    }
}

/// Seconds of processor time, and the seconds after boot at which the process started.
fn times(stat: &str) -> Option<(f64, f64)> {
    // The name of the program stands in brackets, and may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some(((ticks(11)? + ticks(12)?) / TICKS, ticks(19)? / TICKS))
}

/// The number after a name at the beginning of a line.
fn value(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn open_files() -> Option<f64> {
    let count = fs::read_dir("/proc/self/fd").ok()?.count();
    u32::try_from(count).ok().map(f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_brackets_in_its_name_is_read() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 9 0 0 0 150 50 0 0 20 0 4 0 300 0 0";
        assert_eq!(times(stat), Some((2.0, 3.0)));
    }

    #[test]
    fn the_process_metrics_are_of_this_process() {
        let process = Process::now();
        assert!(process.memory_bytes.is_some_and(|bytes| bytes > 1e6));
        assert!(process.open_files.is_some_and(|count| count >= 3.0));
        assert!(
            process
                .started_seconds
                .is_some_and(|seconds| seconds > 1.7e9)
        );
        assert!(process.cpu_seconds.is_some());
    }
}
