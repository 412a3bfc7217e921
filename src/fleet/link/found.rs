//! What a reconcile of a connection has found out about its servers, and from what.

use crate::http::{CaBundle, HostPolicy, Token, Urgency};
use crate::identity::{ServerId, ServerUrl};
use crate::plan::capability::Capabilities;
use crate::plan::connection::Validation;
use crate::plan::decoration;
use crate::sonarqube::Version;
use crate::{bitbucket, sonarqube};

/// What a person asks for by a change: a new generation, or a run-now request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) generation: Option<i64>,
    pub(crate) run_now: Option<String>,
}

/// The clients of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    pub(crate) sonarqube: sonarqube::Client,
    /// With the token that SonarQube decorates with.
    pub(crate) writer: bitbucket::Client,
    /// With the token that SonarQube imports with.
    pub(crate) importer: bitbucket::Client,
}

impl Clients {
    /// The same for calls of another urgency.
    pub(crate) fn at(&self, urgency: Urgency) -> Self {
        Self {
            sonarqube: self.sonarqube.at(urgency),
            writer: self.writer.at(urgency),
            importer: self.importer.at(urgency),
        }
    }

    /// The servers are back: one call at first, and more with every answer.
    pub(crate) fn begin_slowly(&self) {
        self.sonarqube.begin_slowly();
        self.writer.begin_slowly();
        self.importer.begin_slowly();
    }
}

/// Where the clients of a connection lead to, and with which tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoints {
    pub(crate) sonarqube: (Endpoint, Key),
    pub(crate) bitbucket: Endpoint,
    pub(crate) write: Key,
    pub(crate) import: Key,
}

/// A server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) url: ServerUrl,
    pub(crate) ca: Option<CaBundle>,
}

/// A token, and where its Secret lets it go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) token: Token,
    pub(crate) hosts: Option<HostPolicy>,
}

/// Both servers are what they should be, and take the tokens.
#[derive(Clone, Debug)]
pub(crate) struct Health {
    pub(crate) sonarqube: VerifiedServer,
    pub(crate) bitbucket_version: String,
    pub(crate) tried: TriedTokens,
}

/// The tokens of Bitbucket's that were tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TriedTokens {
    pub(crate) write: Token,
    pub(crate) import: Token,
}

/// Bitbucket was found well, by what this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BitbucketInputs {
    pub(crate) request: Request,
    pub(crate) url: ServerUrl,
    pub(crate) tokens: TriedTokens,
}

/// The health is that of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HealthInputs {
    pub(crate) request: Request,
    /// SonarQube's token.
    pub(crate) token: Token,
}

/// A SonarQube that is up and accepts its token, and what it reported.
#[derive(Clone, Debug)]
pub(crate) struct VerifiedServer {
    pub(crate) server: ServerId,
    pub(crate) version: Version,
    /// Its reported edition; to be shown, never to be relied on.
    pub(crate) edition: Option<String>,
    pub(crate) capabilities: Capabilities,
    /// Which projects the operator's own user sees.
    pub(crate) sight: sonarqube::Sight,
    pub(crate) login: String,
    /// `sonar.core.serverBaseURL`.
    pub(crate) base_url: Option<String>,
    /// Until when its token is valid, as a date, if reported.
    pub(crate) token_expiry: Option<String>,
}

impl VerifiedServer {
    /// What of pull request decoration holds for the whole server.
    pub(crate) fn decoration(&self) -> decoration::Server {
        decoration::Server::of(self.capabilities.pull_requests, self.base_url.as_deref())
    }

    /// Whether what `validate` says can be believed: up to 10.7 it asks Bitbucket without a token first.
    pub(crate) fn validates(&self) -> bool {
        self.version.at_least(25, 1)
    }
}

/// What a SonarQube can do, as it was probed.
#[derive(Clone, Debug)]
pub(crate) struct Probed {
    pub(crate) edition: Option<String>,
    /// None on servers that cannot even import: before 8.2.
    pub(crate) capabilities: Option<Capabilities>,
}

/// The features of a SonarQube, as it lists them, sorted; none before 9.6. They change with its edition and its
/// plugins, which is rare: they are asked for once in many intervals, and after any failure.
pub(crate) type Features = Option<Vec<String>>;

/// The features are those of this server; read again on request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FeatureInputs {
    pub(crate) request: Request,
    pub(crate) server: ServerId,
    pub(crate) version: Version,
}

/// It holds for the same server, through every failure of it, until a reconcile is requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProbeInputs {
    pub(crate) of: FeatureInputs,
    pub(crate) features: Features,
}

/// What SonarQube said of a configuration, and of which token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Validated {
    pub(crate) result: Validation,
    pub(crate) token: Token,
}

/// The inventory was read.
#[derive(Clone, Debug)]
pub(crate) struct Swept {
    pub(crate) request: Request,
    /// The token whose rights the inventory holds.
    pub(crate) rights_of: Token,
}
