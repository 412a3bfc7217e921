//! The servers as the bindings of one connection use them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::http::Urgency;
use crate::identity::{ServerId, SettingId, SettingKey};
use crate::inventory::Inventory;
use crate::plan::capability::Capabilities;
use crate::plan::connection::{Availability, Offer};
use crate::plan::decoration;
use crate::{bitbucket, sonarqube};

/// How bindings reach the servers, and what they may do there.
#[derive(Clone)]
pub(crate) struct ServerAccess {
    pub(crate) sonarqube: sonarqube::Client,
    /// With the import token: what it cannot see cannot be imported.
    pub(crate) bitbucket: bitbucket::Client,
    /// With the token that SonarQube decorates with.
    pub(crate) writer: bitbucket::Client,
    pub(crate) server: ServerId,
    pub(crate) setting: SettingId,
    pub(crate) setting_key: SettingKey,
    /// The operator's own SonarQube user.
    pub(crate) login: String,
    pub(crate) capabilities: Capabilities,
    pub(crate) decoration: decoration::Server,
    /// What the last sweep saw, and what was read since.
    pub(crate) inventory: SharedInventory,
}

/// An inventory that reconciles read and add to.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedInventory(Arc<Mutex<Inventory>>);

impl SharedInventory {
    pub(crate) fn shared(&self) -> &Mutex<Inventory> {
        &self.0
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inventory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The SonarQube that a reconcile of the connection found well.
#[derive(Clone)]
pub(crate) struct FoundSonarQube {
    pub(crate) server: ServerId,
    /// Its client, if it is another one than before: with a new token, for example.
    pub(crate) client: Option<sonarqube::Client>,
}

impl ServerAccess {
    /// What the inventory holds.
    pub(crate) fn inventory(&self) -> MutexGuard<'_, Inventory> {
        self.inventory.lock()
    }

    /// The same for calls of another urgency.
    pub(crate) fn at(&self, urgency: Urgency) -> Self {
        Self {
            sonarqube: self.sonarqube.at(urgency),
            bitbucket: self.bitbucket.at(urgency),
            writer: self.writer.at(urgency),
            ..self.clone()
        }
    }

    /// What bindings do and say depends on it.
    pub(super) fn offer(&self) -> Offer {
        Offer {
            server: self.server.clone(),
            configuration: self.setting.clone(),
            capabilities: self.capabilities,
            decoration: self.decoration,
        }
    }

    /// The same by the SonarQube that was found; `None` if that is another server, of which nothing is known here.
    pub(super) fn by(&self, found: &FoundSonarQube) -> Option<Arc<Self>> {
        let sonarqube = found.client.as_ref().unwrap_or(&self.sonarqube).clone();
        let access = Self {
            sonarqube,
            ..self.clone()
        };
        (self.server == found.server).then(|| Arc::new(access))
    }
}

/// What the bindings of a connection may do, and by what access.
#[derive(Clone, Default)]
pub(crate) struct Standing {
    pub(crate) availability: Availability,
    /// The access that served last, also while the availability does not allow its use.
    pub(super) access: Option<Arc<ServerAccess>>,
}

impl Standing {
    /// The access, if bindings may do everything.
    pub(crate) fn serving(&self) -> Option<&Arc<ServerAccess>> {
        match self.availability {
            Availability::Serving(_) => self.access.as_ref(),
            Availability::Unknown
            | Availability::UndoOnly { .. }
            | Availability::Down(_)
            | Availability::Gone(_) => None,
        }
    }

    /// The access, if bindings may undo what they did.
    pub(crate) fn undoing(&self) -> Option<&Arc<ServerAccess>> {
        match self.availability {
            Availability::Serving(_) | Availability::UndoOnly { .. } => self.access.as_ref(),
            Availability::Unknown | Availability::Down(_) | Availability::Gone(_) => None,
        }
    }
}
