//! Who holds, wants and waits for what: projects, repositories, configurations and base URLs.
//!
//! Fed by the watches, and by acceptances that no watch has shown yet. Every update touches the entries of one object
//! and of the things that it has to do with. Who of several contenders wins is decided by [`crate::plan::contest`].

mod contenders;
#[cfg(test)]
mod model;
mod state;
#[cfg(test)]
mod tests;
mod thing;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::identity::{ProjectId, RepositoryPath, Uid};
use crate::plan::Contender;

use super::object::Object;
use contenders::Contenders;
pub(crate) use thing::{Claim, Facts, Server, Terms, Thing};

/// Who holds, wants and waits for what.
pub(crate) struct Ledger {
    state: Mutex<State>,
    /// Has an object reconciled. Called without a lock.
    wake: Box<dyn Fn(Object) + Send + Sync>,
}

#[derive(Default)]
struct State {
    // Boxed: a table has room for up to twice as many rows as there are.
    objects: HashMap<Uid, Box<Entry>>,
    /// Nothing is kept of a thing that no object has to do with.
    things: HashMap<Thing, Box<Standing>>,
}

struct Entry {
    facts: Facts,
    /// What it has accepted, until the watch shows it.
    fresh: Vec<Claim>,
    waits: Option<(Thing, For)>,
}

/// What an object waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum For {
    /// That another object's reservation ends.
    Reservation,
    /// That the thing belongs to another object than now.
    Change,
}

/// Who has to do with a thing.
#[derive(Default)]
struct Standing {
    /// Those that hold or want it by right, in their order.
    contenders: Contenders,
    /// The object that is being reconciled for it.
    reserved: Option<Uid>,
    /// Those that wait for the end of the reservation, in their order.
    queue: BTreeSet<(i64, Uid)>,
    /// Those that wait for another winner.
    losers: BTreeSet<Uid>,
}

impl Standing {
    fn is_idle(&self) -> bool {
        let Self {
            contenders,
            reserved,
            queue,
            losers,
        } = self;
        contenders.is_empty() && reserved.is_none() && queue.is_empty() && losers.is_empty()
    }
}

impl Entry {
    /// The claims that count now.
    fn claims(&self) -> Vec<Claim> {
        if !self.facts.has_right {
            return Vec::new();
        }
        let shown = self.facts.claims.iter();
        // Until the watch shows what was accepted, it shows what is void.
        let shown = shown.filter(|claim| self.fresh.is_empty() || claim.thing.is_declared());
        shown.chain(&self.fresh).cloned().collect()
    }

    fn contender(&self, accepted: bool) -> Contender {
        let (Object::Binding((namespace, name)) | Object::Connection((namespace, name))) =
            &self.facts.object;
        Contender {
            uid: self.facts.uid.clone(),
            name: format!("{namespace}/{name}"),
            accepted,
            created: self.facts.created,
        }
    }

    /// What it holds or wants while it is being deleted.
    fn leaves(&self) -> Vec<Thing> {
        let claims = self.facts.claims.iter().chain(&self.fresh);
        let claims = claims.filter(|_| self.facts.is_leaving);
        claims.map(|claim| claim.thing.clone()).collect()
    }

    /// Drops what the watch shows by now.
    fn forget_what_is_shown(&mut self) {
        let facts = &self.facts.claims;
        let is_shown = |fresh: &Claim| {
            let mut shown = facts.iter();
            shown.any(|claim| claim.accepted && claim.thing == fresh.thing)
        };
        if self.fresh.iter().all(is_shown) {
            self.fresh.clear();
        }
    }
}

