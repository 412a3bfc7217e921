//! What a failed reconcile changes about what is said of a binding.

use crate::plan::Reason;
use crate::plan::condition::ConditionType;
use crate::plan::failure::Sorted;

/// What is known of a binding when its reconcile fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether everything was as declared when it was reconciled last.
    pub settled: bool,
    /// Whether its project was accepted.
    pub accepted: bool,
    /// Whether that was through the connection as it is now.
    pub by_this_connection: bool,
}

/// What its conditions say after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// What they said before: the failed ones report the failure themselves.
    Unchanged,
    /// The failure.
    Failed {
        /// The condition that is false.
        at: ConditionType,
        /// Those that are true.
        reached: &'static [ConditionType],
    },
}

/// What the conditions of a binding say after a failure.
#[must_use]
pub fn after_failure(standing: Standing, failure: Sorted) -> AfterFailure {
    if standing.settled && failure.blame.is_of_others() {
        return AfterFailure::Unchanged;
    }
    let takes_it_away = matches!(
        failure.reason,
        Reason::ConnectionNotFound
            | Reason::ConnectionMismatch
            | Reason::AccessDenied
            | Reason::AlreadyManaged
    );
    if standing.accepted && standing.by_this_connection && !takes_it_away {
        AfterFailure::Failed {
            at: ConditionType::Synced,
            reached: &[ConditionType::Accepted],
        }
    } else {
        AfterFailure::Failed {
            at: ConditionType::Accepted,
            reached: &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::failure::{Facts, sort};

    const KEPT: Standing = Standing {
        settled: true,
        accepted: true,
        by_this_connection: true,
    };
    const SYNCED: AfterFailure = AfterFailure::Failed {
        at: ConditionType::Synced,
        reached: &[ConditionType::Accepted],
    };
    const NOT_ACCEPTED: AfterFailure = AfterFailure::Failed {
        at: ConditionType::Accepted,
        reached: &[],
    };

    /// Promise: an outage writes no status of bindings that are up to date.
    #[test]
    fn an_outage_does_not_change_a_settled_binding() {
        let unsettled = Standing {
            settled: false,
            ..KEPT
        };
        for outage in [Facts::NotUp, Facts::Kubernetes] {
            assert_eq!(after_failure(KEPT, sort(outage)), AfterFailure::Unchanged);
            assert_eq!(after_failure(unsettled, sort(outage)), SYNCED);
        }
        assert_eq!(after_failure(KEPT, sort(Facts::Deadline)), SYNCED);
    }

    #[test]
    fn a_failure_leaves_the_acceptance_unless_it_is_about_that() {
        let refused = |reason| sort(Facts::Refused(reason));
        assert_eq!(
            after_failure(KEPT, refused(Reason::RepositoryMoved)),
            SYNCED
        );
        for reason in [
            Reason::ConnectionNotFound,
            Reason::ConnectionMismatch,
            Reason::AccessDenied,
            Reason::AlreadyManaged,
        ] {
            assert_eq!(after_failure(KEPT, refused(reason)), NOT_ACCEPTED);
        }
        let moved = refused(Reason::RepositoryMoved);
        for standing in [
            Standing {
                accepted: false,
                ..KEPT
            },
            Standing {
                by_this_connection: false,
                ..KEPT
            },
        ] {
            assert_eq!(after_failure(standing, moved), NOT_ACCEPTED);
        }
    }
}
