//! Which objects of a kind are reconciled next: a user's change first, and no object twice at once.
//!
//! Until a reconcile begins, only the name of its object is kept: thousands may wait.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use crate::http::Urgency;

use super::object::ObjectName;

#[cfg(test)]
mod tests;

/// The objects of one kind that are to be reconciled, and those that are being reconciled.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    objects: HashMap<Arc<ObjectName>, When>,
    /// Those whose time has not come, the first first.
    later: BTreeSet<(Instant, Arc<ObjectName>)>,
    /// Those that begin as soon as they may, in their order.
    next: BTreeMap<Position, Arc<ObjectName>>,
    arrivals: u64,
}

/// Where an object stands: by urgency, then by arrival.
type Position = (Urgency, u64);

/// When an object is reconciled.
#[derive(Clone, Copy, Debug)]
enum When {
    /// At this time, unless it is asked for before.
    Later(Instant),
    /// As soon as it may.
    Next(Position),
    /// It is being reconciled; and again at once, or by a time, if it was asked for meanwhile.
    UnderWay {
        again: Option<Urgency>,
        by: Option<Instant>,
    },
}

impl Schedule {
    /// An object is to be reconciled as soon as it can be. One that waits keeps its arrival when it becomes more urgent.
    pub(crate) fn ask(&mut self, name: ObjectName, urgency: Urgency) {
        match self.objects.get_mut(&name) {
            Some(When::UnderWay { again, .. }) => {
                *again = Some(again.map_or(urgency, |again| again.min(urgency)));
            }
            Some(When::Next((before, _))) if *before <= urgency => {}
            Some(When::Later(_) | When::Next(_)) | None => self.put_next(name.into(), urgency),
        }
    }

    /// An object is to be reconciled at this time, unless it is before.
    pub(crate) fn ask_at(&mut self, name: ObjectName, due: Instant) {
        match self.objects.get_mut(&name) {
            Some(When::UnderWay { by, .. }) => *by = earlier(*by, Some(due)),
            Some(When::Later(before)) if due < *before => {
                let name = Arc::new(name);
                self.later.remove(&(*before, Arc::clone(&name)));
                self.put_later(name, due);
            }
            Some(When::Later(_) | When::Next(_)) => {}
            None => self.put_later(name.into(), due),
        }
    }

    /// Moves those whose time has come to the next ones. `urgency` returns `None` for an object that does not exist.
    pub(crate) fn come_due(
        &mut self,
        now: Instant,
        urgency: impl Fn(&ObjectName) -> Option<Urgency>,
    ) {
        while self.first_due().is_some_and(|due| due <= now) {
            let Some((_, name)) = self.later.pop_first() else {
                return;
            };
            self.objects.remove(&name);
            if let Some(urgency) = urgency(&name) {
                self.put_next(name, urgency);
            }
        }
    }

    /// The time of the first of the later ones.
    pub(crate) fn first_due(&self) -> Option<Instant> {
        self.later.first().map(|(due, _)| *due)
    }

    /// How urgent the first is of those that wait.
    pub(crate) fn first(&self) -> Option<Urgency> {
        let first = self.next.first_key_value();
        first.map(|((urgency, _), _)| *urgency)
    }

    /// Takes the first of those that wait: it is being reconciled from now on.
    pub(crate) fn begin(&mut self) -> Option<Arc<ObjectName>> {
        let (_, name) = self.next.pop_first()?;
        let under_way = When::UnderWay {
            again: None,
            by: None,
        };
        self.objects.insert(Arc::clone(&name), under_way);
        Some(name)
    }

    /// A reconcile ended, and wants the next one at this time. Returns whether the next one begins as soon as it can,
    /// because it was requested meanwhile.
    pub(crate) fn end(&mut self, name: &Arc<ObjectName>, due: Option<Instant>) -> bool {
        let (again, by) = match self.objects.remove(name) {
            Some(When::UnderWay { again, by }) => (again, by),
            Some(When::Later(_) | When::Next(_)) | None => (None, None),
        };
        if let Some(urgency) = again {
            self.put_next(Arc::clone(name), urgency);
        } else if let Some(due) = earlier(due, by) {
            self.put_later(Arc::clone(name), due);
        }
        again.is_some()
    }

    fn put_later(&mut self, name: Arc<ObjectName>, due: Instant) {
        self.later.insert((due, Arc::clone(&name)));
        self.objects.insert(name, When::Later(due));
    }

    fn put_next(&mut self, name: Arc<ObjectName>, urgency: Urgency) {
        let mut arrival = self.arrivals;
        match self.objects.get(&name) {
            Some(When::Later(due)) => {
                self.later.remove(&(*due, Arc::clone(&name)));
            }
            Some(When::Next(position)) => {
                arrival = position.1;
                self.next.remove(position);
            }
            Some(When::UnderWay { .. }) | None => {}
        }
        self.arrivals += 1;
        let position = (urgency, arrival);
        self.next.insert(position, Arc::clone(&name));
        self.objects.insert(name, When::Next(position));
    }
}

/// The earlier of two times, as far as there are two.
fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}
