//! What a binding reserves while it is compared with the servers: nobody else works on the same project, or imports the
//! same repository.

use crate::controller::context::Context;
use crate::controller::session::View;
use crate::fleet::ledger::{Place, Reservation, Thing};
use crate::plan::binding::Desired;

/// What is reserved for one reconcile.
pub(super) struct Reserved {
    things: Vec<Thing>,
    _reservation: Reservation,
}

impl Reserved {
    /// Reserves what a binding works on. `None` where another one is at work: its end wakes this one.
    pub(super) fn of(desired: &Desired, view: &View, context: &Context) -> Option<Self> {
        let things = things(desired, view);
        let ledger = &context.register.ledger;
        let reservation = ledger.reserve(&desired.uid, &things)?;
        Some(Self {
            things,
            _reservation: reservation,
        })
    }

    /// Whether this is what the binding works on.
    pub(super) fn is_for(&self, desired: &Desired, view: &View) -> bool {
        self.things == things(desired, view)
    }
}

fn things(desired: &Desired, view: &View) -> Vec<Thing> {
    let place = place(view);
    // Another binding might import the repository under another key.
    let repository = (!desired.monorepo).then(|| place.repository(&desired.repository));
    let project = place.project(&desired.key);
    repository.into_iter().chain([project]).collect()
}

/// The SonarQube server that a view leads to.
pub(super) fn place(view: &View) -> Place {
    Place::new(view.sonarqube.url(), view.server.clone())
}
