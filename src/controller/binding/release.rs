//! The end of a binding. It needs as little as it can: no valid spec, and a server only where something is
//! to be deleted on it.

mod described;

use std::sync::Arc;

use kube::ResourceExt as _;

use crate::controller::context::{Context, ProjectDeletion};
use crate::controller::credentials;
use crate::controller::error::{Doing, Error};
use crate::controller::reconcile::{Limits, Next};
use crate::controller::share::Share;
use crate::crd::{
    BindingDeletionPolicy, BitbucketConnection, FORCE_ORPHAN, ManagementPolicy, ProjectBinding,
};
use crate::declared;
use crate::fleet::link::ServerAccess;
use crate::identity::{ProjectKey, RepositoryPath, Uid};
use crate::kubernetes::event::{Event, EventReason};
use crate::kubernetes::finalizer;
use crate::kubernetes::objects;
use crate::kubernetes::uid;
use crate::observe;
use crate::plan::binding::{
    Leave, Record, Release, ReleaseFacts, ReleasePolicy, Seen, release as decide,
};
use crate::plan::capability::BindingMethod;
use crate::plan::{Blocked, Contender, Reason};
use crate::sonarqube;

use described::{orphaned, reported};

use super::report::Report;
use super::visit::Visit;
use super::{WITHOUT_CONNECTION, dereference, reserve, waiting};

/// Lets a deleted binding go, as soon as it may.
pub(super) async fn release(
    binding: ProjectBinding,
    context: &Context,
    share: &mut Share,
) -> Result<Next, Error> {
    if !finalizer::is_set(&binding) {
        return Ok(Next::Gone);
    }
    let mut report = Report::of(binding, context);
    report.publish_earlier(context);
    let binding = &report.binding;
    let (connection, read) = match connection(binding, context).await {
        Ok(connection) => (connection, Ok(())),
        Err(error) => (None, Err(error)),
    };
    let interval = connection
        .as_ref()
        .map_or(WITHOUT_CONNECTION, |connection| {
            context.interval(connection)
        });
    let read = read.map(|()| connection.as_ref());
    let undone =
        Limits::of::<ProjectBinding>(context).keep(Box::pin(undo(binding, read, context, share)));
    let undone = undone.await.map_err(|error| error.during(Doing::Undoing));
    let event = match undone {
        Ok(Undone::Ended(event)) => event,
        // The connection's first reconcile in this process triggers this binding again.
        Ok(Undone::NotYet) => return Ok(Next::Settled(interval)),
        Ok(Undone::Waits) => return Ok(Next::Waits),
        Ok(Undone::Queued) => return Ok(Next::Queued),
        Err(error) => {
            // It finds out for all of its bindings; one that failed is about to, at its own pace.
            if let Some(connection) = &connection
                && error.sorted().blame.is_outage()
                && !context.agenda.is_failing(&uid(connection))
            {
                context.invalidate(connection, &error);
            }
            let why = Blocked::new(
                Reason::DeletionBlocked,
                format!(
                    "deletionPolicy {:?} could not be carried out: {}. Annotate the object with {FORCE_ORPHAN}=true to let it go and leave the SonarQube project and its binding as they are",
                    declared::resolved(binding, connection.as_ref()).deletion_policy,
                    error.refusal().message
                ),
            );
            report.blocked(why, context).await?;
            return Ok(Next::Failed { error, interval });
        }
    };
    context.events.publish(binding, event.as_slice());
    if let Err(refused) = finalizer::remove(context.place::<ProjectBinding>(), binding).await {
        let error = Error::from(refused);
        let why = Blocked::new(Reason::DeletionBlocked, error.refusal().message);
        report.blocked(why, context).await?;
        return Ok(Next::Failed { error, interval });
    }
    context.decorations.forget(&uid(binding));
    context.unstored.forget(&uid(binding));
    // The watch wakes those that wait for it.
    Ok(Next::Gone)
}

/// The connection. Where something may have to be undone it is read live: a cache that lags must not make it seem gone,
/// nor active where it was just suspended. Otherwise the cache is enough.
async fn connection(
    binding: &ProjectBinding,
    context: &Context,
) -> Result<Option<BitbucketConnection>, Error> {
    let (namespace, name) = declared::connection_of(binding);
    let shown = context.queues.connections.store.get(&namespace, &name);
    let shown = shown.and_then(|shown| shown.0.as_ref().ok().cloned());
    if undoes_nothing(binding, shown.as_ref(), context) {
        return Ok(shown);
    }
    match objects::read(&context.client, &namespace, &name).await {
        // Its words are none of the tenant's business.
        Err(error) if error.is_of_content() => Err(dereference::unreadable(&namespace, &name)),
        answer => Ok(answer?),
    }
}

