//! The end of a connection: it waits for the bindings that need it, and leaves SonarQube's configuration
//! unless it was asked to delete what it made itself.

use kube::runtime::reflector::ObjectRef;
use kube::{Api, ResourceExt as _};

use crate::controller::claims::uid;
use crate::controller::clock;
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::event::{self, Occurred, Occurrence};
use crate::controller::pass::Next;
use crate::controller::status;
use crate::controller::{binding, finalizer};
use crate::crd::{
    BitbucketConnection, BitbucketConnectionStatus, ConnectionDeletionPolicy, FORCE_ORPHAN,
    ManagementPolicy,
};
use crate::plan::connection::{
    ConnectionRelease, ConnectionReleaseFacts, Kept, Platform, Setting, release as decide,
};
use crate::plan::verdict::{Outcome, summary};
use crate::plan::{Reason, Refusal};

use super::health::failed;
use super::remotes::Remotes;
use super::{credentials, desired, interval};

/// Lets a deleted connection go, as soon as it may.
pub(super) async fn release(
    connection: &BitbucketConnection,
    api: &Api<BitbucketConnection>,
    context: &Context,
) -> Result<Next, Error> {
    if !finalizer::is_set(connection) {
        return Ok(Next::Gone);
    }
    let Some(connection) = &finalizer::unreleased(api, connection).await? else {
        return Ok(Next::Gone);
    };
    let forced = connection.annotations().contains_key(FORCE_ORPHAN);
    let needed_by = binding::trigger::protected(connection, context);
    if !needed_by.is_empty() && !forced {
        let served = super::serve_on(connection, context).await;
        let next = blocked(connection, api, context, in_use(&needed_by)).await?;
        return Ok(served.err().map_or(next, |error| Next::Failed {
            error,
            interval: interval(connection, context),
        }));
    }
    let wants_deletion = connection.spec.deletion_policy == ConnectionDeletionPolicy::Delete
        && connection.spec.management_policy == ManagementPolicy::Full
        && !connection.spec.suspend
        && !forced;
    let occurrences = if wants_deletion {
        match delete(connection, context).await {
            Ok(occurrence) => vec![occurrence],
            // What is gone cannot be used any more; what merely failed may be back.
            Err(Error::Refused(refusal)) if is_gone(refusal.reason, connection, context) => {
                vec![Occurrence::new(
                    Occurred::Orphaned,
                    format!("left SonarQube's configuration: {}", refusal.message),
                )]
            }
            Err(error) => {
                let why = Refusal::new(
                    Reason::DeletionBlocked,
                    format!(
                        "SonarQube's configuration could not be deleted: {}. Annotate the object with {FORCE_ORPHAN}=true to let it go as it is",
                        error.refusal().message
                    ),
                );
                blocked(connection, api, context, why).await?;
                return Ok(Next::Failed {
                    error,
                    interval: interval(connection, context),
                });
            }
        }
    } else {
        Vec::new()
    };
    event::publish(connection, &occurrences, context).await;
    finalizer::remove(api, connection).await?;
    forget(connection, context);
    wake_waiting(context);
    Ok(Next::Gone)
}

fn forget(connection: &BitbucketConnection, context: &Context) {
    let own = uid(connection);
    context.sessions.forget(&own);
    context.memories.forget(&own);
    context.claims.forget(&own);
    context.watches.forget(
        &connection.namespace().unwrap_or_default(),
        &connection.name_any(),
    );
}

/// Has the connections looked at that wait for what one gave up: its claim, or the only configuration that there may be.
fn wake_waiting(context: &Context) {
    for guarded in context.connections.state() {
        let Ok(other) = &guarded.0 else { continue };
        let waits = |reason| status::waits_for(other, reason);
        if waits(Reason::AlreadyManaged) || waits(Reason::ConfigurationLimit) {
            let namespace = other.namespace().unwrap_or_default();
            context.triggers.connection(&namespace, &other.name_any());
        }
    }
}

