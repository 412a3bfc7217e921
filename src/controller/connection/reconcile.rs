//! One reconcile of one connection, stage by stage.

mod foresee;
mod ready;

use std::collections::BTreeSet;
use std::time::Instant;

use crate::controller::context::Context;
use crate::controller::credentials::{self, Credentials};
use crate::controller::error::{Doing, Error};
use crate::controller::reconcile::Reconcile as _;
use crate::controller::wake;
use crate::crd::{BitbucketConnection, SecretVersion};
use crate::declared::connection::{self as declared, reference_to};
use crate::fleet::ledger::Server;
use crate::fleet::link::{
    Clients, Endpoints, Failing, FoundSonarQube, Health, ServerAccess, SharedLink, TriedTokens,
    VerifiedServer, View,
};
use crate::http::Urgency;
use crate::identity::{SettingId, SettingKey};
use crate::kubernetes::event::Event;
use crate::kubernetes::uid;
use crate::plan::condition::ConditionType;
use crate::plan::connection::{Affected, ConfigurationPolicy, Desired, Setting, SonarQubeState};
use crate::plan::decoration::Token;
use crate::plan::failure::{Blame, System};
use crate::plan::fight::Writes;
use crate::plan::{Blocked, Reason};

use super::sweep::Sweep;
use super::sync::{Kept, Sync, Synced};
use ready::{Checked, Prepared};

/// One reconcile of one connection: what it found out, for the report.
pub(super) struct ConnectionReconcile<'a> {
    pub(super) connection: BitbucketConnection,
    pub(super) context: &'a Context,
    /// The current stage of the reconcile: where it stops is what failed.
    pub(super) at: ConditionType,
    pub(super) reached: Vec<ConditionType>,
    /// Whether there is a configuration for the bindings to work with.
    pub(super) serves: bool,
    /// What is in progress.
    pub(super) doing: Doing,
    pub(super) health: Option<Health>,
    pub(super) kept: Kept,
    pub(super) events: Vec<Event>,
    /// The Secrets that hold more than their token.
    pub(super) untidy: BTreeSet<String>,
    /// The version of the Secret that holds the token to decorate with, once it was read.
    decorating: Option<SecretVersion>,
    /// Bitbucket was taken to be well with these: it was not asked in this reconcile.
    on_trust: Option<(Clients, TriedTokens)>,
    /// SonarQube, once it was found up, and taking its token: undoing needs nothing else.
    pub(super) found: Option<FoundSonarQube>,
    /// What is known of the connection from one reconcile to the next.
    pub(super) link: SharedLink,
}

impl<'a> ConnectionReconcile<'a> {
    pub(super) fn new(connection: BitbucketConnection, context: &'a Context) -> Self {
        let status = connection.status.as_ref();
        let name = declared::recorded_name(&connection);
        let kept = Kept {
            configuration: declared::recorded(&connection).zip(name),
            intent: status.and_then(|status| status.record.intent.clone()),
            applied: status
                .and_then(|status| status.record.applied_secrets.as_ref())
                .map(declared::applied),
        };
        let own = uid(&connection);
        let link = context.links.open(&own);
        link.lock().begin();
        Self {
            connection,
            context,
            at: ConditionType::CredentialsValid,
            reached: Vec::new(),
            serves: true,
            doing: Doing::Checking,
            health: None,
            kept,
            events: context.unreported.of(&own).unwrap_or_default(),
            untidy: BTreeSet::new(),
            decorating: None,
            on_trust: None,
            found: None,
            link,
        }
    }

    /// Brings the connection to its desired state.
    pub(super) async fn converge(&mut self) -> Result<Synced, Error> {
        credentials::follow(&self.connection, self.context);
        let (prepared, checked) = self.ready().await?;
        match self.go_on(prepared, checked).await {
            Err(error) if !matches!(error, Error::Reserved) => Err(self.explain(error).await),
            ended => ended,
        }
    }

