//! What the server is. Source: `/rest/api/1.0/application-properties`, 5.15 to 10.

use std::fmt;

use serde::Deserialize;

use super::{Client, Error};
use crate::http::{Answer, BodyKind, Call, Operation, Problem};

const PROPERTIES: Operation = Operation::get("rest/api/1.0/application-properties");

/// A Bitbucket server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its version.
    pub version: Version,
    /// What it calls itself, usually `Bitbucket`.
    pub display_name: String,
}

/// A version of Bitbucket, for example `9.4.16`; compared by its numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    numbers: Vec<u32>,
}

/// A text that is no version of Bitbucket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a version of Bitbucket")]
pub struct VersionError(String);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PropertiesBody {
    version: Option<String>,
    display_name: Option<String>,
}

impl Version {
    /// Reads two or more numbers with dots between them; what follows a `-` is left out (`10.0.0-rc1`).
    ///
    /// # Errors
    /// When the text is something else.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        let error = || VersionError(text.chars().take(40).collect());
        let numbers = text.trim().split('-').next().unwrap_or_default();
        let numbers: Result<Vec<_>, _> = numbers.split('.').map(str::parse).collect();
        let numbers = numbers.map_err(|_| error())?;
        if numbers.len() < 2 {
            return Err(error());
        }
        Ok(Self { numbers })
    }

    /// Whether this is that version or a later one.
    #[must_use]
    pub fn at_least(&self, major: u32, minor: u32) -> bool {
        self.numbers[..] >= [major, minor][..]
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<_> = self.numbers.iter().map(ToString::to_string).collect();
        formatter.write_str(&numbers.join("."))
    }
}

impl Client {
    /// What the server is; sent without the token.
    ///
    /// # Errors
    /// `Problem::UnexpectedBody` when what answers is not Bitbucket; names SonarQube where it is that.
    /// `Problem::Redirected` where a login page stands before it.
    pub async fn server(&self) -> Result<Server, Error> {
        let answer = self.transport.send(Call::new(PROPERTIES)).await;
        let answer = answer.map_err(Error::Transport)?;
        let unexpected = |found| Error::Transport(answer.fail(Problem::UnexpectedBody { found }));
        let body = if answer.is_success() {
            answer.json().map_err(Error::Transport)
        } else {
            Err(stranger(&answer))
        };
        let body: PropertiesBody = match body {
            // For a path that it does not know SonarQube serves its web page, or says so.
            Err(_) if answer.mentions("SonarQube") || answer.mentions("Unknown url") => {
                return Err(unexpected(BodyKind::SonarQube));
            }
            body => body?,
        };
        let version = body.version.and_then(|text| Version::parse(&text).ok());
        Ok(Server {
            version: version.ok_or_else(|| unexpected(BodyKind::OtherJson))?,
            display_name: body.display_name.unwrap_or_default(),
        })
    }
}

/// An answer of an unknown server: its texts cannot be trusted yet, and no token was sent that could be refused.
fn stranger(answer: &Answer) -> Error {
    let operation = answer.operation();
    match answer.status() {
        404 => Error::WrongRoute { operation },
        429 => Error::RateLimited {
            operation,
            retry_after: answer.unwanted().retry_after(),
        },
        _ => Error::Transport(answer.unwanted()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        let at_least = |text: &str| Version::parse(text).unwrap().at_least(5, 15);
        assert!(at_least("5.15.0") && at_least("5.15") && at_least("10.0.0-rc1"));
        assert!(!at_least("5.9.3") && !at_least("4.14.12"));
        assert_eq!(Version::parse("9.4.16").unwrap().to_string(), "9.4.16");
    }

    #[test]
    fn other_texts_are_no_versions() {
        for text in ["", "9", "nine.four", "9..4"] {
            assert!(Version::parse(text).is_err(), "{text:?} was taken");
        }
    }
}
