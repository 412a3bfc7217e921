//! How one change touches the entries of one object, and those of the things that it has to do with.

use super::{Claim, Entry, For, Object, State, Thing};
use crate::identity::Uid;
use crate::plan::{Contender, contest};

impl State {
    /// Replaces an entry, and with it the object's claims. Returns those that lost to another winner, or may win now.
    pub(super) fn replace(
        &mut self,
        uid: &Uid,
        change: impl FnOnce(Option<Box<Entry>>) -> Option<Box<Entry>>,
    ) -> Vec<Object> {
        let before = self.objects.remove(uid);
        let old = before.as_deref().map(Entry::claims).unwrap_or_default();
        let mut things: Vec<_> = old.iter().map(|claim| claim.thing.clone()).collect();
        let rank = before.as_ref().map(|entry| entry.contender(false));
        let left = before.as_deref().map(Entry::leaves).unwrap_or_default();
        let mut after = change(before);
        if let Some(entry) = &mut after {
            self.share_things(entry);
        }
        let leaves = after.as_ref().is_some_and(|entry| entry.facts.is_leaving);
        let still = after.as_deref().map(Entry::leaves).unwrap_or_default();
        let new = after.as_deref().map(Entry::claims).unwrap_or_default();
        things.extend(new.iter().map(|claim| claim.thing.clone()));
        things.sort();
        things.dedup();
        let now = after.as_ref().map(|entry| entry.contender(false));
        // What a binding undoes comes first; who adopts a configuration does so before it would be deleted.
        let is_connection = after
            .as_ref()
            .is_some_and(|entry| matches!(entry.facts.object, Object::Connection(_)));
        if let Some(entry) = after {
            self.objects.insert(uid.clone(), entry);
        }
        let mut woken = Vec::new();
        for thing in things {
            let of = |claims: &[Claim]| claims.iter().find(|claim| claim.thing == thing).cloned();
            let (was, is) = (of(&old), of(&new));
            if was == is && rank == now {
                continue;
            }
            let standing = self.things.entry(thing.clone()).or_default();
            let winner = standing.contenders.first().cloned();
            let with = |rank: &Option<Contender>, claim: &Claim| {
                let rank = rank.clone()?;
                let accepted = claim.accepted;
                Some(Contender { accepted, ..rank })
            };
            if let Some(gone) = was.as_ref().and_then(|claim| with(&rank, claim)) {
                standing.contenders.remove(&gone);
            }
            if let Some(come) = is.as_ref().and_then(|claim| with(&now, claim)) {
                standing.contenders.insert(come);
            }
            let terms = |claim: &Option<Claim>| claim.as_ref().map(|claim| claim.terms.clone());
            let wins = |by: Option<&Contender>| by.map(|by| by.uid.clone());
            let (first, next) = (wins(winner.as_ref()), wins(standing.contenders.first()));
            let has_other_terms = first.as_ref() == Some(uid) && terms(&was) != terms(&is);
            if first != next || has_other_terms {
                let is_reported = |_: &&Uid| !leaves || is_connection;
                let losers = standing.losers.iter().filter(is_reported).cloned();
                // Who was the winner has to learn that it is so no more.
                let concerned = losers.chain(first.filter(|_| next.is_some()));
                let concerned: Vec<_> = concerned.filter(|other| other != uid).collect();
                woken.extend(concerned.iter().filter_map(|other| self.name(other)));
            }
            self.tidy(&thing);
        }
        let left = left.iter().filter(|thing| !still.contains(thing));
        let standings = left.filter_map(|thing| self.things.get(thing));
        let losers = standings.flat_map(|standing| &standing.losers);
        woken.extend(losers.filter_map(|loser| self.name(loser)));
        woken
    }

    /// The claims of an entry share their things with all others.
    fn share_things(&self, entry: &mut Entry) {
        let claims = entry.facts.claims.iter_mut().chain(&mut entry.fresh);
        for claim in claims {
            if let Some((known, _)) = self.things.get_key_value(&claim.thing) {
                claim.thing = known.clone();
            }
        }
    }

    pub(super) fn begin(&mut self, uid: &Uid) -> Vec<Object> {
        let entry = self.objects.get_mut(uid);
        let Some((created, (thing, _))) =
            entry.and_then(|entry| Some((entry.facts.created, entry.waits.take()?)))
        else {
            return Vec::new();
        };
        if let Some(standing) = self.things.get_mut(&thing) {
            standing.losers.remove(uid);
            standing.queue.remove(&(created, uid.clone()));
        }
        // It may have been woken for what it does not want any more.
        let next = self.next_in(&thing);
        self.tidy(&thing);
        next.into_iter().collect()
    }

    pub(super) fn rival(&self, uid: &Uid, thing: &Thing) -> Option<Contender> {
        let first = self.things.get(thing)?.contenders.first()?.clone();
        let own = self.objects.get(uid).filter(|own| own.facts.has_right);
        let own = own.map(|own| {
            let mut claims = own.claims().into_iter();
            let accepted = claims.any(|claim| claim.thing == *thing && claim.accepted);
            own.contender(accepted)
        });
        contest(own.into_iter().chain([first])).filter(|winner| winner.uid != *uid)
    }

    pub(super) fn wait(&mut self, uid: &Uid, thing: &Thing, what: For) -> Vec<Object> {
        let woken = self.begin(uid);
        let Some(entry) = self.objects.get_mut(uid) else {
            return woken;
        };
        entry.waits = Some((thing.clone(), what));
        let standing = self.things.entry(thing.clone()).or_default();
        match what {
            For::Reservation => standing.queue.insert((entry.facts.created, uid.clone())),
            For::Change => standing.losers.insert(uid.clone()),
        };
        woken
    }

    pub(super) fn is_taken(&self, uid: &Uid, thing: &Thing) -> bool {
        let standing = self.things.get(thing);
        let by = standing.and_then(|standing| standing.reserved.as_ref());
        by.is_some_and(|by| by != uid)
    }

    /// Ends the reservation of these things. Returns the next that waits for each of them.
    pub(super) fn release<'a>(&mut self, things: impl Iterator<Item = &'a Thing>) -> Vec<Object> {
        let mut woken = Vec::new();
        for thing in things {
            if let Some(standing) = self.things.get_mut(thing) {
                standing.reserved = None;
            }
            woken.extend(self.next_in(thing));
            self.tidy(thing);
        }
        woken
    }

    /// The first of those that wait for a thing that is not reserved.
    pub(super) fn next_in(&self, thing: &Thing) -> Option<Object> {
        let standing = self.things.get(thing)?;
        let (_, next) = standing.queue.first()?;
        self.name(next).filter(|_| standing.reserved.is_none())
    }

    pub(super) fn name(&self, uid: &Uid) -> Option<Object> {
        let entry = self.objects.get(uid)?;
        Some(entry.facts.object.clone())
    }

    pub(super) fn tidy(&mut self, thing: &Thing) {
        if self
            .things
            .get(thing)
            .is_some_and(|standing| standing.is_idle())
        {
            self.things.remove(thing);
        }
    }
}
