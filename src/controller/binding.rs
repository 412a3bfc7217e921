//! The story of a ProjectBinding: find its connection, see whether it may work, compare, write, look again.

mod apply;
pub(crate) mod decoration;
pub(crate) mod dereference;
mod observe;
mod release;
mod report;
pub(crate) mod trigger;
pub(crate) mod validate;

use std::sync::Arc;
use std::time::Duration;

use kube::{Api, ResourceExt as _};
use tokio::sync::OwnedMutexGuard;

use crate::crd::{BindingDeletionPolicy, BitbucketConnection, ManagementPolicy, ProjectBinding};
use crate::identity::{ProjectId, ProjectKey, RepositoryPath, Uid};
use crate::plan::binding::{BindingState, Desired, Observed, Plan, Record, Rights, Step, plan};
use crate::plan::{Reason, Refusal};
use crate::sonarqube;

use super::bulkhead;
use super::claims::{held_for, uid};
use super::clock;
use super::connection::interval;
use super::context::Context;
use super::error::Error;
use super::lifecycle::Lifecycle;
use super::pass::Next;
use super::session::{Session, View};
use super::{finalizer, status};

use apply::Attempt;
use dereference::Reference;
use observe::Circumstances;
use report::Report;

/// More rounds than any plan needs: import, accept, rights, visibility and branch, and one to see that
/// nothing is left.
const ROUNDS: u32 = 8;

/// Brings one binding to its desired state, and reports what was found and done.
pub(crate) async fn reconcile(
    binding: Arc<ProjectBinding>,
    context: Arc<Context>,
) -> Result<Next, Error> {
    let api = Api::namespaced(
        context.client.clone(),
        &binding.namespace().unwrap_or_default(),
    );
    if binding.metadata.deletion_timestamp.is_some() {
        return release::release(&binding, &api, &context).await;
    }
    let reference = match dereference::reference(&binding, &context) {
        Ok(reference) => reference,
        Err(error) => return Report::of(&binding).failed(error, &api, &context).await,
    };
    let connection = &reference.connection;
    let suspended = binding.spec.suspend || connection.spec.suspend;
    if protects_itself(&binding, connection) {
        if Lifecycle::of(&*binding, suspended) == Lifecycle::Unprotected {
            finalizer::add(&api, &*binding).await?;
            return Ok(Next::Settled(interval(connection, &context)));
        }
    } else if finalizer::is_set(&*binding) {
        finalizer::remove(&api, &*binding).await?;
    }
    if suspended {
        return Report::of(&binding)
            .suspended(connection, &api, &context)
            .await;
    }
    let view = match view(&binding, connection, &context) {
        Ok(view) => view,
        Err(None) => return Ok(Next::Settled(interval(connection, &context))),
        Err(Some(error)) => return Report::of(&binding).failed(error, &api, &context).await,
    };
    if let Err(error) = take_turn(&binding, &view, &context).await {
        return Report::of(&binding).failed(error, &api, &context).await;
    }
    if is_at_rest(&binding, &reference, &view) {
        return Report::of(&binding)
            .settled(connection, &view, (&api, &context))
            .await;
    }
    let Some(_place) = context.bulkheads.enter(&uid(&**connection)) else {
        return Ok(Next::Later(bulkhead::pause(&uid(&*binding))));
    };
    // Something is to be done, and the watch may lag behind our own last write: go by the object itself.
    match api.get_opt(&binding.name_any()).await {
        Ok(Some(fresh))
            if fresh.uid() == binding.uid() && fresh.metadata.deletion_timestamp.is_none() =>
        {
            converge(&fresh, &reference, &view, (&api, &context)).await
        }
        Ok(_) => Ok(Next::Gone),
        Err(source) => Err(Error::Kubernetes {
            doing: "read the object",
            source,
        }),
    }
}

