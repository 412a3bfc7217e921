//! The story of a BitbucketConnection: credentials, health of both servers, SonarQube's configuration, and
//! the inventory that its bindings live on.

mod credentials;
mod desired;
mod health;
pub(crate) mod memory;
mod release;
mod remotes;
mod sync;

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use kube::{Api, ResourceExt as _};
use tokio::time::Instant;

use crate::crd::{
    BitbucketConnection, BitbucketConnectionStatus, BitbucketServerStatus, ConfigurationStatus,
    ManagementPolicy, RECONCILE_REQUESTED_AT, SonarQubeServerStatus, TokenExpiry,
};
use crate::identity::{SettingKey, Uid};
use crate::inventory::Inventory;
use crate::plan::connection::Setting;
use crate::plan::verdict::{Aspect, Outcome, aspects, summary};
use crate::plan::{Difference, Reason, Refusal};

use super::claims::uid;
use super::clock;
use super::context::Context;
use super::error::Error;
use super::event::{self, Occurrence};
use super::lifecycle::Lifecycle;
use super::pass::Next;
use super::session::{Session, View, ViewParts};
use super::status::{self, Precondition};
use super::{binding, finalizer};

use health::Health;
use memory::Memory;
use remotes::Remotes;
use sync::{Kept, Sync};

/// The own conditions of the kind, in the order in which a pass finds out about them.
const ASPECTS: &[Aspect] = &[
    Aspect::SonarQubeReachable,
    Aspect::BitbucketReachable,
    Aspect::CredentialsValid,
    Aspect::ConfigurationSynced,
];

/// Brings one connection to its desired state, and reports what was found and done.
pub(crate) async fn reconcile(
    connection: Arc<BitbucketConnection>,
    context: Arc<Context>,
) -> Result<Next, Error> {
    let api = Api::namespaced(
        context.client.clone(),
        &connection.namespace().unwrap_or_default(),
    );
    match Lifecycle::of(&*connection, connection.spec.suspend) {
        Lifecycle::Deleting => return release::release(&connection, &api, &context).await,
        Lifecycle::Unprotected => {
            finalizer::add(&api, &*connection).await?;
            return Ok(Next::Settled(interval(&connection, &context)));
        }
        Lifecycle::Suspended => {
            let why = Refusal::new(Reason::Suspended, "the connection is suspended");
            if context.sessions.close(&uid(&*connection), why) {
                binding::trigger::all(&connection, &context);
            }
            return suspend(&connection, &api, &context).await;
        }
        Lifecycle::Live => {}
    }
    let own = uid(&*connection);
    let mut memory = context.memories.take(&own);
    let mut pass = Pass::new(&connection, &context);
    let result = pass.converge(&mut memory).await;
    if let Err(error) = &result {
        memory.health = None;
        if context.sessions.close(&own, error.refusal()) {
            binding::trigger::all(&connection, &context);
        }
    }
    context.memories.put(&own, memory);
    pass.report(&api, result).await
}

/// Lets the bindings of a deleted connection reach the servers, which some need for their own deletion, where no
/// pass has done so yet: the operator is new, or the servers were away. Writes nothing to them.
async fn serve_on(connection: &BitbucketConnection, context: &Context) -> Result<(), Error> {
    let own = uid(connection);
    if connection.spec.suspend || matches!(context.sessions.of(&own), Some(Session::Open(_))) {
        return Ok(());
    }
    let mut looking = connection.clone();
    looking.spec.management_policy = ManagementPolicy::Observe;
    let mut memory = context.memories.take(&own);
    let result = Pass::new(&looking, context).converge(&mut memory).await;
    context.memories.put(&own, memory);
    result.map(drop)
}

/// How often drift is looked for.
pub(crate) fn interval(connection: &BitbucketConnection, context: &Context) -> Duration {
    Duration::from(connection.spec.interval).max(context.settings.minimum_interval)
}

/// One pass over one connection.
struct Pass<'a> {
    connection: &'a BitbucketConnection,
    context: &'a Context,
    /// What the pass is about at the moment: where it stops is what failed.
    at: Aspect,
    reached: Vec<Aspect>,
    health: Option<Health>,
    kept: Kept,
    occurrences: Vec<Occurrence>,
}

impl<'a> Pass<'a> {
    fn new(connection: &'a BitbucketConnection, context: &'a Context) -> Self {
        let status = connection.status.as_ref();
        let name = status
            .and_then(|status| status.configuration.as_ref())
            .and_then(|configuration| SettingKey::parse(&configuration.name).ok());
        let kept = Kept {
            configuration: desired::recorded(connection).zip(name),
            applied: status.and_then(|status| status.applied_secrets.clone()),
        };
        Self {
            connection,
            context,
            at: Aspect::CredentialsValid,
            reached: Vec::new(),
            health: None,
            kept,
            occurrences: Vec::new(),
        }
    }

