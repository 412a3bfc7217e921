//! Whether both servers are what they should be, and take the tokens. Read once an interval, and again
//! after anything went wrong; a rotation asks only for what is new.

mod ground;
mod probe;

use std::time::Duration;

use crate::bitbucket;
use crate::controller::error::{Error, System};
use crate::plan::verdict::Aspect;
use crate::plan::{Reason, Refusal};

pub(in crate::controller) use ground::SERVER_BASE_URL;
pub(super) use ground::{Ground, authenticated, failed, up};
pub(super) use probe::{Probed, names};

use super::credentials::{Credentials, SonarQubeCredentials};
use super::remotes::Remotes;

/// What the servers told.
#[derive(Clone, Debug)]
pub(super) struct Health {
    pub(super) ground: Ground,
    pub(super) bitbucket_version: String,
    /// The tokens of Bitbucket's that were tried.
    pub(super) tried: Credentials,
}

impl Health {
    /// Whether the servers must be asked again before anything is done.
    pub(super) fn is_due(&self, interval: Duration, credentials: &SonarQubeCredentials) -> bool {
        // A little early is early enough: the pass is scheduled by the same interval.
        self.ground.checked.elapsed() >= interval.mul_f64(0.9)
            || self.ground.token != credentials.own.token
    }

    /// Asks Bitbucket everything.
    pub(super) async fn check(
        ground: Ground,
        remotes: &Remotes,
        credentials: &Credentials,
        (at, reached): (&mut Aspect, &mut Vec<Aspect>),
    ) -> Result<Self, Error> {
        *at = Aspect::BitbucketReachable;
        let bitbucket_version = supported(&remotes.writer).await?;
        reached.push(*at);
        *at = Aspect::CredentialsValid;
        try_tokens(remotes, credentials, None).await?;
        Ok(Self {
            ground,
            bitbucket_version,
            tried: credentials.clone(),
        })
    }
}

/// Tries Bitbucket's tokens, those alone that were not tried before: a bad one is never pushed over a good one.
pub(super) async fn try_tokens(
    remotes: &Remotes,
    credentials: &Credentials,
    tried: Option<&Credentials>,
) -> Result<(), Error> {
    let is_new = |token, before: Option<&_>| before != Some(token);
    if is_new(
        &credentials.write.token,
        tried.map(|tried| &tried.write.token),
    ) {
        let system = System::Bitbucket;
        check_token(&remotes.writer, (system, "tokenSecretRef")).await?;
    }
    let other = credentials.import.token != credentials.write.token;
    if other
        && is_new(
            &credentials.import.token,
            tried.map(|tried| &tried.import.token),
        )
    {
        let system = System::BitbucketImport;
        check_token(&remotes.importer, (system, "importTokenSecretRef")).await?;
    }
    Ok(())
}

async fn check_token(client: &bitbucket::Client, (by, field): (System, &str)) -> Result<(), Error> {
    match client.check_token().await {
        Ok(_) => Ok(()),
        Err(bitbucket::Error::InvalidToken { .. }) => Err(Error::Denied {
            by,
            refusal: Refusal::new(
                Reason::AuthenticationFailed,
                format!(
                    "Bitbucket at {} does not accept the token of spec.bitbucket.{field} (wrong, expired or revoked): put a valid one into the Secret. SonarQube keeps the one it has",
                    client.url()
                ),
            ),
        }),
        Err(source) => Err(Error::Bitbucket {
            url: client.url().to_string(),
            source,
        }),
    }
}

async fn supported(bitbucket: &bitbucket::Client) -> Result<String, Error> {
    let server = bitbucket.server().await;
    let server = server.map_err(|source| Error::Bitbucket {
        url: bitbucket.url().to_string(),
        source,
    })?;
    if server.version.at_least(5, 15) {
        return Ok(server.version.to_string());
    }
    Err(Error::refused(
        Reason::UnsupportedVersion,
        format!(
            "Bitbucket at {}: found {}, need 5.15 or later",
            bitbucket.url(),
            server.version
        ),
    ))
}