impl Ledger {
    /// `wake` has an object reconciled.
    pub(crate) fn new(wake: impl Fn(Object) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            wake: Box::new(wake),
        })
    }

    /// Takes note of an object as the watch shows it.
    pub(crate) fn put(&self, facts: Facts) {
        self.change(|state| {
            let uid = facts.uid.clone();
            state.replace(&uid, |before| {
                let (fresh, waits) =
                    before.map_or_else(Default::default, |entry| (entry.fresh, entry.waits));
                let mut entry = Entry {
                    facts: facts.without_spare_room(),
                    fresh,
                    waits,
                };
                entry.forget_what_is_shown();
                Some(entry.into())
            })
        });
    }

    /// Forgets an object that is gone.
    pub(crate) fn remove(&self, uid: &Uid) {
        self.change(|state| {
            let mut woken = state.begin(uid);
            woken.extend(state.replace(uid, |_| None));
            woken
        });
    }

    /// An object has accepted these things, and holds nothing else. Others see it at once.
    pub(crate) fn accept(&self, uid: &Uid, claims: Vec<Claim>) {
        self.change(|state| {
            state.replace(uid, |before| {
                let mut entry = before?;
                entry.fresh = claims;
                entry.forget_what_is_shown();
                Some(entry)
            })
        });
    }

    /// An object gives up what it has accepted in this process, and no watch has shown yet.
    pub(crate) fn give_up(&self, uid: &Uid) {
        self.accept(uid, Vec::new());
    }

    /// Whether an object has accepted something that the watch does not show yet.
    pub(crate) fn is_fresh(&self, uid: &Uid) -> bool {
        let state = self.lock();
        let entry = state.objects.get(uid);
        entry.is_some_and(|entry| !entry.fresh.is_empty())
    }

    /// An object is being reconciled: it waits for nothing until it says so again.
    pub(crate) fn begin(&self, uid: &Uid) {
        self.change(|state| state.begin(uid));
    }

    /// The object to which one of these things belongs, if it is another one. Then this one waits until that changes.
    pub(crate) fn contend(&self, uid: &Uid, things: &[Thing]) -> Option<Contender> {
        let mut winner = None;
        self.change(|state| {
            let lost = things.iter().find_map(|thing| {
                winner = state.rival(uid, thing);
                winner.as_ref().map(|_| thing)
            });
            lost.map_or_else(Vec::new, |thing| state.wait(uid, thing, For::Change))
        });
        winner
    }

    /// The object to which a thing belongs, if it is another one.
    pub(crate) fn rival(&self, uid: &Uid, thing: &Thing) -> Option<Contender> {
        self.lock().rival(uid, thing)
    }

    /// An object waits until a thing belongs to another one than now.
    pub(crate) fn wait_for_change(&self, uid: &Uid, thing: &Thing) {
        self.change(|state| state.wait(uid, thing, For::Change));
    }

    /// Reserves these things for the reconcile of one object. `None` where one of them is reserved for another object:
    /// then this one is woken when that ends.
    pub(crate) fn reserve(self: &Arc<Self>, uid: &Uid, things: &[Thing]) -> Option<Reservation> {
        let mut reservation = Reservation {
            ledger: Arc::clone(self),
            uid: uid.clone(),
            things: Vec::new(),
        };
        reservation.exchange(things).then_some(reservation)
    }

    /// The base URL that an object declares.
    pub(crate) fn base_url_of(&self, uid: &Uid) -> Option<String> {
        let state = self.lock();
        let mut claims = state.objects.get(uid)?.claims().into_iter();
        claims.find_map(|claim| match claim.terms {
            Terms::BaseUrl(declared) => Some(declared),
            Terms::Project(..) | Terms::None => None,
        })
    }

    /// The repository for which another object holds this very project; by its key alone if no id is known.
    pub(crate) fn held_for(
        &self,
        uid: &Uid,
        project: &Thing,
        id: Option<&ProjectId>,
    ) -> Option<RepositoryPath> {
        let state = self.lock();
        let standing = state.things.get(project)?;
        let mut others = standing.contenders.accepted_by_others(uid);
        others.find_map(|other| {
            let claims = state.objects.get(&other.uid)?.claims();
            let found = claims.into_iter().find(|claim| claim.thing == *project)?;
            match found.terms {
                Terms::Project(held, repository) if id.is_none() || held.as_ref() == id => {
                    Some(repository)
                }
                Terms::Project(..) | Terms::None | Terms::BaseUrl(_) => None,
            }
        })
    }

    /// Changes the state, and has those reconciled that it concerns.
    fn change(&self, change: impl FnOnce(&mut State) -> Vec<Object>) {
        let mut woken = change(&mut self.lock());
        woken.sort();
        woken.dedup();
        for object in woken {
            (self.wake)(object);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Things that are reserved for the reconcile of one object. Dropped, it wakes those that wait for them.
pub(crate) struct Reservation {
    ledger: Arc<Ledger>,
    uid: Uid,
    things: Vec<Thing>,
}

impl Reservation {
    /// Reserves these things instead. `false` where one of them is reserved for another object: then this one keeps
    /// what it has, and is woken when that ends.
    pub(crate) fn exchange(&mut self, things: &[Thing]) -> bool {
        let mut is_free = true;
        let Self {
            ledger,
            uid,
            things: own,
        } = self;
        ledger.change(|state| {
            if let Some(taken) = things.iter().find(|thing| state.is_taken(uid, thing)) {
                is_free = false;
                return state.wait(uid, taken, For::Reservation);
            }
            for thing in things {
                let standing = state.things.entry(thing.clone()).or_default();
                standing.reserved = Some(uid.clone());
            }
            let before = std::mem::replace(own, things.to_vec());
            let left = before.iter().filter(|thing| !things.contains(thing));
            let mut woken = state.release(left);
            woken.extend(state.begin(uid));
            woken
        });
        is_free
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.ledger
            .change(|state| state.release(self.things.iter()));
    }
}
