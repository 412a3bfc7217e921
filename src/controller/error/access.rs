//! Calls of bindings that failed: the server that they went to, and what they say about it.

use crate::fleet::link::{About, Invalidation, ServerAccess};
use crate::observe::{self, Servers};
use crate::{bitbucket, sonarqube};

use super::Error;

impl ServerAccess {
    /// A call to SonarQube that failed.
    pub(crate) fn failed(&self, source: sonarqube::Error) -> Error {
        Error::SonarQube {
            url: self.sonarqube.url().to_string(),
            source,
        }
    }

    /// Nothing could be observed.
    pub(crate) fn not_observed(&self, error: observe::Error) -> Error {
        match error {
            observe::Error::SonarQube(source) => self.failed(source),
            observe::Error::Bitbucket(source) => self.bitbucket_failed(source),
            observe::Error::Refused(refusal) => Error::Refused(refusal),
        }
    }

    /// What a binding is compared with is read from these.
    pub(crate) fn servers(&self) -> Servers<'_> {
        Servers {
            sonarqube: &self.sonarqube,
            bitbucket: &self.bitbucket,
            setting: &self.setting,
            setting_key: &self.setting_key,
            capabilities: self.capabilities,
            inventory: self.inventory.shared(),
        }
    }

    /// The same of Bitbucket.
    pub(crate) fn bitbucket_failed(&self, source: bitbucket::Error) -> Error {
        Error::Bitbucket {
            url: self.bitbucket.url().to_string(),
            source,
        }
    }
}

impl Error {
    /// What a failure that looks like an outage says about the server.
    pub(crate) fn invalidation(&self) -> Invalidation {
        let is_unknown_call = matches!(
            self,
            Self::SonarQube {
                source: sonarqube::Error::UnknownUrl { .. },
                ..
            }
        );
        let about = if is_unknown_call {
            About::Offer
        } else {
            About::Servers
        };
        Invalidation {
            about,
            at_least: self.retry_after(),
        }
    }
}
