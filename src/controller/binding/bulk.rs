//! Many new bindings at once: they are planned by the last listing, and what they wrote is read back with the next one.
//!
//! That costs a share of a listing in place of seven calls for each. A few at once ask the servers themselves: each of
//! them is Ready sooner.

use std::time::Instant;

use kube::ResourceExt as _;

use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::crd::{BitbucketConnection, ProjectBinding};
use crate::fleet::link::{ServerAccess, SharedLink, Written};
use crate::kubernetes::uid;
use crate::observe;
use crate::plan::binding::{Desired, Plan, Record, Repository, Rights, Step, plan, record};

use super::report::Report;
use super::visit::is_asked;
use super::work::{Scene, Work};

/// So many bindings of a connection at once ask the servers themselves.
const FEW: usize = 4;

/// What a binding is planned by.
pub(super) enum Basis {
    /// What the servers answer about this binding.
    Servers,
    /// The last listing, which shows that nothing was done for this binding yet.
    Listing,
    /// What the import of this repository has answered.
    Answer(Repository),
}

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
    let may_wait = link(scene).lock().listing.serves(Instant::now());
    let awaits = may_wait && is_for_the_listing(desired, scene) && !is_fresh(scene);
    if awaits {
        wait(binding, &scene.reference.connection, scene.context);
    }
    awaits
}

/// What a binding is planned by first.
pub(super) fn basis(desired: &Desired, scene: Scene<'_>) -> Basis {
    if is_for_the_listing(desired, scene) && is_fresh(scene) {
        Basis::Listing
    } else {
        Basis::Servers
    }
}

/// Whether so many bindings are at work that the listing has to do for those that are new.
fn is_for_the_listing(desired: &Desired, scene: Scene<'_>) -> bool {
    desired.record == Record::default() && is_crowded(scene)
}

/// Whether what is written now is read back with the next listing.
fn may_read_back(scene: Scene<'_>) -> bool {
    is_crowded(scene) && link(scene).lock().listing.serves(Instant::now())
}

/// Whether so many bindings are at work that listings are cheaper for each. Some servers list no bindings.
fn is_crowded(scene: Scene<'_>) -> bool {
    let connection = uid(&*scene.reference.connection);
    scene.access.capabilities.lists_bindings && scene.context.lanes.busy(&connection) > FEW
}

fn is_fresh(scene: Scene<'_>) -> bool {
    let began = scene.access.inventory().began();
    let now = Instant::now();
    let is_good = |began| link(scene).lock().listing.is_as_good_as_a_look(began, now);
    began.is_some_and(is_good)
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
    /// Whether what the plan goes by is enough for it. A listing is enough to import what is free at this moment, an answer
    /// to see what is left to do for what it created.
    pub(super) async fn is_enough(&self, plan: &Plan) -> Result<bool, Error> {
        match (&self.basis, plan) {
            (Basis::Servers, _) | (Basis::Answer(_), Plan::Settled | Plan::Steps(_)) => Ok(true),
            (Basis::Listing, Plan::Steps(steps)) => self.is_import(steps).await,
            (Basis::Listing | Basis::Answer(_), _) => Ok(false),
        }
    }

    /// Whether these steps import a project, and nothing has its key: the listing may be some seconds old, and a project
    /// of another user must not be taken.
    async fn is_import(&self, steps: &[Step]) -> Result<bool, Error> {
        let [Step::RecordIntent(_), Step::Import { key, .. }] = steps else {
            return Ok(false);
        };
        let found = self.access.sonarqube.project_spelt(key).await;
        let found = found.map_err(|source| self.access.failed(source))?;
        Ok(found.is_none())
    }

    /// What the binding is planned by after these steps: the answer of an import that created the project, where many
    /// bindings are at work.
    pub(super) fn basis_after(
        &self,
        steps: &[Step],
        found: Option<&Repository>,
        scene: Scene<'_>,
    ) -> Basis {
        let imports = steps.iter().any(|step| matches!(step, Step::Import { .. }));
        let goes_on = matches!(self.basis, Basis::Answer(_));
        let accepted = self.desired.record.accepted.as_ref();
        let is_created = accepted.is_some_and(|accepted| {
            accepted.created_by.as_ref() == Some(&self.desired.uid) && accepted.id.is_some()
        });
        // The answer does not say who may see the project.
        let is_known = is_created
            && self.rights == Rights::Assumed
            && self.writes.fight().is_none()
            && self.desired.visibility.is_none();
        match found {
            Some(found) if is_known && (goes_on || imports && may_read_back(scene)) => {
                Basis::Answer(found.clone())
            }
            Some(_) | None => Basis::Servers,
        }
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
    /// What was written is not known to be there yet: it waits for the next listing, and so does what is to be stored. The
    /// intent is in the status meanwhile: a crash is resolved by a look at the servers.
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
