//! The story of a ProjectBinding: find its connection, see whether it may work, compare, write, read again.

mod apply;
mod bulk;
mod decoration;
mod dereference;
mod foresee;
mod release;
mod report;
mod reserve;
mod shown;
mod visit;
mod work;

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::ResourceExt as _;

use crate::crd::{BindingDeletionPolicy, BitbucketConnection, ManagementPolicy, ProjectBinding};
use crate::declared;
use crate::fleet::SPREAD;
use crate::fleet::link::ServerAccess;
use crate::http::Urgency;
use crate::kubernetes::uid;
use crate::kubernetes::{finalizer, status};
use crate::observe;
use crate::plan::binding::{Desired, Plan, admitted, plan, uncontested};
use crate::plan::decoration::Token;
use crate::plan::{Blocked, Reason};
use crate::sonarqube;

use super::context::Context;
use super::error::Error;
use super::lifecycle::Lifecycle;
use super::reconcile::{Limits, Next, Reconcile};
use super::share::Share;

use dereference::Reference;
use report::{Ended, Report};
use reserve::Reserved;
use visit::{Visit, is_asked};
use work::{Scene, Work};

/// The longest time until the next reconcile of a binding without a connection that is not up to date.
const WITHOUT_CONNECTION: Duration = Duration::from_mins(10);

impl Reconcile for ProjectBinding {
    fn urgency(&self) -> Urgency {
        visit::urgency(self)
    }

    /// Brings one binding to its desired state, and reports what was found and done.
    async fn reconcile(
        self: Arc<Self>,
        context: Arc<Context>,
        mut share: Share,
    ) -> Result<Next, Error> {
        let binding = Arc::unwrap_or_clone(self);
        context.register.ledger.begin(&uid(&binding));
        if binding.metadata.deletion_timestamp.is_some() {
            return Box::pin(release::release(binding, &context, &mut share)).await;
        }
        let mut report = Report::of(binding, &context);
        let limits = Limits::of::<ProjectBinding>(&context);
        let ended = limits.keep(Box::pin(pursue(&mut report, &context, &mut share)));
        let ended = ended.await.map_err(|error| error.during(report.doing));
        if let (Err(error), Some(connection)) = (&ended, &report.connection)
            && error.sorted().blame.is_outage()
        {
            // One server, one trouble: the connection finds out for all of its bindings.
            context.invalidate(connection, error);
        }
        Box::pin(report.conclude(ended, &context)).await
    }
}

/// Finds the connection, and whether anything is to be done in SonarQube now.
async fn pursue(report: &mut Report, context: &Context, share: &mut Share) -> Result<Ended, Error> {
    let Some(reference) = dereference::reference(&report.binding, context)? else {
        return Ok(Ended::NoReport);
    };
    let connection = &reference.connection;
    report.connection = Some(Arc::clone(connection));
    let binding = &report.binding;
    let suspended = binding.spec.suspend || connection.spec.suspend;
    if protects_itself(binding, connection) {
        if Lifecycle::of(binding, suspended) == Lifecycle::Unprotected {
            finalizer::add(context.place::<ProjectBinding>(), binding).await?;
            return Ok(Ended::NoReport);
        }
    } else if finalizer::is_set(binding) {
        finalizer::remove(context.place::<ProjectBinding>(), binding).await?;
    }
    if suspended {
        return Ok(Ended::Suspended);
    }
    let access = match access(binding, connection, context)? {
        Access::Open(access) => access,
        Access::Kept => return Ok(Ended::NoReport),
        Access::TokenRefused => return Ok(Ended::TokenRefused),
    };
    report.through = Some(shown::accepts(connection, &access.setting));
    dereference::keeps_its_place(&report.binding, &access)?;
    let scene = Scene {
        reference: &reference,
        access: &access,
        context,
    };
    match work(report, scene, share).await {
        Ok(ended) => Ok(ended),
        Err(error) => Err(confirmed(error, report, &access, context).await),
    }
}

