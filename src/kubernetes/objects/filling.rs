//! A store as a watch fills it, and what is news in that.

use std::mem;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::runtime::watcher::Event;

use crate::kubernetes::scope::Scope;
use crate::kubernetes::store::{Objects, Store};

/// An event whose object is kept as it is: nothing copies it.
pub(super) fn shared<R>(event: Event<R>) -> Event<Arc<R>> {
    match event {
        Event::Apply(object) => Event::Apply(Arc::new(object)),
        Event::Delete(object) => Event::Delete(Arc::new(object)),
        Event::Init => Event::Init,
        Event::InitApply(object) => Event::InitApply(Arc::new(object)),
        Event::InitDone => Event::InitDone,
    }
}

/// A store as the watch of a scope fills it.
pub(super) struct Filling<R> {
    store: Store<R>,
    scope: Scope,
    differs: fn(&ObjectMeta, &ObjectMeta) -> bool,
    /// What the list that is being read has shown so far.
    listed: Objects<R>,
    /// What is news in that list.
    news: Vec<Arc<R>>,
}

/// What an event changed, once the store shows it.
pub(super) struct Changed<R> {
    /// Objects that appeared, or differ from what the store showed before.
    pub(super) news: Vec<Arc<R>>,
    /// Objects that the store does not show any more. No event reports those that were deleted while the watch was away.
    pub(super) gone: Vec<Arc<R>>,
}

impl<R: Resource<DynamicType = ()>> Filling<R> {
    /// `differs` decides whether a change of an object is news.
    pub(super) fn new(
        store: Store<R>,
        scope: Scope,
        differs: fn(&ObjectMeta, &ObjectMeta) -> bool,
    ) -> Self {
        Self {
            store,
            scope,
            differs,
            listed: Objects::default(),
            news: Vec::new(),
        }
    }

    /// What is listed and watched.
    pub(super) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// A list that is taken anew fills the store when it is complete: a reconcile that was triggered before would read an
    /// old state.
    pub(super) fn take(&mut self, event: &Event<Arc<R>>) -> Changed<R> {
        let mut changed = Changed {
            news: Vec::new(),
            gone: Vec::new(),
        };
        match event {
            Event::Init => (self.listed, self.news) = Default::default(),
            Event::InitApply(object) => self.list(object),
            Event::InitDone => {
                let before = self.store.replace(&self.scope, mem::take(&mut self.listed));
                let gone = before.all().filter(|object| self.is_gone(object));
                changed.gone = gone.cloned().collect();
                changed.news = mem::take(&mut self.news);
            }
            Event::Apply(object) => {
                let is_news = self.is_news(self.store.named_like(object).as_deref(), object);
                self.store.put(Arc::clone(object));
                changed.news.extend(is_news.then(|| Arc::clone(object)));
            }
            Event::Delete(object) => {
                self.store.remove(object);
                changed.gone.push(Arc::clone(object));
            }
        }
        changed
    }

    /// An object of a list. One that is as it was is not kept a second time.
    fn list(&mut self, object: &Arc<R>) {
        let before = self.store.named_like(object);
        if self.is_news(before.as_deref(), object) {
            self.news.push(Arc::clone(object));
        }
        let same = before.filter(|before| {
            let (before, now) = (before.meta(), object.meta());
            let is_same_version = before.resource_version == now.resource_version;
            is_same_version && before.uid == now.uid && now.resource_version.is_some()
        });
        self.listed.put(same.unwrap_or_else(|| Arc::clone(object)));
    }

    fn is_news(&self, before: Option<&R>, object: &R) -> bool {
        before.is_none_or(|before| {
            let (before, now) = (before.meta(), object.meta());
            before.uid != now.uid || (self.differs)(before, now)
        })
    }

