//! What a pass over a binding says in its status and its events.

use std::sync::Arc;

use kube::ResourceExt as _;

use crate::controller::context::{Context, ProjectDeletion};
use crate::controller::error::{Doing, Error};
use crate::controller::pass::{self, Next};
use crate::crd::{
    self, BitbucketConnection, ConnectionStatus, Intent, Kind as _, ProjectBinding,
    ProjectBindingStatus, RepositoryStatus, SonarQubeProjectStatus,
};
use crate::declared;
use crate::fleet::link::{ServerAccess, Written};
use crate::identity::{ProjectId, ServerId, SettingId, Uid};
use crate::kubernetes::clock;
use crate::kubernetes::event::{self, Occurrence};
use crate::kubernetes::status::{self, Precondition};
use crate::kubernetes::uid;
use crate::plan::binding::{Accepted, Record};
use crate::plan::binding::{AfterFailure, Standing, after_failure};
use crate::plan::decoration::{not_settled, token_refused};
use crate::plan::verdict::{Aspect, Outcome, Verdict, aspects, summary};
use crate::plan::{Difference, Management, Reason, Refusal};

use super::{WITHOUT_CONNECTION, decoration, shown};

/// The own conditions of the kind, but for `DecorationReady`.
const ASPECTS: &[Aspect] = &[Aspect::Accepted, Aspect::Synced];

/// What a pass came to that did not fail.
pub(super) enum Ended {
    /// Everything that may be written is as declared.
    Settled(Arc<ServerAccess>),
    /// The same, as the inventory alone shows.
    AtRest(Arc<ServerAccess>),
    /// Nothing is done while it is suspended.
    Suspended,
    /// Nothing can be done, and what the status says stays, but for decoration: Bitbucket refuses SonarQube's token.
    TokenRefused,
    /// Nothing is known, and nothing is said: something else triggers the next pass.
    Untold,
    /// Another object is being reconciled for the same project or repository: its end wakes this one.
    Waits,
    /// The last listing is too old to plan by: the next one wakes the object.
    Listing,
    /// Everything was written. The next listing is to show it, and wakes the object.
    Written(Written, Arc<ServerAccess>),
    /// All places of the connection are taken: a free one wakes the object.
    Queued,
    /// The object is gone, or about to.
    Gone,
}

/// What a pass has found out so far.
pub(super) struct Report {
    /// The object as it was read, or stored by this pass, last.
    pub(super) binding: ProjectBinding,
    /// What a status must find that goes by what the watch has shown: it may lag behind our own last write.
    precondition: Precondition,
    /// The connection, once it was found.
    pub(super) connection: Option<Arc<BitbucketConnection>>,
    /// What is to be remembered, if the pass ended now.
    record: Record,
    /// The configuration of the connection, once it serves.
    pub(super) configuration: Option<SettingId>,
    /// The connection under which that was brought about, where it was in this pass.
    accepted_by: Option<ConnectionStatus>,
    pub(super) intent: Option<Intent>,
    pub(super) repository: Option<RepositoryStatus>,
    /// What is not as declared, and is not mended.
    pub(super) differences: Vec<Difference>,
    pub(super) occurrences: Vec<Occurrence>,
    /// What is under way.
    pub(super) doing: Doing,
    /// Whether the operator may delete projects.
    deletion: ProjectDeletion,
}

impl Report {
    /// Begins with what the status says, as the watch has shown it.
    pub(super) fn of(binding: ProjectBinding, deletion: ProjectDeletion) -> Self {
        let status = binding.status.as_ref();
        Self {
            precondition: Precondition::Unchanged,
            connection: None,
            record: declared::record(&binding),
            configuration: None,
            accepted_by: None,
            intent: status.and_then(|status| status.intent.clone()),
            repository: status.and_then(|status| status.repository.clone()),
            differences: Vec::new(),
            occurrences: Vec::new(),
            doing: Doing::default(),
            deletion,
            binding,
        }
    }

