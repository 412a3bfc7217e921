//! Who may bind what through a connection.

use crate::identity::{ProjectKey, RepositoryPath};

/// What one namespace may do through one connection: the entries of `access` whose selector admits it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// The connection's own namespace: everything.
    Own,
    /// Another namespace: what one of these rules admits. Never empty.
    Admitted(Vec<AccessRule>),
}

/// One entry of `access`, its selector left out. Entries do not combine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRule {
    /// Patterns of `PROJECT/slug`; `*` is any run without `/`; letter case does not count.
    pub repositories: Vec<String>,
    /// Patterns of project keys; `*` is any run. `None`: the default key of the repository only.
    pub projects: Option<Vec<String>>,
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
                None => ProjectKey::default_for(repository).same(key),
                Some(patterns) => patterns
                    .iter()
                    .any(|pattern| matches(&pattern.to_lowercase(), &key.folded(), None)),
            }
    }
}

/// Whether a text matches a pattern in which `*` is any run of characters except `barrier`.
fn matches(pattern: &str, text: &str, barrier: Option<char>) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(rest) = text.strip_prefix(head) else {
        return false;
    };
    let reach = barrier
        .and_then(|barrier| rest.find(barrier))
        .unwrap_or(rest.len());
    rest.char_indices()
        .map(|(index, _)| index)
        .chain([rest.len()])
        .take_while(|index| *index <= reach)
        .any(|index| matches(tail, &rest[index..], barrier))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(repositories: &[&str], projects: Option<&[&str]>) -> Access {
        let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        Access::Admitted(vec![AccessRule {
            repositories: owned(repositories),
            projects: projects.map(owned),
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
        assert!(!admits(&rule(&["*"], None), "PAY/checkout", "PAY:checkout"));
    }

    #[test]
    fn without_patterns_for_keys_only_the_default_key_is_admitted() {
        let access = rule(&["PAY/*"], None);
        assert!(admits(&access, "PAY/checkout", "PAY:checkout"));
        assert!(!admits(&access, "PAY/checkout", "OPS:deploy"));
    }

    #[test]
    fn patterns_for_keys_admit_what_they_match_and_only_with_an_admitted_repository() {
        let access = rule(&["PAY/*"], Some(&["PAY:*", "legacy*"]));
        assert!(admits(&access, "PAY/checkout", "legacy-checkout"));
        assert!(!admits(&access, "PAY/checkout", "OPS:deploy"));
        assert!(!admits(&access, "OPS/deploy", "PAY:deploy"));
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
