//! The bindings of each connection and of each namespace, so that nothing has to look for them among all bindings.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::identity::Uid;

use super::object::ObjectName;

/// The bindings of each connection and of each namespace.
#[derive(Default)]
pub(crate) struct Roster(Mutex<State>);

#[derive(Default)]
struct State {
    rows: HashMap<Uid, Row>,
    by_connection: HashMap<Arc<ObjectName>, Group>,
    by_namespace: HashMap<String, BTreeMap<Arc<ObjectName>, Uid>>,
    /// The connections whose counts may differ from those reported.
    recounted: BTreeSet<Arc<ObjectName>>,
}

#[derive(Default)]
struct Group {
    members: BTreeMap<Arc<ObjectName>, Uid>,
    counts: Counts,
}

/// The bindings of a connection in all, and those of them that are ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) total: i64,
    pub(crate) ready: i64,
}

/// What is kept of one binding. Each name exists once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) uid: Uid,
    pub(crate) name: Arc<ObjectName>,
    pub(crate) connection: Arc<ObjectName>,
    /// Whether the connection admits it.
    pub(crate) is_admitted: bool,
    pub(crate) is_ready: bool,
    pub(crate) need: Need,
}

/// Whether the deletion of a binding needs its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// It does not: it has no finalizer of ours.
    None,
    /// It does once it has accepted a project.
    OnceAccepted,
    /// Its status shows something to undo through this very connection.
    Now,
}

impl Row {
    fn needs_connection(&self) -> bool {
        self.is_admitted && self.need == Need::Now
    }

    fn counts(&self) -> Counts {
        let total = i64::from(self.is_admitted);
        Counts {
            total,
            ready: total * i64::from(self.is_ready),
        }
    }
}

impl Roster {
    /// Takes note of a binding. Returns the connection that it does not need any more.
    pub(crate) fn put(&self, row: Row) -> Option<Arc<ObjectName>> {
        let mut state = self.lock();
        let before = state.remove(&row.uid);
        let before = before.filter(Row::needs_connection);
        let needs = row.needs_connection().then(|| row.connection.clone());
        let left = before.map(|before| before.connection);
        state.insert(row);
        left.filter(|left| needs.as_ref() != Some(left))
    }

    /// Forgets a binding that is gone. Returns the connection that it was of.
    pub(crate) fn remove(&self, uid: &Uid) -> Option<Arc<ObjectName>> {
        let row = self.lock().remove(uid)?;
        Some(row.connection)
    }

    /// The bindings of a connection, whether or not it is there.
    pub(crate) fn of(&self, connection: &ObjectName) -> Vec<Arc<ObjectName>> {
        let state = self.lock();
        let group = state.by_connection.get(connection);
        group.map_or_else(Vec::new, |group| group.members.keys().cloned().collect())
    }

    /// The bindings in a namespace.
    pub(crate) fn within(&self, namespace: &str) -> Vec<Arc<ObjectName>> {
        let state = self.lock();
        let members = state.by_namespace.get(namespace);
        members.map_or_else(Vec::new, |members| members.keys().cloned().collect())
    }

    /// How many bindings a connection admits, and how many of them are ready.
    pub(crate) fn counts(&self, connection: &ObjectName) -> Counts {
        let state = self.lock();
        let group = state.by_connection.get(connection);
        group.map_or_else(Counts::default, |group| group.counts)
    }

    /// A connection may report other counts than these.
    pub(crate) fn recount(&self, connection: ObjectName) {
        self.lock().recounted.insert(connection.into());
    }

    /// The connections whose counts may differ from those reported, since this was asked last.
    pub(crate) fn take_recounted(&self) -> BTreeSet<Arc<ObjectName>> {
        mem::take(&mut self.lock().recounted)
    }