    async fn converge(&mut self, memory: &mut Memory) -> Result<Vec<Difference>, Error> {
        let Self {
            connection,
            context,
            ..
        } = *self;
        let interval = interval(connection, context);
        let credentials = credentials::read(connection, context).await?;
        self.at = Aspect::ConfigurationSynced;
        let urls = desired::urls(connection)?;
        let desired = desired::desired(connection, &urls)?;
        self.at = Aspect::CredentialsValid;
        let before = memory.remotes.take();
        let remotes = Remotes::build(
            &urls.sonarqube,
            &urls.bitbucket,
            &credentials,
            before,
            context,
        )?;
        memory.remotes = Some(remotes.clone());

        let asked = (connection.metadata.generation, requested(connection));
        let asked_anew = memory.asked != asked;
        let before = memory.health.take();
        let mut health = match before {
            Some(health) if !asked_anew && !health.is_due(interval, &credentials) => {
                self.at = Aspect::CredentialsValid;
                health::try_tokens(&remotes, &credentials, Some(&health.tried)).await?;
                Health {
                    tried: credentials.clone(),
                    ..health
                }
            }
            before => Health::check(&remotes, &credentials, before, &mut self.at).await?,
        };
        self.reached = vec![
            Aspect::SonarQubeReachable,
            Aspect::BitbucketReachable,
            Aspect::CredentialsValid,
        ];
        self.health = Some(health.clone());
        self.at = Aspect::ConfigurationSynced;

        let _turn = context
            .claims
            .turn(&health.server, desired.name.as_str())
            .await;
        let mut sync = Sync {
            connection,
            context,
            desired,
            credentials: &credentials,
            remotes: &remotes,
            health: &mut health,
            memory,
            record: self.kept.clone(),
            occurrences: Vec::new(),
            created: None,
        };
        let result = sync.run().await;
        let Sync {
            record,
            occurrences,
            ..
        } = sync;
        self.kept = record;
        self.occurrences = occurrences;
        let (setting, differences) = result?;
        self.reached.push(Aspect::ConfigurationSynced);
        self.serve(&setting, &remotes, &health, memory, asked_anew)
            .await?;
        self.health = Some(health.clone());
        memory.health = Some(health);
        memory.asked = asked;
        Ok(differences)
    }

    /// Lets the bindings work, on an inventory that is no older than the interval.
    async fn serve(
        &mut self,
        setting: &Setting,
        remotes: &Remotes,
        health: &Health,
        memory: &mut Memory,
        asked_anew: bool,
    ) -> Result<(), Error> {
        let (connection, context) = (self.connection, self.context);
        let interval = interval(connection, context);
        let is_fresh = memory.swept.as_ref().is_some_and(|(at, id)| {
            *id == setting.id && at.elapsed() < interval.mul_f64(0.9) && !asked_anew
        });
        let mut changes = None;
        if !is_fresh {
            let swept = Inventory::sweep(
                &remotes.sonarqube,
                &remotes.importer,
                (&setting.id, &setting.key),
            )
            .await;
            let swept = swept.map_err(|error| {
                Error::sweep(error, remotes.sonarqube.url(), remotes.importer.url())
            })?;
            let mut inventory = memory
                .inventory
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            changes = Some(swept.changes_since(&inventory));
            *inventory = swept;
            memory.swept = Some((Instant::now(), setting.id.clone()));
        }
        let view = View::new(
            ViewParts {
                sonarqube: remotes.sonarqube.clone(),
                bitbucket: remotes.importer.clone(),
                server: health.server.clone(),
                setting: (setting.id.clone(), setting.key.clone()),
                login: health.login.clone(),
                way: health.capabilities.way,
                decoration: health.decoration(),
            },
            Arc::clone(&memory.inventory),
        );
        if context.sessions.open(&uid(connection), view) {
            binding::trigger::all(connection, context);
        } else if let Some(changes) = changes {
            binding::trigger::changed(connection, &changes, context);
        }
        Ok(())
    }

