//! One binding, while it is brought to its desired state: looks, plans and writes until nothing is left.

use std::sync::Arc;

use kube::Api;
use tokio::sync::OwnedMutexGuard;

use crate::controller::claims::held_for;
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::session::{Session, View};
use crate::crd::{ProjectBinding, RepositoryStatus};
use crate::identity::{ProjectId, ProjectKey, RepositoryPath};
use crate::kubernetes::event::Occurrence;
use crate::kubernetes::{clock, uid};
use crate::observe::{self, Circumstances};
use crate::plan::binding::{
    Desired, Observed, Plan, Rights, SeenRepository, Step, admitted, may_know, plan, record,
};
use crate::plan::{Contender, Reason, Refusal};
use crate::sonarqube;

use super::dereference::Reference;
use super::report::{Ended, Report};
use super::shown::shown;
use super::visit::Visit;

/// More rounds than any plan needs: import, accept, rights, visibility and branch, and one to see that
/// nothing is left.
const ROUNDS: u32 = 8;

/// What a binding is brought to its desired state with.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) reference: &'a Reference,
    pub(super) view: &'a Arc<View>,
    pub(super) api: &'a Api<ProjectBinding>,
    pub(super) context: &'a Context,
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
    /// What is worth telling of an acceptance, once it is more than that: who tries again would tell it again.
    pub(super) acceptance: Option<Occurrence>,
    /// The repository as the last look found it.
    looked_at: Option<RepositoryStatus>,
}

impl<'a> Work<'a> {
    /// Brings a binding, read just before, to its desired state.
    pub(super) async fn converge(
        report: &'a mut Report,
        scene: Scene<'a>,
        visit: Visit<'_>,
    ) -> Result<Ended, Error> {
        let Scene {
            reference,
            view,
            api,
            context,
        } = scene;
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
            acceptance: None,
            looked_at: None,
        };
        work.run(visit, view).await
    }

    /// Waits until no other reconcile works on the same project or repository, then for a place. In this order: a
    /// reconcile that waits for another one holds no place.
    async fn run(&mut self, mut visit: Visit<'_>, view: &Arc<View>) -> Result<Ended, Error> {
        // Another one might import it under another key. Always before the turn for a project, so that nobody waits for
        // each other.
        let _repository = if self.desired.monorepo {
            None
        } else {
            // No key begins with a slash.
            let repository = format!("/{}", self.desired.repository);
            Some(self.turn_without_place(&repository, &mut visit).await)
        };
        let key = self.desired.key.as_str();
        let turn = self.turn_without_place(key, &mut visit).await;
        if !visit.enter() {
            return Ok(Ended::Queued);
        }
        // The connection may have closed its session meanwhile: it waits for those alone that have a place.
        let connection = &self.reference.connection;
        let session = self.context.sessions.of(&uid(&**connection));
        if !matches!(session, Some(Session::Open(_))) {
            // Its reconcile triggers this binding, or its end does.
            return Ok(Ended::Untold);
        }
        self.settle(turn).await?;
        self.commit();
        Ok(Ended::Settled(Arc::clone(view)))
    }

    /// Looks, plans and writes until nothing is left, or nothing can be done.
    async fn settle(&mut self, mut turn: OwnedMutexGuard<()>) -> Result<(), Error> {
        for _ in 0..ROUNDS {
            // Before anybody is asked: who is not admitted learns nothing, and costs no call.
            admitted(&self.desired).map_err(Error::Refused)?;
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
                    return Ok(());
                }
                Plan::Settled => {
                    self.finish(&observed);
                    return Ok(());
                }
                Plan::Steps(steps) => steps,
            };
            let key = self.desired.key.clone();
            let seen = observed.repository.found();
            let seen = seen.map(|found| found.seen_as(&self.desired.repository));
            self.write(steps, seen.as_ref()).await?;
            if self.desired.key != key {
                // An adopted project has a key of its own: its turn, its claim.
                drop(turn);
                turn = self.turn().await;
            }
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
        let observed = observe::live(&self.desired, self.view.servers(), circumstances).await;
        let observed = observed.map_err(|error| self.sorted(self.view.not_observed(error)))?;
        self.looked_at = shown(&self.desired, &observed, self.view.bitbucket.url());
        if self.report.accepted().is_none() {
            // Later the status shows what the project was bound to last, until it is bound to something else.
            let shown = self.looked_at.as_ref();
            let shown = shown.filter(|shown| may_know(&self.desired, &shown.path));
            self.report.see(shown.cloned());
        }
        Ok(observed)
    }

    /// The project is bound to the repository that was looked at.
    pub(super) fn see(&mut self) {
        self.report.see(self.looked_at.clone());
    }

    /// Nothing is left to write: what is remembered becomes what was seen.
    fn finish(&mut self, observed: &Observed) {
        let Desired {
            record, repository, ..
        } = &mut self.desired;
        *record = record::settled(std::mem::take(record), repository, observed);
        if record::bound_to(observed).is_some() {
            self.see();
        }
    }

    async fn write(
        &mut self,
        steps: Vec<Step>,
        seen: Option<&SeenRepository>,
    ) -> Result<(), Error> {
        for step in steps {
            match self.take(&step, seen).await {
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

    /// Gives back the place while it waits: others of the connection go on.
    async fn turn_without_place(&self, thing: &str, visit: &mut Visit<'_>) -> OwnedMutexGuard<()> {
        if let Some(turn) = self.context.claims.try_turn(&self.view.server, thing) {
            return turn;
        }
        visit.wait();
        self.turn_for(thing).await
    }

    async fn turn(&self) -> OwnedMutexGuard<()> {
        self.turn_for(self.desired.key.as_str()).await
    }

    async fn turn_for(&self, thing: &str) -> OwnedMutexGuard<()> {
        self.context.claims.turn(&self.view.server, thing).await
    }

    fn rival(&self) -> Option<Contender> {
        let claims = &self.context.claims;
        claims.on_project(
            &self.view.server,
            &self.desired.key,
            &self.report.binding,
            self.context,
        )
    }

    /// Whether SonarQube may still be working on an import whose answer did not come.
    fn import_at_work(&self) -> bool {
        let status = self.report.binding.status.as_ref();
        let intent = status.and_then(|status| status.intent.as_ref());
        intent.is_some_and(|intent| {
            clock::since(&intent.since) < sonarqube::WHILE_SONARQUBE_CALLS_BITBUCKET
        })
    }

    fn held_for(&self, project: (&ProjectKey, Option<&ProjectId>)) -> Option<RepositoryPath> {
        held_for(
            &self.view.server,
            project,
            &self.report.binding,
            &self.context.bindings,
        )
    }
}

/// SonarQube's two ways of saying that our user may not touch a project.
fn is_denial(error: &Error) -> bool {
    let Error::SonarQube { source, .. } = error else {
        return false;
    };
    source.is_no_access() || matches!(source, sonarqube::Error::Forbidden { .. })
}
