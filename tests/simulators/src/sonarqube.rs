//! `SonarQube` from 8.9 to 26.9, as far as Bindery and the tests call it.
//!
//! It calls its Bitbucket as the real one does. What it answers is compared with what real servers answer, to the
//! letter, by the contract tests of the operator.
//!
//! ```no_run
//! # async fn example() -> Result<(), simulators::sonarqube::StartError> {
//! use simulators::sonarqube::{Effect, Fault, Profile, SonarQube};
//!
//! let sonarqube = SonarQube::start(Profile::V26_9).await?;
//! sonarqube.world(|world| world.set_up("squ_admin", "squ_bindery"));
//! let lost = Fault::at("PUT /api/v2/dop-translation/bound-projects");
//! sonarqube.fault(lost.effect(Effect::CommitThenDrop).times(1));
//! println!("{} after {} calls", sonarqube.url(), sonarqube.calls().len());
//! # Ok(()) }
//! ```

mod bitbucket;
mod credentials;
mod decoration;
mod machine;
mod phase;
mod plugin;
mod profile;
mod refusal;
mod routes;
mod simulation;
#[cfg(test)]
mod tests;
mod visit;
mod world;

use std::{ops::Deref, sync::Arc, time::Duration};

pub use crate::{
    calls::{Call, Caller, Credential, Outcome},
    fault::{Effect, Fault, Scripted},
};
use crate::{
    serving::{Running, Shared},
    wire::{self, Mode, Port},
};
pub use decoration::{AnalysisError, Decoration};
pub use phase::Phase;
pub use profile::{Edition, Profile, UnknownProfile, Version};
pub use routes::operations;
pub use world::{
    AnalysedPullRequest, Binding, Branch, GlobalPermission, NewCode, Platform, Project,
    ProjectPermission, SERVER_BASE_URL, Setting, Token, TokenKind, User, Visibility, World,
};

use bitbucket::Asker;
use plugin::Plugin;
use simulation::Simulation;

/// How long a connection to Bitbucket, and each read, may take: SonarQube's default.
const BITBUCKET_TIMEOUT: Duration = Duration::from_secs(30);

/// A running server on loopback. Dropping it closes its port.
#[derive(Debug)]
pub struct SonarQube {
    shared: Arc<Shared<Simulation>>,
    running: Running,
}

impl Deref for SonarQube {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

/// The server could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It could not listen.
    #[error("failed to start a server")]
    Listen(#[source] wire::StartError),
    /// The client that calls Bitbucket could not be made.
    #[error("failed to make a client for Bitbucket")]
    Client(#[source] reqwest::Error),
}

impl SonarQube {
    /// Starts a fresh installation without context path on a free port.
    ///
    /// # Errors
    /// If no port is free, or no client for Bitbucket can be made.
    pub async fn start(profile: Profile) -> Result<Self, StartError> {
        Self::listen(profile, "", 0, Mode::Still).await
    }

    /// The same under a context path such as `/sonarqube`.
    ///
    /// # Errors
    /// As [`SonarQube::start`], or if the path is none.
    pub async fn start_under(profile: Profile, context: &str) -> Result<Self, StartError> {
        Self::listen(profile, context, 0, Mode::Still).await
    }

    /// Starts a server on a port (0: a free one) to be steered over `/-/` as well.
    ///
    /// # Errors
    /// If the port is taken, the path is none, or no client for Bitbucket can be made.
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
        let port = Port::take(port).await.map_err(StartError::Listen)?;
        let url = port.url(context).map_err(StartError::Listen)?;
        let asker = Asker::new(profile, BITBUCKET_TIMEOUT).map_err(StartError::Client)?;
        let plugin = Plugin::new(profile, BITBUCKET_TIMEOUT).map_err(StartError::Client)?;
        // Servers differ by their ids: the port makes them differ here.
        let seed = u64::from(url.port().unwrap_or_default());
        let world = World::new(profile, seed);
        let simulation = Simulation::new(world, context.to_owned(), (asker, plugin));
        let shared = Shared::new(simulation, mode);
        let running = Running::serve(port, url, &shared);
        Ok(Self { shared, running })
    }

    /// Reads the world or changes it; no request is served meanwhile.
    pub fn world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.shared.lock().world)
    }

    /// Makes the server another edition of the same version, as a licence does.
    pub fn become_edition(&self, edition: Edition) {
        let mut simulation = self.shared.lock();
        simulation.profile.edition = edition;
        let profile = simulation.profile;
        simulation.world.profile = profile;
    }

    /// Stops and waits until the port is closed and every request that was begun is answered.
    pub async fn stop(self) {
        self.running.stop().await;
    }
}
