//! One binding, while it is brought to its desired state: looks, plans and writes until nothing is left.

use kube::Api;

use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::session::View;
use crate::crd::{ProjectBinding, RepositoryStatus};
use crate::identity::{ProjectId, ProjectKey, RepositoryPath, Uid};
use crate::kubernetes::clock;
use crate::kubernetes::event::Occurrence;
use crate::plan::binding::{
    BindingState, Desired, Observed, Plan, Rights, Step, admitted, may_know, plan, uncontested,
};
use crate::plan::{Contender, Reason, Refusal};
use crate::sonarqube;

use super::apply::Attempt;
use super::dereference::Reference;
use super::observe::{self, Circumstances};
use super::report::Report;
use super::reserve::{self, Reserved};

/// More rounds than any plan needs: import, accept, rights, visibility and branch, and one to see that
/// nothing is left.
const ROUNDS: u32 = 8;

/// What the work on a binding came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Converged {
    /// Everything that may be written is as declared.
    Settled,
    /// Another binding is at work on the same project: its end wakes this one.
    Waits,
}

/// One binding, while it is brought to its desired state.
pub(super) struct Work<'a> {
    pub(super) desired: Desired,
    pub(super) reference: &'a Reference,
    pub(super) view: &'a View,
    pub(super) api: &'a Api<ProjectBinding>,
    pub(super) context: &'a Context,
    pub(super) report: &'a mut Report,
    pub(super) rights: Rights,
    pub(super) attempt: Attempt,
    /// What is worth telling of an acceptance, once it is more than that: who tries again would tell it again.
    pub(super) acceptance: Option<Occurrence>,
    /// The repository as the last look found it.
    looked_at: Option<RepositoryStatus>,
}

impl<'a> Work<'a> {
    /// Brings a binding, read just before, to its desired state.
    pub(super) async fn converge(
        report: &'a mut Report,
        reference: &'a Reference,
        view: &'a View,
        (api, context): (&'a Api<ProjectBinding>, &'a Context),
        reserved: Reserved,
    ) -> Result<Converged, Error> {
        let desired = super::desired(&report.binding, reference, view)?;
        report.stay_on(&view.server);
        let mut work = Self {
            desired,
            reference,
            view,
            api,
            context,
            report,
            rights: Rights::Assumed,
            attempt: Attempt::First,
            acceptance: None,
            looked_at: None,
        };
        let converged = work.run(reserved).await?;
        work.commit();
        Ok(converged)
    }

    /// Looks, plans and writes until nothing is left, or nothing can be done.
    async fn run(&mut self, mut reserved: Reserved) -> Result<Converged, Error> {
        for _ in 0..ROUNDS {
            // Before anybody is asked: who is not admitted learns nothing, and costs no call.
            admitted(&self.desired).map_err(Error::Refused)?;
            // An adopted project has a key of its own.
            if !reserved.is_for(&self.desired, self.view) {
                drop(reserved);
                let anew = Reserved::of(&self.desired, self.view, self.context);
                let Some(anew) = anew else {
                    return Ok(Converged::Waits);
                };
                reserved = anew;
            }
            let rival = self.rival();
            uncontested(&self.desired, rival.as_ref()).map_err(Error::Refused)?;
            let observed = self.look().await?;
            let steps = match plan(&self.desired, &observed) {
                Plan::Wait(why) => {
                    let why = Refusal::new(Reason::ProgressingWithRetry, why);
                    return Err(Error::Retry(why));
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
                    self.finish(&observed);
                    return Ok(Converged::Settled);
                }
                Plan::Settled => {
                    self.finish(&observed);
                    return Ok(Converged::Settled);
                }
                Plan::Steps(steps) => steps,
            };
            self.write(steps).await?;
        }
        Err(Error::Unstable { rounds: ROUNDS })
    }

    async fn look(&mut self) -> Result<Observed, Error> {
        let circumstances = Circumstances {
            held_for: &|row| self.held_for(row),
            claimed_by: self.rival(),
            rights: self.rights,
            import_at_work: self.import_at_work(),
        };
        let look = observe::live(&self.desired, self.view, circumstances).await;
        let look = look.map_err(|error| self.sorted(error))?;
        self.looked_at = look.repository;
        if self.report.accepted().is_none() {
            // Later the status shows what the project was bound to last, until it is bound to something else.
            let shown = self.looked_at.as_ref();
            let shown = shown.filter(|shown| may_know(&self.desired, &shown.path));
            self.report.see(shown.cloned());
        }
        Ok(look.observed)
    }

    /// The project is bound to the repository that was looked at.
    pub(super) fn see(&mut self) {
        self.report.see(self.looked_at.clone());
    }

    /// Nothing is left to write: what is remembered becomes what was seen.
    fn finish(&mut self, observed: &Observed) {
        self.desired.record.intent = None;
        let Some(project) = &observed.project else {
            return;
        };
        let accepted = &mut self.desired.record.accepted;
        if let Some(accepted) = accepted {
            accepted.id = accepted.id.take().or_else(|| project.id.clone());
        }
        let BindingState::Bound { repository, .. } = &project.binding else {
            return;
        };
        if let Some(accepted) = accepted {
            accepted.repository = Some(repository.clone());
        }
        // Where nothing is mended, the project may be bound to another one than the spec asks for.
        let found = observed.repository.found();
        if found.is_some_and(|found| found.path.same(repository)) {
            self.see();
        }
    }

    async fn write(&mut self, steps: Vec<Step>) -> Result<(), Error> {
        for step in steps {
            match self.apply(step).await {
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

    /// What was written to SonarQube is remembered, however the pass ends: a mere acceptance is not.
    pub(super) fn commit(&mut self) {
        self.report.remember(&self.desired.record);
        self.report.occurrences.extend(self.acceptance.take());
    }

    fn rival(&self) -> Option<Contender> {
        let project = reserve::place(self.view).project(&self.desired.key);
        let ledger = &self.context.register.ledger;
        ledger.contend(self.own(), &[project])
    }

    /// Whether SonarQube may still be working on an import whose answer did not come.
    fn import_at_work(&self) -> bool {
        let status = self.report.binding.status.as_ref();
        let intent = status.and_then(|status| status.intent.as_ref());
        intent.is_some_and(|intent| {
            clock::since(&intent.since) < sonarqube::WHILE_SONARQUBE_CALLS_BITBUCKET
        })
    }

    fn held_for(&self, (key, id): (&ProjectKey, Option<&ProjectId>)) -> Option<RepositoryPath> {
        let project = reserve::place(self.view).project(key);
        let ledger = &self.context.register.ledger;
        ledger.held_for(self.own(), &project, id)
    }

    pub(super) fn own(&self) -> &Uid {
        &self.desired.uid
    }
}

/// SonarQube's two ways of saying that our user may not touch a project.
fn is_denial(error: &Error) -> bool {
    let Error::SonarQube { source, .. } = error else {
        return false;
    };
    source.is_no_access() || matches!(source, sonarqube::Error::Forbidden { .. })
}
