//! Ends the client of the proxies at a certain write.

use std::process::Command;
use std::sync::Mutex;

/// When the client is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Nothing of the write has reached the server; the answers to all earlier ones were read.
    BeforeIt,
    /// The write is committed, and its answer is not read.
    BehindIt,
}

/// Counts the writes of all proxies that share it, and ends their client by SIGKILL at one of them.
#[derive(Default)]
pub(crate) struct Killer(Mutex<State>);

#[derive(Default)]
struct State {
    aimed: Option<(usize, Moment)>,
    client: u32,
    /// Writes to targets that contain this do not count.
    ignored: &'static str,
    writes: Vec<String>,
    has_struck: bool,
}

impl Killer {
    /// Counts from now on, and ends the client at a moment of its nth write.
    pub(crate) fn aim(&self, client: u32, at: Option<(usize, Moment)>, ignored: &'static str) {
        *self.0.lock().unwrap() = State {
            aimed: at,
            client,
            ignored,
            ..State::default()
        };
    }

    /// Ends nothing any more.
    pub(crate) fn rest(&self) {
        *self.0.lock().unwrap() = State::default();
    }

    /// The targets of the writes so far.
    pub(crate) fn writes(&self) -> Vec<String> {
        self.0.lock().unwrap().writes.clone()
    }

    pub(crate) fn has_struck(&self) -> bool {
        self.0.lock().unwrap().has_struck
    }

    /// Counts a write, and returns when it ends the client.
    pub(super) fn write(&self, target: &str) -> Option<Moment> {
        let mut state = self.0.lock().unwrap();
        if !state.ignored.is_empty() && target.contains(state.ignored) {
            return None;
        }
        state.writes.push(target.to_owned());
        let count = state.writes.len();
        state
            .aimed
            .filter(|(nth, _)| *nth == count)
            .map(|(_, moment)| moment)
    }

    pub(super) fn strike(&self, moment: Option<Moment>) {
        let mut state = self.0.lock().unwrap();
        if moment.is_none() || state.has_struck {
            return;
        }
        let pid = state.client.to_string();
        let kill = Command::new("kill").args(["-KILL", &pid]).status();
        assert!(kill.unwrap().success());
        state.has_struck = true;
    }
}
