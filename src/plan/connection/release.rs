//! What to undo when a connection is deleted.

use crate::identity::{ServerId, SettingKey, Uid};

use super::model::{Platform, Recorded, Setting};

/// What is known when a connection with `deletionPolicy: Delete` is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionReleaseFacts<'a> {
    /// The object.
    pub uid: &'a Uid,
    /// The configuration that its status remembers.
    pub record: Option<&'a Recorded>,
    /// The server as it answers now.
    pub server: &'a ServerId,
    /// Its configurations.
    pub settings: &'a [Setting],
    /// How many projects are bound through the remembered one, read just before.
    pub bound: u64,
    /// Whether another connection has accepted it by now.
    pub claimed_by_other: bool,
}

/// What to do before the connection may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionRelease {
    /// Delete the configuration.
    Delete(SettingKey),
    /// Leave it.
    Keep(Kept),
}

/// Why the configuration stays: published in one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is gone already, or never was ours.
    NotOurs,
    /// Another connection manages it by now.
    Taken,
    /// So many projects are bound through it.
    InUse(u64),
}

/// What to do in SonarQube before a connection with `deletionPolicy: Delete` may go.
#[must_use]
pub fn release(facts: &ConnectionReleaseFacts<'_>) -> ConnectionRelease {
    let ours = facts.record.filter(|record| {
        record.created_by.as_ref() == Some(facts.uid) && record.server == *facts.server
    });
    let setting = ours.and_then(|record| {
        facts
            .settings
            .iter()
            .find(|setting| setting.id == record.id && setting.platform == Platform::Bitbucket)
    });
    match setting {
        None => ConnectionRelease::Keep(Kept::NotOurs),
        Some(_) if facts.claimed_by_other => ConnectionRelease::Keep(Kept::Taken),
        Some(_) if facts.bound > 0 => ConnectionRelease::Keep(Kept::InUse(facts.bound)),
        Some(setting) => ConnectionRelease::Delete(setting.key.clone()),
    }
}
