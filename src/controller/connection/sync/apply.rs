//! The writes of a connection, one for each step of the plan.

use std::time::Instant;

use crate::controller::error::Error;
use crate::crd::{
    BitbucketConnection, BitbucketConnectionStatus, ConfigurationIntent, ConnectionRecord,
};
use crate::fleet::link::Validated;
use crate::http::Token;
use crate::identity::{ServerUrl, SettingId, SettingKey, Uid};
use crate::kubernetes::clock;
use crate::kubernetes::event::{Event, EventReason};
use crate::kubernetes::status::{self, Precondition};
use crate::plan::capability::Support;
use crate::plan::connection::{Observed, Recorded, Step, TokenInUpdate, TokenState, Validation};
use crate::plan::failure::System;
use crate::plan::{Blocked, Reason};
use crate::sonarqube::{self, BitbucketAnswer, SERVER_BASE_URL};

use super::Sync;
use crate::controller::connection::health::{failed, try_tokens};

impl Sync<'_> {
    pub(super) async fn apply(&mut self, step: Step, observed: &Observed) -> Result<(), Error> {
        let credentials = self.credentials;
        let sonarqube = &self.clients.sonarqube;
        let fail = |source| failed(sonarqube, source);
        match step {
            Step::RecordIntent(name) => self.record_intent(&name).await?,
            Step::Create(name, url) => self.create(name, &url).await?,
            Step::Recognise(id) => self.recognise(&id),
            Step::Adopt(id) => self.adopt(&id),
            Step::Refer(id) => self.refer(&id),
            Step::Update {
                key,
                rename,
                url,
                token,
            } => {
                let sent = (token == TokenInUpdate::Sent).then_some(&credentials.write.token);
                let name = rename.as_ref().unwrap_or(&key);
                sonarqube
                    .update_bitbucket(&key, name, &url, sent)
                    .await
                    .map_err(fail)?;
                self.updated(&key, rename.as_ref(), token, observed);
            }
            Step::SetPat(name) => {
                let losses = self.link.lock().pushed.losses();
                sonarqube
                    .set_pat(&name, &credentials.import.token)
                    .await
                    .map_err(fail)?;
                self.import_pushed(losses);
            }
            Step::Validate(name) => self.validate(&name).await?,
            Step::SetServerBaseUrl(url) => {
                sonarqube
                    .set_setting(SERVER_BASE_URL, url.as_str())
                    .await
                    .map_err(fail)?;
                self.verified.base_url = Some(url.to_string());
                let note = format!("set SonarQube's server base URL to {url}");
                self.announce(self.event_reason(), note);
            }
        }
        Ok(())
    }

    /// Written with resourceVersion before anything is created: the one that lost the race creates nothing.
    async fn record_intent(&mut self, name: &SettingKey) -> Result<(), Error> {
        let intent = Some(ConfigurationIntent {
            name: name.to_string(),
            server_id: self.verified.server.to_string(),
            since: clock::now(),
        });
        let before = self.connection.status.clone().unwrap_or_default();
        let status = BitbucketConnectionStatus {
            record: ConnectionRecord {
                intent: intent.clone(),
                ..before.record
            },
            // The counts have a writer of their own.
            bindings: None,
            ..before
        };
        let place = self.context.place::<BitbucketConnection>();
        let written =
            status::write(place, &*self.connection, &status, Precondition::Unchanged).await?;
        *self.connection = written;
        self.record.intent = intent;
        Ok(())
    }

    async fn create(&mut self, name: SettingKey, url: &ServerUrl) -> Result<(), Error> {
        let sonarqube = &self.clients.sonarqube;
        let token = &self.credentials.write.token;
        if let Err(source) = sonarqube.create_bitbucket(&name, url, token).await {
            // An answer says that nothing was created: what has the name by now was created by another client.
            if !matches!(source, sonarqube::Error::Transport(_)) {
                self.record.intent = None;
            }
            if source.is_configuration_limit() {
                // The next plan takes it into account, and names what blocks it; so does the next reconcile.
                self.verified.capabilities.several = Support::Missing;
                self.link.lock().probe.amend(|probed| {
                    if let Some(capabilities) = &mut probed.capabilities {
                        capabilities.several = Support::Missing;
                    }
                });
                return Ok(());
            }
            return Err(failed(sonarqube, source));
        }
        self.announce(
            EventReason::Created,
            format!("created configuration {name} in SonarQube"),
        );
        self.remembering(|mut remembered| remembered.created());
        self.created = Some(name);
        Ok(())
    }

    /// Keeps what was created, by this reconcile or by one that ended before it could record it.
    fn recognise(&mut self, id: &SettingId) {
        let (name, uid) = (self.desired.name.clone(), self.desired.uid.clone());
        self.claim(id, &name, Some(uid));
        if self.created.take() == Some(name) {
            self.write_pushed();
        }
    }

    fn adopt(&mut self, id: &SettingId) {
        let name = self.desired.name.clone();
        self.claim(id, &name, None);
        self.announce(
            EventReason::Adopted,
            format!("adopted configuration {name} of SonarQube"),
        );
    }

    /// Remembers the configuration, without a claim: other connections may reference it, too.
    fn refer(&mut self, id: &SettingId) {
        let recorded = Recorded {
            server: self.verified.server.clone(),
            id: id.clone(),
            created_by: None,
        };
        let name = self.desired.name.clone();
        self.remembering(|mut remembered| remembered.claimed(recorded, name));
        self.record.intent = None;
    }

    fn claim(&mut self, id: &SettingId, name: &SettingKey, created_by: Option<Uid>) {
        let server = self.verified.server.clone();
        let claims = self.server().accepted_configuration(name, id);
        let ledger = &self.context.register.ledger;
        ledger.accept(&self.desired.uid, claims);
        let recorded = Recorded {
            server,
            id: id.clone(),
            created_by,
        };
        self.remembering(|mut remembered| remembered.claimed(recorded, name.clone()));
        self.record.intent = None;
    }

    fn updated(
        &mut self,
        key: &SettingKey,
        rename: Option<&SettingKey>,
        token: TokenInUpdate,
        observed: &Observed,
    ) {
        let Some(id) = self.id() else { return };
        let before = observed.settings.iter().find(|setting| setting.id == id);
        let url_differed = before.is_some_and(|setting| !self.desired.url.same(&setting.url));
        if let Some(name) = rename {
            self.remembering(|mut remembered| remembered.renamed(key, name));
            // The earlier name is free.
            if let Some(id) = self.id() {
                let claims = self.server().accepted_configuration(name, &id);
                let ledger = &self.context.register.ledger;
                ledger.accept(&self.desired.uid, claims);
            }
            let note = format!("renamed configuration {key} of SonarQube to {name}");
            self.announce(self.event_reason(), note);
        }
        if url_differed {
            self.link.lock().validation.invalidate();
            let note = format!(
                "set the URL of configuration {key} of SonarQube to {}",
                self.desired.url
            );
            self.announce(self.event_reason(), note);
        }
        if token == TokenInUpdate::Sent {
            let rotated = self
                .record
                .applied
                .as_ref()
                .is_some_and(|applied| applied.write.is_some());
            // One that SonarQube refused is pushed once more: nothing was rotated then.
            let is_new = observed.token == TokenState::ToPush;
            if rotated && is_new && !url_differed {
                self.announce(
                    EventReason::CredentialsRotated,
                    format!("gave configuration {key} of SonarQube its new token"),
                );
            }
            self.write_pushed();
        }
    }

    /// What became equal again had drifted, unless the spec is what changed.
    fn event_reason(&self) -> EventReason {
        let status = self.connection.status.as_ref();
        let seen = status.and_then(|status| status.observed_generation);
        if seen == self.connection.metadata.generation {
            EventReason::DriftCorrected
        } else {
            EventReason::Changed
        }
    }

    async fn validate(&mut self, name: &SettingKey) -> Result<(), Error> {
        let Some(id) = self.id() else { return Ok(()) };
        let sonarqube = &self.clients.sonarqube;
        let token = &self.credentials.write.token;
        let reading = self.link.lock().validation.begin(Instant::now());
        let answer = sonarqube.validate(name).await;
        if answer.is_err() && self.is_on_trust {
            // What follows goes by our own try: a token that Bitbucket refuses is not pushed once more.
            let tokens = self.credentials.tokens();
            try_tokens(self.clients, &tokens, None).await?;
        }
        let result = match answer {
            Ok(()) => Validation::Passed,
            // Up to 10.7 SonarQube asks Bitbucket without a token first, and takes the anonymous answer for its
            // last word. Our own try has just succeeded.
            Err(source)
                if !self.verified.validates()
                    && source
                        .bitbucket_answer()
                        .is_some_and(BitbucketAnswer::is_of_bitbucket) =>
            {
                Validation::Passed
            }
            // Our own try has just succeeded: perhaps another client changed what SonarQube has. It is pushed once
            // more.
            Err(source)
                if source.bitbucket_answer() == Some(BitbucketAnswer::InvalidToken)
                    && !self.was_refused(&id, token) =>
            {
                Validation::TokenRefused
            }
            Err(source) => {
                self.link.lock().validation.invalidate();
                return Err(invalid(name, source, sonarqube));
            }
        };
        let validated = Validated {
            result,
            token: token.clone(),
        };
        self.link.lock().validation.store(reading, validated, id);
        Ok(())
    }

    /// Whether SonarQube has refused this very token before, and was given it once more.
    fn was_refused(&self, id: &SettingId, token: &Token) -> bool {
        let link = self.link.lock();
        link.validation.last().is_some_and(|(validated, of)| {
            validated.result == Validation::TokenRefused && validated.token == *token && of == id
        })
    }

    pub(super) fn id(&self) -> Option<SettingId> {
        self.record
            .configuration
            .as_ref()
            .map(|(recorded, _)| recorded.id.clone())
    }

    fn announce(&mut self, kind: EventReason, note: String) {
        let event = Event::new(kind, note);
        // It may be kept of an earlier reconcile, whose status was not stored.
        if !self.events.contains(&event) {
            self.events.push(event);
        }
    }
}

