//! SonarQube's web API, versions 8.9 to 26.9, as far as Bindery calls it. One file an API domain.

mod alm_integrations;
mod alm_settings;
mod branches;
mod dop_translation;
mod error;
mod new_code_periods;
mod pages;
mod permissions;
mod projects;
mod pull_requests;
mod settings;
mod shared;
mod system;
mod users;
mod version;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use alm_settings::{Binding, Definition, Definitions, ForeignDefinition};
pub use dop_translation::{BoundProject, DopSetting, NewBinding, ProjectBindingRow};
pub use error::{BitbucketAnswer, Error};
pub use new_code_periods::NewCode;
pub use permissions::Permission;
pub use projects::{NewProject, Project, Sight, Visibility};
pub use pull_requests::AnalysedPullRequest;
pub(crate) use shared::KEYS_AT_ONCE;
pub use system::{Phase, Status};
pub use users::User;
pub use version::{Version, VersionError};

use crate::http::{Answer, Authorization, Call, Token, Transport, Urgency};
use crate::identity::ServerUrl;

/// The setting for the server's own public URL.
pub const SERVER_BASE_URL: &str = "sonar.core.serverBaseURL";

/// SonarQube waits up to 30 s for a connection and 30 s for an answer, for each of its three calls to Bitbucket.
pub const WHILE_SONARQUBE_CALLS_BITBUCKET: Duration = Duration::from_secs(200);

/// Calls to one SonarQube server in the name of one user. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    transport: Transport,
    authorization: Authorization,
    token_expiration: Arc<Mutex<Option<String>>>,
    shared: shared::Shared,
    sight: Sight,
}

impl Client {
    /// Calls with a user's token.
    ///
    /// Basic, not Bearer: every version takes it, while 8.9 and 9.9 treat a Bearer as anonymous.
    #[must_use]
    pub fn new(transport: Transport, token: Token) -> Self {
        Self {
            transport: transport.for_token(&token),
            authorization: Authorization::Basic(token),
            token_expiration: Arc::default(),
            shared: shared::Shared::default(),
            sight: Sight::default(),
        }
    }

    /// The same for a user who sees this much.
    #[must_use]
    pub fn seeing(&self, sight: Sight) -> Self {
        Self {
            sight,
            ..self.clone()
        }
    }

    /// Which projects its user sees.
    #[must_use]
    pub fn sight(&self) -> Sight {
        self.sight
    }

    /// The same for calls of another urgency.
    #[must_use]
    pub fn at(&self, urgency: Urgency) -> Self {
        Self {
            transport: self.transport.at(urgency),
            ..self.clone()
        }
    }

    /// The server is back: one call at first, and more with every answer.
    pub fn begin_slowly(&self) {
        self.transport.begin_slowly();
    }

    /// The server's base URL.
    #[must_use]
    pub fn url(&self) -> &ServerUrl {
        self.transport.base()
    }

    /// The day on which the token expires (`2026-12-31`), from the last answer; none for a token
    /// that does not expire, or a server before 9.9.
    #[must_use]
    pub fn token_expiration(&self) -> Option<String> {
        let seen = self.token_expiration.lock();
        seen.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends a call as the token's user and takes success only.
    async fn call(&self, call: Call<'_>) -> Result<Answer, Error> {
        let call = call.authorized(&self.authorization);
        let answer = self.transport.send(call).await.map_err(Error::Transport)?;
        if let Some(time) = answer.header("SonarQube-Authentication-Token-Expiration") {
            let day = time.split('T').next().unwrap_or(time).to_owned();
            let seen = self.token_expiration.lock();
            *seen.unwrap_or_else(PoisonError::into_inner) = Some(day);
        }
        if answer.is_success() {
            Ok(answer)
        } else {
            Err(Error::of(&answer))
        }
    }

    /// As `call`, and reads the answer.
    async fn read<T: serde::de::DeserializeOwned>(&self, call: Call<'_>) -> Result<T, Error> {
        let answer = self.call(call).await?;
        answer.json().map_err(Error::Transport)
    }
}
