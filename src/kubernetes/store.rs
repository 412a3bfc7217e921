//! The objects of one kind as the watch has shown them.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use kube::Resource;

use super::scope::Scope;

/// The objects of one kind, by namespace and name. All clones show the same.
///
/// Not kube's: its keys are a second copy of each name, uid and version, and it clones each object that a watch shows.
pub(crate) struct Store<R>(Arc<RwLock<Objects<R>>>);

/// Objects by namespace and name.
pub(super) struct Objects<R>(HashMap<Box<str>, HashMap<Box<str>, Arc<R>>>);

impl<R> Clone for Store<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R> Default for Store<R> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<R> Default for Objects<R> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<R: Resource<DynamicType = ()>> Objects<R> {
    pub(super) fn put(&mut self, object: Arc<R>) {
        let (namespace, name) = name_of(&*object);
        let (namespace, name) = (namespace.into(), name.into());
        self.0.entry(namespace).or_default().insert(name, object);
    }

    fn get(&self, namespace: &str, name: &str) -> Option<&Arc<R>> {
        self.0.get(namespace)?.get(name)
    }

    fn remove(&mut self, object: &R) {
        let (namespace, name) = name_of(object);
        if let Some(within) = self.0.get_mut(namespace) {
            within.remove(name);
            if within.is_empty() {
                self.0.remove(namespace);
            }
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<R>> {
        self.0.values().flat_map(HashMap::values)
    }
}

impl<R: Resource<DynamicType = ()>> Store<R> {
    /// The object of this name. What has no namespace has the empty one.
    pub(crate) fn get(&self, namespace: &str, name: &str) -> Option<Arc<R>> {
        self.read().get(namespace, name).cloned()
    }

    /// What has the name of this object: the object itself as the watch shows it, or another one.
    pub(crate) fn named_like(&self, object: &R) -> Option<Arc<R>> {
        let (namespace, name) = name_of(object);
        self.get(namespace, name)
    }

    /// All objects.
    pub(crate) fn state(&self) -> Vec<Arc<R>> {
        self.read().all().cloned().collect()
    }

    pub(crate) fn put(&self, object: Arc<R>) {
        self.write().put(object);
    }

    pub(super) fn remove(&self, object: &R) {
        self.write().remove(object);
    }

    /// Shows these objects of a scope and no others. Returns what it showed of the scope before.
    pub(super) fn replace(&self, scope: &Scope, mut objects: Objects<R>) -> Objects<R> {
        let mut shown = self.write();
        match scope {
            Scope::Cluster => mem::replace(&mut *shown, objects),
            Scope::Namespace(namespace) => {
                let before = shown.0.remove_entry(namespace);
                shown.0.extend(objects.0.remove_entry(namespace));
                Objects(before.into_iter().collect())
            }
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Objects<R>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Objects<R>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name_of<R: Resource>(object: &R) -> (&str, &str) {
    let meta = object.meta();
    (
        meta.namespace.as_deref().unwrap_or_default(),
        meta.name.as_deref().unwrap_or_default(),
    )
}
