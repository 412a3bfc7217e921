//! Whether both servers are what they should be, and take the tokens. Read once an interval, and again
//! after anything went wrong; a rotation asks only for what is new.

mod probe;
mod sonarqube;

use crate::bitbucket;
use crate::controller::error::Error;
use crate::fleet::link::{Clients, TriedTokens};
use crate::plan::condition::ConditionType;
use crate::plan::failure::System;
use crate::plan::{Blocked, Reason};

pub(super) use probe::{Seldom, names};
pub(super) use sonarqube::{Stage, authenticated, check as check_sonarqube, failed, up};

/// Asks Bitbucket everything, and returns its version. SonarQube was asked before.
pub(super) async fn check_bitbucket(
    clients: &Clients,
    tokens: &TriedTokens,
    stage: Stage<'_>,
) -> Result<String, Error> {
    *stage.at = ConditionType::BitbucketReachable;
    let version = supported(&clients.writer).await?;
    stage.reached.push(*stage.at);
    *stage.at = ConditionType::CredentialsValid;
    try_tokens(clients, tokens, None).await?;
    Ok(version)
}

/// Tries Bitbucket's tokens, those alone that were not tried before: a bad one is never pushed over a good one.
pub(super) async fn try_tokens(
    clients: &Clients,
    tokens: &TriedTokens,
    tried: Option<&TriedTokens>,
) -> Result<(), Error> {
    let is_new = |token, before: Option<&_>| before != Some(token);
    if is_new(&tokens.write, tried.map(|tried| &tried.write)) {
        let system = System::Bitbucket;
        check_token(&clients.writer, (system, "tokenSecretRef")).await?;
    }
    let other = tokens.import != tokens.write;
    if other && is_new(&tokens.import, tried.map(|tried| &tried.import)) {
        let system = System::BitbucketImport;
        check_token(&clients.importer, (system, "importTokenSecretRef")).await?;
    }
    Ok(())
}

pub(super) async fn check_token(
    client: &bitbucket::Client,
    (by, field): (System, &str),
) -> Result<(), Error> {
    match client.check_token().await {
        Ok(_) => Ok(()),
        Err(bitbucket::Error::InvalidToken { .. }) => Err(Error::Denied {
            by,
            refusal: Blocked::new(
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

pub(super) async fn supported(bitbucket: &bitbucket::Client) -> Result<String, Error> {
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
