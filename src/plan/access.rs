//! Who may bind what through a connection.

use crate::identity::{KeyTemplate, ProjectKey, RepositoryPath};

/// What one namespace may do through one connection: the entries of `access` whose selector admits it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// The connection's own namespace: everything.
    Own,
    /// Another namespace: what one of these rules admits. Never empty.
    Admitted(Vec<AccessRule>),
}

/// One entry of `access`, its selector left out. Entries do not combine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccessRule {
    /// Patterns of `PROJECT/slug`; `*` is any run without `/`; letter case does not count.
    pub repositories: Vec<String>,
    /// The keys of the projects.
    pub projects: AdmittedKeys,
}

/// The keys that one entry of `access` admits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AdmittedKeys {
    /// The key that the repository gets where none is given.
    Default(KeyTemplate),
    /// Those that one of these patterns matches; `*` is any run.
    Matching(Vec<String>),
}

impl Access {
    /// Whether the repository may be bound to the project of this key.
    #[must_use]
    pub fn admits(&self, repository: &RepositoryPath, key: &ProjectKey) -> bool {
        match self {
            Self::Own => true,
            Self::Admitted(rules) => rules.iter().any(|rule| rule.admits(repository, key)),
        }
    }
}

impl AccessRule {
    fn admits(&self, repository: &RepositoryPath, key: &ProjectKey) -> bool {
        let path = repository.folded();
        let repository_admitted = self
            .repositories
            .iter()
            .any(|pattern| matches(&pattern.to_lowercase(), &path, Some('/')));
        repository_admitted
            && match &self.projects {
                AdmittedKeys::Default(keys) => keys.key(repository).same(key),
                AdmittedKeys::Matching(patterns) => patterns
                    .iter()
                    .any(|pattern| matches(&pattern.to_lowercase(), &key.folded(), None)),
            }
    }
}

/// How many patterns one list may hold, and how long each may be: as the schema bounds them.
const MOST_PATTERNS: usize = 64;
const LONGEST_PATTERN: usize = 128;
const MOST_STARS: usize = 4;

/// The patterns of repositories in a list that no schema has checked, separated by commas or spaces. A pattern that the
/// schema would refuse is left out.
#[must_use]
pub fn patterns(list: &str) -> Vec<String> {
    let separates = |it: char| it == ',' || it.is_whitespace();
    let patterns = list.split(separates).filter(|it| is_repository_pattern(it));
    patterns.take(MOST_PATTERNS).map(str::to_owned).collect()
}

fn is_repository_pattern(text: &str) -> bool {
    let is_path = text.split_once('/').is_some_and(|(project, slug)| {
        !project.is_empty() && !slug.is_empty() && !slug.contains('/')
    });
    let has_few_stars = text.matches('*').count() <= MOST_STARS && !text.contains("**");
    is_path && has_few_stars && text.chars().count() <= LONGEST_PATTERN
}

