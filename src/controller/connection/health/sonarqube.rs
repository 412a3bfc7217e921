//! Whether SonarQube is up and takes its token, and what it can do: everything else depends on it, and undoing needs
//! nothing else.

use crate::controller::error::Error;
use crate::fleet::link::{SharedLink, VerifiedServer};
use crate::plan::condition::ConditionType;
use crate::plan::connection::ConfigurationPolicy;
use crate::plan::failure::System;
use crate::plan::{Blocked, Reason};
use crate::sonarqube::{self, Client, Phase, SERVER_BASE_URL, Sight, Version};

use super::probe::{Seldom, probe};

/// The global permission Administer System.
const ADMINISTER: &str = "admin";

/// How far a reconcile has come, for the report of what fails.
pub(crate) struct Stage<'a> {
    pub(crate) at: &'a mut ConditionType,
    pub(crate) reached: &'a mut Vec<ConditionType>,
}

/// Asks SonarQube everything.
pub(crate) async fn check(
    sonarqube: &Client,
    (seldom, needs): (Seldom, ConfigurationPolicy),
    link: &SharedLink,
    stage: Stage<'_>,
) -> Result<VerifiedServer, Error> {
    let Stage { at, reached } = stage;
    let fail = |source| failed(sonarqube, source);
    *at = ConditionType::SonarQubeReachable;
    let status = up(sonarqube).await?;
    reached.push(*at);
    *at = ConditionType::CredentialsValid;
    let user = user(sonarqube, needs).await?;
    *at = ConditionType::SonarQubeReachable;
    let known = probe(sonarqube, &status, seldom, link)
        .await
        .map_err(fail)?;
    let capabilities = known
        .capabilities
        .filter(|_| status.version.at_least(8, 9))
        .ok_or_else(|| too_old(sonarqube, &status.version))?;
    let settings = sonarqube.settings(&[SERVER_BASE_URL]).await;
    let mut settings = settings.map_err(fail)?;
    Ok(VerifiedServer {
        server: status.id,
        version: status.version,
        edition: known.edition,
        capabilities,
        sight: if user.has(ADMINISTER) {
            Sight::All
        } else {
            Sight::Browsed
        },
        login: user.login,
        base_url: settings.remove(SERVER_BASE_URL),
        token_expiry: sonarqube.token_expiration(),
    })
}

/// Only an `UP` server is believed: until then its 401 and 404 mean nothing.
pub(crate) async fn up(sonarqube: &Client) -> Result<sonarqube::Status, Error> {
    let status = sonarqube
        .status()
        .await
        .map_err(|source| failed(sonarqube, source))?;
    match &status.phase {
        Phase::Up => Ok(status),
        Phase::MigrationNeeded => Err(Error::refused(
            Reason::ServerNotUp,
            format!(
                "SonarQube at {} waits for its database migration to be started",
                sonarqube.url()
            ),
        )),
        other @ (Phase::Starting
        | Phase::Down
        | Phase::Restarting
        | Phase::MigrationRunning
        | Phase::Other(_)) => Err(Error::NotUp {
            url: sonarqube.url().to_string(),
            phase: format!("{other:?}"),
        }),
    }
}

/// Whom the token stands for.
pub(crate) async fn authenticated(sonarqube: &Client) -> Result<sonarqube::User, Error> {
    match sonarqube.current_user().await {
        Err(sonarqube::Error::Unauthorized { .. }) => Err(confirmed(sonarqube).await),
        answer => answer.map_err(|source| failed(sonarqube, source)),
    }
}

async fn user(sonarqube: &Client, policy: ConfigurationPolicy) -> Result<sonarqube::User, Error> {
    let user = authenticated(sonarqube).await?;
    let missing: Vec<_> = [
        (ADMINISTER, "Administer System"),
        ("provisioning", "Create Projects"),
    ]
    .into_iter()
    .filter(|(key, _)| *key != ADMINISTER || policy == ConfigurationPolicy::Manage)
    .filter(|(key, _)| !user.has(key))
    .map(|(_, name)| name)
    .collect();
    if missing.is_empty() {
        return Ok(user);
    }
    Err(Error::refused(
        Reason::PermissionMissing,
        format!(
            "SonarQube's user {} lacks the global permission(s) {}: grant them, and use a user token (squ_), not an analysis token",
            user.login,
            missing.join(" and ")
        ),
    ))
}

/// A 401 is a bad token only if SonarQube says so in as many words, and is up.
async fn confirmed(sonarqube: &Client) -> Error {
    let valid = match sonarqube.validate_token().await {
        Ok(valid) => valid,
        Err(source) => return failed(sonarqube, source),
    };
    match up(sonarqube).await {
        Err(error) => error,
        Ok(_) if valid => Error::NotUp {
            url: sonarqube.url().to_string(),
            phase: "not up to date".to_owned(),
        },
        Ok(_) => Error::Denied {
            by: System::SonarQube,
            refusal: Blocked::new(
                Reason::AuthenticationFailed,
                format!(
                    "SonarQube at {} does not accept the token of spec.sonarqube.tokenSecretRef (wrong, expired or revoked): put a valid user token into the Secret",
                    sonarqube.url()
                ),
            ),
        },
    }
}

fn too_old(sonarqube: &Client, version: &Version) -> Error {
    Error::refused(
        Reason::UnsupportedVersion,
        format!(
            "SonarQube at {}: found {version}, need 8.9 or later",
            sonarqube.url()
        ),
    )
}

/// A call that SonarQube did not answer well, with the server it went to.
pub(crate) fn failed(sonarqube: &Client, source: sonarqube::Error) -> Error {
    Error::SonarQube {
        url: sonarqube.url().to_string(),
        source,
    }
}
