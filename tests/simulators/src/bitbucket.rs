//! Bitbucket Server / Data Center, 5.15 to 10.2, as far as `SonarQube` and Bindery call it.
//!
//! ```no_run
//! # async fn example() -> Result<(), simulators::bitbucket::StartError> {
//! use simulators::bitbucket::{Bitbucket, Effect, Fault, Permission, Profile, Right};
//!
//! let bitbucket = Bitbucket::start(Profile::V9_4).await?;
//! bitbucket.world(|world| {
//!     world.repository("PAY", "checkout");
//!     world.grant_project("reader", "PAY", Right::Read);
//!     world.token("a-token", "reader", &[Permission::ProjectRead]);
//! });
//! bitbucket.fault(Fault::at("branches").effect(Effect::Truncate).times(1));
//! println!("{} after {} calls", bitbucket.url(), bitbucket.calls().len());
//! # Ok(()) }
//! ```

mod auth;
mod errors;
mod exceptions;
mod paging;
mod profile;
mod routes;
mod simulation;
#[cfg(test)]
mod tests;
mod visit;
mod world;

use std::{ops::Deref, sync::Arc};

pub use crate::{
    calls::{Call, Caller, Credential, Outcome},
    fault::{Effect, Fault, SIGN_ON_PAGE, Scripted},
    wire::StartError,
};
pub use profile::{Profile, UnknownProfile};
pub use routes::operations;
pub use world::{
    BranchOrder, Change, NameFilter, Owner, Permission, Project, ProjectChange, PullRequest,
    PullRequestState, RateLimit, RateLimitBody, Report, Repository, RepositoryChange,
    RepositoryState, Right, Role, Secret, ServerState, Settings, Standing, Switch, Token, User,
    UserChange, UserKind, World, WorldError, slug_of,
};

use crate::{
    serving::{Running, Shared},
    wire::{Mode, Port},
};
use simulation::Simulation;

/// A small world as a list of [`Change`]s: PAY with checkout, ledger (default branch `develop`) and
/// payments-api; OPS with deploy; the personal project of jdoe with tools. It has no tokens.
pub const DEMO: &str = include_str!("bitbucket/demo.json");

/// A running instance on loopback. Dropping it closes its port.
#[derive(Debug)]
pub struct Bitbucket {
    shared: Arc<Shared<Simulation>>,
    running: Running,
}

impl Deref for Bitbucket {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

impl Bitbucket {
    /// Starts an empty instance without context path on a free port. Its clock stands still at
    /// 2027-01-15T08:00:00Z.
    ///
    /// # Errors
    /// If no port is free.
    pub async fn start(profile: Profile) -> Result<Self, StartError> {
        Self::start_under(profile, "").await
    }

    /// The same under a context path such as `/bitbucket`.
    ///
    /// # Errors
    /// If no port is free, or the path is none.
    pub async fn start_under(profile: Profile, context: &str) -> Result<Self, StartError> {
        Self::listen(profile, context, 0, Mode::Still).await
    }

    /// Starts an instance on a port (0: a free one) to be steered over `/-/` while its clock runs.
    ///
    /// # Errors
    /// If the port is taken, or the path is none.
    pub async fn start_live(
        profile: Profile,
        context: &str,
        port: u16,
    ) -> Result<Self, StartError> {
        Self::listen(profile, context, port, Mode::Live).await
    }

    async fn listen(
        profile: Profile,
        context: &str,
        port: u16,
        mode: Mode,
    ) -> Result<Self, StartError> {
        let port = Port::take(port).await?;
        let url = port.url(context)?;
        let mut simulation = Simulation::new(profile, port.origin.clone(), context.to_owned());
        simulation.world.set_now(1_800_000_000_000);
        if mode == Mode::Live {
            simulation.run_clock();
        }
        let shared = Shared::new(simulation, mode);
        let running = Running::serve(port, url, &shared);
        Ok(Self { shared, running })
    }

    /// Reads the world or changes it; no request is served meanwhile.
    pub fn world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.shared.lock().world)
    }

    /// Stops and waits until the port is closed and every request that was begun is answered.
    pub async fn stop(self) {
        self.running.stop().await;
    }
}
