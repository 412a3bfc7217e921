//! Makes SonarQube's configuration equal to what the connection declares: read, plan, write, read again.

mod apply;
mod foresee;

use std::time::{Duration, Instant};

use crate::controller::context::Context;
use crate::controller::credentials::{self, Credentials};
use crate::controller::error::Error;
use crate::crd::{BitbucketConnection, ConfigurationIntent, SecretVersion};
use crate::declared::connection as declared;
use crate::fleet::ledger::Server;
use crate::fleet::link::{Clients, SharedLink, VerifiedServer};
use crate::http::Token;
use crate::identity::{SettingId, SettingKey};
use crate::kubernetes::event::Event;
use crate::plan::connection::{
    Applied, BaseUrl, BaseUrlHolder, ConfigurationPolicy, Credential, Desired, Losses, Observed,
    Place, Plan, Platform, Recorded, Remembered, Setting, Step, TokenState, Validation, Which,
    plan,
};
use crate::plan::fight::{Leave, Writes};
use crate::plan::{Blocked, Difference, Reason};

use super::health::failed;
use super::settings;

/// More rounds than any plan needs: adopt or create, update, and one to see that nothing is left.
const ROUNDS: u32 = 6;

/// One connection's configuration, while it is made equal.
pub(super) struct Sync<'a> {
    /// As it was last written.
    pub(super) connection: &'a mut BitbucketConnection,
    pub(super) context: &'a Context,
    pub(super) desired: Desired,
    pub(super) credentials: &'a Credentials,
    pub(super) clients: &'a Clients,
    pub(super) verified: &'a mut VerifiedServer,
    pub(super) link: &'a SharedLink,
    /// What the status will remember; kept even if the reconcile fails.
    pub(super) record: &'a mut Kept,
    /// Whether Bitbucket was not asked in this reconcile.
    pub(super) is_on_trust: bool,
    pub(super) events: &'a mut Vec<Event>,
    /// The name of a configuration that was just created, with the token as the Secret has it.
    pub(super) created: Option<SettingKey>,
    /// What this reconcile and those before it wrote that another client may undo.
    pub(super) writes: Writes<Step>,
}

/// How the configuration stands, where there is one that bindings may go by.
pub(super) enum Synced {
    /// It is as declared.
    Equal,
    /// It is not, and `Observe` does not correct it.
    Differs(Vec<Difference>),
    /// It is as declared now, and another client undoes that again and again.
    Fought(Blocked),
}

/// What a connection remembers of SonarQube's side.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    pub(super) configuration: Option<(Recorded, SettingKey)>,
    pub(super) intent: Option<ConfigurationIntent>,
    pub(super) applied: Option<Applied<SecretVersion>>,
}