/// Reads what no listing has, where it is the turn of the project that a binding holds, or somebody asks for it.
async fn take_turn(binding: &ProjectBinding, view: &View, context: &Context) -> Result<(), Error> {
    let record = validate::record(binding);
    let Some(accepted) = &record.accepted else {
        return Ok(());
    };
    let is_due = observe::read_what_is_due(&accepted.key, view).await?;
    let is_asked = report::requested(binding) != handled(binding);
    match &accepted.repository {
        Some(repository) if is_due || is_asked => {
            let place = (&accepted.key, repository);
            let looked = decoration::look(&uid(binding), place, view, &context.decorations).await;
            // It never holds a binding back: what was told before stays.
            if let Err(error) = looked {
                tracing::warn!(%error, "failed to look whether pull requests were decorated");
            }
        }
        Some(_) | None => {}
    }
    Ok(())
}

/// Whether something may have to be undone in SonarQube before the object goes.
fn protects_itself(binding: &ProjectBinding, connection: &BitbucketConnection) -> bool {
    binding.spec.deletion_policy != BindingDeletionPolicy::Orphan
        && binding.spec.management_policy == ManagementPolicy::Full
        && connection.spec.management_policy == ManagementPolicy::Full
}

/// The way to the servers. `None` as an error: nothing is known yet, and nothing is said.
fn view(
    binding: &ProjectBinding,
    connection: &BitbucketConnection,
    context: &Context,
) -> Result<Arc<View>, Option<Error>> {
    match context.sessions.of(&uid(connection)) {
        Some(Session::Open(view)) => Ok(view),
        // The connection's first pass in this process triggers this binding again.
        None => Err(None),
        // What is settled stays as it was while its server is away.
        Some(Session::Closed { .. }) if status::is_settled(binding) => Err(None),
        Some(Session::Closed { why, .. }) => Err(Some(waiting(connection, &why))),
    }
}

fn waiting(connection: &BitbucketConnection, why: &Refusal) -> Error {
    let name = format!(
        "{}/{}",
        connection.namespace().unwrap_or_default(),
        connection.name_any()
    );
    let outage = [
        Reason::ConnectionUnavailable,
        Reason::DNSFailed,
        Reason::Timeout,
        Reason::RateLimited,
        Reason::ServerNotUp,
        Reason::TLSFailed,
    ];
    let reason = if outage.contains(&why.reason) {
        Reason::ConnectionUnavailable
    } else {
        Reason::ConnectionNotReady
    };
    Error::Waiting(Refusal::new(
        reason,
        format!(
            "BitbucketConnection {name} is not ready ({}): its own conditions tell more",
            why.reason.as_str()
        ),
    ))
}

/// Whether the last sweep shows that nothing is to be done. Costs no call at all.
fn is_at_rest(binding: &ProjectBinding, reference: &Reference, view: &View) -> bool {
    desired(binding, reference, view).is_ok_and(|desired| {
        // Somebody may want the servers to be asked now.
        report::requested(binding) == handled(binding)
            && desired.record.intent.is_none()
            && desired.record.accepted.is_some()
            && observe::remembered(&desired, view)
                .is_some_and(|observed| plan(&desired, &observed) == Plan::Settled)
    })
}

/// The run-now request that the last pass has seen.
fn handled(binding: &ProjectBinding) -> Option<String> {
    let status = binding.status.as_ref()?;
    status.last_handled_reconcile_at.clone()
}

fn desired(binding: &ProjectBinding, reference: &Reference, view: &View) -> Result<Desired, Error> {
    validate::desired(binding, reference, &view.server)
}

async fn converge(
    binding: &ProjectBinding,
    reference: &Reference,
    view: &View,
    (api, context): (&Api<ProjectBinding>, &Context),
) -> Result<Next, Error> {
    let mut report = Report::of(binding);
    let desired = match desired(binding, reference, view) {
        Ok(desired) => desired,
        Err(error) => return report.failed(error, api, context).await,
    };
    let mut work = Work {
        committed: desired.record.clone(),
        desired,
        reference,
        view,
        api,
        context,
        report: &mut report,
        rights: Rights::Assumed,
        attempt: Attempt::First,
        binding: binding.clone(),
    };
    let result = work.run().await;
    let record = if result.is_ok() {
        work.desired.record
    } else {
        work.committed
    };
    report.record = record;
    match result {
        Ok(()) => {
            report
                .settled(&reference.connection, view, (api, context))
                .await
        }
        Err(error) => {
            if error.is_outage() {
                // One server, one trouble: the connection finds out for all of its bindings.
                context.doubt(&reference.connection);
            }
            if report.record.accepted.is_none() {
                context.claims.forget(&uid(binding));
            }
            report.failed(error, api, context).await
        }
    }
}

