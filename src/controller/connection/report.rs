//! What a reconcile of a connection reports in its status and its events.

use crate::controller::error::Error;
use crate::controller::reconcile::{self, Next};
use crate::crd::{
    BitbucketConnectionStatus, BitbucketServerStatus, ConfigurationStatus, ConnectionRecord,
    SonarQubeServerStatus, TokenExpiry,
};
use crate::declared::connection as declared;
use crate::fleet::link::VerifiedServer;
use crate::identity::Uid;
use crate::kubernetes::clock;
use crate::kubernetes::status;
use crate::kubernetes::uid;
use crate::plan::condition::{Condition, ConditionType, Outcome, State, own_conditions, summary};
use crate::plan::{Blocked, Difference, Reason};

use super::reconcile::ConnectionReconcile;
use super::sync::Synced;
use super::{OWN, requested, write};

impl ConnectionReconcile<'_> {
    /// Writes what the reconcile found, always, also after a failure.
    pub(super) async fn report(self, result: Result<Synced, Error>) -> Result<Next, Error> {
        let interval = self.context.interval(&self.connection);
        let (outcome, failed, next) = match result {
            Ok(Synced::Equal) => (Outcome::Settled, None, Next::Settled(interval)),
            // Its bindings work on: at the moment everything is as declared.
            Ok(Synced::Fought(fight)) => {
                let failed = Some((ConditionType::ConfigurationSynced, fight.clone()));
                (Outcome::Stalled(fight), failed, Next::Settled(interval))
            }
            Ok(Synced::Differs(differences)) => {
                let message = Difference::in_one_line(&differences);
                let drift = Blocked::new(Reason::DriftDetected, message.clone());
                let failed = Some((ConditionType::ConfigurationSynced, drift));
                let outcome = if self.serves {
                    Outcome::Observed(message)
                } else {
                    Outcome::Differing(message)
                };
                (outcome, failed, Next::Settled(interval))
            }
            Err(Error::Reserved) => return Ok(Next::Waits),
            // The watch brings the object as it is now.
            Err(error) if error.is_conflict() => {
                self.keep_what_was_done();
                return Err(error);
            }
            Err(error) => {
                let failed = Some((error.sorted().condition.unwrap_or(self.at), error.refusal()));
                (
                    reconcile::outcome(&error),
                    failed,
                    Next::Failed { error, interval },
                )
            }
        };
        let failed = failed
            .as_ref()
            .map(|(condition_type, why)| (*condition_type, why));
        let mut conditions = summary(&outcome);
        conditions.extend(own_conditions(OWN, &self.reached, failed));
        let valid = |condition: &&mut Condition| {
            condition.condition_type == ConditionType::CredentialsValid
                && condition.state == State::True
        };
        if let Some(condition) = conditions.iter_mut().find(valid) {
            condition.message = self.advice();
        }
        let status = self.status(&conditions);
        let written = write(&self.connection, status, &self.events, self.context).await;
        match written {
            Ok(()) => self.context.unreported.forget(&uid(&self.connection)),
            Err(_) => self.keep_what_was_done(),
        }
        written.map(|()| next)
    }

    /// Keeps the events for the next status, which another reconcile writes.
    fn keep_what_was_done(&self) {
        if !self.events.is_empty() {
            let (own, events) = (uid(&self.connection), self.events.clone());
            self.context.unreported.keep(own, events);
        }
    }

    /// What its owner may want to correct although the tokens work: other readers of the Secret may not be as patient.
    fn advice(&self) -> String {
        if self.untidy.is_empty() {
            return String::new();
        }
        let names: Vec<_> = self.untidy.iter().map(String::as_str).collect();
        format!(
            "spaces or line breaks around the token are left out; store it without them in: {}",
            names.join(", ")
        )
    }

    fn status(&self, conditions: &[Condition]) -> BitbucketConnectionStatus {
        let before = self.connection.status.clone().unwrap_or_default();
        let generation = self.connection.metadata.generation;
        let health = self.health.as_ref();
        let kept = self.kept.configuration.as_ref();
        let configuration = kept.map(|(recorded, name)| ConfigurationStatus {
            name: name.to_string(),
            id: recorded.id.to_string(),
            server_id: recorded.server.to_string(),
            policy: self.connection.spec.configuration_policy,
        });
        let created_by = kept.and_then(|(recorded, _)| recorded.created_by.as_ref());
        let bitbucket = health.map(|health| BitbucketServerStatus {
            version: status::clip(&health.bitbucket_version, 64),
        });
        let expiry = health
            .and_then(|health| health.sonarqube.token_expiry.clone())
            .map(|day| TokenExpiry {
                sonarqube: Some(status::clip(&day, 32)),
            });
        BitbucketConnectionStatus {
            observed_generation: generation,
            conditions: status::conditions(
                &before.conditions,
                conditions,
                generation,
                &clock::now(),
            ),
            configuration,
            // If it could not be read, what was last seen stays.
            sonarqube: health
                .map(|health| sonarqube_status(&health.sonarqube))
                .or(before.sonarqube),
            bitbucket: bitbucket.or(before.bitbucket),
            bindings: before.bindings,
            token_expiry: if health.is_some() {
                expiry
            } else {
                before.token_expiry
            },
            last_handled_reconcile_at: requested(&self.connection),
            record: ConnectionRecord {
                intent: self.kept.intent.clone(),
                created_by: created_by.map(Uid::to_string),
                applied_secrets: self.kept.applied.as_ref().map(declared::applied_secrets),
            },
        }
    }
}

pub(super) fn sonarqube_status(server: &VerifiedServer) -> SonarQubeServerStatus {
    SonarQubeServerStatus {
        id: server.server.to_string(),
        version: status::clip(&server.version.to_string(), 64),
        edition: server
            .edition
            .as_deref()
            .map(|edition| status::clip(edition, 64)),
        capabilities: super::health::names(server.capabilities),
    }
}
