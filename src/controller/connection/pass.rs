//! One pass over one connection, stage by stage.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::controller::binding;
use crate::controller::context::Context;
use crate::controller::error::{Error, System};
use crate::controller::session::{self, View, ViewParts};
use crate::crd::{BitbucketConnection, SecretVersion};
use crate::declared::connection as declared;
use crate::fleet::ledger::Server;
use crate::identity::{SettingId, SettingKey};
use crate::kubernetes::event::Occurrence;
use crate::kubernetes::uid;
use crate::plan::connection::{Desired, Setting};
use crate::plan::decoration::Token;
use crate::plan::verdict::Aspect;
use crate::plan::{Difference, Reason, Refusal};
use crate::sonarqube;

use super::credentials::{self, Credentials, SonarQubeCredentials};
use super::health::{self, Ground, Health};
use super::memory::{Memory, Request};
use super::remotes::{self, Remotes};
use super::sweep::{compare_rights, sweep};
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
    /// The version of the Secret that holds the token to decorate with, once it was read.
    decorating: Option<SecretVersion>,
    /// SonarQube, once it was found up, and taking its token: whoever leaves needs nothing else.
    pub(super) ground: Option<session::Ground>,
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
        let name = declared::recorded_name(&connection);
        let kept = Kept {
            configuration: declared::recorded(&connection).zip(name),
            intent: status.and_then(|status| status.intent.clone()),
            applied: status
                .and_then(|status| status.applied_secrets.as_ref())
                .map(declared::applied),
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
            decorating: None,
            ground: None,
        }
    }

    /// Brings the connection to its desired state. The differences are those that `Observe` does not mend.
    pub(super) async fn converge(&mut self, memory: &mut Memory) -> Result<Vec<Difference>, Error> {
        let (request, asked) = self.asked(memory);
        let (prepared, mut health) = self.ready(asked, memory).await?;
        let (setting, differences) = self.sync(prepared, &mut health.ground, memory).await?;
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
        let (prepared, health) = self.ready(asked, memory).await?;
        let remembered = self.kept.configuration.clone();
        let setting = match remembered {
            Some((recorded, name)) => (recorded.id, name),
            None => (SettingId::new(""), prepared.desired.name),
        };
        let is_news = self.open(setting, &health.ground, &prepared.remotes, memory);
        // Whoever waits for a mended Secret need not wait any longer.
        if is_news || before.as_ref() != Some(&prepared.remotes) {
            binding::trigger::all(&self.connection, self.context);
        }
        memory.health = Some(health);
        memory.asked = request;
        Ok(())
    }

    /// What a failure says about the token that SonarQube decorates with. A refused one that SonarQube was never given
    /// says nothing: SonarQube keeps the one that it has.
    pub(super) fn token(&self, error: &Error) -> Token {
        let applied = self.kept.applied.as_ref();
        let applied = applied.and_then(|applied| applied.write.as_ref());
        let is_refused = error.is_refused(System::Bitbucket)
            && error.refusal().reason == Reason::AuthenticationFailed;
        if is_refused && applied.is_some() && applied == self.decorating.as_ref() {
            Token::Refused
        } else {
            Token::NotRefused
        }
    }

    fn asked(&self, memory: &Memory) -> (Request, Asked) {
        let request = self.request();
        let asked = if memory.asked == request {
            Asked::ByTheClock
        } else {
            Asked::Anew
        };
        (request, asked)
    }

    fn request(&self) -> Request {
        let connection = &self.connection;
        (connection.metadata.generation, requested(connection))
    }

    /// Both servers are what they should be, and take the tokens. SonarQube comes first: whoever leaves needs nothing
    /// else, whatever else is wrong.
    async fn ready(
        &mut self,
        asked: Asked,
        memory: &mut Memory,
    ) -> Result<(Prepared, Health), Error> {
        let interval = interval(&self.connection, self.context);
        credentials::follow(&self.connection, self.context);
        let own = credentials::of_sonarqube(&self.connection, self.context).await?;
        let before = memory.health.take();
        let before =
            before.filter(|health| asked == Asked::ByTheClock && !health.is_due(interval, &own));
        let (ground, sonarqube) = match &before {
            Some(health) => (health.ground.clone(), None),
            None => self.ground(&own, memory).await?,
        };
        self.reached = vec![Aspect::SonarQubeReachable];
        self.ground = Some(session::Ground {
            server: ground.server.clone(),
            sonarqube,
        });
        self.at = Aspect::CredentialsValid;
        let prepared = self.prepare(own, memory).await?;
        let (remotes, credentials) = (&prepared.remotes, &prepared.credentials);
        let health = if let Some(health) = before {
            self.reached.push(Aspect::BitbucketReachable);
            health::try_tokens(remotes, credentials, Some(&health.tried)).await?;
            Health {
                tried: credentials.clone(),
                ..health
            }
        } else {
            let stage = (&mut self.at, &mut self.reached);
            Health::check(ground, remotes, credentials, stage).await?
        };
        self.reached.push(Aspect::CredentialsValid);
        self.health = Some(health.clone());
        Ok((prepared, health))
    }

    /// Asks SonarQube everything, and has it look again at what nobody can read.
    async fn ground(
        &mut self,
        own: &SonarQubeCredentials,
        memory: &mut Memory,
    ) -> Result<(Ground, Option<sonarqube::Client>), Error> {
        self.at = Aspect::ConfigurationSynced;
        let url = declared::sonarqube_url(&self.connection).map_err(Error::Refused)?;
        self.at = Aspect::CredentialsValid;
        let known = memory.remotes.as_ref();
        let sonarqube = match known.and_then(|remotes| remotes.to_sonarqube(&url, own)) {
            Some(sonarqube) => sonarqube,
            None => remotes::sonarqube_alone(&url, own, self.context)?,
        };
        let request = self.request();
        if memory.probed_for != request {
            // Whoever changed the server, and wants that to be seen, asks.
            memory.probed = None;
            memory.probed_for = request;
        }
        let stage = (&mut self.at, &mut self.reached);
        let ground = Ground::check(&sonarqube, &own.own.token, &mut memory.probed, stage).await?;
        if ground.validates() {
            // The token that SonarQube has may have been changed by hand: `validate` alone tells.
            memory.validated = None;
        }
        Ok((ground, Some(sonarqube)))
    }

    /// What the spec refers to beside SonarQube.
    async fn prepare(
        &mut self,
        own: SonarQubeCredentials,
        memory: &mut Memory,
    ) -> Result<Prepared, Error> {
        let (connection, context) = (&self.connection, self.context);
        let credentials = credentials::with_bitbucket(own, connection, context).await?;
        self.untidy = credentials.untidy();
        self.decorating = Some(credentials.write.version.clone());
        self.at = Aspect::ConfigurationSynced;
        let urls = declared::urls(connection).map_err(Error::Refused)?;
        let desired = declared::desired(connection, &urls).map_err(Error::Refused)?;
        self.at = Aspect::CredentialsValid;
        let remotes = Remotes::build(&urls, &credentials, memory.remotes.take(), context)?;
        memory.remotes = Some(remotes.clone());
        Ok(Prepared {
            desired,
            credentials,
            remotes,
        })
    }

    /// SonarQube's configuration is as declared.
    async fn sync(
        &mut self,
        prepared: Prepared,
        ground: &mut Ground,
        memory: &mut Memory,
    ) -> Result<(Option<Setting>, Vec<Difference>), Error> {
        self.at = Aspect::ConfigurationSynced;
        let Prepared {
            desired,
            credentials,
            remotes,
        } = prepared;
        let ledger = &self.context.register.ledger;
        let server = Server::new(remotes.sonarqube.url(), ground.server.clone());
        let name = server.configuration(&desired.name);
        // Who has lost it writes nothing.
        let has_lost = ledger.rival(&desired.uid, &name).is_some();
        let reserved = (!has_lost).then(|| ledger.reserve(&desired.uid, &[name]));
        let is_free = |reserved: Option<_>| reserved.ok_or_else(|| at_work(&desired.name));
        let _reserved = reserved.map(is_free).transpose()?;
        let mut sync = Sync {
            connection: &mut self.connection,
            context: self.context,
            desired,
            credentials: &credentials,
            remotes: &remotes,
            ground,
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
        let (setting, differences) = result?;
        if differences.is_empty() {
            self.reached.push(Aspect::ConfigurationSynced);
        }
        Ok((setting, differences))
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
        let (ground, token) = (&health.ground, &health.tried.write.token);
        let Some(remotes) = memory.remotes.clone() else {
            return Ok(());
        };
        let interval = interval(connection, context);
        let is_fresh = asked == Asked::ByTheClock
            && memory
                .swept
                .as_ref()
                .is_some_and(|(at, id)| *id == setting.id && at.elapsed() < interval.mul_f64(0.9));
        let changes = if !is_fresh {
            sweep(&setting, ground, &remotes, (memory, interval)).await?
        } else if ground.capabilities.pull_requests && memory.rights_of.as_ref() != Some(token) {
            Some(compare_rights(&remotes, memory).await?)
        } else {
            None
        };
        memory.rights_of = Some(token.clone());
        let setting = (setting.id, setting.key);
        if self.open(setting, ground, &remotes, memory) {
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
        ground: &Ground,
        remotes: &Remotes,
        memory: &Memory,
    ) -> bool {
        let Remotes {
            sonarqube,
            importer,
            writer,
            ..
        } = remotes;
        let parts = ViewParts {
            // The calls of the bindings leave some to the connection: a rotation does not wait behind imports.
            sonarqube: sonarqube.sharing(),
            bitbucket: importer.sharing(),
            writer: writer.sharing(),
            server: ground.server.clone(),
            setting,
            login: ground.login.clone(),
            capabilities: ground.capabilities,
            decoration: ground.decoration(),
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

/// Another connection is being reconciled for the same configuration: its end wakes this one.
pub(super) fn at_work(name: &SettingKey) -> Error {
    Error::Retry(Refusal::new(
        Reason::ProgressingWithRetry,
        format!("another BitbucketConnection is at work on configuration {name} of SonarQube"),
    ))
}
