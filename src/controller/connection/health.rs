//! Whether both servers are what they should be, and take the tokens. Read once an interval, and again
//! after anything went wrong; a rotation asks only for what is new.

use std::time::Duration;

use tokio::time::Instant;

use crate::bitbucket;
use crate::controller::error::{Error, System};
use crate::identity::ServerId;
use crate::plan::binding::Way;
use crate::plan::capability::{Capabilities, Support};
use crate::plan::decoration;
use crate::plan::verdict::Aspect;
use crate::plan::{Reason, Refusal};
use crate::sonarqube::{self, Phase, Version};

use super::credentials::Credentials;
use super::remotes::Remotes;

/// SonarQube's setting for its own public URL.
pub(super) const SERVER_BASE_URL: &str = "sonar.core.serverBaseURL";

/// What the servers told.
#[derive(Clone, Debug)]
pub(super) struct Health {
    pub(super) checked: Instant,
    pub(super) server: ServerId,
    pub(super) version: Version,
    /// What is told of its edition; to be shown, never to be relied on.
    pub(super) edition: Option<String>,
    pub(super) capabilities: Capabilities,
    pub(super) login: String,
    pub(super) bitbucket_version: String,
    /// `sonar.core.serverBaseURL`.
    pub(super) base_url: Option<String>,
    /// Until when SonarQube's token is valid, as a date, where told.
    pub(super) token_expiry: Option<String>,
    /// The tokens that were tried.
    pub(super) tried: Credentials,
}

/// What was probed, and where: it holds through every failure of the same server in the same version.
#[derive(Clone, Debug)]
pub(super) struct Probed {
    server: ServerId,
    version: Version,
    edition: Option<String>,
    /// None on servers that cannot even import: before 8.2.
    capabilities: Option<Capabilities>,
}

/// The names of capabilities for the status.
pub(super) fn names(capabilities: Capabilities) -> Vec<String> {
    let offered = |support| support == Support::Offered;
    let more = [
        (capabilities.pull_requests, "PullRequestAnalysis"),
        (offered(capabilities.several), "SeveralConfigurations"),
        (offered(capabilities.monorepo), "Monorepo"),
    ];
    let more = more.iter().filter(|(held, _)| *held).map(|(_, name)| *name);
    let way = capabilities.way.name();
    [way].into_iter().chain(more).map(str::to_owned).collect()
}

impl Health {
    /// Whether the servers must be asked again before anything is done.
    pub(super) fn is_due(&self, interval: Duration, credentials: &Credentials) -> bool {
        // A little early is early enough: the pass is scheduled by the same interval.
        self.checked.elapsed() >= interval.mul_f64(0.9)
            || self.tried.sonarqube.token != credentials.sonarqube.token
    }

    /// What of pull request decoration holds for the whole server.
    pub(super) fn decoration(&self) -> decoration::Server {
        decoration::Server::of(self.capabilities.pull_requests, self.base_url.as_deref())
    }

