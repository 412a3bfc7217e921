//! One pass over one connection, stage by stage.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

use crate::controller::binding;
use crate::controller::claims::uid;
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::event::Occurrence;
use crate::controller::session::{View, ViewParts};
use crate::crd::BitbucketConnection;
use crate::identity::{SettingId, SettingKey};
use crate::inventory::{Inventory, Sources};
use crate::plan::connection::{Desired, Setting};
use crate::plan::verdict::Aspect;
use crate::plan::{Difference, Reason, Refusal};

use super::credentials::{self, Credentials};
use super::desired;
use super::health::{self, Health};
use super::memory::{Memory, Request};
use super::remotes::Remotes;
use super::sync::{Kept, Sync};
use super::{interval, requested};

/// One pass over one connection: what it found out, for the report.
pub(super) struct Pass<'a> {
    pub(super) connection: BitbucketConnection,
    pub(super) context: &'a Context,
    /// What the pass is about at the moment: where it stops is what failed.
    pub(super) at: Aspect,
    pub(super) reached: Vec<Aspect>,
    pub(super) health: Option<Health>,
    pub(super) kept: Kept,
    pub(super) occurrences: Vec<Occurrence>,
    /// The Secrets that hold more than their token.
    pub(super) untidy: BTreeSet<String>,
}

/// What the spec refers to, read and understood.
struct Prepared {
    desired: Desired,
    credentials: Credentials,
    remotes: Remotes,
}

/// Whether somebody asked for a pass: by a new generation, or by the annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Anew,
    ByTheClock,
}

impl<'a> Pass<'a> {
    pub(super) fn new(connection: BitbucketConnection, context: &'a Context) -> Self {
        let status = connection.status.as_ref();
        let name = status
            .and_then(|status| status.configuration.as_ref())
            .and_then(|configuration| SettingKey::parse(&configuration.name).ok());
        let kept = Kept {
            configuration: desired::recorded(&connection).zip(name),
            intent: status.and_then(|status| status.intent.clone()),
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
            untidy: BTreeSet::new(),
        }
    }

    /// Brings the connection to its desired state. The differences are those that `Observe` does not mend.
    pub(super) async fn converge(&mut self, memory: &mut Memory) -> Result<Vec<Difference>, Error> {
        let (request, asked) = self.asked(memory);
        let prepared = self.prepare(memory).await?;
        let mut health = self.check(&prepared, asked, memory).await?;
        let (setting, differences) = self.sync(prepared, &mut health, memory).await?;
        match setting {
            Some(setting) => self.serve(setting, &health, asked, memory).await?,
            None => self.shut(),
        }
        self.health = Some(health.clone());
        memory.health = Some(health);
        memory.asked = request;
        Ok(differences)
    }

    /// Lets the bindings of a deleted connection reach the servers, for their own deletion. That needs no
    /// configuration: whatever became of it, and whoever claims it by now, is not looked at.
    pub(super) async fn serve_on(&mut self, memory: &mut Memory) -> Result<(), Error> {
        let (request, asked) = self.asked(memory);
        let before = memory.remotes.clone();
        let prepared = self.prepare(memory).await?;
        let health = self.check(&prepared, asked, memory).await?;
        let remembered = self.kept.configuration.clone();
        let setting = match remembered {
            Some((recorded, name)) => (recorded.id, name),
            None => (SettingId::new(""), prepared.desired.name),
        };
        let is_news = self.open(setting, &health, &prepared.remotes, memory);
        // Whoever waits for a mended Secret need not wait any longer.
        if is_news || before.as_ref() != Some(&prepared.remotes) {
            binding::trigger::all(&self.connection, self.context);
        }
        memory.health = Some(health);
        memory.asked = request;
        Ok(())
    }

    fn asked(&self, memory: &Memory) -> (Request, Asked) {
        let request = (
            self.connection.metadata.generation,
            requested(&self.connection),
        );
        let asked = if memory.asked == request {
            Asked::ByTheClock
        } else {
            Asked::Anew
        };
        (request, asked)
    }

    async fn prepare(&mut self, memory: &mut Memory) -> Result<Prepared, Error> {
        let (connection, context) = (&self.connection, self.context);
        let credentials = credentials::read(connection, context).await?;
        self.untidy = credentials.untidy();
        self.at = Aspect::ConfigurationSynced;
        let urls = desired::urls(connection)?;
        let desired = desired::desired(connection, &urls)?;
        self.at = Aspect::CredentialsValid;
        let remotes = Remotes::build(&urls, &credentials, memory.remotes.take(), context)?;
        memory.remotes = Some(remotes.clone());
        Ok(Prepared {
            desired,
            credentials,
            remotes,
        })
    }