async fn delete(connection: &BitbucketConnection, context: &Context) -> Result<Occurrence, Error> {
    let urls = desired::urls(connection)?;
    let credentials = credentials::read(connection, context).await?;
    let remotes = Remotes::build(&urls, &credentials, None, context)?;
    let sonarqube = &remotes.sonarqube;
    let fail = |source| failed(sonarqube, source);
    let server = super::health::up(sonarqube).await?.id;
    let rows = sonarqube.dop_settings().await.map_err(fail)?;
    let settings: Vec<_> = rows
        .into_iter()
        .filter(|row| row.platform == "bitbucket")
        .map(|row| Setting {
            id: row.id,
            key: row.key,
            platform: Platform::Bitbucket,
            url: row.url.unwrap_or_default(),
        })
        .collect();
    let record = desired::recorded(connection);
    let ours = record
        .as_ref()
        .and_then(|record| settings.iter().find(|setting| setting.id == record.id));
    // Read last: whatever is bound until now counts.
    let bound = match ours {
        Some(setting) => sonarqube.count_binding(&setting.key).await.map_err(fail)?,
        None => 0,
    };
    let own = uid(connection);
    let facts = ConnectionReleaseFacts {
        uid: &own,
        record: record.as_ref(),
        server: &server,
        settings: &settings,
        bound,
    };
    match decide(&facts) {
        ConnectionRelease::Delete(key) => {
            sonarqube.delete_setting(&key).await.map_err(fail)?;
            Ok(Occurrence::new(
                Occurred::ConfigurationDeleted,
                format!("deleted configuration {key} of SonarQube"),
            ))
        }
        ConnectionRelease::Keep(Kept::NotOurs) => Ok(Occurrence::new(
            Occurred::Orphaned,
            "left SonarQube's configuration: Bindery did not create it for this object, or it is gone",
        )),
        ConnectionRelease::Keep(Kept::InUse(count)) => Ok(Occurrence::new(
            Occurred::Orphaned,
            format!(
                "left SonarQube's configuration: {count} project(s) are bound through it, and deleting it would unbind them"
            ),
        )),
    }
}

/// Whether a refusal says that something is confirmed gone, by an answer of the API server. A terminating
/// namespace may lose the grant to read a Secret before the Secret, and neither can come back.
pub(super) fn is_gone(reason: Reason, connection: &BitbucketConnection, context: &Context) -> bool {
    let is_terminating = || {
        let namespace = ObjectRef::new(&connection.namespace().unwrap_or_default());
        let namespace = context.namespaces.get(&namespace);
        namespace.is_some_and(|namespace| namespace.metadata.deletion_timestamp.is_some())
    };
    matches!(reason, Reason::SecretNotFound | Reason::SecretKeyMissing)
        || (reason == Reason::SecretForbidden && is_terminating())
}

fn in_use(bindings: &[String]) -> Refusal {
    let shown: Vec<_> = bindings.iter().take(5).map(String::as_str).collect();
    let more = bindings.len().saturating_sub(shown.len());
    let others = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    Refusal::new(
        Reason::InUse,
        format!(
            "{} ProjectBinding(s) need this connection for their own deletion: {}{others}; delete them, or annotate this object with {FORCE_ORPHAN}=true",
            bindings.len(),
            shown.join(", ")
        ),
    )
}

async fn blocked(
    connection: &BitbucketConnection,
    api: &Api<BitbucketConnection>,
    context: &Context,
    why: Refusal,
) -> Result<Next, Error> {
    let before = connection.status.clone().unwrap_or_default();
    let generation = connection.metadata.generation;
    let verdicts = summary(&Outcome::DeletionBlocked(why));
    let mut conditions =
        status::conditions(&before.conditions, &verdicts, generation, &clock::now());
    conditions.extend(
        before
            .conditions
            .iter()
            .filter(|old| {
                super::ASPECTS
                    .iter()
                    .any(|aspect| aspect.as_str() == old.type_)
            })
            .cloned(),
    );
    let after = BitbucketConnectionStatus {
        observed_generation: generation,
        conditions,
        ..before
    };
    super::write(connection, after, api, context).await?;
    Ok(Next::Settled(interval(connection, context)))
}