    /// Begins anew with the object as Kubernetes has it now: what is done from here on is on record, whatever happens to
    /// the object meanwhile.
    pub(super) fn begin_anew(&mut self, fresh: ProjectBinding) {
        let connection = self.connection.take();
        let configuration = self.configuration.take();
        *self = Self {
            precondition: Precondition::None,
            connection,
            configuration,
            ..Self::of(fresh, self.deletion)
        };
    }

    /// What of the stored record still holds on this server stays, if the pass does nothing.
    pub(super) fn stay_on(&mut self, server: &ServerId) {
        self.record = declared::remembered(&self.binding, server);
    }

    /// Replaces what is to be remembered.
    pub(super) fn remember(&mut self, record: &Record) {
        self.record = record.clone();
        let connection = self.connection.as_deref();
        self.accepted_by = connection
            .filter(|_| record.accepted.is_some())
            .map(|connection| accepts(connection, self.configuration.as_ref()));
    }

    /// The project whose claim is to be remembered.
    pub(super) fn accepted(&self) -> Option<&Accepted> {
        self.record.accepted.as_ref()
    }

    /// Remembers where the repository is; its default branch is read during an import only.
    pub(super) fn see(&mut self, repository: Option<RepositoryStatus>) {
        let Some(mut now) = repository else { return };
        let before = self.repository.take().filter(|before| before.id == now.id);
        now.default_branch = now
            .default_branch
            .or(before.and_then(|before| before.default_branch));
        self.repository = Some(now);
    }

    /// Says what a pass came to.
    pub(super) async fn tell(
        &mut self,
        ended: Result<Ended, Error>,
        context: &Context,
    ) -> Result<Next, Error> {
        let connection = self.connection.as_deref();
        let interval = connection.map_or(WITHOUT_CONNECTION, |connection| {
            context.interval(connection)
        });
        match ended {
            Ok(Ended::Settled(access)) => self.settled(&access, context).await?,
            Ok(Ended::AtRest(access)) => {
                self.settled(&access, context).await?;
                return Ok(Next::AtRest(interval));
            }
            Ok(Ended::Suspended) => self.suspended(context).await?,
            Ok(Ended::TokenRefused) => self.token_refused(context).await?,
            Ok(Ended::Untold) => {}
            Ok(Ended::Waits) => return Ok(Next::Waits),
            Ok(Ended::Listing) => return Ok(Next::Listing(interval)),
            Ok(Ended::Written(written, view)) => {
                self.wait_for_read_back(written, &view, context).await?;
                return Ok(Next::Listing(interval));
            }
            Ok(Ended::Queued) => return Ok(Next::Queued),
            Ok(Ended::Gone) => return Ok(Next::Gone),
            Err(error) => {
                let own = self.accepted().is_none().then(|| uid(&self.binding));
                self.failed(&error, context).await?;
                if let Some(own) = own {
                    context.register.ledger.give_up(&own);
                }
                return Ok(Next::Failed { error, interval });
            }
        }
        Ok(Next::Settled(interval))
    }

    /// Everything was done, and is not confirmed yet.
    pub(super) fn unconfirmed(&self, why: &Refusal, view: &ServerAccess) -> ProjectBindingStatus {
        let mut verdicts = summary(&Outcome::Retrying(why.clone()));
        verdicts.extend(aspects(
            ASPECTS,
            &[Aspect::Accepted],
            Some((Aspect::Synced, why)),
        ));
        verdicts.push(not_settled());
        self.status(&verdicts, Some(view))
    }

    fn management(&self) -> Management {
        let connection = self.connection.as_deref();
        let of_connection = connection.map(|connection| connection.spec.management_policy);
        declared::management(&self.binding, of_connection.unwrap_or_default())
    }