    async fn go_on(&mut self, prepared: Prepared, mut checked: Checked) -> Result<Synced, Error> {
        let (clients, endpoints) = (prepared.clients.clone(), prepared.endpoints.clone());
        let verified = &mut checked.health.sonarqube;
        self.doing = Doing::Synchronizing;
        let (setting, synced) = self.sync(prepared, verified).await?;
        self.doing = Doing::Listing;
        match setting {
            Some(setting) => {
                self.serve(setting, &checked.health, (&clients, endpoints))
                    .await?;
            }
            None => self.shut(),
        }
        self.keep(checked);
        Ok(synced)
    }

    /// Lets the bindings of a deleted connection reach the servers, for their own deletion. That needs no
    /// configuration: its state, and who claims it by now, are not read.
    pub(super) async fn serve_on(&mut self) -> Result<(), Error> {
        let before = self.endpoints();
        credentials::follow(&self.connection, self.context);
        let (prepared, checked) = self.ready().await?;
        let remembered = self.kept.configuration.clone();
        let setting = match remembered {
            Some((recorded, name)) => (recorded.id, name),
            None => (SettingId::new(""), prepared.desired.name),
        };
        let affected = self.open(setting, &checked.health.sonarqube, &prepared.clients);
        // Bindings that wait for a corrected Secret need not wait any longer.
        let affected = if before == self.endpoints() {
            affected
        } else {
            Affected::All
        };
        wake::affected(affected, &reference_to(&self.connection), self.context);
        self.keep(checked);
        Ok(())
    }

    fn endpoints(&self) -> Option<Endpoints> {
        let link = self.link.lock();
        link.clients.last().map(|(_, endpoints)| endpoints.clone())
    }

    /// What was found out holds until the next check.
    fn keep(&mut self, checked: Checked) {
        let Checked {
            health,
            inputs,
            reading,
        } = checked;
        self.health = Some(health.clone());
        let mut link = self.link.lock();
        link.health.store(reading, health, inputs);
        link.is_well(&uid(&self.connection), Instant::now());
    }

    /// What a failure says about the token that SonarQube decorates with. A refused one that SonarQube was never given
    /// says nothing: SonarQube keeps the one that it has.
    fn token(&self, error: &Error) -> Token {
        let applied = self.kept.applied.as_ref();
        let applied = applied.and_then(|applied| applied.write.as_ref());
        let is_refused = error.sorted().blame == Blame::Token(System::Bitbucket)
            && error.refusal().reason == Reason::AuthenticationFailed;
        if is_refused && applied.is_some() && applied == self.decorating.as_ref() {
            Token::Refused
        } else {
            Token::NotRefused
        }
    }

    /// What a failure says about the servers.
    pub(super) fn failing(&self, error: &Error) -> Failing {
        let why = error.refusal();
        let is_gone = || credentials::is_gone(why.reason, &self.connection, self.context);
        let sonarqube = match &self.found {
            Some(_) if error.sorted().blame.is_outage_of_sonarqube() => SonarQubeState::NotWell,
            Some(_) => SonarQubeState::Well,
            None if is_gone() => SonarQubeState::TokenGone,
            None => SonarQubeState::NotWell,
        };
        Failing {
            sonarqube,
            why,
            found: self.found.clone(),
            token: self.token(error),
        }
    }

