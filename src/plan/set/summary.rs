//! What the decisions come to, for a status.

use super::model::{Decision, Skipped};

/// What the decisions come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Repositories that are to have a binding.
    pub matched: i64,
    /// Those that have one.
    pub bound: i64,
    /// Selected repositories that are left out.
    pub skipped: i64,
    /// Those that a binding of others has.
    pub conflicting: i64,
    /// Those that wait for the next interval.
    pub waiting: i64,
    /// What a person may want to know beyond the numbers.
    pub message: String,
}

/// So many names of a sort are in a message.
const MOST_NAMES: usize = 5;

/// What the decisions come to, once so many bindings were created.
#[must_use]
pub fn summary(decisions: &[Decision], created: usize) -> Summary {
    let mut summary = Summary {
        bound: i64::try_from(created).unwrap_or_default(),
        ..Summary::default()
    };
    let (mut conflicts, mut denied, mut strays) = (Vec::new(), Vec::new(), Vec::new());
    for decision in decisions {
        match decision {
            Decision::Create { .. } => summary.matched += 1,
            Decision::Update { .. } | Decision::Keep { .. } => {
                summary.matched += 1;
                summary.bound += 1;
            }
            Decision::Wait { .. } | Decision::AskEmpty { .. } => {
                summary.matched += 1;
                summary.waiting += 1;
            }
            Decision::Conflicting { repository, with } => {
                summary.matched += 1;
                summary.conflicting += 1;
                conflicts.push(format!("{repository} ({with})"));
            }
            Decision::Skipped { repository, why } => {
                summary.skipped += 1;
                if *why == Skipped::NotAdmitted {
                    denied.push(repository.to_string());
                }
            }
            Decision::AskGone { name, .. }
            | Decision::Delete { name, .. }
            | Decision::Stray { name } => strays.push(name.clone()),
        }
    }
    let parts = [
        part("other bindings have", &conflicts),
        part("access of the connection does not admit", &denied),
        part("no selected repository is shown for bindings", &strays),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    summary.message = parts.join("; ");
    summary
}

fn part(title: &str, names: &[String]) -> Option<String> {
    let shown = names.get(..MOST_NAMES).unwrap_or(names).join(", ");
    let more = names.len().saturating_sub(MOST_NAMES);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    (!names.is_empty()).then(|| format!("{title} {shown}{more}"))
}

#[cfg(test)]
mod tests {
    use crate::identity::RepositoryPath;

    use super::*;

    #[test]
    fn the_decisions_are_counted_and_what_needs_a_person_is_named() {
        let path = |slug: &str| RepositoryPath::parse("PAY", slug).unwrap();
        let name = || "pay-a".to_owned();
        let mut decisions = vec![
            Decision::Keep { name: name() },
            Decision::Create {
                name: name(),
                repository: path("b"),
            },
            Decision::Wait {
                repository: path("c"),
            },
            Decision::Conflicting {
                repository: path("d"),
                with: "checkout".to_owned(),
            },
            Decision::Stray { name: name() },
        ];
        decisions.extend((0..7).map(|number| Decision::Skipped {
            repository: path(&number.to_string()),
            why: Skipped::NotAdmitted,
        }));
        let expected = Summary {
            matched: 4,
            bound: 2,
            skipped: 7,
            conflicting: 1,
            waiting: 1,
            message: "other bindings have PAY/d (checkout); access of the connection does not admit PAY/0, PAY/1, \
                      PAY/2, PAY/3, PAY/4 and 2 more; no selected repository is shown for bindings pay-a"
                .to_owned(),
        };
        assert_eq!(summary(&decisions, 1), expected);
    }
}
