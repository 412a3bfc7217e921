//! Whether SonarQube is up and takes its token, and what it can do: the ground of everything else, and all that undoing
//! needs.

use tokio::time::Instant;

use crate::controller::error::{Error, System};
use crate::http::Token;
use crate::identity::ServerId;
use crate::plan::capability::Capabilities;
use crate::plan::decoration;
use crate::plan::verdict::Aspect;
use crate::plan::{Reason, Refusal};
use crate::sonarqube::{self, Client, Phase, Version};

use super::probe::{Probed, probe};

/// SonarQube's setting for its own public URL.
pub(in crate::controller) const SERVER_BASE_URL: &str = "sonar.core.serverBaseURL";

/// What SonarQube told.
#[derive(Clone, Debug)]
pub(in crate::controller::connection) struct Ground {
    pub(in crate::controller::connection) checked: Instant,
    pub(in crate::controller::connection) server: ServerId,
    pub(in crate::controller::connection) version: Version,
    /// What is told of its edition; to be shown, never to be relied on.
    pub(in crate::controller::connection) edition: Option<String>,
    pub(in crate::controller::connection) capabilities: Capabilities,
    pub(in crate::controller::connection) login: String,
    /// `sonar.core.serverBaseURL`.
    pub(in crate::controller::connection) base_url: Option<String>,
    /// Until when its token is valid, as a date, where told.
    pub(in crate::controller::connection) token_expiry: Option<String>,
    /// The token that was tried.
    pub(in crate::controller::connection) token: Token,
}

impl Ground {
    /// Asks SonarQube everything.
    pub(in crate::controller::connection) async fn check(
        sonarqube: &Client,
        token: &Token,
        probed: &mut Option<Probed>,
        (at, reached): (&mut Aspect, &mut Vec<Aspect>),
    ) -> Result<Self, Error> {
        let fail = |source| failed(sonarqube, source);
        *at = Aspect::SonarQubeReachable;
        let status = up(sonarqube).await?;
        reached.push(*at);
        *at = Aspect::CredentialsValid;
        let user = user(sonarqube).await?;
        *at = Aspect::SonarQubeReachable;
        let known = probe(sonarqube, &status, probed.take())
            .await
            .map_err(fail)?;
        *probed = Some(known.clone());
        let capabilities = known
            .capabilities
            .filter(|_| status.version.at_least(8, 9))
            .ok_or_else(|| too_old(sonarqube, &status.version))?;
        let settings = sonarqube.settings(&[SERVER_BASE_URL]).await;
        let mut settings = settings.map_err(fail)?;
        Ok(Self {
            checked: Instant::now(),
            server: status.id,
            version: status.version,
            edition: known.edition,
            capabilities,
            login: user.login,
            base_url: settings.remove(SERVER_BASE_URL),
            token_expiry: sonarqube.token_expiration(),
            token: token.clone(),
        })
    }

    /// What of pull request decoration holds for the whole server.
    pub(in crate::controller::connection) fn decoration(&self) -> decoration::Server {
        decoration::Server::of(self.capabilities.pull_requests, self.base_url.as_deref())
    }

    /// Whether what `validate` says can be believed: up to 10.7 it asks Bitbucket without a token first.
    pub(in crate::controller::connection) fn validates(&self) -> bool {
        self.version.at_least(25, 1)
    }
}

/// Only an `UP` server is believed: until then its 401 and 404 mean nothing.
pub(in crate::controller::connection) async fn up(
    sonarqube: &Client,
) -> Result<sonarqube::Status, Error> {
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
pub(in crate::controller::connection) async fn authenticated(
    sonarqube: &Client,
) -> Result<sonarqube::User, Error> {
    match sonarqube.current_user().await {
        Err(sonarqube::Error::Unauthorized { .. }) => Err(confirmed(sonarqube).await),
        answer => answer.map_err(|source| failed(sonarqube, source)),
    }
}

async fn user(sonarqube: &Client) -> Result<sonarqube::User, Error> {
    let user = authenticated(sonarqube).await?;
    let missing: Vec<_> = [
        ("admin", "Administer System"),
        ("provisioning", "Create Projects"),
    ]
    .into_iter()
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
            phase: "not settled".to_owned(),
        },
        Ok(_) => Error::Denied {
            by: System::SonarQube,
            refusal: Refusal::new(
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
pub(in crate::controller::connection) fn failed(
    sonarqube: &Client,
    source: sonarqube::Error,
) -> Error {
    Error::SonarQube {
        url: sonarqube.url().to_string(),
        source,
    }
}
