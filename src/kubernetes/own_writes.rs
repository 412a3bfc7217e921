//! What the operator wrote last of each object of a kind, until the watch shows it.
//!
//! A reconcile that began with an older object would do again what is done. Reading every object anew would cost a call
//! for each reconcile; so it waits until the watch has caught up, and is woken then.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt as _};

use crate::identity::Uid;

use super::scope::Scope;
use super::uid;

/// Namespace and name.
pub(crate) type Name = (String, String);

/// What was written, by the uid of the object.
#[derive(Debug, Default)]
pub(crate) struct OwnWrites(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// How many lists the watches have begun, by scope: the whole cluster has the empty name.
    lists: HashMap<Box<str>, u64>,
    awaited: HashMap<Uid, Awaited>,
}

#[derive(Debug)]
struct Awaited {
    version: Version,
    namespace: Box<str>,
    /// How many lists that show it had begun at the time of the write: every later one shows it.
    lists: u64,
    /// To be reconciled once the watch shows it.
    wakes: Option<Name>,
}

/// What the watch has to show of an object before it is reconciled again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    /// This `resourceVersion`, or a later one. Those of one kind grow.
    AtLeast(u64),
    /// That it is gone.
    Gone,
}

impl Version {
    /// Whether it is seen in this object.
    pub(crate) fn is_shown_by(self, object: &impl Resource) -> bool {
        // Where a version is no number nothing is known of it.
        version(object).is_none_or(|shown| Self::AtLeast(shown) >= self)
    }
}

impl OwnWrites {
    /// An object was written, and is now as the API server has answered.
    pub(crate) fn wrote(&self, object: &impl Resource) {
        let meta = object.meta();
        if meta.deletion_timestamp.is_some() && object.finalizers().is_empty() {
            self.left(object);
        } else if let Some(version) = version(object) {
            self.expect(object, Version::AtLeast(version));
        }
    }

    /// An object is gone, as the API server has answered.
    pub(crate) fn left(&self, object: &impl Resource) {
        self.expect(object, Version::Gone);
    }

    /// A write was refused because the object changed meanwhile: another client wrote it.
    pub(crate) fn was_overtaken(&self, object: &impl Resource) {
        if let Some(version) = version(object) {
            self.expect(object, Version::AtLeast(version.saturating_add(1)));
        }
    }

    /// What the watch has to show before the object is reconciled again.
    pub(crate) fn expected(&self, object: &Uid) -> Option<Version> {
        self.lock().awaited.get(object).map(|it| it.version)
    }

    /// Has an object reconciled once the watch shows what was written. The caller reads the store afterwards: it
    /// may have been shown a moment ago.
    pub(crate) fn wake_when_shown(&self, object: &Uid, name: Name) {
        if let Some(awaited) = self.lock().awaited.get_mut(object) {
            awaited.wakes = Some(name);
        }
    }

    /// The store has this object, and no reconcile waits for it.
    pub(crate) fn forget_what_is_shown(&self, object: &impl Resource) {
        self.lock().shown(object);
    }

    /// Follows the watch of a scope, whose store has what the event shows. Returns whom to reconcile.
    #[must_use]
    pub(crate) fn follow<K: Resource>(&self, scope: &Scope, event: &Event<Arc<K>>) -> Vec<Name> {
        let mut state = self.lock();
        match event {
            Event::Init => {
                *state.lists.entry(scope.name().into()).or_default() += 1;
                Vec::new()
            }
            Event::InitApply(_) => Vec::new(),
            Event::InitDone => state.listed(scope),
            Event::Apply(object) => state.shown(&**object).into_iter().collect(),
            Event::Delete(object) => {
                state.awaited.remove(&uid(&**object));
                Vec::new()
            }
        }
    }

    /// Forgets an object that is gone.
    pub(crate) fn gone(&self, object: &Uid) {
        self.lock().awaited.remove(object);
    }