impl Sync<'_> {
    /// Works until nothing is left to do.
    pub(super) async fn run(&mut self) -> Result<(Option<Setting>, Synced), Error> {
        self.writes = Writes::after(self.link.lock().writes.clone());
        let synced = self.rounds().await;
        self.link.lock().writes = std::mem::take(&mut self.writes).at_the_end();
        synced
    }

    async fn rounds(&mut self) -> Result<(Option<Setting>, Synced), Error> {
        let sonarqube = &self.clients.sonarqube;
        let mut settings = settings::read(sonarqube).await?;
        for _ in 0..ROUNDS {
            self.recall(&settings);
            let observed = self.observe(settings.clone()).await?;
            let steps = match plan(&self.desired, &observed) {
                Plan::Refused(refusal) => return Err(self.refused(refusal)),
                Plan::Settled => {
                    let fight = self.writes.fight().cloned();
                    let synced = fight.map_or(Synced::Equal, Synced::Fought);
                    return Ok((self.settled(settings), synced));
                }
                Plan::Differs(differences) => {
                    return Ok((self.settled(settings), Synced::Differs(differences)));
                }
                Plan::Steps(steps) => steps,
            };
            let corrections = steps.iter().filter(|step| step.corrects(&observed));
            let corrections: Vec<_> = corrections.cloned().collect();
            if let Leave::Stop(fight) = self.writes.may_take(&corrections) {
                return Err(Error::Refused(fight));
            }
            let changes_the_listing = |step: &Step| step.changes_the_listing(&observed);
            let listing_changes = steps.iter().any(changes_the_listing);
            for step in steps {
                self.take(step, &observed).await?;
            }
            if listing_changes {
                settings = settings::read(sonarqube).await?;
            }
        }
        Err(Error::Unstable { rounds: ROUNDS })
    }

    /// What is remembered, by what is there.
    fn recall(&mut self, settings: &[Setting]) {
        self.remembering(|mut remembered| remembered.learn_ids(settings));
        let configuration = self.record.configuration.as_ref();
        self.desired.record = configuration.map(|(recorded, _)| recorded.clone());
        self.desired.intent = declared::intended(self.record.intent.as_ref());
    }

    async fn take(&mut self, step: Step, observed: &Observed) -> Result<(), Error> {
        let reported = self.events.len();
        self.apply(step.clone(), observed).await?;
        if step.corrects(observed) {
            self.writes.took(&step);
            if self.writes.fight().is_some() {
                // The condition reports a fight, once.
                self.events.truncate(reported);
            }
        }
        Ok(())
    }

    /// The connection waits where another one has the only configuration.
    fn refused(&self, refusal: Blocked) -> Error {
        if refusal.reason == Reason::ConfigurationLimit {
            let only = self.server().only_configuration();
            let ledger = &self.context.register.ledger;
            ledger.wait_for_change(&self.desired.uid, &only);
        }
        Error::Refused(refusal)
    }

    /// The configuration that the bindings go by. `Observe` has none where SonarQube has none.
    fn settled(&mut self, settings: Vec<Setting>) -> Option<Setting> {
        let name = &self.desired.name;
        let mut record = self.record.configuration.as_mut();
        let id = record.as_ref().map(|(recorded, _)| recorded.id.clone());
        let (own, others): (Vec<_>, Vec<_>) = settings
            .into_iter()
            .filter(|setting| setting.platform == Platform::Bitbucket)
            .partition(|setting| Some(&setting.id) == id.as_ref());
        if let (Some(setting), Some((_, recorded))) = (own.first(), &mut record) {
            *recorded = setting.key.clone();
        }
        let namesake = || others.into_iter().find(|setting| setting.key == *name);
        own.into_iter().next().or_else(namesake)
    }

    /// What is remembered of the configuration, for the core to change.
    pub(super) fn remembering<T>(
        &mut self,
        change: impl FnOnce(Remembered<'_, SecretVersion, Token>) -> T,
    ) -> T {
        let mut link = self.link.lock();
        change(Remembered {
            configuration: &mut self.record.configuration,
            applied: &mut self.record.applied,
            pushed: &mut link.pushed,
        })
    }

    /// The SonarQube server.
    pub(super) fn server(&self) -> Server {
        Server::new(self.clients.sonarqube.url(), self.verified.server.clone())
    }

    async fn observe(&mut self, settings: Vec<Setting>) -> Result<Observed, Error> {
        let at = self.server();
        let Self {
            context,
            desired,
            verified,
            ..
        } = self;
        let name = &desired.name;
        let id = desired.record.as_ref().map(|recorded| recorded.id.clone());
        let namesake = settings.iter().find(|setting| setting.key == *name);
        let manages = desired.policy == ConfigurationPolicy::Manage;
        let bound_through_namesake = match namesake {
            Some(namesake)
                if manages
                    && Some(&namesake.id) != id.as_ref()
                    && !desired.url.same(&namesake.url) =>
            {
                let sonarqube = &self.clients.sonarqube;
                let count = sonarqube.count_binding(name).await;
                Some(count.map_err(|source| failed(sonarqube, source))?)
            }
            _ => None,
        };
        let ledger = &context.register.ledger;
        let things = at.configurations(name, id.as_ref());
        let claimed_by = manages.then(|| ledger.contend(&desired.uid, &things));
        let claimed_by = claimed_by.flatten();
        let declares = || desired.server_base_url.is_some() && claimed_by.is_none();
        let decides = declares().then(|| ledger.contend(&desired.uid, &at.base_urls()));
        let base_url_holder = decides.flatten().and_then(|winner| {
            let url = ledger.base_url_of(&winner.uid)?;
            let name = winner.name;
            Some(BaseUrlHolder { name, url })
        });
        let base_url = verified.base_url.clone();
        let base_url = base_url.map_or(BaseUrl::Unset, BaseUrl::Set);
        let server = verified.server.clone();
        let several = verified.capabilities.several;
        let kept = id.filter(|id| {
            let is_kept = |one: &Setting| one.id == *id && one.platform == Platform::Bitbucket;
            settings.iter().any(is_kept)
        });
        Ok(Observed {
            server,
            several,
            bound_through_namesake,
            server_base_url: base_url,
            base_url_holder,
            claimed_by,
            token: self.token_state(kept.as_ref(), Which::Write),
            import_token: self.token_state(kept.as_ref(), Which::Import),
            validation: self.validation(kept.as_ref()),
            settings,
        })
    }

    fn token_state(&mut self, setting: Option<&SettingId>, which: Which) -> TokenState {
        if setting.is_none() {
            return TokenState::ToPush;
        }
        let credential = credential(self.credentials, which);
        self.remembering_tokens(|mut remembered, place| {
            remembered.token_state(place, which, &credential)
        })
    }

    /// SonarQube has the configuration's own token as the Secret has it.
    pub(super) fn write_pushed(&mut self) {
        let credential = credential(self.credentials, Which::Write);
        self.remembering_tokens(|mut remembered, place| {
            remembered.write_pushed(place, &credential);
        });
    }

    /// The same of the import token, given by a call that began after these losses.
    pub(super) fn import_pushed(&mut self, losses: Losses) {
        let credential = credential(self.credentials, Which::Import);
        self.remembering_tokens(|mut remembered, place| {
            remembered.import_pushed(place, &credential, losses);
        });
    }

    fn remembering_tokens<T>(
        &mut self,
        change: impl FnOnce(Remembered<'_, SecretVersion, Token>, Place<'_>) -> T,
    ) -> T {
        let VerifiedServer { server, login, .. } = self.verified.clone();
        let place = Place {
            server: &server,
            user: &login,
        };
        self.remembering(|remembered| change(remembered, place))
    }

    fn validation(&self, setting: Option<&SettingId>) -> Validation {
        let link = self.link.lock();
        let known = setting
            .and_then(|setting| link.validation.good(setting, Duration::MAX, Instant::now()));
        known.map_or(Validation::Due, |validated| validated.result)
    }
}

fn credential(credentials: &Credentials, which: Which) -> Credential<'_, SecretVersion, Token> {
    let credentials::Credential { version, token, .. } = match which {
        Which::Write => &credentials.write,
        Which::Import => &credentials.import,
    };
    Credential { version, token }
}