/// SonarQube took the configuration and says that it does not work.
fn invalid(name: &SettingKey, source: sonarqube::Error, sonarqube: &sonarqube::Client) -> Error {
    if source.is_servers_error() {
        // It was well a moment ago, and says so where Bitbucket answers it with an error of its own.
        let message = format!(
            "SonarQube could not find out whether configuration {name} works: check that it gets on with Bitbucket, and its log ({source})"
        );
        return Error::Retry(Blocked::new(Reason::ValidationFailed, message));
    }
    let Some(answer) = source.bitbucket_answer() else {
        return failed(sonarqube, source);
    };
    let message = match answer {
        BitbucketAnswer::InvalidToken => {
            let message = format!(
                "SonarQube says that the token of configuration {name} is invalid, though Bitbucket takes it from Bindery: check that both reach the same Bitbucket, and that the token may list users"
            );
            return Error::Denied {
                by: System::Bitbucket,
                refusal: Blocked::new(Reason::ValidationFailed, message),
            };
        }
        BitbucketAnswer::Unreachable
        | BitbucketAnswer::NotFoundOrUnreachable
        | BitbucketAnswer::Unexpected => format!(
            "SonarQube cannot reach Bitbucket with configuration {name}, though Bindery can: check SonarQube's own network, proxy and trust store ({source})"
        ),
        BitbucketAnswer::TokenMissing
        | BitbucketAnswer::IncompleteConfiguration
        | BitbucketAnswer::MalformedUrl => {
            format!("SonarQube says that configuration {name} does not work: {source}")
        }
    };
    Error::Retry(Blocked::new(Reason::ValidationFailed, message))
}
