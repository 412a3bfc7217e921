//! SonarQube's version numbers.

use std::fmt;

/// A version of SonarQube, for example `26.9.0.129388`; compared by its four numbers.
///
/// Commercial editions count `2025.6` where the Community Build counts `25.12`: releases 1 to 6 of a year
/// stand for every second month. Compared as the Community Build counts.
#[derive(Clone, Debug)]
pub struct Version {
    text: String,
    parts: [u32; 4],
}

/// A text that is no version of SonarQube.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a version of SonarQube")]
pub struct VersionError(String);

impl Version {
    /// Reads two to four numbers with dots between them; what follows a `-` is left out (`10.7-SNAPSHOT`).
    ///
    /// # Errors
    /// When the text is something else.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        let error = || VersionError(text.chars().take(40).collect());
        let numbers = text.trim().split('-').next().unwrap_or_default();
        let mut parts = [0_u32; 4];
        let mut count = 0;
        for number in numbers.split('.') {
            let part = parts.get_mut(count).ok_or_else(error)?;
            *part = number.parse().map_err(|_| error())?;
            count += 1;
        }
        if count < 2 {
            return Err(error());
        }
        if let [year @ 2000..=2999, release, ..] = parts {
            parts[0] = year - 2000;
            parts[1] = release.saturating_mul(2);
        }
        let text = text.trim().to_owned();
        Ok(Self { text, parts })
    }

    /// Whether this is that version or a later one, counted as the Community Build does (`25, 12`).
    #[must_use]
    pub fn at_least(&self, major: u32, minor: u32) -> bool {
        self.parts[..2] >= [major, minor][..]
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.parts.cmp(&other.parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_number_not_by_text() {
        let texts = [
            "8.9.0.43852",
            "9.9.8.100196",
            "10.7.0.96327",
            "25.1.0.102122",
            "2025.6",
            "26.9.0.129388",
        ];
        let versions: Vec<_> = texts
            .iter()
            .map(|text| Version::parse(text).unwrap())
            .collect();
        assert!(versions.is_sorted());
        assert_eq!(versions[0].to_string(), "8.9.0.43852");
    }

    #[test]
    fn commercial_editions_are_counted_as_the_community_build() {
        assert!(Version::parse("2025.6.1.117629").unwrap().at_least(25, 12));
        assert!(!Version::parse("2025.5").unwrap().at_least(25, 12));
        assert!(Version::parse("2026.1").unwrap().at_least(25, 12));
        assert!(!Version::parse("10.7").unwrap().at_least(25, 12));
    }

    #[test]
    fn other_texts_are_no_versions() {
        for text in ["", "26", "9.4.x", "1.2.3.4.5", "<html>", "1..2"] {
            assert!(Version::parse(text).is_err(), "{text:?} was taken");
        }
        assert!(Version::parse("26.10-SNAPSHOT").is_ok());
    }
}
