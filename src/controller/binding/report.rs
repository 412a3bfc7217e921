//! What a reconcile of a binding reports in its status and its events.

mod importing;

use std::sync::Arc;

use crate::controller::context::{Context, ProjectDeletion};
use crate::controller::error::{Doing, Error};
use crate::controller::reconcile::{self, Next};
use crate::crd::{
    AcceptingConnection, BindingDefaults, BindingDeletionPolicy, BitbucketConnection, Intent,
    Kind as _, ProjectBinding, ProjectBindingStatus, RepositoryStatus,
};
use crate::declared;
use crate::fleet::link::ServerAccess;
use crate::identity::ServerId;
use crate::kubernetes::clock;
use crate::kubernetes::event::{self, Event};
use crate::kubernetes::status::{self, Precondition};
use crate::kubernetes::uid;
use crate::plan::binding::{Accepted, Record};
use crate::plan::binding::{AfterFailure, Standing, after_failure};
use crate::plan::condition::{Condition, ConditionType, Outcome, own_conditions, summary};
use crate::plan::decoration::{not_settled, token_refused};
use crate::plan::{Blocked, Difference, Management, Reason};

use super::shown::{self, difference, remembered};
use super::{WITHOUT_CONNECTION, decoration};

/// The own conditions of the kind, but for `DecorationReady`.
const OWN: &[ConditionType] = &[ConditionType::Accepted, ConditionType::Synced];

/// The outcome of a reconcile that did not fail.
pub(super) enum Ended {
    /// Everything that may be written is as declared.
    Settled(Arc<ServerAccess>),
    /// The same, as the inventory alone shows.
    AtRest(Arc<ServerAccess>),
    /// Nothing is done while it is suspended.
    Suspended,
    /// Nothing can be done, and what the status says stays, but for decoration: Bitbucket refuses SonarQube's token.
    TokenRefused,
    /// Nothing is known, and nothing is said: something else triggers the next reconcile.
    NoReport,
    /// Another object is being reconciled for the same project or repository: its end wakes this one.
    Waits,
    /// The last listing is too old to plan by: the next one wakes the object.
    Listing,
    /// All places of the connection are taken: a free one wakes the object.
    Queued,
}

/// What a reconcile has found out so far.
pub(super) struct Report {
    /// The object as it was read, or stored by this reconcile, last; with what was done for it and is not stored yet.
    pub(super) binding: ProjectBinding,
    /// Whether there is something of an earlier reconcile that is to be stored with the next status.
    is_unstored: bool,
    /// What a status must find: before anything is done, the object as the watch has shown it.
    precondition: Precondition,
    /// The connection, once it was found.
    pub(super) connection: Option<Arc<BitbucketConnection>>,
    /// What is to be remembered, if the reconcile ended now.
    record: Record,
    /// The connection with its configuration, once it serves.
    pub(super) through: Option<AcceptingConnection>,
    /// The same, if what is to be remembered was brought about in this reconcile.
    accepted_by: Option<AcceptingConnection>,
    pub(super) intent: Option<Intent>,
    pub(super) repository: Option<RepositoryStatus>,
    /// What is not as declared, and is not corrected.
    pub(super) differences: Vec<Difference>,
    pub(super) events: Vec<Event>,
    /// What is in progress.
    pub(super) doing: Doing,
    /// Whether the operator may delete projects.
    deletion: ProjectDeletion,
}

impl Report {
    /// Begins with what the status says, as the watch has shown it, and with what is not stored yet.
    pub(super) fn of(mut binding: ProjectBinding, context: &Context) -> Self {
        let own = uid(&binding);
        let unstored = context.unstored.of(&own);
        let is_unstored = unstored.is_some();
        if is_unstored {
            binding.status = unstored;
        }
        let status = binding.status.as_ref();
        Self {
            is_unstored,
            precondition: Precondition::Unchanged,
            connection: None,
            record: declared::record(&binding),
            through: None,
            accepted_by: None,
            intent: status.and_then(|status| status.record.intent.as_deref().cloned()),
            repository: status.and_then(|status| status.repository.clone()),
            differences: Vec::new(),
            events: context.unreported.of(&own).unwrap_or_default(),
            doing: Doing::default(),
            deletion: context.settings.project_deletion,
            binding,
        }
    }