    /// Asks both servers everything.
    pub(super) async fn check(
        remotes: &Remotes,
        credentials: &Credentials,
        probed: &mut Option<Probed>,
        at: &mut Aspect,
        reached: &mut Vec<Aspect>,
    ) -> Result<Self, Error> {
        let sonarqube = &remotes.sonarqube;
        *at = Aspect::SonarQubeReachable;
        let status = up(sonarqube).await?;
        *at = Aspect::CredentialsValid;
        let user = user(sonarqube).await?;
        *at = Aspect::SonarQubeReachable;
        let known = probed
            .take()
            .filter(|known| known.server == status.id && known.version == status.version);
        let known = match known {
            Some(known) => known,
            None => probe(sonarqube, &status)
                .await
                .map_err(|source| failed(sonarqube, source))?,
        };
        *probed = Some(known.clone());
        let Probed {
            edition,
            capabilities,
            ..
        } = known;
        let capabilities = capabilities
            .filter(|_| status.version.at_least(8, 9))
            .ok_or_else(|| too_old(sonarqube, &status.version))?;
        let settings = sonarqube.settings(&[SERVER_BASE_URL]).await;
        let mut settings = settings.map_err(|source| failed(sonarqube, source))?;
        reached.push(*at);
        *at = Aspect::BitbucketReachable;
        let bitbucket_version = supported(&remotes.writer).await?;
        reached.push(*at);
        *at = Aspect::CredentialsValid;
        try_tokens(remotes, credentials, None).await?;
        Ok(Self {
            checked: Instant::now(),
            server: status.id,
            version: status.version,
            edition,
            capabilities,
            login: user.login,
            bitbucket_version,
            base_url: settings.remove(SERVER_BASE_URL),
            token_expiry: sonarqube.token_expiration(),
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
        check_token(&remotes.writer, "tokenSecretRef").await?;
    }
    let other = credentials.import.token != credentials.write.token;
    if other
        && is_new(
            &credentials.import.token,
            tried.map(|tried| &tried.import.token),
        )
    {
        check_token(&remotes.importer, "importTokenSecretRef").await?;
    }
    Ok(())
}

async fn check_token(client: &bitbucket::Client, field: &str) -> Result<(), Error> {
    match client.check_token().await {
        Ok(_) => Ok(()),
        Err(bitbucket::Error::InvalidToken { .. }) => Err(Error::Denied {
            by: System::Bitbucket,
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

/// Only an `UP` server is believed: until then its 401 and 404 mean nothing.
pub(super) async fn up(sonarqube: &sonarqube::Client) -> Result<sonarqube::Status, Error> {
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

async fn user(sonarqube: &sonarqube::Client) -> Result<sonarqube::User, Error> {
    let user = match sonarqube.current_user().await {
        Err(sonarqube::Error::Unauthorized { .. }) => return Err(confirmed(sonarqube).await),
        answer => answer.map_err(|source| failed(sonarqube, source))?,
    };
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
async fn confirmed(sonarqube: &sonarqube::Client) -> Error {
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

fn too_old(sonarqube: &sonarqube::Client, version: &Version) -> Error {
    Error::refused(
        Reason::UnsupportedVersion,
        format!(
            "SonarQube at {}: found {version}, need 8.9 or later",
            sonarqube.url()
        ),
    )
}

async fn probe(
    sonarqube: &sonarqube::Client,
    status: &sonarqube::Status,
) -> Result<Probed, sonarqube::Error> {
    let features = sonarqube.features().await?;
    let way = way(sonarqube).await?;
    let told = |feature: &str| match &features {
        Some(features) if features.iter().any(|held| held == feature) => Support::Offered,
        // 8.9 has no list of features. Whoever lets a binding be set has more than plain Community.
        None if way == Some(Way::SetBinding) => Support::Untold,
        Some(_) | None => Support::Missing,
    };
    let capabilities = match way {
        Some(way) => Some(Capabilities {
            way,
            lists_bindings: sonarqube.has_bindings_listing().await?,
            several: told("multiple-alm"),
            monorepo: told("monorepo"),
            // Every edition that lets a binding be set analyses pull requests.
            pull_requests: told("branch-support") != Support::Missing,
        }),
        None => None,
    };
    Ok(Probed {
        server: status.id.clone(),
        version: status.version.clone(),
        edition: sonarqube.edition().await?,
        capabilities,
    })
}

/// The best way that the server offers.
async fn way(sonarqube: &sonarqube::Client) -> Result<Option<Way>, sonarqube::Error> {
    for way in Way::ALL {
        let offered = match way {
            Way::SetBinding => sonarqube.has_set_bitbucket_binding().await?,
            Way::PutBoundProject => sonarqube.has_put_bound_project().await?,
            Way::PostBoundProject => sonarqube.has_post_bound_project().await?,
            Way::ImportRepository => sonarqube.has_import_repository().await?,
        };
        if offered {
            return Ok(Some(way));
        }
    }
    Ok(None)
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

pub(super) fn failed(sonarqube: &sonarqube::Client, source: sonarqube::Error) -> Error {
    Error::SonarQube {
        url: sonarqube.url().to_string(),
        source,
    }
}