/// Whether nothing is undone on any server, by what the object itself asks for and what its server can do.
fn undoes_nothing(
    binding: &ProjectBinding,
    connection: Option<&BitbucketConnection>,
    context: &Context,
) -> bool {
    let leaving = Leaving::of(binding, context);
    let facts = leaving.facts(Seen::NotYet, false, connection.is_none_or(may_unbind));
    binding.annotations().contains_key(FORCE_ORPHAN)
        || matches!(decide(policy(binding, None), &facts), Release::Leave(_))
}

/// What came of undoing.
enum Undone {
    /// The object may go, and this is to be published.
    Ended(Option<Event>),
    /// Nothing is known of the servers yet.
    NotYet,
    /// Another binding is at work on the project: its end wakes the object.
    Waits,
    /// All places of the connection are taken: a free one wakes the object.
    Queued,
}

/// Undoes what is to be undone. A connection that could not be read blocks this only if it is needed.
async fn undo(
    binding: &ProjectBinding,
    connection: Result<Option<&BitbucketConnection>, Error>,
    context: &Context,
    share: &mut Share,
) -> Result<Undone, Error> {
    let ended = |why: &str| Ok(Undone::Ended(Some(orphaned(why))));
    if binding.annotations().contains_key(FORCE_ORPHAN) {
        return ended("as the annotation asked for");
    }
    let leaving = Leaving::of(binding, context);
    let known = connection.as_ref().ok().copied().flatten();
    let policy = policy(binding, known);
    let unbinds = known.is_none_or(may_unbind);
    let key = match decide(policy, &leaving.facts(Seen::NotYet, false, unbinds)) {
        Release::Leave(leave) => return Ok(Undone::Ended(reported(leave))),
        Release::Look(key) | Release::DeleteProject(key) | Release::Unbind(key, _) => key,
    };
    let Some(connection) = connection? else {
        return ended("its BitbucketConnection is gone");
    };
    if !dereference::admits(binding, &key, context) {
        return ended("its BitbucketConnection does not admit it any more");
    }
    // Nor does one whose reconciles end before that.
    let is_silent = connection.metadata.deletion_timestamp.is_some()
        || context.agenda.is_failing(&uid(connection));
    let access = match access(connection, context) {
        // A connection that is deleted itself goes on to serve when it fails, and would wake no binding.
        Ok(None) if !is_silent => return Ok(Undone::NotYet),
        Ok(access) => access.ok_or_else(not_reconciled_yet),
        Err(error) => Err(error),
    };
    let undone = match access {
        Ok(access) => {
            // As in `work`: who cannot begin yet does not stand in the queue for a place.
            let thing = reserve::server(&access).project(&key);
            let ledger = &context.register.ledger;
            let Some(_reserved) = ledger.reserve(&leaving.uid, std::slice::from_ref(&thing)) else {
                return Ok(Undone::Waits);
            };
            let mut visit = Visit::of(binding, connection, share, &context.lanes);
            if !visit.enter() {
                return Ok(Undone::Queued);
            }
            let access = visit.by(&access);
            let own = uid(binding);
            let (record, repository) = (&leaving.record, leaving.repository.as_ref());
            let things = reserve::undone(&key, record, repository, &access);
            let rival = || things.iter().find_map(|thing| ledger.rival(&own, thing));
            leaving.undo(policy, &key, &access, rival).await
        }
        Err(error) => Err(error),
    };
    match undone {
        Ok(undone) => Ok(undone),
        // The connection may serve with a token that cannot be renewed any more.
        Err(error) if credentials::are_gone(connection, context).await? => {
            tracing::debug!(%error, "nothing can be undone any more");
            ended("the Secret with the token is gone")
        }
        Err(error) => Err(error),
    }
}

/// A binding that is being deleted.
struct Leaving<'a> {
    binding: &'a ProjectBinding,
    uid: Uid,
    record: Record,
    repository: Option<RepositoryPath>,
    deletion_allowed: bool,
}

impl<'a> Leaving<'a> {
    fn of(binding: &'a ProjectBinding, context: &Context) -> Self {
        Self {
            binding,
            uid: uid(binding),
            record: declared::record(binding),
            repository: declared::repository(&binding.spec).ok(),
            deletion_allowed: context.settings.project_deletion == ProjectDeletion::Allowed,
        }
    }

