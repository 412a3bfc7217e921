//! Which bindings to reconcile when something of their connection changed.

use crate::controller::context::Context;
use crate::crd::ProjectBinding;
use crate::declared;
use crate::fleet::ObjectName;
use crate::inventory::Changes;
use crate::kubernetes::status::waits_for;
use crate::plan::Reason;
use crate::plan::connection::Affected;

/// Those bindings of a connection that a change of what it lets them do concerns.
pub(crate) fn affected(which: Affected, connection: &ObjectName, context: &Context) {
    match which {
        Affected::Nobody => {}
        Affected::Leaving => leaving(connection, context),
        Affected::All => context.register.wake_all_of(connection),
    }
}

/// The bindings of a connection that are being deleted.
fn leaving(connection: &ObjectName, context: &Context) {
    each(connection, context, |binding| {
        binding.metadata.deletion_timestamp.is_some()
    });
}

/// The bindings that a sweep found something new about: their project, or their repository. It compares all bindings of the
/// connection, once for a listing, which costs far more: an index of their keys and paths would cost memory all the time.
pub(crate) fn changed(connection: &ObjectName, changes: &Changes, context: &Context) {
    if changes.is_none() {
        return;
    }
    let (namespace, name) = connection;
    let found = context.queues.connections.store.get(namespace, name);
    let found = found.as_ref().and_then(|found| found.0.as_ref().ok());
    each(connection, context, |binding| {
        let held = binding
            .status
            .as_ref()
            .and_then(|status| status.sonarqube_project.as_ref());
        let key = held
            .map(|project| project.key.to_lowercase())
            .or_else(|| declared::wanted_key(binding, found).map(|key| key.folded()));
        let repository = &binding.spec.repository;
        let path = format!("{}/{}", repository.project, repository.slug).to_lowercase();
        key.is_some_and(|key| changes.projects.contains(&key))
            || changes.repositories.contains(&path)
            // No row shows that nothing is hidden any more.
            || changes.hides && waits_for(binding, Reason::HiddenBindings)
    });
}

/// `namespace/name` of the bindings whose own deletion needs the connection: those that it has accepted, and still
/// admits.
pub(crate) fn protected(connection: &ObjectName, context: &Context) -> Vec<String> {
    let register = &context.register;
    let is_fresh = |binding: &_| register.ledger.is_fresh(binding);
    let in_need = register.roster.in_need(connection, is_fresh).into_iter();
    let mut names: Vec<_> = in_need
        .map(|binding| format!("{}/{}", binding.0, binding.1))
        .collect();
    names.sort();
    names
}

/// The bindings of a connection that are wanted, as far as they can be read.
fn each(connection: &ObjectName, context: &Context, wanted: impl Fn(&ProjectBinding) -> bool) {
    for binding in context.register.roster.of(connection) {
        let (namespace, name) = &*binding;
        let found = context.queues.bindings.store.get(namespace, name);
        let is_wanted = found.is_some_and(|found| found.0.as_ref().is_ok_and(&wanted));
        if is_wanted {
            context.queues.bindings.wake(&binding);
        }
    }
}
