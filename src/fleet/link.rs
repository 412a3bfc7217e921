//! What the process knows of each connection: what its bindings may do there, its clients, and what was found out about
//! its servers.
//!
//! The reconcile of the connection fills it; bindings read a snapshot, and invalidate what a failed call contradicts.
//! Nothing in it is needed for correctness: a restart costs one check of the servers, one validation and one sweep.

mod access;
mod cached;
mod found;
mod invalidations;
mod listing;
mod sharing;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::http::Token;
use crate::identity::{SettingId, Uid};
use crate::plan::Blocked;
use crate::plan::connection::{
    Affected, Availability, Pushed, SonarQubeState, Step, Trouble, transition,
};
use crate::plan::decoration;
use crate::plan::fight::Writes;

pub(crate) use access::{FoundSonarQube, ServerAccess, SharedInventory, Standing};
pub(crate) use cached::{Cached, Reading};
pub(crate) use found::{
    BitbucketInputs, Clients, Endpoint, Endpoints, FeatureInputs, Features, Health, HealthInputs,
    Key, ProbeInputs, Probed, Request, Swept, TriedTokens, Validated, VerifiedServer,
};
pub(crate) use listing::Listing;
pub(crate) use sharing::{Listings, Sharing, View};

use super::agenda::spread;
use invalidations::Invalidations;
use sharing::Views;

/// The links of all connections, by uid.
#[derive(Default)]
pub(crate) struct Links {
    links: Mutex<HashMap<Uid, SharedLink>>,
    views: Views,
}

/// The link of one connection, for its own reconcile and for those of its bindings. Its lock is held for moments.
#[derive(Clone, Default)]
pub(crate) struct SharedLink(Arc<Mutex<Link>>);

/// What is known of one connection.
#[derive(Default)]
pub(crate) struct Link {
    /// What its bindings may do.
    standing: Arc<Standing>,
    invalidations: Invalidations,
    pub(crate) clients: Cached<Clients, Endpoints>,
    pub(crate) health: Cached<Health, HealthInputs>,
    pub(crate) features: Cached<Features, FeatureInputs>,
    pub(crate) probe: Cached<Probed, ProbeInputs>,
    /// The version of Bitbucket, and that it took both tokens.
    pub(crate) bitbucket: Cached<String, BitbucketInputs>,
    pub(crate) validation: Cached<Validated, SettingId>,
    /// The very tokens that SonarQube was given: equal bytes in a new version of the Secret are not pushed again.
    pub(crate) pushed: Pushed<Token>,
    /// What the last reconciles wrote that another client may have undone.
    pub(crate) writes: Writes<Step>,
    pub(crate) sweep: Cached<Swept, SettingId>,
    pub(crate) inventory: SharedInventory,
    pub(crate) listing: Listing,
    /// What other connections are shown as well.
    pub(crate) sharing: Option<Sharing>,
}

/// What a reconcile of a connection that failed has found out.
pub(crate) struct Failing {
    pub(crate) why: Blocked,
    /// SonarQube, if it was found well in this reconcile.
    pub(crate) found: Option<FoundSonarQube>,
    pub(crate) sonarqube: SonarQubeState,
    pub(crate) token: decoration::Token,
}

/// A call of a binding failed with an error that says something about a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Invalidation {
    pub(crate) about: About,
    /// When the server wants to be asked again (`Retry-After`).
    pub(crate) at_least: Option<Duration>,
}

/// What a call that failed says something about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// Whether the server is well.
    Servers,
    /// What it can do: it does not know a call that it knew before.
    Offer,
}

impl Links {
    /// The link of a connection that is reconciled.
    pub(crate) fn open(&self, connection: &Uid) -> SharedLink {
        self.lock().entry(connection.clone()).or_default().clone()
    }

    /// The link of a connection. One that is gone, or was never reconciled, has one of its own.
    pub(crate) fn of(&self, connection: &Uid) -> SharedLink {
        let link = self.lock().get(connection).cloned();
        link.unwrap_or_default()
    }

    /// What the bindings of a connection may do.
    pub(crate) fn standing(&self, connection: &Uid) -> Arc<Standing> {
        let link = self.lock().get(connection).cloned();
        link.map(|link| link.lock().standing()).unwrap_or_default()
    }

    /// The listings of a view.
    pub(crate) fn listings(&self, view: View) -> Arc<Listings> {
        self.views.listings(view)
    }