    fn facts<'f>(
        &'f self,
        seen: Seen<'f>,
        claimed_by_other: bool,
        unbinds: bool,
    ) -> ReleaseFacts<'f> {
        let intent = self.binding.status.as_ref();
        let intent = intent.and_then(|status| status.record.intent.as_ref());
        ReleaseFacts {
            uid: &self.uid,
            record: &self.record,
            repository: self.repository.as_ref(),
            seen,
            marked_by: None,
            claimed_by_other,
            deletion_allowed: self.deletion_allowed,
            unbinds,
            importing_by: intent.and_then(|intent| BindingMethod::named(&intent.way)),
        }
    }

    /// Looks, and undoes what is provably ours.
    async fn undo(
        mut self,
        policy: ReleasePolicy,
        key: &ProjectKey,
        access: &ServerAccess,
        rival: impl Fn() -> Option<Contender>,
    ) -> Result<Undone, Error> {
        let ended = |event| Ok(Undone::Ended(event));
        self.record = declared::remembered(self.binding, &access.server);
        if self.record == Record::default() {
            // All of it was on another server.
            return ended(reported(Leave::OnAnotherServer));
        }
        let written = self.record.accepted.as_ref();
        let written = written.and_then(|accepted| accepted.repository.as_ref());
        let project = observe::project(key, written, access.servers()).await;
        let project = project.map_err(|error| access.not_observed(error))?;
        let seen = project.as_ref().map_or(Seen::Gone, Seen::There);
        let claimed_by_other = rival().is_some_and(|rival| rival.accepted);
        let unbinds = access.capabilities.method.unbinds();
        let facts = self.facts(seen, claimed_by_other, unbinds);
        let marked_by = match decide(policy, &facts) {
            Release::DeleteProject(key) => {
                match access.sonarqube.project_mark(&key).await {
                    // What cannot be read decides nothing: the record does alone.
                    Err(sonarqube::Error::Forbidden { .. } | sonarqube::Error::NotFound { .. }) => {
                        None
                    }
                    mark => mark.map_err(|source| access.failed(source))?,
                }
            }
            Release::Look(_) | Release::Unbind(..) | Release::Leave(_) => None,
        };
        let facts = ReleaseFacts {
            marked_by: marked_by.as_ref(),
            ..facts
        };
        match decide(policy, &facts) {
            Release::DeleteProject(key) => ended(Some(delete(&key, access).await?)),
            Release::Unbind(key, policy) => ended(Some(unbind(&key, policy, access).await?)),
            Release::Leave(leave) => ended(reported(leave)),
            Release::Look(_) => ended(None),
        }
    }
}

async fn delete(key: &ProjectKey, access: &ServerAccess) -> Result<Event, Error> {
    let answer = access.sonarqube.delete_project(key).await;
    answer.map_err(|source| access.failed(source))?;
    access.inventory().learn_project(key, None);
    Ok(Event::new(
        EventReason::ProjectDeleted,
        format!("deleted SonarQube project {key}"),
    ))
}

/// Whether the connection's server may remove single bindings, as far as is known: where it was seen that it cannot, it
/// need not be up for its bindings to go.
fn may_unbind(connection: &BitbucketConnection) -> bool {
    let status = connection.status.as_ref();
    let server = status.and_then(|status| status.sonarqube.as_ref());
    server.is_none_or(|server| {
        let mut methods = BindingMethod::ALL.iter().filter(|method| method.unbinds());
        methods.any(|method| server.capabilities.iter().any(|held| held == method.name()))
    })
}

async fn unbind(
    key: &ProjectKey,
    policy: ReleasePolicy,
    access: &ServerAccess,
) -> Result<Event, Error> {
    let answer = access.sonarqube.delete_binding(key).await;
    answer.map_err(|source| access.failed(source))?;
    access.inventory().learn_project(key, None);
    let removed = format!("removed the binding of SonarQube project {key}");
    Ok(match policy {
        ReleasePolicy::DeleteProject => Event::new(
            EventReason::Orphaned,
            format!(
                "{removed}, and left the project: this operator runs without --allow-project-deletion"
            ),
        ),
        ReleasePolicy::Unbind | ReleasePolicy::Orphan => Event::new(EventReason::Unbound, removed),
    })
}

/// A binding that observes or is suspended leaves everything as it is.
fn policy(binding: &ProjectBinding, connection: Option<&BitbucketConnection>) -> ReleasePolicy {
    let passive = binding.spec.suspend
        || binding.spec.management_policy == ManagementPolicy::Observe
        || connection.is_some_and(|connection| {
            connection.spec.suspend
                || connection.spec.management_policy == ManagementPolicy::Observe
        });
    match declared::resolved(binding, connection).deletion_policy {
        _ if passive => ReleasePolicy::Orphan,
        BindingDeletionPolicy::Orphan => ReleasePolicy::Orphan,
        BindingDeletionPolicy::Unbind => ReleasePolicy::Unbind,
        BindingDeletionPolicy::DeleteProject => ReleasePolicy::DeleteProject,
    }
}

/// The servers, even while the connection itself is not quite right. `None`: it was not reconciled yet since the
/// operator started.
fn access(
    connection: &BitbucketConnection,
    context: &Context,
) -> Result<Option<Arc<ServerAccess>>, Error> {
    let standing = context.links.standing(&uid(connection));
    match (standing.undoing(), standing.availability.why()) {
        (Some(access), _) => Ok(Some(Arc::clone(access))),
        (None, Some(why)) => Err(waiting(connection, why)),
        (None, None) => Ok(None),
    }
}

fn not_reconciled_yet() -> Error {
    Error::Retry(Blocked::new(
        Reason::ConnectionNotReady,
        "the connection was not reconciled yet since the operator started",
    ))
}