/// Compares with the servers, as far as that is needed, and writes what differs.
async fn work(report: &mut Report, scene: Scene<'_>, share: &mut Share) -> Result<Ended, Error> {
    let Scene {
        reference,
        access,
        context,
    } = scene;
    let connection = &reference.connection;
    let desired = desired(&report.binding, reference, access)?;
    may_go_on(&desired, scene).map_err(|refusal| {
        report.stay_on(&access.server);
        Error::Refused(refusal)
    })?;
    let is_due = spread_read_is_due(&report.binding, &desired, scene);
    if !is_due && is_at_rest(&report.binding, reference, access) {
        context.agenda.rests(&desired.uid);
        return Ok(Ended::AtRest(Arc::clone(access)));
    }
    let Some(basis) = bulk::basis(&report.binding, &desired, scene) else {
        return Ok(Ended::Listing);
    };
    // First what is worked on, then the place: a binding that cannot begin yet does not stand in the queue for one.
    let Some(reserved) = Reserved::of(&desired, access, &context.register.ledger) else {
        return Ok(Ended::Waits);
    };
    let mut visit = Visit::of(&report.binding, connection, share, &context.lanes);
    if !visit.enter() {
        return Ok(Ended::Queued);
    }
    let access = &visit.by(access);
    // The connection may have closed meanwhile: it waits for those alone that have a place.
    let standing = context.links.standing(&uid(&**connection));
    if standing.serving().is_none() {
        // Its reconcile triggers this binding, or its end does.
        return Ok(Ended::NoReport);
    }
    let mut fresh = None;
    if is_due {
        if is_asked(&report.binding) {
            fresh = ask_for_the_base_url(connection, access, context).await;
        }
        let access = fresh.as_ref().unwrap_or(access);
        let scene = Scene { access, ..scene };
        spread_read(&report.binding, scene).await?;
    }
    let access = fresh.as_ref().unwrap_or(access);
    if is_due && is_at_rest(&report.binding, reference, access) {
        return Ok(Ended::AtRest(Arc::clone(access)));
    }
    let scene = Scene { access, ..scene };
    Work::converge(report, scene, reserved, basis).await
}

/// What is not admitted, or belongs to another binding, is never read.
fn may_go_on(desired: &Desired, scene: Scene<'_>) -> Result<(), Blocked> {
    admitted(desired)?;
    let things = reserve::contended(desired, &scene.reference.connection, scene.access);
    let ledger = &scene.context.register.ledger;
    uncontested(desired, ledger.contend(&desired.uid, &things).as_ref())
}

/// A server that starts does not know the simplest call, and one that lost an edition or a plugin not what it could do
/// before: it says which. Every other failure is what it seems.
async fn confirmed(
    error: Error,
    report: &Report,
    access: &ServerAccess,
    context: &Context,
) -> Error {
    let Error::SonarQube {
        source: sonarqube::Error::UnknownUrl { operation },
        url,
    } = &error
    else {
        return error;
    };
    let phase = match access.sonarqube.status().await {
        Ok(status) => status.phase,
        Err(source) => return access.failed(source),
    };
    if phase != sonarqube::Phase::Up {
        let (url, phase) = (url.clone(), format!("{phase:?}"));
        return Error::NotUp { url, phase };
    }
    if let Some(connection) = &report.connection {
        context.invalidate(connection, &error);
    }
    Error::Retry(Blocked::new(
        Reason::UnsupportedVersion,
        format!(
            "SonarQube at {url} is up and does not know {operation}: was an edition or a plugin removed? The connection finds out what this server offers now"
        ),
    ))
}

/// Whether something is to be read that no listing has: the spread read of its project is due, nothing was read of it
/// yet where no listing has its binding, or a reconcile was requested. Of what is not admitted nothing is read.
fn spread_read_is_due(binding: &ProjectBinding, desired: &Desired, scene: Scene<'_>) -> bool {
    let Scene {
        reference,
        access,
        context,
    } = scene;
    let Some(accepted) = &desired.record.accepted else {
        return false;
    };
    let interval = context.interval(&reference.connection);
    let cycle = if access.capabilities.lists_bindings {
        interval * SPREAD
    } else {
        interval
    };
    let now = Instant::now();
    let is_due = context.agenda.spread_read_is_due(&desired.uid, cycle, now)
        || observe::is_unread(&accepted.key, access.servers());
    is_due || is_asked(binding)
}

