//! Reads the inventory that the bindings of a connection live on.

use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

use crate::controller::error::Error;
use crate::inventory::{Changes, Inventory, Sources};
use crate::plan::connection::Setting;

use super::health::Ground;
use super::memory::Memory;
use super::remotes::Remotes;

/// Asks what a rotated token may write to: what bindings say of decoration depends on it. Costs one call for up to 1,000
/// repositories, and none where pull requests are not analysed.
pub(super) async fn compare_rights(remotes: &Remotes, memory: &Memory) -> Result<Changes, Error> {
    let Remotes {
        sonarqube, writer, ..
    } = remotes;
    let inventory = || {
        let lock = memory.inventory.lock();
        lock.unwrap_or_else(PoisonError::into_inner)
    };
    let repositories = inventory().repository_ids();
    let rights = Inventory::rights(writer, &repositories).await;
    let rights = rights.map_err(|error| Error::sweep(error, sonarqube.url(), writer.url()))?;
    Ok(inventory().learn_rights(rights))
}

/// Reads the inventory afresh, and tells what is new in it. What the last sweep saw serves on where SonarQube's lists
/// change faster than they can be read, as they do while many projects are imported; not for ever: drift would stay.
pub(super) async fn sweep(
    setting: &Setting,
    ground: &Ground,
    remotes: &Remotes,
    (memory, interval): (&mut Memory, Duration),
) -> Result<Option<Changes>, Error> {
    let Remotes {
        sonarqube,
        importer,
        writer,
        ..
    } = remotes;
    let capabilities = ground.capabilities;
    let swept = Inventory::sweep(Sources {
        sonarqube,
        importer,
        writer: capabilities.pull_requests.then_some(writer),
        setting: capabilities
            .lists_bindings
            .then_some((&setting.id, &setting.key)),
    })
    .await;
    let before = memory.swept.as_ref();
    let before = before.filter(|(at, id)| *id == setting.id && at.elapsed() < interval * 6);
    let swept = match swept {
        Err(error) if error.is_unsteady() && before.is_some() => {
            tracing::info!(%error, "SonarQube's lists change while they are read: the last ones serve on");
            return Ok(None);
        }
        swept => swept.map_err(|error| Error::sweep(error, sonarqube.url(), importer.url()))?,
    };
    let mut inventory = memory
        .inventory
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let swept = swept.after(&inventory);
    let changes = swept.changes_since(&inventory);
    *inventory = swept;
    memory.swept = Some((Instant::now(), setting.id.clone()));
    Ok(Some(changes))
}
