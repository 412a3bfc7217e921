//! What the server is, and whether it is ready. Sources: `api/system`, `api/features`, `api/navigation`.

use serde::Deserialize;

use super::{Client, Error, Version};
use crate::http::{BodyKind, Call, Operation, Problem};
use crate::identity::ServerId;

const STATUS: Operation = Operation::get("api/system/status");
const FEATURES: Operation = Operation::get("api/features/list");
const NAVIGATION: Operation = Operation::get("api/navigation/global");

/// Who the server is and what it is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Stable over restarts; another one for another database.
    pub id: ServerId,
    /// The version.
    pub version: Version,
    /// Only while this is `Up` does any other answer mean anything: 404 and 401 are wrong before.
    pub phase: Phase,
}

/// What a server is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Serving.
    Up,
    /// Not yet serving.
    Starting,
    /// Gone.
    Down,
    /// About to go and come back.
    Restarting,
    /// Waits for a person to start the migration of its database.
    MigrationNeeded,
    /// Migrating its database.
    MigrationRunning,
    /// A word that no version up to 26.9 says.
    Other(String),
}

#[derive(Deserialize)]
struct StatusBody {
    id: Option<String>,
    version: Option<String>,
    status: Option<String>,
}

#[derive(Deserialize)]
struct NavigationBody {
    edition: Option<String>,
}

impl Phase {
    fn of(word: &str) -> Self {
        match word {
            "UP" => Self::Up,
            "STARTING" => Self::Starting,
            "DOWN" => Self::Down,
            "RESTARTING" => Self::Restarting,
            "DB_MIGRATION_NEEDED" => Self::MigrationNeeded,
            "DB_MIGRATION_RUNNING" => Self::MigrationRunning,
            other => Self::Other(other.chars().take(40).collect()),
        }
    }
}

impl Client {
    /// Who the server is and what it is doing; sent without the token.
    ///
    /// # Errors
    /// `Problem::UnexpectedBody` when what answers is not SonarQube; names Bitbucket where it is that.
    pub async fn status(&self) -> Result<Status, Error> {
        let answer = self.transport.send(Call::new(STATUS)).await;
        let answer = answer.map_err(Error::Transport)?;
        if answer.header("X-AREQUESTID").is_some() {
            let found = BodyKind::Bitbucket;
            return Err(Error::Transport(
                answer.fail(Problem::UnexpectedBody { found }),
            ));
        }
        if !answer.is_success() {
            // The server is not known yet, so its texts cannot be trusted, and no token was sent that could be refused.
            return Err(Error::Transport(match answer.status() {
                404 => answer.fail(Problem::WrongRoute),
                _ => answer.unwanted(),
            }));
        }
        let body: StatusBody = answer.json().map_err(Error::Transport)?;
        let version = body.version.and_then(|text| Version::parse(&text).ok());
        match (body.id, version, body.status) {
            (Some(id), Some(version), Some(word)) => Ok(Status {
                id: ServerId::new(id),
                version,
                phase: Phase::of(&word),
            }),
            _ => Err(Error::Transport(answer.fail(Problem::UnexpectedBody {
                found: BodyKind::OtherJson,
            }))),
        }
    }

    /// The keys of the features that edition and plugins give, for example `multiple-alm`; empty on plain
    /// Community, none on versions before 9.6, which do not report them.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn features(&self) -> Result<Option<Vec<String>>, Error> {
        match self.read(Call::new(FEATURES)).await {
            Err(Error::UnknownUrl { .. }) => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// `community`, `developer`, `enterprise` or `datacenter`, if reported. To be shown, not to be relied on.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn edition(&self) -> Result<Option<String>, Error> {
        let body: NavigationBody = self.read(Call::new(NAVIGATION)).await?;
        Ok(body.edition)
    }
}
