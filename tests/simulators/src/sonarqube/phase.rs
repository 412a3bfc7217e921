//! What a server says of itself, and how it comes up.

use std::time::{Duration, Instant};

/// What a server is doing. Only `Up` answers everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Everything is served.
    Up,
    /// A restart was asked for: everything is served for a moment.
    Restarting,
    /// Nobody answers: every connection is lost.
    Down,
    /// Only `system/status` is there, everything else is an unknown URL.
    Starting,
    /// Still `STARTING`, but good tokens are refused instead.
    StartingUnauthenticated,
    /// An upgrade waits for its migration: only `system/*` is there.
    MigrationNeeded,
    /// The migration runs: only `system/*` is there.
    MigrationRunning,
}

impl Phase {
    /// As `system/status` tells it.
    pub(crate) const fn status(self) -> &'static str {
        match self {
            Self::Up => "UP",
            Self::Restarting => "RESTARTING",
            Self::Down => "DOWN",
            Self::Starting | Self::StartingUnauthenticated => "STARTING",
            Self::MigrationNeeded => "DB_MIGRATION_NEEDED",
            Self::MigrationRunning => "DB_MIGRATION_RUNNING",
        }
    }
}

/// Phases that follow each other, the last one for good.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    begun: Instant,
    steps: Vec<(Duration, Phase)>,
    last: Phase,
}

impl Course {
    pub(crate) fn settled(phase: Phase) -> Self {
        Self {
            begun: Instant::now(),
            steps: Vec::new(),
            last: phase,
        }
    }

    /// A restart as 9.9 to 26.9 went through it, in seconds instead of minutes.
    pub(crate) fn restart(step: Duration) -> Self {
        let steps = [
            (step / 10, Phase::Restarting),
            (step, Phase::Down),
            (step, Phase::Starting),
            (step, Phase::StartingUnauthenticated),
        ];
        Self {
            begun: Instant::now(),
            steps: steps.to_vec(),
            last: Phase::Up,
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        let mut passed = self.begun.elapsed();
        for (length, phase) in &self.steps {
            match passed.checked_sub(*length) {
                Some(rest) => passed = rest,
                None => return *phase,
            }
        }
        self.last
    }
}
