//! The connection of a binding, and what it admits.

use std::sync::Arc;

use kube::ResourceExt as _;
use kube::core::error_boundary::InvalidObject;

use crate::controller::access;
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::crd::{BitbucketConnection, ProjectBinding};
use crate::declared;
use crate::fleet::link::ServerAccess;
use crate::identity::ProjectKey;
use crate::kubernetes::status;
use crate::plan::{Access, Blocked, Reason};

/// The connection of a binding, if it admits the binding's namespace.
pub(super) struct Reference {
    pub(super) connection: Arc<BitbucketConnection>,
    pub(super) access: Access,
}

/// Finds the connection. One answer for "does not exist" and "does not admit you": a tenant learns nothing
/// of other namespaces. `None`: it cannot be read, and what is up to date keeps its status.
pub(super) fn reference(
    binding: &ProjectBinding,
    context: &Context,
) -> Result<Option<Reference>, Error> {
    let (namespace, name) = declared::connection_of(binding);
    let guarded = context.queues.connections.store.get(&namespace, &name);
    let connection = match guarded.as_ref().map(|guarded| &guarded.0) {
        Some(Ok(connection)) => Some(Arc::new(connection.clone())),
        Some(Err(_)) if status::is_settled(binding) => return Ok(None),
        Some(Err(unread)) if is_known(unread, binding) => {
            return Err(unreadable(&namespace, &name));
        }
        // It is unknown whom it admits.
        Some(Err(_)) | None => None,
    };
    let admitted = connection.and_then(|connection| {
        let namespace = binding.namespace().unwrap_or_default();
        let namespace = context.namespaces.get("", &namespace);
        let namespace = namespace.as_deref().map(|it| &it.metadata);
        let access = access::of(binding, &connection, namespace)?;
        Some(Reference { connection, access })
    });
    admitted.map(Some).ok_or_else(|| {
        Error::Waiting(Blocked::new(
            Reason::ConnectionNotFound,
            format!(
                "there is no BitbucketConnection {namespace}/{name} that admits namespace {}: create it, or ask its owner for an entry in its spec.access",
                binding.namespace().unwrap_or_default()
            ),
        ))
    })
}

/// Whether a binding may know that this connection is there: a neighbour, or one that it has accepted.
fn is_known(connection: &InvalidObject, binding: &ProjectBinding) -> bool {
    let status = binding.status.as_ref();
    let accepted_by = status.and_then(|status| status.record.connection.as_ref());
    connection.metadata.namespace == binding.namespace()
        || accepted_by.is_some_and(|by| Some(by.uid.as_str()) == connection.metadata.uid.as_deref())
}

/// A connection of which no more than the metadata can be read: its words may be none of the reader's business.
pub(super) fn unreadable(namespace: &str, name: &str) -> Error {
    Error::Waiting(Blocked::new(
        Reason::ConnectionNotReady,
        format!(
            "BitbucketConnection {namespace}/{name} cannot be read by this version of the operator, as after a rollback: a newer one can"
        ),
    ))
}

/// Whether the connection of a binding admits it with this key.
pub(crate) fn admits(binding: &ProjectBinding, key: &ProjectKey, context: &Context) -> bool {
    let repository = declared::repository(&binding.spec);
    let reference = reference(binding, context).ok().flatten();
    reference
        .is_some_and(|reference| repository.is_ok_and(|path| reference.access.admits(&path, key)))
}

/// Refuses another connection than the one that a project was accepted or is being created through, unless it is of the
/// same SonarQube server and the same configuration: the project is on that server, and bound through that configuration.
///
/// # Errors
/// With what to do.
pub(super) fn keeps_its_place(
    binding: &ProjectBinding,
    access: &ServerAccess,
) -> Result<(), Error> {
    let (namespace, name) = declared::connection_of(binding);
    let record = declared::record(binding);
    let intended = record.intent.map(|intent| (intent.server, intent.key));
    let accepted = record.accepted.map(|held| (held.server, held.key));
    let by = binding.status.as_ref();
    let by = by.and_then(|status| status.record.connection.as_ref());
    let (Some(by), Some((server, key))) = (by, accepted.or(intended)) else {
        return Ok(());
    };
    let is_moved = (&*by.namespace, &*by.name) != (&*namespace, &*name);
    let is_same = server == access.server && by.configuration_id == access.setting.as_str();
    if !is_moved || is_same {
        return Ok(());
    }
    Err(Error::Refused(Blocked::new(
        Reason::ConnectionMismatch,
        format!(
            "BitbucketConnection {namespace}/{name} is of another SonarQube server or configuration than {}/{}, through which SonarQube project {key} was accepted. Set connectionRef back, or delete this object and create it again for the new connection",
            by.namespace, by.name
        ),
    )))
}