    /// The other connections that share these listings.
    pub(crate) fn sharing(
        &self,
        listings: &Arc<Listings>,
        own: &SharedLink,
    ) -> Vec<(SharedLink, Sharing)> {
        let others = self
            .lock()
            .values()
            .cloned()
            .collect::<Vec<_>>()
            .into_iter();
        let others = others.filter(|link| !Arc::ptr_eq(&link.0, &own.0));
        let sharing = others.filter_map(|link| {
            let sharing = link.lock().sharing.clone()?;
            Arc::ptr_eq(&sharing.listings, listings).then_some((link, sharing))
        });
        sharing.collect()
    }

    /// Forgets a connection that is gone, and its tokens.
    pub(crate) fn forget(&self, connection: &Uid) {
        self.lock().remove(connection);
    }

    /// Forgets a binding that is gone: no connection has it wait for a listing any more.
    pub(crate) fn forget_binding(&self, binding: &Uid) {
        for link in self.lock().values() {
            link.lock().listing.forget(binding);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uid, SharedLink>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SharedLink {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Link> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    /// What its bindings may do.
    pub(crate) fn standing(&self) -> Arc<Standing> {
        Arc::clone(&self.standing)
    }

    /// A reconcile of the connection begins.
    pub(crate) fn begin(&mut self) {
        self.invalidations.begin();
    }

    /// A reconcile of the connection found everything well.
    pub(crate) fn is_well(&mut self, connection: &Uid, now: Instant) {
        self.invalidations.found_well(spread(connection), now);
    }

    /// The bindings may work.
    pub(crate) fn serve(&mut self, access: ServerAccess) -> Affected {
        let availability = Availability::Serving(access.offer());
        self.change(availability, Some(Arc::new(access)))
    }

    /// A reconcile of the connection failed: its bindings have to wait.
    pub(crate) fn fail(&mut self, failing: Failing) -> Affected {
        let (access, trouble) = self.judge(failing);
        let availability = Availability::after(trouble);
        // A token whose Secret is gone is used no more.
        let is_gone = matches!(availability, Availability::Gone(_));
        self.change(availability, access.filter(|_| !is_gone))
    }

    /// The same of a connection that is being deleted.
    pub(crate) fn fail_while_deleting(&mut self, failing: Failing) -> Affected {
        let (access, trouble) = self.judge(failing);
        let availability = self.standing.availability.clone().while_deleting(trouble);
        self.change(availability, access)
    }

    /// The bindings have to wait, for a reason that is not one of the servers.
    pub(crate) fn close(&mut self, why: Blocked) -> Affected {
        self.change(Availability::Down(why), None)
    }

    /// The connection is being deleted, and no binding needs it. Whether it served bindings until now, as far as is
    /// known.
    pub(crate) fn close_to_new_ones(&mut self, why: Blocked) -> bool {
        let availability = self.standing.availability.clone().closed_to_new_ones(why);
        self.change(availability, self.standing.access.clone()) == Affected::All
    }

    /// A call of a binding failed as it does when a server is down. Whether the connection has to be reconciled for it:
    /// it then checks both servers.
    pub(crate) fn invalidate(&mut self, invalidation: Invalidation, now: Instant) -> bool {
        // A connection that does not serve has failed, and checks the servers at its own pace.
        let is_worth_a_check = matches!(self.standing.availability, Availability::Serving(_))
            && self.invalidations.invalidate(invalidation.at_least, now);
        if is_worth_a_check {
            self.invalidate_health();
            if invalidation.about == About::Offer {
                self.probe.invalidate();
            }
        }
        is_worth_a_check
    }

    /// Has both servers asked everything.
    fn invalidate_health(&mut self) {
        self.health.invalidate();
        self.features.invalidate();
        self.bitbucket.invalidate();
    }

    /// The access that bindings may go on with after a failure, and what the core judges by.
    fn judge(&mut self, failing: Failing) -> (Option<Arc<ServerAccess>>, Trouble) {
        self.invalidate_health();
        self.invalidations.found_trouble();
        let Failing {
            why,
            found,
            sonarqube,
            token,
        } = failing;
        let known = self.standing.access.clone();
        let access = match &found {
            Some(found) => known.and_then(|access| access.by(found)),
            None => known,
        };
        let trouble = Trouble {
            why,
            sonarqube,
            has_access: access.is_some(),
            token,
        };
        (access, trouble)
    }

    fn change(
        &mut self,
        availability: Availability,
        access: Option<Arc<ServerAccess>>,
    ) -> Affected {
        let affected = transition(&self.standing.availability, &availability);
        self.standing = Arc::new(Standing {
            availability,
            access,
        });
        affected
    }
}

#[cfg(test)]
mod tests;