    async fn settled(&mut self, access: &ServerAccess, context: &Context) -> Result<(), Error> {
        let message = Difference::in_one_line(&self.differences);
        let drift = Refusal::new(Reason::DriftDetected, message.clone());
        let (outcome, failed) = if self.differences.is_empty() {
            (Outcome::Settled, None)
        } else {
            let outcome = match self.management() {
                Management::Full => Outcome::Differing(message),
                Management::Observe => Outcome::Observed(message),
            };
            (outcome, Some((Aspect::Synced, &drift)))
        };
        let mut verdicts = summary(&outcome);
        verdicts.extend(aspects(ASPECTS, ASPECTS, failed));
        verdicts.push(decoration::verdict(self, access, context));
        let connection = self.connection.as_deref();
        self.accepted_by = connection.map(|it| accepts(it, self.configuration.as_ref()));
        let status = self.status(&verdicts, Some(access));
        self.write(status, context).await
    }

    /// Something stopped the pass.
    async fn failed(&self, error: &Error, context: &Context) -> Result<(), Error> {
        let connection = self.connection.as_deref();
        let standing = Standing {
            settled: status::is_settled(&self.binding),
            accepted: self.accepted().is_some(),
            by_this_connection: self.accepted_by.is_some()
                || connection.is_none_or(|it| declared::is_accepted_by(&self.binding, it)),
        };
        let (at, reached) = match after_failure(standing, error.sorted()) {
            AfterFailure::Unchanged => return self.kept(context).await,
            AfterFailure::Failed { at, reached } => (at, reached),
        };
        let refusal = error.refusal();
        let mut verdicts = summary(&pass::outcome(error));
        verdicts.extend(aspects(ASPECTS, reached, Some((at, &refusal))));
        verdicts.push(not_settled());
        let status = self.status(&verdicts, None);
        self.write(status, context).await
    }

    /// What is said of the object stays; what was done to its project before the outage is remembered, and told.
    async fn kept(&self, context: &Context) -> Result<(), Error> {
        let before = self.binding.status.clone().unwrap_or_default();
        let now = self.status(&[], None);
        let status = ProjectBindingStatus {
            target: now.target,
            connection: now.connection,
            sonarqube_project: now.sonarqube_project,
            repository: now.repository,
            intent: now.intent,
            ..before
        };
        self.write(status, context).await
    }

    /// Stays as it was, except for what it says of decoration.
    async fn token_refused(&self, context: &Context) -> Result<(), Error> {
        let kind = Aspect::DecorationReady;
        let (namespace, name) = declared::connection_of(&self.binding);
        let before = status::said(self.binding.conditions(), kind);
        let refused = token_refused(&format!("{namespace}/{name}"), before.as_ref());
        let Some(refused) = refused else {
            return Ok(());
        };
        let mut status = self.binding.status.clone().unwrap_or_default();
        let generation = self.binding.metadata.generation;
        let now = status::conditions(&status.conditions, &[refused], generation, &clock::now());
        status.conditions.retain(|it| it.type_ != kind.as_str());
        status.conditions.extend(now);
        status.last_handled_reconcile_at = status::requested(&self.binding);
        self.write(status, context).await
    }

    /// Stays as it was for the generation it was; says so for a new one.
    async fn suspended(&self, context: &Context) -> Result<(), Error> {
        if status::is_settled(&self.binding) {
            return Ok(());
        }
        let mut verdicts = summary(&Outcome::Suspended);
        verdicts.extend(aspects(ASPECTS, &[], None));
        verdicts.push(not_settled());
        let status = self.status(&verdicts, None);
        self.write(status, context).await
    }

    /// Says that the object is on its way out.
    pub(super) async fn leaving(&self, outcome: &Outcome, context: &Context) -> Result<(), Error> {
        let status = self.status(&summary(outcome), None);
        self.write(status, context).await
    }

