//! The places of reconciles that call servers: so many for each connection.
//!
//! An object that finds no place is put into the queue of its lane, and its reconcile ends: it holds nothing while it
//! waits. A place that becomes free wakes the next one.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::http::Urgency;
use crate::identity::Uid;

use super::object::{Object, ObjectName};

#[cfg(test)]
mod tests;

/// An object that wants to call the servers of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(crate) object: Uid,
    pub(crate) name: ObjectName,
    pub(crate) urgency: Urgency,
}

/// Whether there is a place.
pub(crate) enum Enter {
    /// The servers may be called until this is dropped.
    Place(Place),
    /// The object is in the queue, and is woken.
    Queued,
}

/// The lanes of all connections.
pub(crate) struct Lanes {
    places: usize,
    wake: Box<dyn Fn(Object) + Send + Sync>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By connection; one without guests and visitors is not kept.
    lanes: HashMap<Uid, Lane>,
    /// The connection in whose lane an object waits, and where in its queue.
    waiting: HashMap<Uid, (Uid, Position)>,
    arrivals: u64,
}

/// Where an object stands in a queue: by urgency, then by arrival.
type Position = (Urgency, u64);

#[derive(Default)]
struct Lane {
    taken: usize,
    queue: BTreeMap<Position, Waiting>,
    /// The connection, if it is to be woken once no reconcile calls its servers.
    when_empty: Option<ObjectName>,
}

impl Lane {
    /// How many more objects of this urgency may have a place. What a person asked for has one place more than all
    /// others: these may be stuck in a server for minutes.
    fn free(&self, urgency: Urgency, places: usize) -> usize {
        let all = places + usize::from(urgency == Urgency::Asked);
        all.saturating_sub(self.taken)
    }
}

struct Waiting {
    name: ObjectName,
    /// A reconcile was woken, and takes the free place or gives it up.
    woken: bool,
}

impl Lanes {
    /// Lanes of so many places each, at least one. `wake` asks for a reconcile.
    pub(crate) fn new(places: usize, wake: impl Fn(Object) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            places: places.max(1),
            wake: Box::new(wake),
            state: Mutex::default(),
        })
    }

    /// A place in the lane of a connection, or one in its queue.
    pub(crate) fn enter(self: &Arc<Self>, connection: &Uid, visitor: Visitor) -> Enter {
        let mut state = self.lock();
        let mut woken = state.leave_other_lane(connection, &visitor.object, self.places);
        let enter = if state.may_enter(connection, &visitor, self.places) {
            state.remove(&visitor.object);
            state.lane(connection).taken += 1;
            woken.extend(state.call(connection, self.places));
            Enter::Place(Place {
                lanes: Arc::clone(self),
                connection: connection.clone(),
            })
        } else {
            woken.extend(state.queue(connection, visitor, self.places));
            Enter::Queued
        };
        self.release(state, woken);
        enter
    }

    /// The first of those that wait for a place in the lane of a connection.
    pub(crate) fn next(&self, connection: &Uid, count: usize) -> Vec<ObjectName> {
        let state = self.lock();
        let queue = state.lanes.get(connection).into_iter();
        let waiting = queue.flat_map(|lane| lane.queue.values().take(count));
        waiting.map(|waiting| waiting.name.clone()).collect()
    }

    /// An object needs no place any more: its reconcile ended without one, or it is gone.
    pub(crate) fn withdraw(&self, object: &Uid) {
        let mut state = self.lock();
        let woken = state.withdraw(object, self.places);
        self.release(state, woken);
    }

    /// Whether a binding calls the servers of a connection. The connection is then woken when none does any more.
    pub(crate) fn is_busy(&self, connection: &Uid, name: ObjectName) -> bool {
        let mut state = self.lock();
        let lane = state.lanes.get_mut(connection);
        let Some(lane) = lane.filter(|lane| lane.taken > 0) else {
            return false;
        };
        lane.when_empty = Some(name);
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes without holding the lock.
    fn release(&self, state: MutexGuard<'_, State>, woken: Vec<Object>) {
        drop(state);
        for wake in woken {
            (self.wake)(wake);
        }
    }
}