/// Reads SonarQube's base URL, which a user may have changed in its UI since the last check of the connection. Returns
/// the access with what it is now, if it is another one. The connection then finds out for its other bindings.
async fn ask_for_the_base_url(
    connection: &BitbucketConnection,
    access: &ServerAccess,
    context: &Context,
) -> Option<Arc<ServerAccess>> {
    match decoration::server(access).await {
        Ok(now) if now != access.decoration => {
            context.recheck(connection);
            let mut fresh = access.clone();
            fresh.decoration = now;
            Some(Arc::new(fresh))
        }
        Ok(_) => None,
        // It never holds a binding back.
        Err(error) => {
            tracing::warn!(%error, "failed to read SonarQube's Server base URL");
            None
        }
    }
}

/// Reads that. Who asks has the servers asked anyway.
async fn spread_read(binding: &ProjectBinding, scene: Scene<'_>) -> Result<(), Error> {
    let Scene {
        access, context, ..
    } = scene;
    let record = declared::record(binding);
    let Some(accepted) = &record.accepted else {
        return Ok(());
    };
    if !is_asked(binding) {
        let read = observe::read_binding(&accepted.key, access.servers()).await;
        read.map_err(|error| access.not_observed(error))?;
        context.metrics.spread_read();
    }
    context
        .agenda
        .spread_read_done(&uid(binding), Instant::now());
    let Some(repository) = &accepted.repository else {
        return Ok(());
    };
    if is_asked(binding) {
        decoration::ask_for_the_right(repository, access).await;
    }
    let place = (&accepted.key, repository);
    let read = decoration::read(&uid(binding), place, access, &context.decorations).await;
    // It never delays a binding: what was reported before stays.
    if let Err(error) = read {
        tracing::warn!(%error, "failed to look whether pull requests were decorated");
    }
    Ok(())
}

/// Whether something may have to be undone in SonarQube before the object goes.
fn protects_itself(binding: &ProjectBinding, connection: &BitbucketConnection) -> bool {
    declared::resolved(binding, Some(connection)).deletion_policy != BindingDeletionPolicy::Orphan
        && binding.spec.management_policy == ManagementPolicy::Full
        && connection.spec.management_policy == ManagementPolicy::Full
}

/// How a binding reaches the servers.
enum Access {
    /// By this one.
    Open(Arc<ServerAccess>),
    /// Not now, and its status stays as it is.
    Kept,
    /// Not now. Its status stays as it is, except for what it says of decoration.
    TokenRefused,
}

fn access(
    binding: &ProjectBinding,
    connection: &BitbucketConnection,
    context: &Context,
) -> Result<Access, Error> {
    let standing = context.links.standing(&uid(connection));
    if let Some(access) = standing.serving() {
        return Ok(Access::Open(Arc::clone(access)));
    }
    match standing.availability.why() {
        // The connection's first reconcile in this process triggers this binding again.
        None => Ok(Access::Kept),
        // A binding that is up to date keeps its status while its server is down.
        Some(_) if status::is_settled(binding) => Ok(match standing.availability.token() {
            Token::NotRefused => Access::Kept,
            Token::Refused => Access::TokenRefused,
        }),
        Some(why) => Err(waiting(connection, why)),
    }
}

fn waiting(connection: &BitbucketConnection, why: &Blocked) -> Error {
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
    Error::Waiting(Blocked::new(
        reason,
        format!(
            "BitbucketConnection {name} is not ready ({}): see its conditions",
            why.reason.as_str()
        ),
    ))
}

/// Whether the last sweep shows that nothing is to be done. Costs no call at all.
///
/// No listing has all that a spec may ask for: what was not brought to its generation yet is compared with the servers.
fn is_at_rest(binding: &ProjectBinding, reference: &Reference, access: &ServerAccess) -> bool {
    status::is_settled(binding)
        // A user may have requested a reconcile.
        && !is_asked(binding)
        && desired(binding, reference, access).is_ok_and(|desired| {
            desired.record.intent.is_none()
                && desired.record.accepted.is_some()
                && observe::listed(&desired, access.servers())
                    .is_some_and(|observed| plan(&desired, &observed) == Plan::Settled)
        })
}

fn desired(
    binding: &ProjectBinding,
    reference: &Reference,
    access: &ServerAccess,
) -> Result<Desired, Error> {
    let through = (&*reference.connection, &reference.access);
    declared::desired(binding, through, &access.server).map_err(Error::Refused)
}
