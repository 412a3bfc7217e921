//! How far a command is, for a person who waits.

use std::io::{self, IsTerminal as _, Write as _};

/// Shows how far a command is: what it does, and how many of how many things are done. Only on a terminal, and on
/// standard error, so that what is printed can be piped on.
pub(super) fn progress(what: &'static str) -> impl Fn(usize, usize) + Send + Sync {
    let is_watched = io::stderr().is_terminal();
    move |done, count| {
        if is_watched {
            let end = if done == count { "\n" } else { "" };
            // A terminal that is gone needs no progress.
            let _ = write!(io::stderr(), "\r{what}: {done}/{count}{end}");
        }
    }
}
