//! Which bindings to look at when something of others changed.

use std::sync::Arc;

use kube::ResourceExt as _;
use kube::core::DeserializeGuard;

use crate::controller::connection::reference_to;
use crate::controller::context::Context;
use crate::crd::{BitbucketConnection, ManagementPolicy, ProjectBinding, ProjectBindingStatus};
use crate::declared::{self, connection_of};
use crate::inventory::Changes;
use crate::kubernetes::finalizer;
use crate::kubernetes::status::waits_for;
use crate::kubernetes::uid;
use crate::plan::Reason;

use super::dereference;

/// Every binding of a connection.
pub(crate) fn all(connection: &BitbucketConnection, context: &Context) {
    all_of(&reference_to(connection), context);
}

/// Every binding that refers to this `(namespace, name)`, whether or not there is a connection.
pub(crate) fn all_of(reference: &(String, String), context: &Context) {
    each(reference, context, |_| true);
}

/// The bindings of a connection that are on their way out.
pub(crate) fn leaving(connection: &BitbucketConnection, context: &Context) {
    each(&reference_to(connection), context, |binding| {
        binding.metadata.deletion_timestamp.is_some()
    });
}

/// The bindings that a sweep found something new about: their project, or their repository.
pub(crate) fn changed(connection: &BitbucketConnection, changes: &Changes, context: &Context) {
    each(&reference_to(connection), context, |binding| {
        let held = binding
            .status
            .as_ref()
            .and_then(|status| status.sonarqube_project.as_ref());
        let key = held
            .map(|project| project.key.to_lowercase())
            .or_else(|| declared::wanted_key(binding).map(|key| key.folded()));
        let repository = &binding.spec.repository;
        let path = format!("{}/{}", repository.project, repository.slug).to_lowercase();
        key.is_some_and(|key| changes.projects.contains(&key))
            || changes.repositories.contains(&path)
            // No row tells that nothing is hidden any more.
            || waits_for(binding, Reason::HiddenBindings)
    });
}

/// The bindings that wait for a claim which may be free now: several connections may lead to one server.
pub(crate) fn waiting_for_a_claim(context: &Context) {
    for guarded in context.bindings.state() {
        let waits = |binding: &ProjectBinding| waits_for(binding, Reason::AlreadyManaged);
        if guarded.0.as_ref().is_ok_and(waits) {
            ask(&guarded, context);
        }
    }
}

/// Whether a binding that changed may have given up a claim, or its need of the connection. One on its way out has
/// something to undo first, and one without a status had nothing.
pub(crate) fn makes_room(binding: &ProjectBinding) -> bool {
    let holds = |status: &ProjectBindingStatus| status.sonarqube_project.is_some();
    binding.status.as_ref().is_some_and(|status| {
        binding.spec.management_policy == ManagementPolicy::Observe
            || !finalizer::is_set(binding)
            || !holds(status)
    })
}

/// `namespace/name` of the bindings whose own deletion needs the connection: those that it has accepted, and still admits.
pub(crate) fn protected(connection: &BitbucketConnection, context: &Context) -> Vec<String> {
    // The watch may not show yet what was accepted a moment ago.
    let is_fresh = |binding: &ProjectBinding| {
        let status = binding.status.as_ref();
        status.is_none_or(|status| status.sonarqube_project.is_none())
            && context.claims.has_accepted(&uid(binding))
    };
    let in_need = |binding: &ProjectBinding| {
        finalizer::is_set(binding)
            && (declared::may_be_accepted_by(binding, connection) || is_fresh(binding))
            && dereference::is_admitted(binding, context)
    };
    let mut names: Vec<_> = those(&reference_to(connection), context, in_need)
        .map(|binding| {
            format!(
                "{}/{}",
                binding.namespace().unwrap_or_default(),
                binding.name_any()
            )
        })
        .collect();
    names.sort();
    names
}

fn each(reference: &(String, String), context: &Context, wanted: impl Fn(&ProjectBinding) -> bool) {
    for binding in those(reference, context, wanted) {
        ask(&binding, context);
    }
}

fn ask(binding: &DeserializeGuard<ProjectBinding>, context: &Context) {
    let namespace = binding.namespace().unwrap_or_default();
    context.triggers.binding(&namespace, &binding.name_any());
}

/// The bindings of a connection that are wanted, as far as they can be read.
fn those(
    reference: &(String, String),
    context: &Context,
    wanted: impl Fn(&ProjectBinding) -> bool,
) -> impl Iterator<Item = Arc<DeserializeGuard<ProjectBinding>>> {
    let all = context.bindings.state().into_iter();
    all.filter(move |guarded| {
        let binding = guarded.0.as_ref();
        binding.is_ok_and(|binding| connection_of(binding) == *reference && wanted(binding))
    })
}
