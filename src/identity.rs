//! The names by which Bindery knows things, each with its grammar: parsed once, trusted afterwards.
//!
//! SonarQube and Bitbucket compare most of these without letter case in one place and with it in
//! another, so every name keeps its spelling and offers [`folded`](ProjectKey::folded) for comparison.

mod key_template;
mod server_url;

use std::fmt;
use std::sync::Arc;

pub use key_template::KeyTemplate;
pub use server_url::{ServerUrl, ServerUrlError};

/// Declares an opaque name that another system hands out: kept verbatim, compared exactly, and shared by
/// all who keep it.
macro_rules! opaque {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the name as it was handed out.
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }

            /// The name as it was handed out.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

opaque! {
    /// The id of a SonarQube server (`api/system/status`): stable over restarts, another one for another database.
    ServerId
}
opaque! {
    /// The uuid of a DevOps platform configuration (`api/v2/dop-translation/dop-settings`): survives a rename. Before
    /// 10.5 no call returns it, and the key replaces it ([`SettingId::of_key`]).
    SettingId
}

impl SettingId {
    /// The id of a setting on a server that returns none.
    #[must_use]
    pub fn of_key(key: &SettingKey) -> Self {
        Self(format!("key:{key}").into())
    }
}

opaque! {
    /// The uuid of a SonarQube project: survives a change of its key, not its deletion.
    ProjectId
}
opaque! {
    /// The uid of a Kubernetes object: another one for an object created again under the same name.
    Uid
}

/// A text that is not the name it was meant to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not a SonarQube project key.
    #[error(
        "{0:?} is not a SonarQube project key: use 1 to 400 letters, digits, '-', '_', '.' and ':', at least one of them not a digit"
    )]
    ProjectKey(String),
    /// Not a template for keys.
    #[error(
        "{0:?} is not a template for project keys: use {{project}}, a separator that is no digit, and {{slug}}, for example {{project}}_{{slug}}, in at most 100 characters"
    )]
    KeyTemplate(String),
    /// Not the key of a DevOps platform configuration.
    #[error(
        "{0:?} is not a configuration name: use 1 to 200 characters without spaces around them"
    )]
    SettingKey(String),
    /// Not the key of a Bitbucket project.
    #[error(
        "{0:?} is not a Bitbucket project key: use the name after /projects/ in the repository URL, for example PAY, or ~jdoe for a personal repository"
    )]
    BitbucketProject(String),
    /// Not the slug of a Bitbucket repository.
    #[error(
        "{0:?} is not a Bitbucket repository slug: use the name after /repos/ in the repository URL, for example payments-api"
    )]
    Slug(String),
}

/// The key of a SonarQube project: 1 to 400 letters, digits, `-`, `_`, `.` and `:`, at least one not a digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectKey(String);

impl ProjectKey {
    /// Checks SonarQube's own grammar (8.9 to 26.9).
    ///
    /// # Errors
    /// When the text is not a project key.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        let valid = (1..=400).contains(&text.len())
            && text.chars().all(allowed)
            && text.chars().any(|c| !c.is_ascii_digit());
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::ProjectKey(text.to_owned()))
        }
    }

    /// Takes a key as SonarQube returned it: old projects may have keys that today's grammar rejects.
    pub fn reported(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// The key as SonarQube spells it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key for comparison: SonarQube refuses two keys that differ in letter case only.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }

    /// Whether SonarQube would take both for one key.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl fmt::Display for ProjectKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The key of a DevOps platform configuration, "configuration name" to its users: 1 to 200 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SettingKey(String);

impl SettingKey {
    /// Rejects what SonarQube would trim or reject.
    ///
    /// # Errors
    /// When the text is empty, too long, or has spaces around it.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let valid = (1..=200).contains(&text.chars().count()) && text.trim() == text;
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::SettingKey(text.to_owned()))
        }
    }

    /// Takes a key as SonarQube returned it.
    pub fn reported(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// The key as SonarQube spells it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SettingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Where a repository lies in Bitbucket: the key of its project (`~user` for a personal one) and its slug.
///
/// Bitbucket looks both up without letter case and answers with its own spelling.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryPath {
    project: String,
    slug: String,
}

impl RepositoryPath {
    /// Checks Bitbucket's grammar (5.15 to 10).
    ///
    /// # Errors
    /// When one of the two parts cannot name a Bitbucket project or repository.
    pub fn parse(project: &str, slug: &str) -> Result<Self, NameError> {
        let body = project.strip_prefix('~').unwrap_or(project);
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if body.is_empty()
            || project.len() > 128
            || body.contains("..")
            || !body.chars().all(allowed)
        {
            return Err(NameError::BitbucketProject(project.to_owned()));
        }
        if slug.is_empty()
            || slug.len() > 128
            || slug.contains("..")
            || slug == "."
            || !slug.chars().all(allowed)
        {
            return Err(NameError::Slug(slug.to_owned()));
        }
        Ok(Self {
            project: project.to_owned(),
            slug: slug.to_owned(),
        })
    }

    /// Takes a path as SonarQube or Bitbucket returned it; what SonarQube returns was once typed by a person.
    pub fn reported(project: impl Into<String>, slug: impl Into<String>) -> Self {
        Self {
            project: project.into(),
            slug: slug.into(),
        }
    }

    /// The key of the Bitbucket project.
    #[must_use]
    pub fn project(&self) -> &str {
        &self.project
    }

    /// The slug of the repository.
    #[must_use]
    pub fn slug(&self) -> &str {
        &self.slug
    }

    /// `project/slug` for comparison.
    #[must_use]
    pub fn folded(&self) -> String {
        self.to_string().to_lowercase()
    }

    /// Whether Bitbucket would take both for one repository.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        self.project.eq_ignore_ascii_case(&other.project)
            && self.slug.eq_ignore_ascii_case(&other.slug)
    }
}

impl fmt::Display for RepositoryPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.project, self.slug)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_key_needs_one_character_that_is_no_digit() {
        assert!(ProjectKey::parse("PAY:checkout").is_ok());
        for bad in ["", "123", "a b", "a/b", "ä", &"a".repeat(401)] {
            assert!(ProjectKey::parse(bad).is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn the_default_key_is_one_to_one_and_valid_for_personal_repositories() {
        let path = RepositoryPath::parse("~jdoe", "tools").unwrap();
        let key = KeyTemplate::default().key(&path);
        assert_eq!(key.as_str(), "_jdoe:tools");
        assert_eq!(ProjectKey::parse(key.as_str()), Ok(key));
    }

    #[test]
    fn a_repository_is_the_same_in_any_letter_case() {
        let left = RepositoryPath::parse("PAY", "checkout").unwrap();
        let right = RepositoryPath::parse("pay", "Checkout").unwrap();
        assert!(left.same(&right));
        assert_eq!(left.folded(), right.folded());
    }

    #[test]
    fn a_slug_is_not_a_path() {
        for bad in ["a/b", "..", ".", "", "my repo", "a..b"] {
            assert!(
                RepositoryPath::parse("PAY", bad).is_err(),
                "{bad:?} was taken"
            );
        }
    }
}
