//! What a server says of itself, and how it comes up.

use std::time::{Duration, Instant};

use serde::Deserialize;

/// What a server is doing. Only `Up` answers everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Everything is served.
    Up,
    /// A restart was asked for: everything is served for a moment.
    Restarting,
    /// No answers: every connection is lost. It is not refused, as that of a real server that is down, because a
    /// port that is given back may be another process's when the server returns.
    Away,
    /// Only `system/status` is there, everything else is an unknown URL.
    Starting,
    /// Still `STARTING`, for a moment: v2 is there as in the next phase, v1 is not.
    StartingSecondApi,
    /// Still `STARTING`: everything exists, and every caller is anonymous, with any token. An anonymous caller has no
    /// access, unlike where no authentication is wanted, which the server does not know yet.
    StartingUnauthenticated,
    /// An upgrade waits for its migration: of what is simulated, only `system/status` is there.
    MigrationNeeded,
    /// The migration runs: as before.
    MigrationRunning,
    /// The migration failed, and the server says that it is `DOWN`: as before.
    MigrationFailed,
}

impl Phase {
    /// Those of a restart, in their order.
    pub const OF_A_RESTART: [Self; 6] = [
        Self::Restarting,
        Self::Away,
        Self::Starting,
        Self::StartingSecondApi,
        Self::StartingUnauthenticated,
        Self::Up,
    ];

    /// As `system/status` returns it, if it answers.
    pub(crate) const fn status(self) -> Option<&'static str> {
        Some(match self {
            Self::Away => return None,
            Self::Up => "UP",
            Self::Restarting => "RESTARTING",
            Self::Starting | Self::StartingSecondApi | Self::StartingUnauthenticated => "STARTING",
            Self::MigrationNeeded => "DB_MIGRATION_NEEDED",
            Self::MigrationRunning => "DB_MIGRATION_RUNNING",
            Self::MigrationFailed => "DOWN",
        })
    }
}

impl Phase {
    /// Whether every caller is treated as anonymous.
    pub(crate) const fn accepts_no_token(self) -> bool {
        matches!(
            self,
            Self::StartingSecondApi | Self::StartingUnauthenticated
        )
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

    /// A restart as 25.1 and 26.9 go through it, in seconds instead of minutes.
    pub(crate) fn restart(step: Duration) -> Self {
        let steps = [
            (step / 10, Phase::Restarting),
            (step, Phase::Away),
            (step, Phase::Starting),
            (step / 5, Phase::StartingSecondApi),
            (step, Phase::StartingUnauthenticated),
        ];
        Self {
            begun: Instant::now(),
            steps: steps.to_vec(),
            last: Phase::Up,
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase_after(self.begun.elapsed())
    }

    fn phase_after(&self, mut passed: Duration) -> Phase {
        for (length, phase) in &self.steps {
            match passed.checked_sub(*length) {
                Some(rest) => passed = rest,
                None => return *phase,
            }
        }
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_goes_through_its_phases_in_their_order() {
        let course = Course::restart(Duration::from_secs(10));
        let phases = [0, 2, 12, 22, 24, 34].map(|second| {
            let passed = Duration::from_secs(second);
            course.phase_after(passed)
        });
        assert_eq!(phases, Phase::OF_A_RESTART);
    }
}