    /// The bindings whose own deletion needs a connection: those that hold something through it, or do so by what no
    /// watch has shown yet, and that it admits.
    pub(crate) fn in_need(
        &self,
        connection: &ObjectName,
        is_fresh: impl Fn(&Uid) -> bool,
    ) -> BTreeSet<Arc<ObjectName>> {
        let state = self.lock();
        let Some(group) = state.by_connection.get(connection) else {
            return BTreeSet::new();
        };
        let in_need = |uid: &Uid| {
            state.rows.get(uid).is_some_and(|row| {
                let may_need = row.is_admitted && row.need == Need::OnceAccepted;
                row.needs_connection() || may_need && is_fresh(uid)
            })
        };
        let members = group.members.iter();
        let in_need = members.filter(|(_, uid)| in_need(uid));
        in_need.map(|(name, _)| Arc::clone(name)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn insert(&mut self, mut row: Row) {
        let (name, uid) = (Arc::clone(&row.name), row.uid.clone());
        if let Some((known, _)) = self.by_connection.get_key_value(&row.connection) {
            row.connection = Arc::clone(known);
        }
        self.recounted.insert(Arc::clone(&row.connection));
        let group = self.by_connection.entry(Arc::clone(&row.connection));
        let group = group.or_default();
        let Counts { total, ready } = row.counts();
        group.counts.total += total;
        group.counts.ready += ready;
        group.members.insert(Arc::clone(&name), uid.clone());
        let within = self.by_namespace.entry(name.0.clone()).or_default();
        within.insert(name, uid.clone());
        self.rows.insert(uid, row);
    }

    fn remove(&mut self, uid: &Uid) -> Option<Row> {
        let row = self.rows.remove(uid)?;
        self.recounted.insert(Arc::clone(&row.connection));
        // Another object may have its name by now.
        let is_own = |found: Option<&Uid>| found == Some(uid);
        if let Some(group) = self.by_connection.get_mut(&row.connection) {
            let Counts { total, ready } = row.counts();
            group.counts.total -= total;
            group.counts.ready -= ready;
            if is_own(group.members.get(&row.name)) {
                group.members.remove(&row.name);
            }
            if group.members.is_empty() {
                self.by_connection.remove(&row.connection);
            }
        }
        if let Some(members) = self.by_namespace.get_mut(&row.name.0) {
            if is_own(members.get(&row.name)) {
                members.remove(&row.name);
            }
            if members.is_empty() {
                self.by_namespace.remove(&row.name.0);
            }
        }
        Some(row)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(uid: &str, connection: &str) -> Row {
        let name = |namespace: &str, name: &str| Arc::new((namespace.to_owned(), name.to_owned()));
        Row {
            uid: Uid::new(uid),
            name: name("payments", uid.split('-').next().unwrap_or_default()),
            connection: name("platform", connection),
            is_admitted: true,
            is_ready: true,
            need: Need::Now,
        }
    }

    fn counts(roster: &Roster, connection: &str) -> (i64, i64) {
        let Counts { total, ready } = roster.counts(&row("", connection).connection);
        (total, ready)
    }

    #[test]
    fn a_binding_is_counted_once_and_only_where_it_is_admitted() {
        let roster = Roster::default();
        roster.put(row("one", "a"));
        let two = row("two", "a");
        roster.put(Row {
            is_ready: false,
            ..two.clone()
        });
        assert_eq!(counts(&roster, "a"), (2, 1));
        roster.put(two.clone());
        assert_eq!(counts(&roster, "a"), (2, 2));
        roster.put(Row {
            is_admitted: false,
            ..two
        });
        assert_eq!(counts(&roster, "a"), (1, 1));
        roster.put(row("one", "b"));
        assert_eq!(
            (counts(&roster, "a"), counts(&roster, "b")),
            ((0, 0), (1, 1))
        );
        roster.remove(&Uid::new("one"));
        assert_eq!(counts(&roster, "b"), (0, 0));
    }

    #[test]
    fn a_connection_is_woken_when_a_binding_needs_it_no_more() {
        let (roster, one) = (Roster::default(), row("one", "a"));
        let a = one.connection.clone();
        let unprotected = Row {
            need: Need::None,
            ..one.clone()
        };
        assert_eq!(roster.put(one.clone()), None);
        assert_eq!(roster.put(one.clone()), None);
        assert_eq!(roster.put(unprotected), Some(a.clone()));
        roster.put(one);
        assert_eq!(roster.put(row("one", "b")), Some(a));
    }

    /// Promise: what was accepted a moment ago holds the connection, though the status does not show it yet.
    #[test]
    fn a_fresh_binding_needs_its_connection() {
        let roster = Roster::default();
        let one = Row {
            need: Need::OnceAccepted,
            ..row("one", "a")
        };
        roster.put(one.clone());
        let in_need = |fresh| roster.in_need(&one.connection, |_| fresh).len();
        assert_eq!((in_need(false), in_need(true)), (0, 1));
        let elsewhere = [
            (false, Need::OnceAccepted),
            (true, Need::None),
            (false, Need::Now),
        ];
        for (is_admitted, need) in elsewhere {
            roster.put(Row {
                is_admitted,
                need,
                ..one.clone()
            });
            assert_eq!(in_need(true), 0, "{is_admitted} {need:?}");
        }
    }

    #[test]
    fn an_object_made_anew_under_a_name_is_not_forgotten_with_the_old_one() {
        let roster = Roster::default();
        roster.put(row("one", "a"));
        roster.put(row("one-anew", "a"));
        roster.remove(&Uid::new("one"));
        let one = row("one", "a");
        let named = std::slice::from_ref(&one.name);
        assert_eq!(roster.of(&one.connection), named);
        assert_eq!(roster.within("payments"), named);
        roster.remove(&Uid::new("one-anew"));
        assert!(roster.within("payments").is_empty());
    }

    proptest! {
        /// Promise: the counts are those of a count of all bindings, and each change is passed on to the connection
        /// that reports them.
        #[test]
        fn counts_are_those_of_a_count_of_all_bindings(
            changes in prop::collection::vec((0..6_u8, 0..2_usize, prop::option::of((any::<bool>(), any::<bool>()))), 0..60)
        ) {
            let (roster, names) = (Roster::default(), ["a", "b"]);
            let mut rows: HashMap<u8, Row> = HashMap::new();
            let mut reported = [(0, 0); 2];
            for (step, (object, connection, change)) in changes.into_iter().enumerate() {
                let own = row(&object.to_string(), names[connection]);
                if let Some((is_admitted, is_ready)) = change {
                    let own = Row { is_admitted, is_ready, ..own };
                    roster.put(own.clone());
                    rows.insert(object, own);
                } else {
                    roster.remove(&own.uid);
                    rows.remove(&object);
                }
                let naive = names.map(|name| {
                    let of = rows.values().filter(|row| row.connection.1 == name && row.is_admitted);
                    let (mut total, mut ready) = (0, 0);
                    for row in of {
                        total += 1;
                        ready += i64::from(row.is_ready);
                    }
                    (total, ready)
                });
                prop_assert_eq!(names.map(|name| counts(&roster, name)), naive);
                if step % 3 == 0 {
                    let recounted = roster.take_recounted();
                    for (index, name) in names.into_iter().enumerate() {
                        let is_reported = recounted.contains(&row("", name).connection);
                        prop_assert!(is_reported || reported[index] == naive[index], "{name} is not reported");
                        reported[index] = naive[index];
                    }
                }
            }
        }
    }
}
