//! The first part of a reconcile of a connection: its Secrets are read, and both servers are well and take the tokens.

use std::time::{Duration, Instant};

use crate::controller::connection::health::{self, Seldom, Stage};
use crate::controller::connection::{remotes, request_of};
use crate::controller::credentials::{self, Credentials, SonarQubeCredentials};
use crate::controller::error::Error;
use crate::controller::reconcile::Reconcile as _;
use crate::declared::connection as declared;
use crate::fleet::SPREAD;
use crate::fleet::link::{
    BitbucketInputs, Clients, Endpoints, FoundSonarQube, Health, HealthInputs, Reading, Request,
    TriedTokens, VerifiedServer,
};
use crate::plan::condition::ConditionType;
use crate::plan::connection::Desired;
use crate::sonarqube;

use super::ConnectionReconcile;

/// What the spec refers to, read and understood.
pub(super) struct Prepared {
    pub(super) desired: Desired,
    pub(super) credentials: Credentials,
    pub(super) clients: Clients,
    pub(super) endpoints: Endpoints,
}

/// Both servers as they were found, to be kept once the reconcile has ended.
pub(super) struct Checked {
    pub(super) health: Health,
    pub(super) inputs: HealthInputs,
    pub(super) reading: Reading,
}

impl ConnectionReconcile<'_> {
    pub(super) fn request(&self) -> Request {
        request_of(&self.connection)
    }

    /// Both servers are what they should be, and take the tokens. SonarQube comes first: undoing needs nothing else,
    /// even if other things are wrong.
    pub(super) async fn ready(&mut self) -> Result<(Prepared, Checked), Error> {
        let interval = self.context.interval(&self.connection);
        let own = credentials::of_sonarqube(&self.connection, self.context).await?;
        let inputs = HealthInputs {
            request: self.request(),
            token: own.own.token.clone(),
        };
        // A little early is early enough: the reconcile is scheduled by the same interval.
        let age = interval.mul_f64(0.9);
        let now = Instant::now();
        let known = self.link.lock().health.take_good(&inputs, age, now);
        let (reading, health) = match known {
            Some((reading, health)) => (reading, Some(health)),
            None => (self.link.lock().health.begin(now), None),
        };
        let (verified, client) = match &health {
            Some(health) => (health.sonarqube.clone(), None),
            None => self.verify(&own).await?,
        };
        self.reached = vec![ConditionType::SonarQubeReachable];
        self.found = Some(FoundSonarQube {
            server: verified.server.clone(),
            client,
        });
        self.at = ConditionType::CredentialsValid;
        let mut prepared = self.prepare(own).await?;
        let seeing = prepared.clients.sonarqube.seeing(verified.sight);
        prepared.clients.sonarqube = seeing;
        let (clients, tokens) = (&prepared.clients, prepared.credentials.tokens());
        let health = if let Some(health) = health {
            self.reached.push(ConditionType::BitbucketReachable);
            health::try_tokens(clients, &tokens, Some(&health.tried)).await?;
            Health {
                tried: tokens,
                ..health
            }
        } else {
            let bitbucket_version = self.bitbucket(clients, &tokens, &verified).await?;
            Health {
                sonarqube: verified,
                bitbucket_version,
                tried: tokens,
            }
        };
        self.reached.push(ConditionType::CredentialsValid);
        self.health = Some(health.clone());
        let checked = Checked {
            health,
            inputs,
            reading,
        };
        Ok((prepared, checked))
    }

    fn stage(&mut self) -> Stage<'_> {
        Stage {
            at: &mut self.at,
            reached: &mut self.reached,
        }
    }

    /// Asks SonarQube everything, and has it check again what Bindery cannot read.
    async fn verify(
        &mut self,
        own: &SonarQubeCredentials,
    ) -> Result<(VerifiedServer, Option<sonarqube::Client>), Error> {
        self.at = ConditionType::ConfigurationSynced;
        let url = declared::sonarqube_url(&self.connection).map_err(Error::Refused)?;
        self.at = ConditionType::CredentialsValid;
        let link = self.link.clone();
        let sonarqube =
            remotes::sonarqube(&url, own, &link, self.context)?.at(self.connection.urgency());
        // A user who changed what the server offers requests a reconcile.
        let seldom = Seldom {
            request: self.request(),
            age: self.seldom(),
        };
        let needs = (seldom, declared::policy(&self.connection));
        let verified = health::check_sonarqube(&sonarqube, needs, &link, self.stage()).await?;
        let sonarqube = sonarqube.seeing(verified.sight);
        if verified.validates() {
            // The token that SonarQube has may have been changed by hand: only `validate` shows it.
            link.lock().validation.invalidate();
        }
        Ok((verified, Some(sonarqube)))
    }

    /// What hardly ever changes is asked for so seldom while nothing fails.
    fn seldom(&self) -> Duration {
        (self.context.interval(&self.connection) * SPREAD).mul_f64(0.9)
    }

    /// Bitbucket is what it should be, and takes the tokens. The listings of each interval and SonarQube's own try show
    /// that, so it is asked itself only seldom, and as soon as one of these fails: see `explain`.
    async fn bitbucket(
        &mut self,
        clients: &Clients,
        tokens: &TriedTokens,
        verified: &VerifiedServer,
    ) -> Result<String, Error> {
        let inputs = BitbucketInputs {
            request: self.request(),
            url: clients.writer.url().clone(),
            tokens: tokens.clone(),
        };
        let is_shown = tokens.write == tokens.import
            || verified.validates()
            || verified.capabilities.pull_requests;
        let (age, now) = (self.seldom(), Instant::now());
        let known = {
            let link = self.link.lock();
            let known = link.bitbucket.good(&inputs, age, now).cloned();
            let interval = self.context.interval(&self.connection);
            known.filter(|_| is_shown && link.sweep.is_younger(interval * 2, now))
        };
        if let Some(version) = known {
            self.reached.push(ConditionType::BitbucketReachable);
            self.on_trust = Some((clients.clone(), tokens.clone()));
            return Ok(version);
        }
        let reading = self.link.lock().bitbucket.begin(now);
        let version = health::check_bitbucket(clients, tokens, self.stage()).await?;
        let mut link = self.link.lock();
        link.bitbucket.store(reading, version.clone(), inputs);
        Ok(version)
    }

    /// What made a reconcile fail: if Bitbucket was taken to be well, it is asked now, and what is wrong with it comes
    /// first.
    pub(super) async fn explain(&mut self, error: Error) -> Error {
        let Some((clients, tokens)) = self.on_trust.take() else {
            return error;
        };
        let (at, reached) = (self.at, self.reached.clone());
        self.reached = vec![ConditionType::SonarQubeReachable];
        match health::check_bitbucket(&clients, &tokens, self.stage()).await {
            Ok(_) => {
                (self.at, self.reached) = (at, reached);
                error
            }
            Err(found) => found,
        }
    }

    /// What the spec refers to beside SonarQube.
    async fn prepare(&mut self, own: SonarQubeCredentials) -> Result<Prepared, Error> {
        let (connection, context) = (&self.connection, self.context);
        let credentials = credentials::with_bitbucket(own, connection, context).await?;
        self.untidy = credentials.untidy();
        self.decorating = Some(credentials.write.version.clone());
        self.at = ConditionType::ConfigurationSynced;
        let urls = declared::urls(connection).map_err(Error::Refused)?;
        let desired = declared::desired(connection, &urls).map_err(Error::Refused)?;
        self.at = ConditionType::CredentialsValid;
        let endpoints = remotes::endpoints(&urls, &credentials);
        let clients =
            remotes::clients(endpoints.clone(), &self.link, context)?.at(self.connection.urgency());
        Ok(Prepared {
            desired,
            credentials,
            clients,
            endpoints,
        })
    }
}
