//! What this process remembers of a connection between two passes. Nothing here is needed for correctness:
//! a restart costs one validation and one sweep.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use crate::http::Token;
use crate::identity::{SettingId, Uid};
use crate::inventory::Inventory;
use crate::plan::connection::{Pushed, Validation};

use super::health::{Health, Probed};
use super::remotes::Remotes;

/// The memories of all connections, by uid.
#[derive(Default)]
pub(crate) struct Memories {
    kept: Mutex<HashMap<Uid, Memory>>,
    /// Those that were doubted while a pass had their memory.
    doubted: Mutex<HashSet<Uid>>,
}

/// What is remembered of one connection.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) remotes: Option<Remotes>,
    pub(super) health: Option<Health>,
    pub(super) probed: Option<Probed>,
    /// What was asked for when it was probed last.
    pub(super) probed_for: Request,
    pub(super) validated: Option<Validated>,
    /// The very tokens that were pushed: equal bytes in a new version of the Secret are not pushed again.
    pub(super) pushed: Pushed<Token>,
    /// The token that SonarQube refused though Bitbucket takes it: it was pushed once more, and is not again.
    pub(super) refused: Option<(SettingId, Token)>,
    pub(super) swept: Option<(Instant, SettingId)>,
    /// The token whose rights the inventory holds.
    pub(super) rights_of: Option<Token>,
    pub(super) inventory: Arc<Mutex<Inventory>>,
    /// The generation and the run-now request that the last pass has seen.
    pub(super) asked: Request,
}

/// A generation, and a run-now request.
pub(super) type Request = (Option<i64>, Option<String>);

/// What SonarQube said of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Validated {
    pub(super) setting: SettingId,
    pub(super) result: Validation,
}

impl Memory {
    /// Has both servers checked, and what they can do, before anything else.
    fn doubt(&mut self) {
        self.health = None;
        self.probed = None;
    }
}

impl Memories {
    /// Takes a memory out for a pass. A pass that panics does not bring it back, and the next starts anew.
    pub(super) fn take(&self, connection: &Uid) -> Memory {
        self.lock().remove(connection).unwrap_or_default()
    }

    pub(super) fn put(&self, connection: &Uid, mut memory: Memory) {
        // Held from here on, so that no doubt slips in between.
        let mut kept = self.lock();
        if self.doubted().remove(connection) {
            memory.doubt();
        }
        kept.insert(connection.clone(), memory);
    }

    /// Has the import token pushed again: SonarQube says that it has none.
    pub(crate) fn distrust_import(&self, connection: &Uid) {
        if let Some(memory) = self.lock().get_mut(connection) {
            memory.pushed.distrust_import();
        }
    }

    /// Makes the next pass check both servers, and what they can do.
    pub(crate) fn doubt(&self, connection: &Uid) {
        match self.lock().get_mut(connection) {
            Some(memory) => memory.doubt(),
            // A pass has it: it is doubted when it comes back.
            None => {
                self.doubted().insert(connection.clone());
            }
        }
    }

    /// Forgets a connection that is gone.
    pub(super) fn forget(&self, connection: &Uid) {
        self.lock().remove(connection);
    }

    /// Forgets all connections but these, and their tokens.
    pub(crate) fn keep_only(&self, connections: &HashSet<Uid>) {
        self.lock().retain(|uid, _| connections.contains(uid));
        self.doubted().retain(|uid| connections.contains(uid));
    }

    fn doubted(&self) -> std::sync::MutexGuard<'_, HashSet<Uid>> {
        self.doubted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Uid, Memory>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