    fn status(&self, verdicts: &[Verdict], access: Option<&ServerAccess>) -> ProjectBindingStatus {
        let before = self.binding.status.clone().unwrap_or_default();
        let generation = self.binding.metadata.generation;
        let project = before.sonarqube_project.as_ref();
        let kept = |accepted: &Accepted| remembered(accepted, access, project);
        let verdicts = shown::with_advice(verdicts, &self.binding, self.deletion);
        ProjectBindingStatus {
            observed_generation: generation,
            conditions: status::conditions(
                &before.conditions,
                &verdicts,
                generation,
                &clock::now(),
            ),
            target: shown::target(&self.binding, self.repository.as_ref(), self.accepted()),
            connection: self.accepted_by.clone().or(before.connection),
            sonarqube_project: self.accepted().map(kept),
            repository: self.repository.clone(),
            intent: self.intent.clone().filter(|_| self.record.intent.is_some()),
            differences: self.differences.iter().map(difference).collect(),
            last_handled_reconcile_at: status::requested(&self.binding),
        }
    }

    /// Writes the status, if it is another one than what was stored last, by whomever, and tells what changed.
    async fn write(&self, status: ProjectBindingStatus, context: &Context) -> Result<(), Error> {
        self.store(&status, context).await?;
        let none = Vec::new();
        let before = self.binding.status.as_ref();
        let before = before.map_or(&none, |status| &status.conditions);
        let said = |conditions: &[_]| status::said(conditions, Aspect::DecorationReady);
        let decoration =
            event::decoration(said(before).as_ref(), said(&status.conditions).as_ref());
        let transition = event::transition(before, &status.conditions);
        let news: Vec<_> = [transition, decoration].into_iter().flatten().collect();
        context.events.publish(&self.binding, &news).await;
        Ok(())
    }

    /// Tells what was done, and writes the status.
    pub(super) async fn store(
        &self,
        status: &ProjectBindingStatus,
        context: &Context,
    ) -> Result<(), Error> {
        // Done is done, whether or not it can be written down.
        let (events, binding) = (&context.events, &self.binding);
        events.publish(binding, &self.occurrences).await;
        if Some(status) != binding.status.as_ref() {
            let place = (&context.client, &*context.metrics);
            status::write(place, binding, status, self.precondition).await?;
        }
        Ok(())
    }
}

fn accepts(
    connection: &BitbucketConnection,
    configuration: Option<&SettingId>,
) -> ConnectionStatus {
    ConnectionStatus {
        namespace: connection.namespace().unwrap_or_default(),
        name: connection.name_any(),
        uid: uid(connection).to_string(),
        configuration_id: configuration.map(SettingId::to_string),
    }
}

pub(super) fn remembered(
    accepted: &Accepted,
    access: Option<&ServerAccess>,
    before: Option<&SonarQubeProjectStatus>,
) -> SonarQubeProjectStatus {
    let url = access.map(|access| {
        let mut url = access.sonarqube.url().join(["dashboard"]);
        url.query_pairs_mut()
            .append_pair("id", accepted.key.as_str());
        status::clip(url.as_str(), 1024)
    });
    SonarQubeProjectStatus {
        key: accepted.key.to_string(),
        id: accepted.id.as_ref().map(ProjectId::to_string),
        server_id: accepted.server.to_string(),
        url: url
            .or_else(|| before.map(|before| before.url.clone()))
            .unwrap_or_default(),
        created_by: accepted.created_by.as_ref().map(Uid::to_string),
        bound_by: accepted.bound_by.as_ref().map(Uid::to_string),
        new_code_definition: accepted.new_code.as_ref().map(declared::new_code_status),
    }
}

fn difference(difference: &Difference) -> crd::Difference {
    let Difference {
        field,
        desired,
        observed,
    } = difference;
    let cut = |text: &str| text.chars().take(512).collect();
    crd::Difference {
        field: (*field).to_owned(),
        desired: cut(desired),
        observed: cut(observed),
    }
}