impl State {
    fn lane(&mut self, connection: &Uid) -> &mut Lane {
        self.lanes.entry(connection.clone()).or_default()
    }

    /// There are more free places than objects that go first.
    fn may_enter(&self, connection: &Uid, visitor: &Visitor, places: usize) -> bool {
        let Some(lane) = self.lanes.get(connection) else {
            return true;
        };
        let own = self.position(connection, visitor);
        let free = lane.free(own.0, places);
        // No more are counted than matter: thousands may wait.
        lane.queue.range(..own).take(free).count() < free
    }

    /// Where a visitor stands, or would stand, in the queue. It keeps its arrival when it becomes more urgent.
    fn position(&self, connection: &Uid, visitor: &Visitor) -> Position {
        let waiting = self.waiting.get(&visitor.object);
        let before = waiting.filter(|(lane, _)| lane == connection);
        let arrival = before.map_or(self.arrivals, |(_, (_, arrival))| *arrival);
        let urgency = before.map_or(visitor.urgency, |(_, (urgency, _))| {
            visitor.urgency.min(*urgency)
        });
        (urgency, arrival)
    }

    /// Puts a visitor into the queue, or has it wait on.
    #[must_use]
    fn queue(&mut self, connection: &Uid, visitor: Visitor, places: usize) -> Vec<Object> {
        let position = self.position(connection, &visitor);
        self.arrivals += 1;
        self.remove(&visitor.object);
        let place = (connection.clone(), position);
        self.waiting.insert(visitor.object.clone(), place);
        let waiting = Waiting {
            name: visitor.name,
            woken: false,
        };
        self.lane(connection).queue.insert(position, waiting);
        self.call(connection, places)
    }

    #[must_use]
    fn leave_other_lane(&mut self, connection: &Uid, object: &Uid, places: usize) -> Vec<Object> {
        if matches!(self.waiting.get(object), Some((lane, _)) if lane != connection) {
            return self.withdraw(object, places);
        }
        Vec::new()
    }

    #[must_use]
    fn withdraw(&mut self, object: &Uid, places: usize) -> Vec<Object> {
        let Some(connection) = self.remove(object) else {
            return Vec::new();
        };
        self.call(&connection, places)
    }

    /// Takes an object out of its queue.
    fn remove(&mut self, object: &Uid) -> Option<Uid> {
        let (connection, position) = self.waiting.remove(object)?;
        if let Some(lane) = self.lanes.get_mut(&connection) {
            lane.queue.remove(&position);
        }
        Some(connection)
    }

    /// Wakes as many as there are free places. This holds after every change: of the first in the queue, as many as
    /// there are free places are woken.
    #[must_use]
    fn call(&mut self, connection: &Uid, places: usize) -> Vec<Object> {
        let Some(lane) = self.lanes.get_mut(connection) else {
            return Vec::new();
        };
        let (for_people, for_others) = (
            lane.free(Urgency::Asked, places),
            lane.free(Urgency::Drift, places),
        );
        let mut woken = Vec::new();
        for (nth, ((urgency, _), waiting)) in lane.queue.iter_mut().take(for_people).enumerate() {
            let has_place = *urgency == Urgency::Asked || nth < for_others;
            if has_place && !waiting.woken {
                waiting.woken = true;
                woken.push(Object::Binding(waiting.name.clone()));
            }
        }
        if lane.taken == 0 {
            woken.extend(lane.when_empty.take().map(Object::Connection));
            if lane.queue.is_empty() {
                self.lanes.remove(connection);
            }
        }
        woken
    }
}

/// A place in a lane. Dropping it gives it back.
pub(crate) struct Place {
    lanes: Arc<Lanes>,
    connection: Uid,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.lanes.lock();
        if let Some(lane) = state.lanes.get_mut(&self.connection) {
            lane.taken = lane.taken.saturating_sub(1);
        }
        let woken = state.call(&self.connection, self.lanes.places);
        self.lanes.release(state, woken);
    }
}
