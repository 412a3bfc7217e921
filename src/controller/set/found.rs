//! What a set is compared with: the listing of its connection, and the bindings that are there. Nothing is read for it.

use std::collections::BTreeSet;
use std::sync::Arc;

use kube::ResourceExt as _;
use kube::core::DeserializeGuard;

use crate::controller::context::Context;
use crate::crd::{ProjectBinding, ProjectBindingSet, SET, SET_TEMPLATE};
use crate::declared;
use crate::fleet::sets::Memory;
use crate::identity::RepositoryPath;
use crate::inventory::Listed;
use crate::kubernetes::Store;
use crate::plan::set::{Absence, Listing, Member, Observed, Other, Repository};

use super::connection::Reference;

type Bindings = Store<DeserializeGuard<ProjectBinding>>;

/// What the last listing and the watch show.
pub(super) fn observed(
    set: &ProjectBindingSet,
    context: &Context,
    (reference, listed): (&Reference, &Listed),
    memory: &mut Memory,
) -> Observed {
    let own = set.namespace().unwrap_or_default();
    let repositories = repositories(listed, reference, memory);
    let (mut members, mut taken) = (Vec::new(), BTreeSet::new());
    for binding in &context.register.roster.within(&own) {
        let name = &binding.1;
        match member(&context.queues.bindings.store, (&own, name), set) {
            Some(member) => members.push(member),
            None => drop(taken.insert(name.clone())),
        }
    }
    if let Some(began) = listed.began() {
        let listing = Listing::of(&repositories, &members);
        let seen = members.iter().map(|it| (&*it.name, listing.shows(it)));
        memory.listed(began, seen);
    }
    for member in &mut members {
        member.absence = memory.absence(&member.name);
    }
    Observed {
        others: others(set, context, &members),
        repositories,
        members,
        taken,
    }
}

fn repositories(listed: &Listed, reference: &Reference, memory: &Memory) -> Vec<Repository> {
    let keys = declared::keys_of(&reference.connection);
    let admits = |path: &RepositoryPath| {
        let keys = keys.as_ref().ok();
        keys.is_some_and(|keys| reference.access.admits(path, &keys.key(path)))
    };
    let rows = listed.repositories().map(|row| Repository {
        id: row.id,
        archived: row.archived,
        fork: row.fork,
        admitted: admits(&row.path),
        empty: memory.empty(row.id),
        path: row.path,
    });
    rows.collect()
}

/// A binding of the set; `None` for one that belongs to others, or cannot be read.
fn member(
    bindings: &Bindings,
    (namespace, name): (&str, &str),
    set: &ProjectBindingSet,
) -> Option<Member> {
    let found = bindings.get(namespace, name)?;
    let binding = found.0.as_ref().ok()?;
    let is_of_the_set = binding.labels().get(SET) == set.metadata.name.as_ref();
    is_of_the_set.then(|| Member {
        name: name.to_owned(),
        repository: path(binding),
        id: id(binding),
        template: binding
            .annotations()
            .get(SET_TEMPLATE)
            .cloned()
            .unwrap_or_default(),
        leaving: binding.metadata.deletion_timestamp.is_some(),
        // Known once the memory has taken the listing into account.
        absence: Absence::None,
    })
}

/// The bindings of the same connection that do not belong to the set.
fn others(set: &ProjectBindingSet, context: &Context, members: &[Member]) -> Vec<Other> {
    let own = set.namespace().unwrap_or_default();
    let members: BTreeSet<_> = members.iter().map(|member| member.name.as_str()).collect();
    let connection = declared::set::connection_of(set);
    let all = context.register.roster.of(&connection).into_iter();
    let others = all.filter(|it| it.0 != own || !members.contains(&*it.1));
    let read = others.filter_map(|it: Arc<_>| {
        let (namespace, name) = &*it;
        let found = context.queues.bindings.store.get(namespace, name)?;
        let binding = found.0.as_ref().ok()?;
        Some(Other {
            // A tenant learns no names of other namespaces.
            name: if *namespace == own {
                name.clone()
            } else {
                "a binding of another namespace".to_owned()
            },
            repository: path(binding),
            id: id(binding),
        })
    });
    read.collect()
}

fn path(binding: &ProjectBinding) -> RepositoryPath {
    let repository = &binding.spec.repository;
    RepositoryPath::reported(&repository.project, &repository.slug)
}

fn id(binding: &ProjectBinding) -> Option<i64> {
    let status = binding.status.as_ref()?;
    Some(status.repository.as_ref()?.id)
}
