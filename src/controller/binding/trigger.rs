//! Which bindings to look at when something of their connection changed.

use std::collections::HashMap;

use kube::ResourceExt as _;

use crate::controller::context::Context;
use crate::controller::{finalizer, status};
use crate::crd::{BitbucketConnection, ProjectBinding};
use crate::inventory::Changes;
use crate::plan::Reason;

use super::validate::connection_of;

/// Every binding of a connection.
pub(crate) fn all(connection: &BitbucketConnection, context: &Context) {
    each(connection, context, |_| true);
}

/// The bindings that a sweep found something new about: their project, or their repository.
pub(crate) fn changed(connection: &BitbucketConnection, changes: &Changes, context: &Context) {
    each(connection, context, |binding| {
        let held = binding
            .status
            .as_ref()
            .and_then(|status| status.sonarqube_project.as_ref());
        let key = held
            .map(|project| project.key.to_lowercase())
            .or_else(|| super::validate::wanted_key(binding).map(|key| key.folded()));
        let repository = &binding.spec.repository;
        let path = format!("{}/{}", repository.project, repository.slug).to_lowercase();
        key.is_some_and(|key| changes.projects.contains(&key))
            || changes.repositories.contains(&path)
    });
}

/// The bindings that wait for a claim which may be free now.
pub(crate) fn waiting_for_a_claim(connection: &BitbucketConnection, context: &Context) {
    each(connection, context, |binding| {
        let conditions = binding
            .status
            .as_ref()
            .map_or(&[][..], |status| &status.conditions);
        conditions
            .iter()
            .any(|condition| condition.reason == Reason::AlreadyManaged.as_str())
    });
}

/// `namespace/name` of the bindings whose own deletion needs the connection.
pub(crate) fn protected(connection: &BitbucketConnection, context: &Context) -> Vec<String> {
    let mut names: Vec<_> = bindings_of(connection, context)
        .filter(finalizer::is_set)
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

/// How many bindings a connection has, and how many of them are ready.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) total: usize,
    pub(crate) ready: usize,
}

/// The tallies of all connections that have bindings, by namespace and name.
pub(crate) fn tallies(context: &Context) -> HashMap<(String, String), Tally> {
    let mut tallies: HashMap<_, Tally> = HashMap::new();
    for guarded in context.bindings.state() {
        if let Ok(binding) = &guarded.0 {
            let tally = tallies.entry(connection_of(binding)).or_default();
            tally.total += 1;
            tally.ready += usize::from(status::is_settled(binding));
        }
    }
    tallies
}

fn each(
    connection: &BitbucketConnection,
    context: &Context,
    wanted: impl Fn(&ProjectBinding) -> bool,
) {
    for binding in bindings_of(connection, context).filter(wanted) {
        context.triggers.binding(
            &binding.namespace().unwrap_or_default(),
            &binding.name_any(),
        );
    }
}

fn bindings_of(
    connection: &BitbucketConnection,
    context: &Context,
) -> impl Iterator<Item = ProjectBinding> {
    let reference = (
        connection.namespace().unwrap_or_default(),
        connection.name_any(),
    );
    context
        .bindings
        .state()
        .into_iter()
        .filter_map(|guarded| guarded.0.as_ref().ok().cloned())
        .filter(move |binding| connection_of(binding) == reference)
}
