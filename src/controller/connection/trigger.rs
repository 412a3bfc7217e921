//! Which connections to look at when something of others changed.

use kube::runtime::reflector::ObjectRef;
use kube::{Resource as _, ResourceExt as _};

use crate::controller::context::Context;
use crate::kubernetes::status::waits_for;
use crate::plan::Reason;

/// Those that wait for what another one may have given up: its claim, or the only configuration that there may be.
pub(crate) fn waiting(context: &Context) {
    for guarded in context.connections.state() {
        let Ok(other) = &guarded.0 else { continue };
        let waits = |reason| waits_for(other, reason);
        if waits(Reason::AlreadyManaged) || waits(Reason::ConfigurationLimit) {
            let namespace = other.namespace().unwrap_or_default();
            context.triggers.connection(&namespace, &other.name_any());
        }
    }
}

/// The one of this name, if it is on its way out: it waits for bindings that need it.
pub(crate) fn leaving((namespace, name): (&str, &str), context: &Context) {
    let found = context
        .connections
        .get(&ObjectRef::new(name).within(namespace));
    if found.is_some_and(|connection| connection.meta().deletion_timestamp.is_some()) {
        context.triggers.connection(namespace, name);
    }
}