    /// SonarQube's configuration is as declared.
    async fn sync(
        &mut self,
        prepared: Prepared,
        verified: &mut VerifiedServer,
    ) -> Result<(Option<Setting>, Synced), Error> {
        self.at = ConditionType::ConfigurationSynced;
        let Prepared {
            desired,
            credentials,
            clients,
            endpoints: _,
        } = prepared;
        let ledger = &self.context.register.ledger;
        let server = Server::new(clients.sonarqube.url(), verified.server.clone());
        let name = server.configuration(&desired.name);
        // Neither one that only references it nor one that has lost it writes to it.
        let writes = desired.policy == ConfigurationPolicy::Manage
            && ledger.rival(&desired.uid, &name).is_none();
        let reserved = writes.then(|| ledger.reserve(&desired.uid, &[name]));
        let is_free = |reserved: Option<_>| reserved.ok_or(Error::Reserved);
        let _reserved = reserved.map(is_free).transpose()?;
        let mut sync = self.begin_sync(desired, (&credentials, &clients), verified);
        let (setting, synced) = sync.run().await?;
        if matches!(synced, Synced::Equal) {
            self.reached.push(ConditionType::ConfigurationSynced);
        }
        Ok((setting, synced))
    }

    fn begin_sync<'s>(
        &'s mut self,
        desired: Desired,
        (credentials, clients): (&'s Credentials, &'s Clients),
        verified: &'s mut VerifiedServer,
    ) -> Sync<'s> {
        Sync {
            connection: &mut self.connection,
            context: self.context,
            desired,
            credentials,
            clients,
            verified,
            link: &self.link,
            // Kept even if it fails or is cut off half-way: what was written was written.
            record: &mut self.kept,
            is_on_trust: self.on_trust.is_some(),
            events: &mut self.events,
            created: None,
            writes: Writes::default(),
        }
    }

    /// Lets the bindings work, on an inventory that is no older than the interval.
    async fn serve(
        &self,
        setting: Setting,
        health: &Health,
        (clients, endpoints): (&Clients, Endpoints),
    ) -> Result<(), Error> {
        let (connection, context) = (&self.connection, self.context);
        // The one that asked for it waits for the listing too.
        let urgency = if self.connection.urgency() == Urgency::Asked {
            Urgency::Asked
        } else {
            Urgency::Listing
        };
        let sweep = Sweep {
            setting: &setting,
            capabilities: health.sonarqube.capabilities,
            clients: &clients.at(urgency),
            request: &self.request(),
            token: &health.tried.write,
            interval: context.interval(connection),
            connection: reference_to(connection),
            context,
        };
        let view = View {
            endpoints,
            server: health.sonarqube.server.clone(),
            sight: health.sonarqube.sight,
            lists_bindings: health.sonarqube.capabilities.lists_bindings,
            pull_requests: health.sonarqube.capabilities.pull_requests,
        };
        let changes = sweep.refresh(view, &self.link).await?;
        let affected = self.open((setting.id, setting.key), &health.sonarqube, clients);
        wake::affected(affected, &reference_to(connection), context);
        if let Some(changes) = changes.filter(|_| affected == Affected::Nobody) {
            wake::changed(&reference_to(connection), &changes, context);
        }
        Ok(())
    }

    fn open(
        &self,
        (setting, setting_key): (SettingId, SettingKey),
        verified: &VerifiedServer,
        clients: &Clients,
    ) -> Affected {
        let mut link = self.link.lock();
        if link.standing().serving().is_none() {
            // All bindings are about to call servers that were away.
            clients.begin_slowly();
        }
        // The calls of bindings leave some to the connection: a rotation does not wait behind imports.
        let Clients {
            sonarqube,
            importer,
            writer,
        } = clients.at(Urgency::Drift);
        let inventory = link.inventory.clone();
        link.serve(ServerAccess {
            sonarqube,
            bitbucket: importer,
            writer,
            server: verified.server.clone(),
            setting,
            setting_key,
            login: verified.login.clone(),
            capabilities: verified.capabilities,
            decoration: verified.decoration(),
            inventory,
        })
    }

    /// Has the bindings wait for a configuration, which `Observe` does not create.
    fn shut(&mut self) {
        self.serves = false;
        let why = Blocked::new(
            Reason::DriftDetected,
            "SonarQube has no such configuration, and managementPolicy: Observe creates none",
        );
        let affected = self.link.lock().close(why);
        wake::affected(affected, &reference_to(&self.connection), self.context);
    }
}
