//! One binding, while it is brought to its desired state: looks, plans and writes until nothing is left.

use std::sync::Arc;
use std::time::Duration;

use crate::controller::context::Context;
use crate::controller::error::{Doing, Error};
use crate::crd::RepositoryStatus;
use crate::fleet::link::ServerAccess;
use crate::identity::{ProjectId, ProjectKey, RepositoryPath};
use crate::kubernetes::clock;
use crate::kubernetes::event::Event;
use crate::observe::{self, Circumstances};
use crate::plan::binding::{
    Basis, Desired, Observed, Plan, Repository, Rights, Step, admitted, may_know,
    not_imported_for_another, plan, record, uncontested,
};
use crate::plan::fight::{Leave, Writes};
use crate::plan::{Blocked, Contender, Reason};
use crate::sonarqube;

use super::dereference::Reference;
use super::report::{Ended, Report};
use super::reserve::{self, Reserved};
use super::shown::shown;

/// More rounds than any plan needs: import, accept, rights, visibility and branch, and one to see that
/// nothing is left.
pub(super) const ROUNDS: u32 = 8;

/// What a binding is brought to its desired state with.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) reference: &'a Reference,
    pub(super) access: &'a Arc<ServerAccess>,
    pub(super) context: &'a Context,
}

/// One binding, while it is brought to its desired state.
pub(super) struct Work<'a> {
    pub(super) desired: Desired,
    pub(super) reference: &'a Reference,
    pub(super) access: &'a Arc<ServerAccess>,
    pub(super) context: &'a Context,
    pub(super) report: &'a mut Report,
    pub(super) rights: Rights,
    /// What to publish of an acceptance once it is complete: a retry would publish it again.
    pub(super) acceptance: Option<Event>,
    /// What was written, by the reconciles before too.
    pub(super) writes: Writes<Step>,
    /// The repository as the last read found it.
    looked_at: Option<RepositoryStatus>,
    /// What the next read goes by.
    pub(super) basis: Basis,
}

impl<'a> Work<'a> {
    /// Brings a binding, read just before, to its desired state.
    pub(super) async fn converge(
        report: &'a mut Report,
        scene: Scene<'a>,
        reserved: Reserved,
        basis: Basis,
    ) -> Result<Ended, Error> {
        let context = scene.context;
        let mut work = Self::new(report, scene, basis)?;
        let own = work.desired.uid.clone();
        let ended = work.run(reserved).await;
        context
            .agenda
            .wrote(&own, std::mem::take(&mut work.writes).at_the_end());
        let ended = ended?;
        work.commit();
        Ok(ended)
    }

    /// What a binding, read just before, is brought to its desired state with.
    pub(super) fn new(
        report: &'a mut Report,
        scene: Scene<'a>,
        basis: Basis,
    ) -> Result<Self, Error> {
        let Scene {
            reference,
            access,
            context,
        } = scene;
        let desired = super::desired(&report.binding, reference, access)?;
        report.stay_on(&access.server);
        Ok(Self {
            basis,
            reference,
            access,
            context,
            report,
            rights: Rights::Assumed,
            acceptance: None,
            writes: Writes::after(context.agenda.writes(&desired.uid)),
            looked_at: None,
            desired,
        })
    }

    /// Looks, plans and writes until nothing is left, or nothing can be done.
    async fn run(&mut self, mut reserved: Reserved) -> Result<Ended, Error> {
        for _ in 0..ROUNDS {
            // Before any server is asked: a binding that is not admitted learns nothing, and costs no call.
            admitted(&self.desired).map_err(Error::Refused)?;
            // An adopted project has a key of its own.
            if !reserved.follow(&self.desired, self.access) {
                return Ok(Ended::Waits);
            }
            let rival = self.rival();
            uncontested(&self.desired, rival.as_ref()).map_err(Error::Refused)?;
            let importer = self.importer();
            not_imported_for_another(&self.desired, importer.as_ref()).map_err(Error::Retry)?;
            let (observed, plan) = self.plan().await?;
            let steps = match plan {
                Plan::Wait(why) => {
                    return Err(Error::AtWork {
                        refusal: Blocked::new(Reason::ProgressingWithRetry, why),
                        left: self.at_work_for(),
                    });
                }
                Plan::Refused {
                    refusal,
                    differences,
                } => {
                    self.report.differences = differences;
                    return Err(Error::Refused(refusal));
                }
                Plan::Differs(differences) => {
                    self.report.differences = differences;
                    return self.finish(&observed);
                }
                Plan::Settled => return self.finish(&observed),
                Plan::Steps(steps) => steps,
            };
            if let Leave::Stop(fight) = self.writes.may_take(&steps) {
                return Err(Error::Refused(fight));
            }
            let found = observed.repository.found();
            self.write(&steps, found).await?;
            self.basis = self.basis_after(&steps, found);
        }
        Err(Error::Unstable { rounds: ROUNDS })
    }

