//! The plain facts of an object: what it holds or wants, and whether that counts.

use kube::{Resource, ResourceExt as _};

use crate::controller::binding::validate;
use crate::controller::connection::desired;
use crate::crd::{BitbucketConnection, ManagementPolicy, ProjectBinding};
use crate::fleet::ledger::{Claim, Facts, Kind, ObjectName, Place, Terms};
use crate::fleet::roster::{Need, Row};
use crate::identity::{ServerId, ServerUrl};
use crate::kubernetes::{finalizer, status, uid};

/// A binding, as the roster keeps it.
pub(super) fn row(
    binding: &ProjectBinding,
    connection: Option<&BitbucketConnection>,
    is_admitted: bool,
) -> Row {
    let is_of = |connection| validate::may_be_accepted_by(binding, connection);
    Row {
        uid: uid(binding),
        place: (binding.namespace().unwrap_or_default(), binding.name_any()),
        connection: validate::connection_of(binding),
        is_admitted,
        is_ready: status::is_settled(binding),
        need: match finalizer::is_set(binding) {
            false => Need::None,
            true if connection.is_some_and(is_of) => Need::Now,
            true => Need::OnceAccepted,
        },
    }
}

/// What a binding holds or wants, and whether that counts.
pub(super) fn of_binding(
    binding: &ProjectBinding,
    connection: Option<&BitbucketConnection>,
    is_admitted: bool,
) -> Facts {
    let has_right = is_admitted
        && binding.metadata.deletion_timestamp.is_none()
        && binding.spec.management_policy == ManagementPolicy::Full
        && !binding.spec.suspend;
    let claim = connection.and_then(|connection| claim(binding, connection));
    Facts {
        uid: uid(binding),
        object: ObjectName {
            kind: Kind::Binding,
            namespace: binding.namespace().unwrap_or_default(),
            name: binding.name_any(),
        },
        created: created(binding),
        has_right,
        is_leaving: is_leaving(binding),
        claims: claim.into_iter().collect(),
    }
}

fn claim(binding: &ProjectBinding, connection: &BitbucketConnection) -> Option<Claim> {
    let url = ServerUrl::parse(&connection.spec.sonarqube.url).ok()?;
    let is_stalled = status::is_stalled(binding);
    if let Some(held) = validate::record(binding).accepted {
        let repository = validate::repository(&binding.spec).ok();
        // One that does not move will not make room either.
        let repository = repository.filter(|_| !is_stalled);
        let terms = repository.map_or(Terms::None, |repository| {
            Terms::Project(held.id, repository)
        });
        return Some(Claim {
            thing: Place::new(&url, held.server).project(&held.key),
            accepted: true,
            terms,
        });
    }
    let reached = connection.status.as_ref()?.sonarqube.as_ref()?;
    let place = Place::new(&url, ServerId::new(&*reached.id));
    let wanted = validate::wanted_key(binding).filter(|_| !is_stalled)?;
    Some(Claim {
        thing: place.project(&wanted),
        accepted: false,
        terms: Terms::None,
    })
}

fn created(object: &impl Resource) -> i64 {
    let created = object.meta().creation_timestamp.as_ref();
    created.map_or(0, |time| time.0.as_second())
}

/// Whether an object has something to undo before it goes.
fn is_leaving(object: &impl Resource) -> bool {
    object.meta().deletion_timestamp.is_some() && finalizer::is_set(object)
}

/// What a connection holds, and the base URL that it declares.
pub(super) fn of_connection(connection: &BitbucketConnection) -> Facts {
    let spec = &connection.spec;
    let has_right = connection.metadata.deletion_timestamp.is_none()
        && spec.management_policy == ManagementPolicy::Full
        && !spec.suspend;
    let url = ServerUrl::parse(&spec.sonarqube.url).ok();
    let claims = url.map_or_else(Vec::new, |url| {
        let held = desired::recorded(connection).zip(desired::recorded_name(connection));
        let held = held.map_or_else(Vec::new, |(held, name)| {
            Place::new(&url, held.server).accepted_configuration(&name, &held.id)
        });
        held.into_iter().chain(base_url(connection, &url)).collect()
    });
    Facts {
        uid: uid(connection),
        object: ObjectName {
            kind: Kind::Connection,
            namespace: connection.namespace().unwrap_or_default(),
            name: connection.name_any(),
        },
        created: created(connection),
        has_right,
        is_leaving: is_leaving(connection),
        claims,
    }
}

fn base_url(connection: &BitbucketConnection, url: &ServerUrl) -> Option<Claim> {
    let declared = connection.spec.sonarqube.server_base_url.clone()?;
    let reached = connection.status.as_ref();
    let reached = reached.and_then(|status| status.sonarqube.as_ref());
    let server = reached.map(|server| ServerId::new(&*server.id));
    // Who was never seen to reach the server, and does not try, decides nothing.
    let may_decide = server.is_some() || !status::is_stalled(connection);
    may_decide.then(|| Place::declared_base_url(url, server, declared))
}
