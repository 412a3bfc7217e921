//! Makes SonarQube's configuration equal to what the connection declares: look, plan, write, look again.

mod apply;

use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::crd::{AppliedSecrets, BitbucketConnection, ConfigurationIntent};
use crate::fleet::ledger::Place;
use crate::identity::{SettingId, SettingKey};
use crate::kubernetes::event::Occurrence;
use crate::plan::connection::{
    BaseUrl, BaseUrlHolder, Desired, Observed, Plan, Platform, Recorded, Setting, TokenState,
    Validation, plan,
};
use crate::plan::{Difference, Reason};

use super::credentials::{Credential, Credentials};
use super::desired;
use super::health::{Ground, failed};
use super::memory::Memory;
use super::remotes::Remotes;
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
    pub(super) remotes: &'a Remotes,
    pub(super) ground: &'a mut Ground,
    pub(super) memory: &'a mut Memory,
    /// What the status will remember; kept even if the pass fails.
    pub(super) record: Kept,
    pub(super) occurrences: Vec<Occurrence>,
    /// The name of a configuration that was just created, with the token as the Secret has it.
    pub(super) created: Option<SettingKey>,
}

/// One of the two tokens that SonarQube is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// The configuration's own.
    Write,
    /// That of the operator's user, for imports.
    Import,
}

impl Which {
    fn of(self, credentials: &Credentials) -> &Credential {
        match self {
            Self::Write => &credentials.write,
            Self::Import => &credentials.import,
        }
    }
}

/// What a connection remembers of SonarQube's side.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    pub(super) configuration: Option<(Recorded, SettingKey)>,
    pub(super) intent: Option<ConfigurationIntent>,
    pub(super) applied: Option<AppliedSecrets>,
}

impl Sync<'_> {
    /// Works until nothing is left to do. The differences are those that `Observe` does not mend.
    pub(super) async fn run(&mut self) -> Result<(Option<Setting>, Vec<Difference>), Error> {
        let sonarqube = &self.remotes.sonarqube;
        let mut settings = settings::read(sonarqube).await?;
        for _ in 0..ROUNDS {
            self.learn_ids(&settings);
            self.desired.record = self
                .record
                .configuration
                .as_ref()
                .map(|(recorded, _)| recorded.clone());
            self.desired.intent = desired::intended(self.record.intent.as_ref());
            let observed = self.observe(settings.clone()).await?;
            match plan(&self.desired, &observed) {
                Plan::Refused(refusal) => {
                    if refusal.reason == Reason::ConfigurationLimit {
                        let only = self.place().only_configuration();
                        let ledger = &self.context.register.ledger;
                        ledger.wait_for_change(&self.desired.uid, &only);
                    }
                    return Err(Error::Refused(refusal));
                }
                Plan::Settled => return Ok((self.settled(settings), Vec::new())),
                Plan::Differs(differences) => return Ok((self.settled(settings), differences)),
                Plan::Steps(steps) => {
                    let listing_changes = steps
                        .iter()
                        .any(|step| apply::changes_the_listing(step, &observed));
                    for step in steps {
                        self.apply(step, &observed).await?;
                    }
                    if listing_changes {
                        settings = settings::read(sonarqube).await?;
                    }
                }
            }
        }
        Err(Error::Unstable { rounds: ROUNDS })
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

    /// A server before 10.5 tells no ids, and the key stands for one. Upgraded, it tells them.
    fn learn_ids(&mut self, settings: &[Setting]) {
        let Some((recorded, _)) = &mut self.record.configuration else {
            return;
        };
        let same = |setting: &&Setting| {
            setting.platform == Platform::Bitbucket
                && SettingId::of_key(&setting.key) == recorded.id
        };
        let Some(setting) = settings.iter().find(same) else {
            return;
        };
        recorded.id.clone_from(&setting.id);
        if let Some(applied) = &mut self.record.applied {
            applied.configuration_id = setting.id.to_string();
        }
    }

    /// The SonarQube server.
    pub(super) fn place(&self) -> Place {
        Place::new(self.remotes.sonarqube.url(), self.ground.server.clone())
    }

    async fn observe(&mut self, settings: Vec<Setting>) -> Result<Observed, Error> {
        let place = self.place();
        let Self {
            context,
            desired,
            ground,
            ..
        } = self;
        let name = &desired.name;
        let id = desired.record.as_ref().map(|recorded| recorded.id.clone());
        let namesake = settings.iter().find(|setting| setting.key == *name);
        let bound_through_namesake = match namesake {
            Some(namesake)
                if Some(&namesake.id) != id.as_ref() && !desired.url.same(&namesake.url) =>
            {
                let sonarqube = &self.remotes.sonarqube;
                let count = sonarqube.count_binding(name).await;
                Some(count.map_err(|source| failed(sonarqube, source))?)
            }
            _ => None,
        };
        let ledger = &context.register.ledger;
        let things = place.configurations(name, id.as_ref());
        let claimed_by = ledger.contend(&desired.uid, &things);
        let declares = || desired.server_base_url.is_some() && claimed_by.is_none();
        let decides = declares().then(|| ledger.contend(&desired.uid, &place.base_urls()));
        let base_url_holder = decides.flatten().and_then(|winner| {
            let url = ledger.base_url_of(&winner.uid)?;
            let name = winner.name;
            Some(BaseUrlHolder { name, url })
        });
        let base_url = ground.base_url.clone().map_or(BaseUrl::Unset, BaseUrl::Set);
        let server = ground.server.clone();
        let several = ground.capabilities.several;
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
        let credential = which.of(self.credentials);
        let (Some(setting), Some(applied)) = (setting, &self.record.applied) else {
            return TokenState::ToPush;
        };
        let same_place = applied.server_id == self.ground.server.as_str()
            && applied.configuration_id == setting.as_str()
            && (which == Which::Write
                || applied.sonarqube_user.as_deref() == Some(&*self.ground.login));
        if !same_place || (which == Which::Import && self.memory.import_lost) {
            return TokenState::ToPush;
        }
        let (version, pushed) = match which {
            Which::Write => (&applied.token, &self.memory.pushed.write),
            Which::Import => (&applied.import_token, &self.memory.pushed.import),
        };
        let same_version = version.as_ref() == Some(&credential.version);
        let same_bytes = *pushed == Some((setting.clone(), credential.token.clone()));
        if !same_version && same_bytes {
            self.applied(setting, which);
        }
        if same_version || same_bytes {
            TokenState::Applied
        } else {
            TokenState::ToPush
        }
    }

    fn validation(&self, setting: Option<&SettingId>) -> Validation {
        let validated = self.memory.validated.as_ref();
        validated
            .filter(|validated| Some(&validated.setting) == setting)
            .map_or(Validation::Due, |validated| validated.result)
    }
}
