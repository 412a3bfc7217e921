//! Reads the inventory that the bindings of a connection live on.

use std::time::{Duration, Instant};

use crate::controller::error::Error;
use crate::controller::queues::Queues;
use crate::fleet::ObjectName;
use crate::fleet::link::{Clients, Request, SharedLink, Swept};
use crate::http::Token;
use crate::inventory::{Changes, Inventory, Sources};
use crate::plan::capability::Capabilities;
use crate::plan::connection::Setting;

/// So many intervals the last sweep serves on where SonarQube's lists change faster than they can be read.
const SERVES_ON: u32 = 6;

/// What a sweep is made for.
pub(super) struct Sweep<'a> {
    pub(super) setting: &'a Setting,
    pub(super) capabilities: Capabilities,
    pub(super) clients: &'a Clients,
    /// A request has the inventory read again.
    pub(super) request: &'a Request,
    /// The token that SonarQube decorates with.
    pub(super) token: &'a Token,
    pub(super) interval: Duration,
    pub(super) queues: &'a Queues,
}

impl Sweep<'_> {
    /// Makes sure that the inventory is no older than the interval, and returns what is new in it.
    pub(super) async fn refresh(&self, link: &SharedLink) -> Result<Option<Changes>, Error> {
        let now = Instant::now();
        // A little early is early enough: the reconcile is scheduled by the same interval.
        let age = self.interval.mul_f64(0.9);
        let (swept, is_waited_for) = {
            let link = link.lock();
            let swept = link.sweep.good(&self.setting.id, age, now).cloned();
            (swept, link.listing.due_in(now) == Some(Duration::ZERO))
        };
        match swept.filter(|swept| swept.request == *self.request) {
            None => self.sweep(link).await,
            Some(_) if is_waited_for => self.sweep(link).await,
            Some(swept) if self.capabilities.pull_requests && swept.rights_of != *self.token => {
                self.compare_rights(link).await.map(Some)
            }
            Some(_) => Ok(None),
        }
    }

    /// Asks what a rotated token may write to: what bindings say of decoration depends on it. Costs one call for up to
    /// 1,000 repositories, and none where pull requests are not analysed.
    async fn compare_rights(&self, link: &SharedLink) -> Result<Changes, Error> {
        let inventory = link.lock().inventory.clone();
        let repositories = inventory.lock().repository_ids();
        let rights = Inventory::rights(&self.clients.writer, &repositories).await;
        let rights = rights.map_err(|error| {
            Error::sweep(
                error,
                self.clients.sonarqube.url(),
                self.clients.writer.url(),
            )
        })?;
        link.lock()
            .sweep
            .amend(|swept| swept.rights_of = self.token.clone());
        Ok(inventory.lock().learn_rights(rights))
    }

    /// Reads the inventory again, and returns what is new in it. What the last sweep saw serves on where SonarQube's
    /// lists change faster than they can be read, as they do while many projects are imported; not for ever: drift
    /// would stay.
    async fn sweep(&self, link: &SharedLink) -> Result<Option<Changes>, Error> {
        let Clients {
            sonarqube,
            importer,
            writer,
        } = self.clients;
        let (id, key) = (&self.setting.id, &self.setting.key);
        let began = Instant::now();
        let reading = link.lock().sweep.begin(began);
        let swept = Inventory::sweep(Sources {
            sonarqube,
            importer,
            writer: self.capabilities.pull_requests.then_some(writer),
            setting: self.capabilities.lists_bindings.then_some((id, key)),
        })
        .await;
        let serves_on = || {
            let age = self.interval * SERVES_ON;
            link.lock().sweep.known(id, age, Instant::now()).is_some()
        };
        let swept = match swept {
            Err(error) if error.is_unsteady() && serves_on() => {
                tracing::info!(%error, "SonarQube's lists change while they are read: the last ones serve on");
                let waiters = link.lock().listing.failed(began, Instant::now());
                self.wake(waiters);
                return Ok(None);
            }
            swept => swept.map_err(|error| Error::sweep(error, sonarqube.url(), importer.url()))?,
        };
        let inventory = link.lock().inventory.clone();
        let changes = {
            let mut inventory = inventory.lock();
            let swept = swept.after(&inventory);
            let changes = swept.changes_since(&inventory);
            *inventory = swept;
            changes
        };
        let now = Swept {
            request: self.request.clone(),
            rights_of: self.token.clone(),
        };
        let waiters = {
            let mut link = link.lock();
            link.sweep.store(reading, now, id.clone());
            link.listing.listed(began, Instant::now())
        };
        self.wake(waiters);
        Ok(Some(changes))
    }

    /// Has the bindings reconciled that have waited for the listing.
    fn wake(&self, waiters: Vec<ObjectName>) {
        for name in waiters {
            self.queues.bindings.wake(&name);
        }
    }
}