    fn is_gone(&self, object: &R) -> bool {
        let there = self.store.named_like(object);
        there.is_none_or(|there| there.meta().uid != object.meta().uid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::objects::tests::{Guarded, binding};

    fn filling() -> Filling<Guarded> {
        within(Scope::Cluster, Store::default())
    }

    fn within(scope: Scope, store: Store<Guarded>) -> Filling<Guarded> {
        Filling::new(store, scope, |before, now| {
            before.generation != now.generation
        })
    }

    fn generations(objects: &[Arc<Guarded>]) -> Vec<Option<i64>> {
        let objects = objects.iter();
        objects.map(|object| object.meta().generation).collect()
    }

    /// Promise: no reconcile reads a store that does not show yet what the reconcile is for.
    #[test]
    fn changes_of_a_new_list_are_reported_once_the_store_shows_them() {
        let mut filling = filling();
        let mut take = |event| {
            let changed = filling.take(&shared(event));
            let shown = generations(&filling.store.state());
            (generations(&changed.news), shown)
        };
        let both = |generation| (vec![Some(generation)], vec![Some(generation)]);
        let first = (vec![], vec![Some(1)]);
        assert_eq!(take(Event::Apply(binding("checkout", 1))), both(1));
        assert_eq!(take(Event::Init), first);
        assert_eq!(take(Event::InitApply(binding("checkout", 2))), first);
        // The next page was not to be had: the list begins anew.
        assert_eq!(take(Event::Init), first);
        assert_eq!(take(Event::InitApply(binding("checkout", 3))), first);
        assert_eq!(take(Event::InitDone), both(3));
    }

    #[test]
    fn unchanged_objects_are_not_reported_and_replaced_ones_are() {
        let mut filling = filling();
        let mut reported = |event| filling.take(&shared(event)).news.len();
        assert_eq!(reported(Event::Apply(binding("checkout", 1))), 1);
        assert_eq!(reported(Event::Apply(binding("checkout", 1))), 0);
        assert_eq!(reported(Event::Apply(binding("checkout", 2))), 1);
        let events = [Event::Init, Event::InitApply(binding("checkout", 2))];
        assert_eq!(events.map(&mut reported), [0, 0]);
        assert_eq!(reported(Event::InitDone), 0);
        let mut other = binding("checkout", 2);
        other.meta_mut().uid = Some("other".to_owned());
        assert_eq!(reported(Event::Apply(other.clone())), 1);
        assert_eq!(reported(Event::Delete(other.clone())), 0);
        assert_eq!(reported(Event::Apply(other)), 1);
    }

    /// Promise: a list that is taken anew does not hold a second copy of what did not change.
    #[test]
    fn unchanged_objects_of_a_new_list_are_kept() {
        let mut filling = filling();
        let versioned = |version: &str| {
            let mut binding = binding("checkout", 1);
            binding.meta_mut().resource_version = Some(version.to_owned());
            binding
        };
        let mut shown_after = |events: Vec<Event<Guarded>>| {
            for event in events {
                filling.take(&shared(event));
            }
            filling.store.get("payments", "checkout").unwrap()
        };
        let list = |version| {
            let object = Event::InitApply(versioned(version));
            vec![Event::Init, object, Event::InitDone]
        };
        let first = shown_after(list("1"));
        assert!(Arc::ptr_eq(&first, &shown_after(list("1"))));
        let second = shown_after(list("2"));
        assert!(!Arc::ptr_eq(&first, &second));
        assert_eq!(second.meta().resource_version.as_deref(), Some("2"));
    }

    /// Promise: a list of one namespace says nothing of the objects of another one.
    #[test]
    fn a_list_of_a_namespace_replaces_its_own_objects_only() {
        let store = Store::default();
        let [mut payments, mut platform] = ["payments", "platform"]
            .map(|namespace| within(Scope::Namespace(namespace.into()), store.clone()));
        let mut elsewhere = binding("ledger", 1);
        elsewhere.meta_mut().namespace = Some("platform".to_owned());
        let gone = |filling: &mut Filling<Guarded>, events: Vec<Event<Guarded>>| -> usize {
            let taken = events.into_iter().map(|event| filling.take(&shared(event)));
            taken.map(|changed| changed.gone.len()).sum()
        };
        let list = |object| vec![Event::Init, Event::InitApply(object), Event::InitDone];
        assert_eq!(gone(&mut payments, list(binding("checkout", 1))), 0);
        assert_eq!(gone(&mut platform, list(elsewhere)), 0);
        assert_eq!(store.state().len(), 2);
        assert_eq!(gone(&mut payments, vec![Event::Init, Event::InitDone]), 1);
        assert!(store.get("payments", "checkout").is_none());
        assert!(store.get("platform", "ledger").is_some());
    }

    /// Promise: what was deleted while no watch ran is reported.
    #[test]
    fn objects_that_a_new_list_lacks_are_removed() {
        let mut filling = filling();
        let mut anew = binding("anew", 1);
        anew.meta_mut().uid = Some("another".to_owned());
        let events = [
            Event::Apply(binding("checkout", 1)),
            Event::Apply(binding("ledger", 1)),
            Event::Apply(binding("anew", 1)),
            Event::Init,
            Event::InitApply(binding("ledger", 1)),
            Event::InitApply(anew),
            Event::InitDone,
        ];
        let mut gone = Vec::new();
        for event in events {
            gone.extend(filling.take(&shared(event)).gone);
        }
        let mut gone: Vec<_> = gone
            .iter()
            .map(|it| it.meta().name.clone().unwrap())
            .collect();
        gone.sort();
        assert_eq!(gone, ["anew", "checkout"]);
        assert_eq!(filling.store.state().len(), 2);
        assert!(filling.store.get("payments", "checkout").is_none());
    }
}