    async fn report(
        self,
        api: &Api<BitbucketConnection>,
        result: Result<Vec<Difference>, Error>,
    ) -> Result<Next, Error> {
        let (connection, context) = (self.connection, self.context);
        let refusal = result.as_ref().err().map(Error::refusal);
        let (outcome, next) = match result {
            Ok(differences) if differences.is_empty() => (
                Outcome::Settled,
                Next::Settled(interval(connection, context)),
            ),
            Ok(differences) => (
                Outcome::Differing(told(&differences)),
                Next::Settled(interval(connection, context)),
            ),
            Err(error) => (
                super::pass::outcome(&error),
                Next::Failed {
                    error,
                    interval: interval(connection, context),
                },
            ),
        };
        let failed = refusal.as_ref().map(|refusal| (self.at, refusal));
        let mut verdicts = summary(&outcome);
        verdicts.extend(aspects(ASPECTS, &self.reached, failed));
        let before = connection.status.clone().unwrap_or_default();
        let generation = connection.metadata.generation;
        let status = BitbucketConnectionStatus {
            observed_generation: generation,
            conditions: status::conditions(
                &before.conditions,
                &verdicts,
                generation,
                &clock::now(),
            ),
            configuration: self
                .kept
                .configuration
                .map(|(recorded, name)| ConfigurationStatus {
                    name: name.to_string(),
                    id: recorded.id.to_string(),
                    server_id: recorded.server.to_string(),
                    created_by: recorded.created_by.as_ref().map(Uid::to_string),
                }),
            sonarqube: self
                .health
                .as_ref()
                .map(sonarqube_status)
                .or(before.sonarqube.clone()),
            bitbucket: self
                .health
                .as_ref()
                .map(|health| BitbucketServerStatus {
                    version: health.bitbucket_version.clone(),
                })
                .or(before.bitbucket.clone()),
            applied_secrets: self.kept.applied,
            // Written apart: see `counts`.
            bindings: before.bindings.clone(),
            token_expiry: self
                .health
                .as_ref()
                .and_then(|health| health.token_expiry.clone())
                .map(|day| TokenExpiry {
                    sonarqube: Some(day),
                })
                .or(before.token_expiry.clone()),
            last_handled_reconcile_at: requested(connection),
        };
        write(connection, status, api, context).await?;
        event::publish(connection, &self.occurrences, context).await;
        Ok(next)
    }
}

/// Says that a connection is suspended, unless it is settled: then it stays as it was.
async fn suspend(
    connection: &BitbucketConnection,
    api: &Api<BitbucketConnection>,
    context: &Context,
) -> Result<Next, Error> {
    if !status::is_settled(connection) {
        let before = connection.status.clone().unwrap_or_default();
        let generation = connection.metadata.generation;
        let verdicts = summary(&Outcome::Suspended);
        let conditions =
            status::conditions(&before.conditions, &verdicts, generation, &clock::now());
        let after = BitbucketConnectionStatus {
            observed_generation: generation,
            conditions,
            ..before
        };
        write(connection, after, api, context).await?;
    }
    Ok(Next::Settled(interval(connection, context)))
}

/// Writes the status if it changed, and tells of a change of readiness.
async fn write(
    connection: &BitbucketConnection,
    after: BitbucketConnectionStatus,
    api: &Api<BitbucketConnection>,
    context: &Context,
) -> Result<(), Error> {
    let before = connection.status.clone().unwrap_or_default();
    if after == before {
        return Ok(());
    }
    let occurrences: Vec<_> = event::transition(&before.conditions, &after.conditions)
        .into_iter()
        .collect();
    // The counts have a writer of their own.
    let written = BitbucketConnectionStatus {
        bindings: None,
        ..after
    };
    status::write(api, connection, &written, Precondition::None).await?;
    context.metrics.status_written("BitbucketConnection");
    event::publish(connection, &occurrences, context).await;
    Ok(())
}

/// Whether a Secret that a connection needs is confirmed gone, by a live read.
pub(crate) async fn credentials_gone(
    connection: &BitbucketConnection,
    context: &Context,
) -> Result<bool, Error> {
    match credentials::read(connection, context).await {
        Ok(_) => Ok(false),
        Err(Error::Refused(refusal)) => Ok(release::is_gone(refusal.reason, connection, context)),
        Err(error) => Err(error),
    }
}

fn sonarqube_status(health: &Health) -> SonarQubeServerStatus {
    SonarQubeServerStatus {
        id: health.server.to_string(),
        version: health.version.to_string(),
        edition: health.capabilities.edition.clone(),
        capabilities: health.capabilities.names(),
    }
}

fn requested(connection: &BitbucketConnection) -> Option<String> {
    connection
        .annotations()
        .get(RECONCILE_REQUESTED_AT)
        .map(|value| value.chars().take(256).collect())
}

/// Differences in one line, for a message.
pub(crate) fn told(differences: &[Difference]) -> String {
    let each: Vec<_> = differences
        .iter()
        .map(
            |Difference {
                 field,
                 desired,
                 observed,
             }| format!("{field} is {observed}, declared {desired}"),
        )
        .collect();
    each.join("; ")
}