    fn expect(&self, object: &impl Resource, version: Version) {
        let namespace: Box<str> = object
            .meta()
            .namespace
            .as_deref()
            .unwrap_or_default()
            .into();
        let mut state = self.lock();
        let lists = state.lists_of(&namespace);
        let awaited = state.awaited.entry(uid(object)).or_insert(Awaited {
            version,
            namespace,
            lists,
            wakes: None,
        });
        (awaited.version, awaited.lists) = (awaited.version.max(version), lists);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn shown(&mut self, object: &impl Resource) -> Option<Name> {
        let own = uid(object);
        let awaited = self.awaited.get(&own)?;
        if !awaited.version.is_shown_by(object) {
            return None;
        }
        self.awaited.remove(&own)?.wakes
    }

    /// All that was written before the list began is in it. What was written since may be: those that wait check again.
    fn listed(&mut self, scope: &Scope) -> Vec<Name> {
        let mut woken = Vec::new();
        let Self { lists, awaited } = self;
        awaited.retain(|_, awaited| {
            let is_in_the_list =
                matches!(scope, Scope::Cluster) || scope.name() == &*awaited.namespace;
            if !is_in_the_list {
                return true;
            }
            woken.extend(awaited.wakes.take());
            awaited.lists == begun(lists, &awaited.namespace)
        });
        woken
    }

    fn lists_of(&self, namespace: &str) -> u64 {
        begun(&self.lists, namespace)
    }
}

/// How many lists have begun that show the objects of a namespace: of the cluster, or of the namespace.
fn begun(lists: &HashMap<Box<str>, u64>, namespace: &str) -> u64 {
    let of = |name: &str| lists.get(name).copied().unwrap_or_default();
    of("") + of(namespace)
}

/// The `resourceVersion` as the number that it is.
fn version(object: &impl Resource) -> Option<u64> {
    object.meta().resource_version.as_deref()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::crd::ProjectBinding;

    fn binding(version: &str) -> ProjectBinding {
        serde_json::from_value(json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding",
            "metadata": {"name": "checkout", "namespace": "payments", "uid": "own", "resourceVersion": version},
            "spec": {"connectionRef": {"name": "c"}, "repository": {"project": "PAY", "slug": "checkout"}},
        }))
        .unwrap()
    }

    fn own() -> Uid {
        Uid::new("own")
    }

    fn name() -> Name {
        ("payments".to_owned(), "checkout".to_owned())
    }

    /// What was written is awaited, and a reconcile waits for it.
    fn waiting(version: &str) -> OwnWrites {
        let writes = OwnWrites::default();
        writes.wrote(&binding(version));
        writes.wake_when_shown(&own(), name());
        writes
    }

    /// Promise: no reconcile goes by an object older than our own last write, and it is woken by the watch.
    #[test]
    fn a_reconcile_waits_until_the_watch_shows_its_writes() {
        let writes = waiting("20");
        let expected = writes.expected(&own()).unwrap();
        assert!(
            !expected.is_shown_by(&binding("9")),
            "by number, not by letter"
        );
        assert!(
            writes
                .follow(&Scope::Cluster, &Event::Apply(binding("9").into()))
                .is_empty()
        );
        assert!(expected.is_shown_by(&binding("20")));
        assert_eq!(
            writes.follow(&Scope::Cluster, &Event::Apply(binding("20").into())),
            [name()]
        );
        assert_eq!(writes.expected(&own()), None);
        assert!(
            writes
                .follow(&Scope::Cluster, &Event::Apply(binding("21").into()))
                .is_empty()
        );
    }

    #[test]
    fn only_waiting_objects_are_woken() {
        let writes = OwnWrites::default();
        writes.wrote(&binding("20"));
        assert!(
            writes
                .follow(&Scope::Cluster, &Event::Apply(binding("31").into()))
                .is_empty()
        );
        assert_eq!(writes.expected(&own()), None);
    }

    /// Promise: after a conflict the object is reconciled once the watch shows what another client wrote.
    #[test]
    fn after_a_conflict_a_later_object_is_awaited() {
        let writes = OwnWrites::default();
        writes.was_overtaken(&binding("20"));
        writes.wake_when_shown(&own(), name());
        assert!(
            writes
                .follow(&Scope::Cluster, &Event::Apply(binding("20").into()))
                .is_empty()
        );
        assert_eq!(
            writes.follow(&Scope::Cluster, &Event::Apply(binding("22").into())),
            [name()]
        );
    }

    /// Promise: a watch that was away (410) never leaves a reconcile waiting, even if the list lacks the object.
    #[test]
    fn a_list_ends_the_wait_for_writes_before_it_began() {
        let writes = waiting("20");
        assert!(
            writes
                .follow::<ProjectBinding>(&Scope::Cluster, &Event::Init)
                .is_empty()
        );
        // The database was restored: versions are smaller than they were.
        let listed = Event::InitApply(binding("7").into());
        assert!(writes.follow(&Scope::Cluster, &listed).is_empty());
        assert_eq!(
            writes.follow::<ProjectBinding>(&Scope::Cluster, &Event::InitDone),
            [name()]
        );
        assert_eq!(writes.expected(&own()), None);
    }

    /// Promise: a list of one namespace says nothing of what was written in another one.
    #[test]
    fn a_list_of_another_namespace_ends_no_wait() {
        let [here, elsewhere] =
            ["payments", "platform"].map(|namespace| Scope::Namespace(namespace.into()));
        let writes = waiting("20");
        for event in [Event::Init, Event::InitDone] {
            let woken = writes.follow::<ProjectBinding>(&elsewhere, &event);
            assert!(woken.is_empty(), "{woken:?}");
        }
        assert_eq!(writes.expected(&own()), Some(Version::AtLeast(20)));
        let begun = writes.follow::<ProjectBinding>(&here, &Event::Init);
        assert!(begun.is_empty());
        let woken = writes.follow::<ProjectBinding>(&here, &Event::InitDone);
        assert_eq!(woken, [name()]);
        assert_eq!(writes.expected(&own()), None);
    }

    /// Promise: a list may be older than what was written while it was read.
    #[test]
    fn writes_during_a_list_are_still_awaited() {
        let writes = OwnWrites::default();
        assert!(
            writes
                .follow::<ProjectBinding>(&Scope::Cluster, &Event::Init)
                .is_empty()
        );
        writes.wrote(&binding("20"));
        writes.wake_when_shown(&own(), name());
        // It may be in the list: the reconcile looks.
        assert_eq!(
            writes.follow::<ProjectBinding>(&Scope::Cluster, &Event::InitDone),
            [name()]
        );
        assert_eq!(writes.expected(&own()), Some(Version::AtLeast(20)));
        writes.wake_when_shown(&own(), name());
        assert_eq!(
            writes.follow(&Scope::Cluster, &Event::Apply(binding("20").into())),
            [name()]
        );
    }

    /// Promise: an object that was released is neither released nor reported once more.
    #[test]
    fn an_object_whose_last_finalizer_was_removed_is_awaited_to_be_gone() {
        let writes = OwnWrites::default();
        let mut left = binding("20");
        let now = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(
            k8s_openapi::jiff::Timestamp::UNIX_EPOCH,
        );
        left.metadata.deletion_timestamp = Some(now);
        writes.wrote(&left);
        let expected = writes.expected(&own()).unwrap();
        assert!(!expected.is_shown_by(&binding("21")));
        assert!(
            writes
                .follow(&Scope::Cluster, &Event::Delete(left.into()))
                .is_empty()
        );
        assert_eq!(writes.expected(&own()), None);
    }

    #[test]
    fn a_version_that_is_no_number_is_not_awaited() {
        let writes = waiting("opaque");
        assert_eq!(writes.expected(&own()), None);
        assert!(Version::AtLeast(5).is_shown_by(&binding("opaque")));
    }

    #[test]
    fn nothing_outlives_its_object() {
        let writes = waiting("20");
        writes.gone(&own());
        assert_eq!(writes.expected(&own()), None);
        let writes = waiting("20");
        assert!(
            writes
                .follow(&Scope::Cluster, &Event::Delete(binding("20").into()))
                .is_empty()
        );
        assert_eq!(writes.expected(&own()), None);
    }
}
