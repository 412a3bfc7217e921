//! How long tests take, for the table of the slowest at the end of `make test`: the test runner shows no times.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Instant;

/// Measures a test from when it has the servers that it waited for until it lets them go.
pub(crate) struct Stopwatch {
    test: String,
    began: Instant,
    /// A line for each test, which `tests/everything` reads.
    file: PathBuf,
}

impl Stopwatch {
    /// Starts for the test of this thread: the test runner names it so.
    pub(crate) fn start() -> Option<Self> {
        let test = std::thread::current().name()?.to_owned();
        let file = PathBuf::from(super::servers::optional("BINDERY_SERVERS")?).join("durations");
        Some(Self {
            test,
            began: Instant::now(),
            file,
        })
    }
}

impl Drop for Stopwatch {
    fn drop(&mut self) {
        let line = format!(
            "{:6.1} s  {}\n",
            self.began.elapsed().as_secs_f64(),
            self.test
        );
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.file);
        // A time that cannot be stored fails no test.
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
}