    /// Both servers are what they should be, and take the tokens.
    async fn check(
        &mut self,
        prepared: &Prepared,
        asked: Asked,
        memory: &mut Memory,
    ) -> Result<Health, Error> {
        let Prepared {
            credentials,
            remotes,
            ..
        } = prepared;
        let interval = interval(&self.connection, self.context);
        let health = match memory.health.take() {
            Some(health) if asked == Asked::ByTheClock && !health.is_due(interval, credentials) => {
                self.at = Aspect::CredentialsValid;
                health::try_tokens(remotes, credentials, Some(&health.tried)).await?;
                Health {
                    tried: credentials.clone(),
                    ..health
                }
            }
            Some(_) | None => {
                let probed = &mut memory.probed;
                Health::check(
                    remotes,
                    credentials,
                    probed,
                    &mut self.at,
                    &mut self.reached,
                )
                .await?
            }
        };
        self.reached = vec![
            Aspect::SonarQubeReachable,
            Aspect::BitbucketReachable,
            Aspect::CredentialsValid,
        ];
        self.health = Some(health.clone());
        Ok(health)
    }

    /// SonarQube's configuration is as declared.
    async fn sync(
        &mut self,
        prepared: Prepared,
        health: &mut Health,
        memory: &mut Memory,
    ) -> Result<(Option<Setting>, Vec<Difference>), Error> {
        self.at = Aspect::ConfigurationSynced;
        let Prepared {
            desired,
            credentials,
            remotes,
        } = prepared;
        let claims = &self.context.claims;
        let _turn: OwnedMutexGuard<()> = claims.turn(&health.server, desired.name.as_str()).await;
        let mut sync = Sync {
            connection: &mut self.connection,
            context: self.context,
            desired,
            credentials: &credentials,
            remotes: &remotes,
            health,
            memory,
            record: self.kept.clone(),
            occurrences: Vec::new(),
            created: None,
        };
        let result = sync.run().await;
        // Kept even if it failed half-way: what was written was written.
        let Sync {
            record,
            occurrences,
            ..
        } = sync;
        (self.kept, self.occurrences) = (record, occurrences);
        let synced = result?;
        self.reached.push(Aspect::ConfigurationSynced);
        Ok(synced)
    }

    /// Lets the bindings work, on an inventory that is no older than the interval.
    async fn serve(
        &self,
        setting: Setting,
        health: &Health,
        asked: Asked,
        memory: &mut Memory,
    ) -> Result<(), Error> {
        let (connection, context) = (&self.connection, self.context);
        let Some(remotes) = memory.remotes.clone() else {
            return Ok(());
        };
        let Remotes {
            sonarqube,
            importer,
            writer,
            ..
        } = &remotes;
        let interval = interval(connection, context);
        let is_fresh = asked == Asked::ByTheClock
            && memory
                .swept
                .as_ref()
                .is_some_and(|(at, id)| *id == setting.id && at.elapsed() < interval.mul_f64(0.9));
        let mut changes = None;
        if !is_fresh {
            let capabilities = health.capabilities;
            let swept = Inventory::sweep(Sources {
                sonarqube,
                importer,
                writer: capabilities.pull_requests.then_some(writer),
                setting: capabilities
                    .lists_bindings
                    .then_some((&setting.id, &setting.key)),
            })
            .await;
            let swept =
                swept.map_err(|error| Error::sweep(error, sonarqube.url(), importer.url()))?;
            let mut inventory = memory
                .inventory
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let swept = swept.after(&inventory);
            changes = Some(swept.changes_since(&inventory));
            *inventory = swept;
            memory.swept = Some((Instant::now(), setting.id.clone()));
        }
        let setting = (setting.id, setting.key);
        if self.open(setting, health, &remotes, memory) {
            binding::trigger::all(connection, context);
        } else if let Some(changes) = changes {
            binding::trigger::changed(connection, &changes, context);
        }
        Ok(())
    }

    /// Opens the session. Returns whether it was not open before.
    fn open(
        &self,
        setting: (SettingId, SettingKey),
        health: &Health,
        remotes: &Remotes,
        memory: &Memory,
    ) -> bool {
        let Remotes {
            sonarqube,
            importer,
            ..
        } = remotes;
        let parts = ViewParts {
            sonarqube: sonarqube.clone(),
            bitbucket: importer.clone(),
            server: health.server.clone(),
            setting,
            login: health.login.clone(),
            capabilities: health.capabilities,
            decoration: health.decoration(),
        };
        let view = View::new(parts, Arc::clone(&memory.inventory));
        self.context.sessions.open(&uid(&self.connection), view)
    }

    /// Has the bindings wait for a configuration, which `Observe` does not create.
    fn shut(&self) {
        let why = Refusal::new(
            Reason::DriftDetected,
            "SonarQube has no such configuration, and managementPolicy: Observe creates none",
        );
        let (connection, context) = (&self.connection, self.context);
        if context.sessions.close(&uid(connection), why) {
            binding::trigger::all(connection, context);
        }
    }
}
