//! A reconcile of a binding without its writes.

use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::foresee::{Before, Foresee};
use crate::crd::ProjectBinding;
use crate::plan::binding::record::{self, Answer, Done, Taken};
use crate::plan::binding::{
    Ahead, Basis, Enough, Foresight, Observed, Plan, Record, admitted, plan, uncontested,
};
use crate::plan::foreseen::Foreseen;
use crate::plan::{Blocked, Reason};

use super::report::Report;
use super::reserve::Reserved;
use super::work::{ROUNDS, Scene, Work};
use super::{Access, access, dereference, desired, is_at_rest, may_go_on, shown};

impl Foresee for ProjectBinding {
    async fn foresee(&self, context: &Context, before: &Before) -> Result<Foreseen, Error> {
        if self.metadata.deletion_timestamp.is_some() {
            return Ok(Foreseen::Leaves);
        }
        let mut report = Report::of(self.clone(), context);
        let Some(reference) = dereference::reference(self, context)? else {
            return Ok(Foreseen::Unchanged);
        };
        let connection = &reference.connection;
        if self.spec.suspend || connection.spec.suspend {
            return Ok(Foreseen::Suspended);
        }
        let access = match access(self, connection, context)? {
            Access::Open(access) => access,
            Access::Kept | Access::TokenRefused => return Ok(Foreseen::Unchanged),
        };
        report.through = Some(shown::accepts(connection, &access.setting));
        dereference::keeps_its_place(self, &access)?;
        let scene = Scene {
            reference: &reference,
            access: &access,
            context,
        };
        let desired = desired(self, &reference, &access)?;
        may_go_on(&desired, scene).map_err(Error::Refused)?;
        if is_at_rest(self, &reference, &access) {
            return Ok(Foreseen::Unchanged);
        }
        let Some(reserved) = Reserved::of(&desired, &access, &context.register.ledger) else {
            return Err(Error::Refused(planned_before(
                &desired.repository.to_string(),
            )));
        };
        // The listing was made a moment ago.
        let is_listed = access.capabilities.lists_bindings && desired.record == Record::default();
        let basis = if is_listed {
            Basis::Listing
        } else {
            Basis::Servers
        };
        let foreseen = Work::new(&mut report, scene, basis)?.foresee().await?;
        if foreseen != Foreseen::Unchanged {
            before.keep(reserved.into());
        }
        Ok(foreseen)
    }
}

/// Two bindings of one plan want the same repository under different keys: the operator imports it once.
fn planned_before(repository: &str) -> Blocked {
    Blocked::new(
        Reason::RepositoryAlreadyBound,
        format!(
            "another binding of this plan binds repository {repository} first: delete one of the two, or set monorepo: true in both"
        ),
    )
}

impl Work<'_> {
    /// What would be done, up to the first write: what follows depends on its answer.
    async fn foresee(&mut self) -> Result<Foreseen, Error> {
        let mut foresight = Foresight::default();
        for _ in 0..ROUNDS {
            admitted(&self.desired).map_err(Error::Refused)?;
            uncontested(&self.desired, self.rival().as_ref()).map_err(Error::Refused)?;
            let (observed, planned) = self.foreseen_plan().await?;
            let steps = match foresight.after(planned, &self.desired, &observed) {
                Ahead::Seen(foreseen) => return Ok(foreseen),
                Ahead::Waits(why) => {
                    let why = Blocked::new(Reason::ProgressingWithRetry, why);
                    return Err(Error::Retry(why));
                }
                Ahead::Refused(refusal) => return Err(Error::Refused(refusal)),
                Ahead::Steps(steps) => steps,
            };
            let found = observed.repository.found();
            let seen = found.map(|found| found.seen_as(&self.desired.repository));
            for step in &steps {
                let own = self.desired.uid.clone();
                let taken = Taken {
                    own: &own,
                    server: &self.access.server,
                    seen: seen.as_ref(),
                    step,
                    answer: &Answer::Done(Done::Plain),
                };
                self.desired.record = record::after(self.desired.record.clone(), &taken);
                self.hold(step);
            }
            self.basis = Basis::Servers;
        }
        Err(Error::Unstable { rounds: ROUNDS })
    }

    /// By the listing, where the operator would go by it.
    async fn foreseen_plan(&mut self) -> Result<(Observed, Plan), Error> {
        let observed = self.observe_servers().await?;
        let planned = plan(&self.desired, &observed);
        if self.basis.is_enough(&planned) != Enough::No {
            return Ok((observed, planned));
        }
        self.basis = Basis::Servers;
        let observed = self.observe_servers().await?;
        let planned = plan(&self.desired, &observed);
        Ok((observed, planned))
    }
}