/// One binding, while it is brought to its desired state.
struct Work<'a, 'b> {
    desired: Desired,
    /// What the status will remember if the pass fails: a mere acceptance is not among it.
    committed: Record,
    reference: &'a Reference,
    view: &'a View,
    api: &'a Api<ProjectBinding>,
    context: &'a Context,
    report: &'a mut Report<'b>,
    rights: Rights,
    attempt: Attempt,
    /// The object as Kubernetes has it now.
    binding: ProjectBinding,
}

impl Work<'_, '_> {
    /// Looks, plans and writes until nothing is left, or nothing can be done.
    async fn run(&mut self) -> Result<(), Error> {
        let mut turn = self.turn().await;
        for _ in 0..ROUNDS {
            let circumstances = Circumstances {
                held_for: &|row| self.held_for(row),
                claimed_by: self.rival(),
                rights: self.rights,
                import_at_work: self.import_at_work(),
            };
            let look = observe::live(&self.desired, self.view, circumstances).await?;
            let planned = plan(&self.desired, &look.observed);
            let is_refused = matches!(planned, Plan::Refused { .. });
            if !is_refused || self.desired.record.accepted.is_none() {
                // What was bound is remembered until something else is.
                self.report.see(look.repository.clone());
            }
            let steps = match planned {
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
                    self.finish(&look.observed);
                    return Ok(());
                }
                Plan::Settled => {
                    self.finish(&look.observed);
                    return Ok(());
                }
                Plan::Steps(steps) => steps,
            };
            let key = self.desired.key.clone();
            self.write(steps).await?;
            if self.desired.key != key {
                // An adopted project has a key of its own: its turn, its claim.
                drop(turn);
                turn = self.turn().await;
            }
        }
        Err(Error::Unstable { rounds: ROUNDS })
    }

    /// Nothing is left to write: what is remembered becomes what was seen.
    fn finish(&mut self, observed: &Observed) {
        self.desired.record.intent = None;
        let Record { accepted, .. } = &mut self.desired.record;
        if let (Some(accepted), Some(project)) = (accepted, &observed.project) {
            accepted.id = accepted.id.take().or_else(|| project.id.clone());
            if let BindingState::Bound { repository, .. } = &project.binding {
                accepted.repository = Some(repository.clone());
            }
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

    async fn turn(&self) -> OwnedMutexGuard<()> {
        self.context
            .claims
            .turn(&self.view.server, self.desired.key.as_str())
            .await
    }

    fn rival(&self) -> Option<crate::plan::Contender> {
        let claims = &self.context.claims;
        claims.on_project(
            &self.view.server,
            &self.desired.key,
            &self.binding,
            self.context,
        )
    }

    /// Whether SonarQube may still be working on an import whose answer did not come.
    fn import_at_work(&self) -> bool {
        let status = self.binding.status.as_ref();
        let intent = status.and_then(|status| status.intent.as_ref());
        intent.is_some_and(|intent| {
            clock::since(&intent.since) < sonarqube::WHILE_SONARQUBE_CALLS_BITBUCKET
        })
    }

    fn held_for(&self, project: (&ProjectKey, Option<&ProjectId>)) -> Option<RepositoryPath> {
        held_for(
            &self.view.server,
            project,
            &self.binding,
            &self.context.bindings,
        )
    }

    fn own(&self) -> &Uid {
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

/// How long an unsettled binding without a connection waits for its next look, at most.
const WITHOUT_CONNECTION: Duration = Duration::from_mins(10);