    /// Plans by the listing, or by an answer, where that is enough. Before anything else is said or done, the servers
    /// are asked.
    async fn plan(&mut self) -> Result<(Observed, Plan), Error> {
        let observed = self.observe_servers().await?;
        let planned = plan(&self.desired, &observed);
        if self.is_enough(&planned).await? {
            return Ok((observed, planned));
        }
        self.basis = Basis::Servers;
        let observed = self.observe_servers().await?;
        let planned = plan(&self.desired, &observed);
        Ok((observed, planned))
    }

    pub(super) async fn observe_servers(&mut self) -> Result<Observed, Error> {
        self.report.doing = Doing::Reading;
        let circumstances = Circumstances {
            held_for: &|row| self.held_for(row),
            claimed_by: self.rival(),
            rights: self.rights,
            import_at_work: !self.at_work_for().is_zero(),
        };
        let (desired, servers) = (&self.desired, self.access.servers());
        let known = match &self.basis {
            Basis::Servers => Ok(None),
            Basis::Listing => Ok(observe::listed_unclaimed(desired, servers, &circumstances)),
            Basis::Answer(repository) => observe::answered(desired, repository, servers).await,
        };
        let observed = match known {
            Ok(Some(observed)) => Ok(observed),
            Ok(None) => observe::live(desired, servers, circumstances).await,
            Err(error) => Err(error),
        };
        let observed = observed.map_err(|error| self.sorted(self.access.not_observed(error)))?;
        self.looked_at = shown(&self.desired, &observed, self.access.bitbucket.url());
        if self.report.accepted().is_none() {
            // Later the status shows what the project was bound to last, until it is bound to something else.
            let shown = self.looked_at.as_ref();
            let shown = shown.filter(|shown| may_know(&self.desired, &shown.path));
            self.report.see(shown.cloned());
        }
        Ok(observed)
    }

    /// The project is bound to the repository that was read.
    pub(super) fn see(&mut self) {
        self.report.see(self.looked_at.clone());
    }

    /// Nothing is left to write: what is remembered becomes what was seen.
    fn finish(&mut self, observed: &Observed) -> Result<Ended, Error> {
        let Desired {
            record, repository, ..
        } = &mut self.desired;
        *record = record::settled(std::mem::take(record), repository, observed);
        if record::bound_to(observed).is_some() {
            self.see();
        }
        match self.writes.fight().cloned() {
            // It is as declared now, and was not a moment ago: it must not count as up to date.
            Some(fight) => {
                self.commit();
                Err(Error::Refused(fight))
            }
            None => Ok(Ended::Settled(Arc::clone(self.access))),
        }
    }

    async fn write(&mut self, steps: &[Step], found: Option<&Repository>) -> Result<(), Error> {
        let seen = found.map(|found| found.seen_as(&self.desired.repository));
        for step in steps {
            match self.take(step, seen.as_ref()).await {
                Ok(()) => {}
                Err(error) if self.rights == Rights::Assumed && is_denial(&error) => {
                    // The next round plans with it: our own project is granted, another one is refused.
                    self.rights = Rights::Denied;
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What was written to SonarQube is remembered, however the reconcile ends: a mere acceptance is not.
    pub(super) fn commit(&mut self) {
        self.report.remember(&self.desired.record);
        self.report.events.extend(self.acceptance.take());
    }

    pub(super) fn rival(&self) -> Option<Contender> {
        let things = reserve::contended(&self.desired, &self.reference.connection, self.access);
        let ledger = &self.context.register.ledger;
        ledger.contend(&self.desired.uid, &things)
    }

    /// Another binding that imports the repository, and whose end wakes this one.
    fn importer(&self) -> Option<Contender> {
        let repository = reserve::imported(&self.desired, self.access);
        let ledger = &self.context.register.ledger;
        ledger.contend(&self.desired.uid, &[repository])
    }

    /// How long SonarQube may still be working on an import whose answer did not come.
    fn at_work_for(&self) -> Duration {
        let status = self.report.binding.status.as_ref();
        let intent = status.and_then(|status| status.record.intent.as_ref());
        intent.map_or(Duration::ZERO, |intent| {
            sonarqube::WHILE_SONARQUBE_CALLS_BITBUCKET.saturating_sub(clock::since(&intent.since))
        })
    }

    fn held_for(&self, (key, id): (&ProjectKey, Option<&ProjectId>)) -> Option<RepositoryPath> {
        let project = reserve::server(self.access).project(key);
        let ledger = &self.context.register.ledger;
        ledger.held_for(&self.desired.uid, &project, id)
    }
}

/// SonarQube's two answers for a project that our user may not touch.
fn is_denial(error: &Error) -> bool {
    let Error::SonarQube { source, .. } = error else {
        return false;
    };
    source.is_no_access() || matches!(source, sonarqube::Error::Forbidden { .. })
}
