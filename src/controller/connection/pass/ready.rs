//! The first part of a pass over a connection: its Secrets are read, and both servers are well and take the tokens.

use std::time::Instant;

use crate::controller::connection::health::{self, Stage};
use crate::controller::connection::{remotes, requested};
use crate::controller::credentials::{self, Credentials, SonarQubeCredentials};
use crate::controller::error::Error;
use crate::declared::connection as declared;
use crate::fleet::link::{
    Clients, FoundSonarQube, Health, HealthInputs, Reading, Request, VerifiedServer,
};
use crate::plan::connection::Desired;
use crate::plan::verdict::Aspect;
use crate::sonarqube;

use super::Pass;

/// What the spec refers to, read and understood.
pub(super) struct Prepared {
    pub(super) desired: Desired,
    pub(super) credentials: Credentials,
    pub(super) clients: Clients,
}

/// Both servers as they were found, to be kept once the pass has come to its end.
pub(super) struct Checked {
    pub(super) health: Health,
    pub(super) inputs: HealthInputs,
    pub(super) reading: Reading,
}

impl Pass<'_> {
    pub(super) fn request(&self) -> Request {
        let connection = &self.connection;
        Request {
            generation: connection.metadata.generation,
            run_now: requested(connection),
        }
    }

    /// Both servers are what they should be, and take the tokens. SonarQube comes first: undoing needs nothing else,
    /// whatever else is wrong.
    pub(super) async fn ready(&mut self) -> Result<(Prepared, Checked), Error> {
        let interval = self.context.interval(&self.connection);
        credentials::follow(&self.connection, self.context);
        let own = credentials::of_sonarqube(&self.connection, self.context).await?;
        let inputs = HealthInputs {
            request: self.request(),
            token: own.own.token.clone(),
        };
        // A little early is early enough: the pass is scheduled by the same interval.
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
        self.reached = vec![Aspect::SonarQubeReachable];
        self.found = Some(FoundSonarQube {
            server: verified.server.clone(),
            client,
        });
        self.at = Aspect::CredentialsValid;
        let prepared = self.prepare(own).await?;
        let (clients, tokens) = (&prepared.clients, prepared.credentials.tokens());
        let health = if let Some(health) = health {
            self.reached.push(Aspect::BitbucketReachable);
            health::try_tokens(clients, &tokens, Some(&health.tried)).await?;
            Health {
                tried: tokens,
                ..health
            }
        } else {
            let stage = self.stage();
            health::check_bitbucket(verified, clients, tokens, stage).await?
        };
        self.reached.push(Aspect::CredentialsValid);
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

    /// Asks SonarQube everything, and has it look again at what nobody can read.
    async fn verify(
        &mut self,
        own: &SonarQubeCredentials,
    ) -> Result<(VerifiedServer, Option<sonarqube::Client>), Error> {
        self.at = Aspect::ConfigurationSynced;
        let url = declared::sonarqube_url(&self.connection).map_err(Error::Refused)?;
        self.at = Aspect::CredentialsValid;
        let link = self.link.clone();
        let sonarqube = remotes::sonarqube(&url, own, &link, self.context)?;
        // Whoever changed what the server offers, and wants that to be seen, asks.
        let request = self.request();
        let verified = health::check_sonarqube(&sonarqube, request, &link, self.stage()).await?;
        if verified.validates() {
            // The token that SonarQube has may have been changed by hand: `validate` alone tells.
            link.lock().validation.invalidate();
        }
        Ok((verified, Some(sonarqube)))
    }

    /// What the spec refers to beside SonarQube.
    async fn prepare(&mut self, own: SonarQubeCredentials) -> Result<Prepared, Error> {
        let (connection, context) = (&self.connection, self.context);
        let credentials = credentials::with_bitbucket(own, connection, context).await?;
        self.untidy = credentials.untidy();
        self.decorating = Some(credentials.write.version.clone());
        self.at = Aspect::ConfigurationSynced;
        let urls = declared::urls(connection).map_err(Error::Refused)?;
        let desired = declared::desired(connection, &urls).map_err(Error::Refused)?;
        self.at = Aspect::CredentialsValid;
        let endpoints = remotes::endpoints(&urls, &credentials);
        let clients = remotes::clients(endpoints, &self.link, context)?;
        Ok(Prepared {
            desired,
            credentials,
            clients,
        })
    }
}
