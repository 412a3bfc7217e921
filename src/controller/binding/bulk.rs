//! Many new bindings at once: they are planned by the last listing, and what they wrote is read back with the next one.
//!
//! That costs a share of a listing in place of seven calls for each. A few at once ask the servers themselves: each of
//! them is Ready sooner.

use std::time::{Duration, Instant};

use kube::ResourceExt as _;
use kube::runtime::reflector::ObjectRef;

use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::crd::{BitbucketConnection, ProjectBinding};
use crate::declared;
use crate::fleet::link::{ServerAccess, SharedLink, Written};
use crate::identity::ProjectKey;
use crate::kubernetes::uid;
use crate::observe;
use crate::plan::binding::{
    Basis, Desired, Enough, Listings, Plan, Progress, Repository, Rights, Step, plan, record,
};
use crate::sonarqube::KEYS_AT_ONCE;

use super::report::Report;
use super::visit::is_asked;
use super::work::{Scene, Work};

/// Answers of so long ago are as good as new while many are imported: no project has a key, and SonarQube's
/// configuration shows our URL, to which SonarQube sends the import token. A single import asks right before.
const SAME_MOMENT: Duration = Duration::from_secs(1);

/// What became of an earlier write.
pub(super) enum ReadBack {
    /// Nothing was written, or the listing does not show it as planned: the servers have to be asked.
    Nothing,
    /// The next listing is to show it.
    Waits,
    /// The listing shows it as planned.
    Shown,
}

/// Looks for what an earlier reconcile wrote in a listing that began later.
pub(super) fn read_back(report: &mut Report, desired: &Desired, scene: Scene<'_>) -> ReadBack {
    let link = link(scene);
    let Some(written) = link.lock().listing.written(&desired.uid) else {
        return ReadBack::Nothing;
    };
    let binding = &report.binding;
    let is_same = written.generation == binding.metadata.generation && !is_asked(binding);
    let began = scene.access.inventory().began();
    let is_older = began.is_none_or(|began| began <= written.at);
    if is_same && is_older && link.lock().listing.serves(Instant::now()) {
        wait(binding, &scene.reference.connection, scene.context);
        return ReadBack::Waits;
    }
    link.lock().listing.forget(&desired.uid);
    let shown = observe::listed(desired, scene.access.servers());
    let shown = shown.filter(|shown| plan(desired, shown) == Plan::Settled);
    match shown {
        Some(shown) if is_same && !is_older && desired.record.accepted.is_some() => {
            report.stay_on(&scene.access.server);
            let record = desired.record.clone();
            report.remember(&record::settled(record, &desired.repository, &shown));
            ReadBack::Shown
        }
        Some(_) | None => ReadBack::Nothing,
    }
}

/// Whether a new binding has to wait for a listing to be planned by: the last one is too old.
pub(super) fn awaits_listing(
    binding: &ProjectBinding,
    desired: &Desired,
    scene: Scene<'_>,
) -> bool {
    let awaits = listings(scene).are_awaited(&desired.record);
    if awaits {
        wait(binding, &scene.reference.connection, scene.context);
    }
    awaits
}

/// What is known of the listings of the connection, and of those who use them.
pub(super) fn listings(scene: Scene<'_>) -> Listings {
    let began = scene.access.inventory().began();
    let busy = scene.context.lanes.busy(&uid(&*scene.reference.connection));
    let (link, now) = (link(scene), Instant::now());
    let listing = &link.lock().listing;
    Listings {
        lists_bindings: scene.access.capabilities.lists_bindings,
        busy,
        is_fresh: began.is_some_and(|began| listing.is_as_good_as_a_look(began, now)),
        is_served: listing.serves(now),
    }
}

fn link(scene: Scene<'_>) -> SharedLink {
    scene.context.links.of(&uid(&*scene.reference.connection))
}

/// Has a binding reconciled after the next listing. The first that waits has the connection make it.
fn wait(binding: &ProjectBinding, connection: &BitbucketConnection, context: &Context) {
    let name = (binding.namespace().unwrap_or_default(), binding.name_any());
    let link = context.links.of(&uid(connection));
    let is_first = link.lock().listing.wait(uid(binding), name, Instant::now());
    if is_first {
        context.ask(connection);
    }
}

impl Work<'_> {
    /// Whether what the plan goes by is enough for it.
    pub(super) async fn is_enough(&self, plan: &Plan) -> Result<bool, Error> {
        match self.basis.is_enough(plan) {
            Enough::Yes => Ok(true),
            Enough::No => Ok(false),
            Enough::IfFree(key) => self.is_free(key).await,
        }
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
            let reference = ObjectRef::new(name).within(namespace);
            let binding = self.context.queues.bindings.store.get(&reference)?;
            declared::wanted_key(binding.0.as_ref().ok()?)
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
    pub(super) fn basis_after(
        &self,
        steps: &[Step],
        found: Option<&Repository>,
        scene: Scene<'_>,
    ) -> Basis {
        let progress = Progress {
            own: &self.desired.uid,
            record: &self.desired.record,
            steps,
            found,
            is_smooth: self.rights == Rights::Assumed && self.writes.fight().is_none(),
            // The answer does not say who may see the project.
            asks_for_more: self.desired.visibility.is_some(),
        };
        self.basis.after(&progress, &listings(scene))
    }

    /// What was written is to be found in a listing that begins from now on.
    pub(super) fn written(&self) -> Written {
        Written {
            at: Instant::now(),
            generation: self.report.binding.metadata.generation,
        }
    }
}

impl Report {
    /// What was written is not confirmed yet: it waits for the next listing, and so does what is to be stored. The
    /// intent is in the status meanwhile: after a crash the servers are read.
    pub(super) fn wait_for_read_back(
        &mut self,
        written: Written,
        view: &ServerAccess,
        context: &Context,
    ) {
        let Some(connection) = &self.connection else {
            return;
        };
        self.keep_what_was_done(Some(view), context);
        let own = uid(&self.binding);
        let link = context.links.of(&uid(&**connection));
        link.lock().listing.wrote(own, written);
        wait(&self.binding, connection, context);
    }
}