/// Whether a text matches a pattern in which `*` is any run of characters except `barrier`.
///
/// Linear in the length of both: each part between two `*` is taken at its first place and never tried at a later one.
/// A later place cannot help: what lies between the two holds no barrier, unless the part itself holds one, and then
/// it fits at one place only.
pub(super) fn matches(pattern: &str, text: &str, barrier: Option<char>) -> bool {
    let may_skip = |skipped: &str| barrier.is_none_or(|barrier| !skipped.contains(barrier));
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|head| text.strip_prefix(head)) else {
        return false;
    };
    let Some(tail) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((skipped, after)) if may_skip(skipped) => rest = after,
            Some(_) | None => return false,
        }
    }
    rest.strip_suffix(tail).is_some_and(may_skip)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    /// Matches by the definition, a table of all prefixes: slow, and plain to see.
    fn defined(pattern: &str, text: &str, barrier: Option<char>) -> bool {
        let text: Vec<_> = text.chars().collect();
        let mut reached = vec![false; text.len() + 1];
        reached[0] = true;
        for wanted in pattern.chars() {
            let mut next = vec![false; text.len() + 1];
            for place in 0..=text.len() {
                next[place] = if wanted == '*' {
                    let grows = place > 0 && next[place - 1] && Some(text[place - 1]) != barrier;
                    reached[place] || grows
                } else {
                    place > 0 && reached[place - 1] && text[place - 1] == wanted
                };
            }
            reached = next;
        }
        reached[text.len()]
    }

    proptest! {
        #[test]
        fn a_pattern_matches_by_its_definition(
            pattern in "[ab/*]{0,8}",
            text in "[ab/]{0,10}",
            barrier in prop_oneof![Just(None), Just(Some('/'))],
        ) {
            prop_assert_eq!(
                matches(&pattern, &text, barrier),
                defined(&pattern, &text, barrier),
                "{} on {}", pattern, text
            );
        }
    }

    /// Promise: no pattern that the API server stores keeps a core busy. A thread does the work, so that a matcher that
    /// never ends makes the test fail instead of hang.
    #[test]
    fn the_longest_patterns_are_matched_at_once() {
        let (send, done) = mpsc::channel();
        thread::spawn(move || {
            let text = "a".repeat(400);
            let all = (1..=20).all(|length| {
                let part = format!("*{}", "a".repeat(length));
                let pattern = part.repeat(128 / part.len());
                !matches(&format!("{pattern}b"), &text, None) && matches(&pattern, &text, Some('/'))
            });
            send.send(all).ok();
        });
        let all = done.recv_timeout(Duration::from_secs(30));
        assert_eq!(all, Ok(true), "still busy after 30 s, or wrong");
    }

    fn rule(repositories: &[&str], projects: Option<&[&str]>) -> Access {
        let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        Access::Admitted(vec![AccessRule {
            repositories: owned(repositories),
            projects: projects.map(owned).map_or_else(
                || AdmittedKeys::Default(KeyTemplate::default()),
                AdmittedKeys::Matching,
            ),
        }])
    }

    fn admits(access: &Access, repository: &str, key: &str) -> bool {
        let (project, slug) = repository.split_once('/').unwrap();
        access.admits(
            &RepositoryPath::parse(project, slug).unwrap(),
            &ProjectKey::parse(key).unwrap(),
        )
    }

    #[test]
    fn a_wildcard_stops_at_the_slash_and_letter_case_does_not_count() {
        let access = rule(&["PAY/*"], None);
        assert!(admits(&access, "pay/Checkout", "pay:Checkout"));
        assert!(!admits(&access, "PAYROLL/checkout", "PAYROLL:checkout"));
        for pattern in ["*", "*check*", "PAY*o*"] {
            let access = rule(&[pattern], None);
            assert!(
                !admits(&access, "PAY/checkout", "PAY:checkout"),
                "{pattern}"
            );
        }
    }

    #[test]
    fn without_patterns_for_keys_only_the_default_key_is_admitted() {
        let access = rule(&["PAY/*"], None);
        assert!(admits(&access, "PAY/checkout", "PAY:checkout"));
        assert!(!admits(&access, "PAY/checkout", "OPS:deploy"));
    }

    #[test]
    fn patterns_for_keys_admit_matches_with_an_admitted_repository_only() {
        let access = rule(&["PAY/*"], Some(&["PAY:*", "legacy*"]));
        assert!(admits(&access, "PAY/checkout", "legacy-checkout"));
        assert!(!admits(&access, "PAY/checkout", "OPS:deploy"));
        assert!(!admits(&access, "OPS/deploy", "PAY:deploy"));
    }

    #[test]
    fn only_entries_of_a_list_that_the_schema_accepts_are_used() {
        let list = "PAY/*,OPS/deploy\n ~jdoe/a*b*c*d* */*";
        assert_eq!(
            patterns(list),
            ["PAY/*", "OPS/deploy", "~jdoe/a*b*c*d*", "*/*"]
        );
        let long = format!("PAY/{}", "a".repeat(125));
        for refused in [
            "",
            "*",
            "PAY",
            "PAY/",
            "/a",
            "a/b/c",
            "PAY/**",
            "a*b*/c*d*e*",
            &long,
        ] {
            assert!(patterns(refused).is_empty(), "{refused}");
        }
        assert_eq!(patterns(&"PAY/a ".repeat(100)).len(), 64);
    }

    #[test]
    fn two_entries_do_not_combine() {
        let Access::Admitted(mut rules) = rule(&["PAY/*"], Some(&["PAY:*"])) else {
            unreachable!()
        };
        let Access::Admitted(others) = rule(&["OPS/*"], Some(&["OPS:*"])) else {
            unreachable!()
        };
        rules.extend(others);
        assert!(!admits(
            &Access::Admitted(rules),
            "PAY/checkout",
            "OPS:deploy"
        ));
    }
}
