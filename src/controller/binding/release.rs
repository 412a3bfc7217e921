//! The end of a binding. It needs as little as it can: no valid spec, and a server only where something is
//! to be deleted on it.

use std::sync::Arc;

use kube::{Api, ResourceExt as _};

use crate::controller::claims::uid;
use crate::controller::connection::{credentials_gone, interval};
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::event::{self, Occurred, Occurrence};
use crate::controller::finalizer;
use crate::controller::pass::Next;
use crate::controller::session::{Session, View};
use crate::crd::{
    BindingDeletionPolicy, BitbucketConnection, FORCE_ORPHAN, ManagementPolicy, ProjectBinding,
};
use crate::identity::ProjectKey;
use crate::plan::binding::{
    Leave, Release, ReleaseFacts, ReleasePolicy, Seen, Way, release as decide,
};
use crate::plan::verdict::Outcome;
use crate::plan::{Reason, Refusal};

use super::report::Report;
use super::{WITHOUT_CONNECTION, dereference, observe, trigger, validate, waiting};

/// Lets a deleted binding go, as soon as it may.
pub(super) async fn release(
    binding: &ProjectBinding,
    api: &Api<ProjectBinding>,
    context: &Context,
) -> Result<Next, Error> {
    if !finalizer::is_set(binding) {
        return Ok(Next::Gone);
    }
    let Some(binding) = &finalizer::unreleased(api, binding).await? else {
        return Ok(Next::Gone);
    };
    let connection = connection(binding, context).await?;
    let occurrence = match undo(binding, connection.as_ref(), context).await {
        Ok(occurrence) => occurrence,
        Err(error) => {
            let why = Refusal::new(
                Reason::DeletionBlocked,
                format!(
                    "deletionPolicy {:?} could not be carried out: {}. Annotate the object with {FORCE_ORPHAN}=true to let it go and leave the SonarQube project and its binding as they are",
                    binding.spec.deletion_policy,
                    error.refusal().message
                ),
            );
            Report::of(binding)
                .leaving(&Outcome::DeletionBlocked(why), api, context)
                .await?;
            let interval = connection.map_or(WITHOUT_CONNECTION, |connection| {
                interval(&connection, context)
            });
            return Ok(Next::Failed { error, interval });
        }
    };
    event::publish(
        binding,
        &occurrence.into_iter().collect::<Vec<_>>(),
        context,
    )
    .await;
    finalizer::remove(api, binding).await?;
    context.claims.forget(&uid(binding));
    context.decorations.forget(&uid(binding));
    if let Some(connection) = connection {
        trigger::waiting_for_a_claim(&connection, context);
        if connection.metadata.deletion_timestamp.is_some() {
            context.triggers.connection(
                &connection.namespace().unwrap_or_default(),
                &connection.name_any(),
            );
        }
    }
    Ok(Next::Gone)
}

/// The connection, by a live read: a cache that lags must not make it seem gone.
async fn connection(
    binding: &ProjectBinding,
    context: &Context,
) -> Result<Option<BitbucketConnection>, Error> {
    let (namespace, name) = validate::connection_of(binding);
    let api: Api<BitbucketConnection> = Api::namespaced(context.client.clone(), &namespace);
    api.get_opt(&name)
        .await
        .map_err(|source| Error::Kubernetes {
            doing: "read the connection",
            source,
        })
}

async fn undo(
    binding: &ProjectBinding,
    connection: Option<&BitbucketConnection>,
    context: &Context,
) -> Result<Option<Occurrence>, Error> {
    if binding.annotations().contains_key(FORCE_ORPHAN) {
        return Ok(Some(orphaned("as the annotation asked for")));
    }
    let own = uid(binding);
    let record = validate::record(binding);
    let policy = policy(binding, connection);
    let unbinds = connection.is_some_and(was_seen_to_unbind);
    let facts = |seen, claimed_by_other, unbinds| ReleaseFacts {
        uid: &own,
        record: &record,
        seen,
        claimed_by_other,
        deletion_allowed: context.settings.allow_project_deletion,
        unbinds,
    };
    let key = match decide(policy, &facts(Seen::NotYet, false, unbinds)) {
        Release::Leave(leave) => return Ok(told(leave)),
        Release::Look(key) | Release::DeleteProject(key) | Release::Unbind(key, _) => key,
    };
    let Some(connection) = connection else {
        return Ok(Some(orphaned("its BitbucketConnection is gone")));
    };
    if !dereference::admits(binding, &key, context) {
        return Ok(Some(orphaned(
            "its BitbucketConnection does not admit it any more",
        )));
    }
    let view = match view(connection, context) {
        Ok(view) => view,
        Err(error) if credentials_gone(connection, context).await? => {
            tracing::debug!(%error, "the session is closed for good");
            return Ok(Some(orphaned("the Secret with the token is gone")));
        }
        Err(error) => return Err(error),
    };
    if record
        .accepted
        .as_ref()
        .is_some_and(|accepted| accepted.server != view.server)
    {
        return Ok(told(Leave::NotOurs));
    }
    let _turn = context.claims.turn(&view.server, key.as_str()).await;
    let written = record.accepted.as_ref();
    let written = written.and_then(|accepted| accepted.repository.as_ref());
    let project = observe::project(&key, written, &view).await?;
    let seen = project.as_ref().map_or(Seen::Gone, Seen::There);
    let rival = context
        .claims
        .on_project(&view.server, &key, binding, context);
    let claimed_by_other = rival.is_some_and(|rival| rival.accepted);
    let unbinds = view.capabilities.way.unbinds();
    match decide(policy, &facts(seen, claimed_by_other, unbinds)) {
        Release::DeleteProject(key) => delete(&key, &view).await.map(Some),
        Release::Unbind(key, policy) => unbind(&key, policy, &view).await.map(Some),
        Release::Leave(leave) => Ok(told(leave)),
        Release::Look(_) => Ok(None),
    }
}