    /// Something is written to the servers: from here on what is done is on record, even if the object changes
    /// meanwhile. Until then a status is written only over the object as it was read: the watch may lag behind what an
    /// operator wrote that led before.
    pub(super) fn begin_to_write(&mut self) {
        self.precondition = Precondition::None;
    }

    /// What of the stored record still holds on this server stays, if the reconcile does nothing.
    pub(super) fn stay_on(&mut self, server: &ServerId) {
        self.record = declared::remembered(&self.binding, server);
    }

    /// Replaces what is to be remembered.
    pub(super) fn remember(&mut self, record: &Record) {
        self.record = record.clone();
        let through = self.through.clone();
        self.accepted_by = through.filter(|_| record.accepted.is_some());
    }

    /// The defaults of its connection that hold for the binding.
    pub(super) fn defaults(&self) -> Option<&BindingDefaults> {
        declared::defaults(&self.binding, self.connection.as_deref())
    }

    /// What happens when the object is deleted.
    pub(super) fn deletion_policy(&self) -> BindingDeletionPolicy {
        declared::resolved(&self.binding, self.connection.as_deref()).deletion_policy
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

    /// Reports the outcome of a reconcile.
    pub(super) async fn conclude(
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
            Ok(Ended::NoReport) => {}
            Ok(Ended::Waits) => return Ok(Next::Waits),
            Ok(Ended::Listing) => return Ok(Next::Woken(interval)),
            Ok(Ended::Queued) => return Ok(Next::Queued),
            // The watch brings the object as it is now.
            Err(error) if error.is_conflict() => {
                self.keep_what_was_done(context);
                if self.precondition == Precondition::Unchanged {
                    context.register.ledger.give_up(&uid(&self.binding));
                }
                return Err(error);
            }
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

    async fn settled(&mut self, access: &ServerAccess, context: &Context) -> Result<(), Error> {
        let message = Difference::in_one_line(&self.differences);
        let drift = Blocked::new(Reason::DriftDetected, message.clone());
        let (outcome, failed) = if self.differences.is_empty() {
            (Outcome::Settled, None)
        } else {
            let outcome = match declared::management(&self.binding, self.connection.as_deref()) {
                Management::Full => Outcome::Differing(message),
                Management::Observe => Outcome::Observed(message),
            };
            (outcome, Some((ConditionType::Synced, &drift)))
        };
        let mut conditions = summary(&outcome);
        conditions.extend(own_conditions(OWN, OWN, failed));
        conditions.push(decoration::condition(self, access, context));
        self.accepted_by.clone_from(&self.through);
        let status = self.status(&conditions, Some(access));
        self.write(status, context).await
    }

    /// Something stopped the reconcile.
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
        let mut conditions = summary(&reconcile::outcome(error));
        conditions.extend(own_conditions(OWN, reached, Some((at, &refusal))));
        conditions.push(not_settled());
        let status = self.status(&conditions, None);
        self.write(status, context).await
    }

    /// What is said of the object stays; what was done to its project before the outage is remembered, and reported.
    async fn kept(&self, context: &Context) -> Result<(), Error> {
        self.write(self.with_what_was_done(), context).await
    }

    /// What was said of the object, and what was done for it by now.
    pub(super) fn with_what_was_done(&self) -> ProjectBindingStatus {
        let before = self.binding.status.clone().unwrap_or_default();
        let now = self.status(&[], None);
        ProjectBindingStatus {
            target: now.target,
            sonarqube_project: now.sonarqube_project,
            repository: now.repository,
            record: now.record,
            ..before
        }
    }

    /// Stays as it was, except for what it says of decoration.
    async fn token_refused(&self, context: &Context) -> Result<(), Error> {
        let kind = ConditionType::DecorationReady;
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
        let mut conditions = summary(&Outcome::Suspended);
        conditions.extend(own_conditions(OWN, &[], None));
        conditions.push(not_settled());
        let status = self.status(&conditions, None);
        self.write(status, context).await
    }

    /// Says why the object cannot go yet.
    pub(super) async fn blocked(&self, why: Blocked, context: &Context) -> Result<(), Error> {
        let status = self.status(&summary(&Outcome::DeletionBlocked(why)), None);
        self.write(status, context).await
    }

    fn status(
        &self,
        conditions: &[Condition],
        access: Option<&ServerAccess>,
    ) -> ProjectBindingStatus {
        let before = self.binding.status.clone().unwrap_or_default();
        let generation = self.binding.metadata.generation;
        let project = before.sonarqube_project.as_ref();
        let kept = |accepted: &Accepted| remembered(accepted, access, project);
        let conditions = shown::with_advice(conditions, self.deletion_policy(), self.deletion);
        let connection = self.accepted_by.clone().or(before.record.connection);
        let intent = self.intent.clone().filter(|_| self.record.intent.is_some());
        ProjectBindingStatus {
            observed_generation: generation,
            conditions: status::conditions(
                &before.conditions,
                &conditions,
                generation,
                &clock::now(),
            ),
            target: shown::target(
                (&self.binding, self.connection.as_deref()),
                self.repository.as_ref(),
                self.accepted(),
            ),
            sonarqube_project: self.accepted().map(kept),
            repository: self.repository.clone(),
            differences: self.differences.iter().map(difference).collect(),
            last_handled_reconcile_at: status::requested(&self.binding),
            record: shown::record(self.accepted(), connection, intent, self.defaults()),
        }
    }

    /// Writes the status if it differs from the stored one, and publishes what changed.
    async fn write(&self, status: ProjectBindingStatus, context: &Context) -> Result<(), Error> {
        let none = Vec::new();
        let before = self.binding.status.as_ref();
        let before = before.map_or(&none, |status| &status.conditions);
        let said = |conditions: &[_]| status::said(conditions, ConditionType::DecorationReady);
        let decoration =
            event::decoration(said(before).as_ref(), said(&status.conditions).as_ref());
        let transition = event::transition(before, &status.conditions);
        let (done, transition) = event::with_readiness(self.events.clone(), transition);
        if self.is_unstored || Some(&status) != self.binding.status.as_ref() {
            let stored = self.store(&status, self.precondition, context).await;
            // An event follows its status: otherwise each attempt to store that would publish it.
            stored.inspect_err(|_| self.keep_what_was_done(context))?;
        }
        self.publish(&done, context);
        let news: Vec<_> = [transition, decoration].into_iter().flatten().collect();
        context.events.publish(&self.binding, &news);
        Ok(())
    }

    /// Keeps what was done for the next status, which another reconcile writes.
    pub(super) fn keep_what_was_done(&self, context: &Context) {
        let status = self.with_what_was_done();
        let is_news = !self.events.is_empty() || Some(&status) != self.binding.status.as_ref();
        let was_written = self.precondition == Precondition::None;
        if is_news && was_written && self.accepted().is_some() {
            let own = uid(&self.binding);
            context.unstored.keep(own.clone(), status);
            context.unreported.keep(own, self.events.clone());
        }
    }

    /// Publishes what an earlier reconcile did.
    pub(super) fn publish_earlier(&mut self, context: &Context) {
        let done = std::mem::take(&mut self.events);
        self.publish(&done, context);
    }

    fn publish(&self, done: &[Event], context: &Context) {
        context.events.publish(&self.binding, done);
        context.unreported.forget(&uid(&self.binding));
    }

    /// Writes the status: nothing is left that is not stored.
    async fn store(
        &self,
        status: &ProjectBindingStatus,
        precondition: Precondition,
        context: &Context,
    ) -> Result<ProjectBinding, Error> {
        let (place, binding) = (context.place::<ProjectBinding>(), &self.binding);
        let stored = status::write(place, binding, status, precondition).await?;
        context.unstored.forget(&uid(binding));
        Ok(stored)
    }

    /// Stores an intent: only over the object as it was read. The report goes on from what is stored then: a withdrawn
    /// intent is to be seen to differ.
    pub(super) async fn store_intent(
        &mut self,
        status: &ProjectBindingStatus,
        context: &Context,
    ) -> Result<(), Error> {
        let unchanged = Precondition::Unchanged;
        self.binding = self.store(status, unchanged, context).await?;
        self.intent = status.record.intent.as_deref().cloned();
        self.is_unstored = false;
        Ok(())
    }
}
