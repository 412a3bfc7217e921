//! The REST API of Bitbucket Server and Data Center, versions 5.15 to 10, as far as Bindery calls it.

mod error;
mod pull_requests;
mod repositories;
mod server;
mod users;

pub use error::Error;
pub use pull_requests::PullRequest;
pub use repositories::{Access, Lookup, MissingPart, Repository};
pub use server::{Server, Version, VersionError};

use crate::http::{Answer, Authorization, Call, Token, Transport, Urgency};
use crate::identity::ServerUrl;

/// Calls to one Bitbucket server with one token. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    transport: Transport,
    authorization: Authorization,
}

impl Client {
    /// Calls with a personal, project or repository token. It is sent below `/rest` only: elsewhere newer
    /// versions do not take it, and may lock the account.
    #[must_use]
    pub fn new(transport: Transport, token: Token) -> Self {
        Self {
            transport: transport.for_token(&token),
            authorization: Authorization::Bearer(token),
        }
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

    /// Sends a call with the token and takes success only.
    async fn call(&self, call: Call<'_>) -> Result<Answer, Error> {
        let call = call
            .authorized(&self.authorization)
            .header("X-Atlassian-Token", "no-check");
        let answer = self.transport.send(call).await.map_err(Error::Transport)?;
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
