//! The connection of a set, and what it admits.

use std::sync::Arc;

use kube::ResourceExt as _;

use crate::controller::access;
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::crd::{BitbucketConnection, ProjectBindingSet};
use crate::declared;
use crate::fleet::link::ServerAccess;
use crate::kubernetes::{status, uid};
use crate::plan::{Access, Blocked, Reason};

use super::keeps_its_status;

/// The connection of a set, if it admits the set's namespace.
pub(super) struct Reference {
    pub(super) connection: Arc<BitbucketConnection>,
    pub(super) access: Access,
}

/// Finds the connection. "Does not exist" and "does not admit the namespace" have one answer: a tenant learns nothing of
/// other namespaces.
pub(super) fn find(set: &ProjectBindingSet, context: &Context) -> Result<Reference, Error> {
    let (namespace, name) = declared::set::connection_of(set);
    let own = set.namespace().unwrap_or_default();
    let found = context.queues.connections.store.get(&namespace, &name);
    let found = found.and_then(|found| found.0.as_ref().ok().cloned());
    let reference = found.and_then(|connection| {
        let within = context.namespaces.get("", &own);
        let within = within.as_deref().map(|it| &it.metadata);
        let keys = declared::keys_of(&connection).ok()?;
        let access = access::within(&own, (&connection, &keys), within)?;
        let connection = Arc::new(connection);
        Some(Reference { connection, access })
    });
    reference.ok_or_else(|| {
        Error::Waiting(Blocked::new(
            Reason::ConnectionNotFound,
            format!(
                "there is no BitbucketConnection {namespace}/{name} that admits namespace {own}: create it, or ask its owner for an entry in its spec.access"
            ),
        ))
    })
}

/// The servers of the connection. `None`: they cannot be used at the moment, and the set says what it said before.
pub(super) fn open(
    reference: &Reference,
    set: &ProjectBindingSet,
    context: &Context,
) -> Result<Option<Arc<ServerAccess>>, Error> {
    let connection = &reference.connection;
    let standing = context.links.standing(&uid(&**connection));
    match standing.serving() {
        Some(access) if !connection.spec.suspend => Ok(Some(Arc::clone(access))),
        Some(_) | None if keeps_its_status(set) => Ok(None),
        // The first reconcile of the connection in this process wakes the set: the request is answered then.
        None if standing.availability.why().is_none() && status::is_settled(set) => Ok(None),
        Some(_) | None => Err(Error::Waiting(Blocked::new(
            Reason::ConnectionNotReady,
            format!(
                "BitbucketConnection {}/{} is not ready: see its conditions",
                connection.namespace().unwrap_or_default(),
                connection.name_any()
            ),
        ))),
    }
}