async fn delete(key: &ProjectKey, view: &View) -> Result<Occurrence, Error> {
    let answer = view.sonarqube.delete_project(key).await;
    answer.map_err(|source| view.failed(source))?;
    view.inventory().learn_project(key, None);
    Ok(Occurrence::new(
        Occurred::ProjectDeleted,
        format!("deleted SonarQube project {key}"),
    ))
}

/// Whether the connection's server removed single bindings when it was last asked: a server that cannot need not be
/// up for its bindings to go.
fn was_seen_to_unbind(connection: &BitbucketConnection) -> bool {
    let status = connection.status.as_ref();
    let server = status.and_then(|status| status.sonarqube.as_ref());
    server.is_some_and(|server| {
        let mut ways = Way::ALL.iter().filter(|way| way.unbinds());
        ways.any(|way| server.capabilities.iter().any(|held| held == way.name()))
    })
}

async fn unbind(key: &ProjectKey, policy: ReleasePolicy, view: &View) -> Result<Occurrence, Error> {
    let answer = view.sonarqube.delete_binding(key).await;
    answer.map_err(|source| view.failed(source))?;
    view.inventory().learn_project(key, None);
    let removed = format!("removed the binding of SonarQube project {key}");
    Ok(match policy {
        ReleasePolicy::DeleteProject => Occurrence::new(
            Occurred::Orphaned,
            format!(
                "{removed}, and left the project: this operator runs without --allow-project-deletion"
            ),
        ),
        ReleasePolicy::Unbind | ReleasePolicy::Orphan => {
            Occurrence::new(Occurred::Unbound, removed)
        }
    })
}

/// Whoever observes or is suspended leaves everything as it is.
fn policy(binding: &ProjectBinding, connection: Option<&BitbucketConnection>) -> ReleasePolicy {
    let passive = binding.spec.suspend
        || binding.spec.management_policy == ManagementPolicy::Observe
        || connection.is_some_and(|connection| {
            connection.spec.suspend
                || connection.spec.management_policy == ManagementPolicy::Observe
        });
    match binding.spec.deletion_policy {
        _ if passive => ReleasePolicy::Orphan,
        BindingDeletionPolicy::Orphan => ReleasePolicy::Orphan,
        BindingDeletionPolicy::Unbind => ReleasePolicy::Unbind,
        BindingDeletionPolicy::DeleteProject => ReleasePolicy::DeleteProject,
    }
}

/// The servers, even while the connection itself is not quite right.
fn view(connection: &BitbucketConnection, context: &Context) -> Result<Arc<View>, Error> {
    match context.sessions.of(&uid(connection)) {
        Some(
            Session::Open(view)
            | Session::Closed {
                for_leaving: Some(view),
                ..
            },
        ) => Ok(view),
        Some(Session::Closed { why, .. }) => Err(waiting(connection, &why)),
        None => Err(Error::Retry(Refusal::new(
            Reason::ConnectionNotReady,
            "the connection was not looked at yet since the operator started",
        ))),
    }
}

fn orphaned(why: &str) -> Occurrence {
    Occurrence::new(
        Occurred::Orphaned,
        format!("left the SonarQube project and its binding as they are: {why}"),
    )
}

fn told(leave: Leave) -> Option<Occurrence> {
    let why = match leave {
        Leave::AsAsked => return None,
        Leave::NotOurs => "Bindery did not make them for this object",
        Leave::DeletionNotAllowed => "this operator runs without --allow-project-deletion",
        Leave::CannotUnbind => {
            "this SonarQube cannot remove a single binding; Developer Edition and later, or the community branch plugin, can"
        }
    };
    Some(orphaned(why))
}
