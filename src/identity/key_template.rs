//! The template by which the keys of projects are made from the places of their repositories.

use std::borrow::Cow;

use super::{NameError, ProjectKey, RepositoryPath};

const PROJECT: &str = "{project}";
const SLUG: &str = "{slug}";

/// How the key of a project is made from the place of its repository, where none is given: `PROJECT:slug` by default.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyTemplate(Cow<'static, str>);

impl KeyTemplate {
    /// The most characters of a template: every key that is made by it is short enough for SonarQube.
    pub const LONGEST: u32 = 100;

    /// Reads a template such as `{project}_{slug}`. It has both parts once, in this order, with a character that is not
    /// a digit between them: every key that is made by it is one that SonarQube takes.
    ///
    /// # Errors
    /// When the text is not a template.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let allowed = |text: &str| {
            text.chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.:".contains(c))
        };
        let parts = text.split_once(PROJECT).and_then(|(head, rest)| {
            let (between, tail) = rest.split_once(SLUG)?;
            Some((head, between, tail))
        });
        let is_template = parts.is_some_and(|(head, between, tail)| {
            let separates = between.chars().any(|c| !c.is_ascii_digit());
            separates && [head, between, tail].into_iter().all(allowed)
        });
        if is_template && text.len() <= Self::LONGEST as usize {
            Ok(Self(text.to_owned().into()))
        } else {
            Err(NameError::KeyTemplate(text.to_owned()))
        }
    }

    /// The key of a repository's project. The leading `~` of a personal project becomes `_`.
    #[must_use]
    pub fn key(&self, repository: &RepositoryPath) -> ProjectKey {
        let project = repository
            .project
            .strip_prefix('~')
            .map_or_else(|| repository.project.clone(), |user| format!("_{user}"));
        let key = self.0.replacen(PROJECT, &project, 1);
        ProjectKey(key.replacen(SLUG, &repository.slug, 1))
    }
}

impl Default for KeyTemplate {
    /// One-to-one, since neither part of a place holds a `:`.
    fn default() -> Self {
        Self("{project}:{slug}".into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(project: &str, slug: &str) -> RepositoryPath {
        RepositoryPath::parse(project, slug).unwrap()
    }

    #[test]
    fn a_key_is_made_of_the_place() {
        let template = KeyTemplate::parse("acme.{project}_{slug}").unwrap();
        let key = template.key(&path("~jdoe", "tools"));
        assert_eq!(key.as_str(), "acme._jdoe_tools");
    }

    #[test]
    fn a_template_without_both_parts_and_what_separates_them_is_refused() {
        let long = format!("{{project}}_{{slug}}{}", "x".repeat(100));
        for text in [
            "",
            "{project}",
            "{slug}",
            "{slug}_{project}",
            "{project}{slug}",
            "{project}7{slug}",
            "{project}_{slug}_{slug}",
            "{project} {slug}",
            "{project}/{slug}",
            "{project}_{name}",
            &long,
        ] {
            assert!(KeyTemplate::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        /// Promise: what is made by a template is a key that SonarQube takes, for the longest names too.
        #[test]
        fn what_a_template_makes_is_a_key(
            template in "[a-z0-9_.:-]{0,30}\\{project\\}[0-9]{0,9}[a-z_.:-]{1,9}\\{slug\\}[a-z0-9_.:-]{0,30}",
            project in "~?[A-Z0-9_]{1,127}",
            slug in "[a-z0-9_-]{1,128}",
        ) {
            let template = KeyTemplate::parse(&template).unwrap();
            let key = template.key(&path(&project, &slug));
            prop_assert_eq!(ProjectKey::parse(key.as_str()), Ok(key));
        }
    }
}
