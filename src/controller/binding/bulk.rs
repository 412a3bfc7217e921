//! New bindings share what they ask the servers: the last listing, who has their keys, where their import token goes.

use std::time::{Duration, Instant};

use kube::ResourceExt as _;

use crate::controller::error::Error;
use crate::crd::ProjectBinding;
use crate::declared;
use crate::identity::ProjectKey;
use crate::kubernetes::uid;
use crate::plan::binding::{
    Basis, Desired, Enough, Listings, Plan, Progress, Record, Repository, Rights, Step,
};
use crate::sonarqube::KEYS_AT_ONCE;

use super::work::{Scene, Work};

/// Answers of so long ago are as good as new for an import that is planned by a listing: no project has a key, and
/// SonarQube's configuration shows our URL, to which SonarQube sends the import token.
const SAME_MOMENT: Duration = Duration::from_secs(1);

/// What a binding is planned by first. `None`: a new one waits for the next listing, which is made for all that do.
pub(super) fn basis(
    binding: &ProjectBinding,
    desired: &Desired,
    scene: Scene<'_>,
) -> Option<Basis> {
    let connection = &scene.reference.connection;
    let link = scene.context.links.of(&uid(&**connection));
    let began = scene.access.inventory().began();
    let now = Instant::now();
    let mut locked = link.lock();
    let listing = &mut locked.listing;
    let is_new = desired.record == Record::default();
    let others = if is_new {
        listing.comes(&desired.uid, now)
    } else {
        0
    };
    let listings = Listings {
        lists_bindings: scene.access.capabilities.lists_bindings,
        others,
        is_fresh: began.is_some_and(|began| listing.replaces_a_read(began, now)),
        is_served: listing.serves(now),
    };
    let basis = listings.basis(&desired.record);
    // The first that needs it has the connection make it.
    let is_asked_for = match (&basis, began) {
        (None, _) => {
            let name = (binding.namespace().unwrap_or_default(), binding.name_any());
            listing.wait(uid(binding), name)
        }
        (Some(Basis::Listing), Some(began)) => listing.goes_by(began, now),
        (Some(_), _) => false,
    };
    drop(locked);
    if is_asked_for {
        scene.context.ask_for_a_listing(connection);
    }
    basis
}

impl Work<'_> {
    /// Whether what the plan goes by is enough for it.
    pub(super) async fn is_enough(&self, plan: &Plan) -> Result<bool, Error> {
        match self.basis.is_enough(plan) {
            Enough::Yes => Ok(true),
            Enough::No => Ok(false),
            Enough::IfFree(key) => {
                Ok((self.is_listed() || self.is_unbound().await?) && self.is_free(key).await?)
            }
        }
    }

    /// Whether the listing began after the object was there: it then shows what a user bound before.
    fn is_listed(&self) -> bool {
        let noticed = self.context.agenda.noticed(&self.desired.uid);
        let began = self.access.inventory().began();
        began
            .zip(noticed)
            .is_some_and(|(began, noticed)| noticed <= began)
    }

    /// Whether no project is bound to the repository now. Once so many were read alone that a listing costs no more, one
    /// is made for those that come next.
    async fn is_unbound(&self) -> Result<bool, Error> {
        let connection = &self.reference.connection;
        let link = self.context.links.of(&uid(&**connection));
        let is_cheaper = link.lock().listing.reads_alone();
        if is_cheaper {
            self.context.ask_for_a_listing(connection);
        }
        let sonarqube = &self.access.sonarqube;
        let bound = sonarqube.project_bindings_of(&self.access.setting, &self.desired.repository);
        let bound = bound.await.map_err(|source| self.access.failed(source))?;
        Ok(bound.is_empty())
    }

    /// Whether no project has this key. The call also looks up the keys of those that come next.
    async fn is_free(&self, key: &ProjectKey) -> Result<bool, Error> {
        let sonarqube = &self.access.sonarqube;
        let next = || self.keys_of_the_next();
        let found = sonarqube.project_spelt(key, self.same_moment(), next);
        let found = found.await.map_err(|source| self.access.failed(source))?;
        Ok(found.is_none())
    }

    /// The keys that those want who wait for a place.
    fn keys_of_the_next(&self) -> Vec<ProjectKey> {
        let connection = uid(&*self.reference.connection);
        let next = self.context.lanes.next(&connection, KEYS_AT_ONCE);
        let wanted = next.iter().filter_map(|(namespace, name)| {
            let binding = self.context.queues.bindings.store.get(namespace, name)?;
            declared::wanted_key(binding.0.as_ref().ok()?, Some(&self.reference.connection))
        });
        wanted.collect()
    }

    /// How old an answer may be that an import goes by.
    pub(super) fn same_moment(&self) -> Duration {
        match self.basis {
            Basis::Listing => SAME_MOMENT,
            Basis::Servers | Basis::Answer(_) => Duration::ZERO,
        }
    }

    /// What the binding is planned by after these steps.
    pub(super) fn basis_after(&self, steps: &[Step], found: Option<&Repository>) -> Basis {
        let progress = Progress {
            own: &self.desired.uid,
            record: &self.desired.record,
            steps,
            found,
            is_smooth: self.rights == Rights::Assumed && self.writes.fight().is_none(),
            // The answer does not say who may see the project.
            asks_for_more: self.desired.visibility.is_some(),
        };
        let lists_bindings = self.access.capabilities.lists_bindings;
        self.basis.after(&progress, lists_bindings)
    }
}
