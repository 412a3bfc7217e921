//! Log lines: a readable message, and fields with stable names. Written by a thread of their own, so that nothing else
//! waits for their reader.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;

use crate::cli::LogFormat;
use crate::metrics::Metrics;

/// Lines that wait for their reader. What comes while so many wait is lost, and counted.
const MOST_WAITING: usize = 4096;

/// How long the last lines have to reach their reader when the program ends.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Starts logging to standard error. When the returned guard is dropped, everything logged is written, unless no
/// process reads standard error.
///
/// # Errors
/// When the filter cannot be read.
pub fn start(
    filter: &str,
    format: LogFormat,
    metrics: &Arc<Metrics>,
) -> Result<impl Drop + use<>, ParseError> {
    let filter = EnvFilter::try_new(filter)?;
    let metrics = Arc::clone(metrics);
    let writer = Lines::written_to(io::stderr(), move || metrics.log_line_lost());
    let last = Last(writer.clone());
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer);
    match format {
        LogFormat::Json => lines.json().flatten_event(true).init(),
        LogFormat::Text => lines.init(),
    }
    // The hook of the standard library writes to standard error itself, and would wait for its reader.
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    Ok(last)
}

/// What the writing thread is given.
enum Given {
    Line(Vec<u8>),
    /// Everything before this is to be written, and then the sender is dropped.
    Last(SyncSender<()>),
}

/// Takes lines without ever waiting.
#[derive(Clone)]
struct Lines {
    waiting: SyncSender<Given>,
    lost: Arc<dyn Fn() + Send + Sync>,
}

impl Lines {
    /// Has a thread write lines there. `lost` is called for each that finds too many waiting.
    fn written_to(
        reader: impl Write + Send + 'static,
        lost: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let (waiting, given) = sync_channel(MOST_WAITING);
        thread::spawn(move || write_all(&given, reader));
        let lost = Arc::new(lost);
        Self { waiting, lost }
    }

    /// Waits until what was taken is written, but not for ever.
    fn flush(&self, patience: Duration) {
        let until = Instant::now() + patience;
        let (written, is_written) = sync_channel(0);
        let mut last = Given::Last(written);
        while let Err(TrySendError::Full(back)) = self.waiting.try_send(last) {
            if Instant::now() >= until {
                return;
            }
            thread::sleep(Duration::from_millis(10));
            last = back;
        }
        let left = until.saturating_duration_since(Instant::now());
        is_written.recv_timeout(left).ok();
    }
}

fn write_all(given: &Receiver<Given>, mut reader: impl Write) {
    for given in given {
        match given {
            // If standard error is closed, the loss cannot be reported.
            Given::Line(line) => drop(reader.write_all(&line)),
            Given::Last(written) => drop(written),
        }
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.waiting.try_send(Given::Line(line.to_vec())).is_err() {
            (self.lost)();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Writes the last lines when dropped.
struct Last(Lines);

impl Drop for Last {
    fn drop(&mut self) {
        self.0.flush(LAST_LINES);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Keeps what it is given, as soon as the test allows it.
    #[derive(Clone, Default)]
    struct Reader(Arc<Mutex<Vec<u8>>>);

    impl Write for Reader {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn counted(reader: &Reader) -> (Lines, Arc<AtomicUsize>) {
        let lost = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&lost);
        let lines = Lines::written_to(reader.clone(), move || {
            counter.fetch_add(1, Ordering::SeqCst);
        });
        (lines, lost)
    }

    /// Promise: a reader that is stuck costs lines, not the operator.
    #[test]
    fn a_stuck_reader_blocks_no_writer_and_loses_excess_lines() {
        let reader = Reader::default();
        let stuck = reader.0.lock().unwrap();
        let (mut lines, lost) = counted(&reader);
        for _ in 0..MOST_WAITING + 100 {
            lines.write_all(b"line\n").unwrap();
        }
        // The thread may have taken one line out.
        let lost = lost.load(Ordering::SeqCst);
        assert!((99..=100).contains(&lost), "{lost}");
        lines.flush(Duration::from_millis(1));
        drop(stuck);
    }

    #[test]
    fn log_lines_are_written_in_order_before_the_end() {
        let reader = Reader::default();
        let (mut lines, lost) = counted(&reader);
        for line in ["first\n", "second\n"] {
            lines.write_all(line.as_bytes()).unwrap();
        }
        drop(Last(lines));
        assert_eq!(*reader.0.lock().unwrap(), b"first\nsecond\n");
        assert_eq!(lost.load(Ordering::SeqCst), 0);
    }
}
