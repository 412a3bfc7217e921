//! Reads the inventory that the bindings of a connection live on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::wake;
use crate::fleet::ObjectName;
use crate::fleet::link::{Clients, Request, SharedLink, Sharing, Swept, View};
use crate::http::Token;
use crate::identity::{SettingId, SettingKey};
use crate::inventory::{Changes, Inventory, Listed, Sources, SweepError};
use crate::plan::capability::Capabilities;
use crate::plan::connection::Setting;

/// So many intervals the last sweep serves on where SonarQube's lists change faster than they can be read.
const SERVES_ON: u32 = 6;

/// A listing of another connection that is no older serves as one of its own.
const AS_GOOD_AS_OWN: Duration = Duration::from_secs(10);

/// A listing that a connection goes by from now on.
struct Seen<'a> {
    listed: &'a Arc<Listed>,
    setting: &'a SettingId,
    connection: &'a ObjectName,
    /// So many bindings of the configuration it does not show.
    hidden: u64,
    swept: Swept,
}

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
    pub(super) connection: ObjectName,
    pub(super) context: &'a Context,
}

impl Sweep<'_> {
    /// Makes sure that the inventory is no older than the interval, and returns what is new in it.
    pub(super) async fn refresh(
        &self,
        view: View,
        link: &SharedLink,
    ) -> Result<Option<Changes>, Error> {
        let sharing = self.share(view, link);
        let now = Instant::now();
        // A little early is early enough: the reconcile is scheduled by the same interval.
        let age = self.interval.mul_f64(0.9);
        let (swept, is_waited_for, is_requested) = {
            let link = link.lock();
            let swept = link.sweep.good(&self.setting.id, age, now).cloned();
            let last = link.sweep.last().map(|(swept, _)| swept);
            let is_requested = last.is_some_and(|swept| swept.request != *self.request);
            let is_waited_for = link.listing.due_in(now) == Some(Duration::ZERO);
            (swept, is_waited_for, is_requested)
        };
        match swept {
            // A user wants to see what is there now.
            _ if is_requested => self.sweep(&sharing, link, Duration::ZERO).await,
            None => self.sweep(&sharing, link, AS_GOOD_AS_OWN).await,
            Some(_) if is_waited_for => self.sweep(&sharing, link, AS_GOOD_AS_OWN).await,
            Some(swept) if self.capabilities.pull_requests && swept.rights_of != *self.token => {
                self.compare_rights(link).await.map(Some)
            }
            Some(_) => Ok(None),
        }
    }

    /// From now on the connection shares the listings of its view.
    fn share(&self, view: View, link: &SharedLink) -> Sharing {
        let sharing = Sharing {
            listings: self.context.links.listings(view),
            connection: self.connection.clone(),
            setting: (self.setting.id.clone(), self.setting.key.clone()),
        };
        link.lock().sharing = Some(sharing.clone());
        sharing
    }

    /// Asks what a rotated token may write to: what bindings say of decoration depends on it. Costs one call for up to
    /// 1,000 repositories, and none where pull requests are not analysed.
    async fn compare_rights(&self, link: &SharedLink) -> Result<Changes, Error> {
        let inventory = link.lock().inventory.clone();
        let repositories = inventory.lock().repository_ids();
        let rights = Inventory::rights(&self.clients.writer, &repositories).await;
        let rights = rights.map_err(|error| self.failed(error))?;
        link.lock()
            .sweep
            .amend(|swept| swept.rights_of = self.token.clone());
        Ok(inventory.lock().learn_rights(rights))
    }

    /// Reads the inventory again, and returns what is new in it. What the last sweep saw serves on where SonarQube's
    /// lists lose rows faster than they can be read, as they do while many projects are deleted; not for ever: drift
    /// would stay.
    async fn sweep(
        &self,
        sharing: &Sharing,
        link: &SharedLink,
        at_most: Duration,
    ) -> Result<Option<Changes>, Error> {
        let began = Instant::now();
        let id = &self.setting.id;
        let serves_on = || {
            let age = self.interval * SERVES_ON;
            link.lock().sweep.known(id, age, Instant::now()).is_some()
        };
        let (listed, hidden) = match self.listed(sharing, link, at_most).await {
            Err(error) if error.is_unsteady() && serves_on() => {
                tracing::info!(%error, "SonarQube's lists change while they are read: the last ones serve on");
                let waiters = link.lock().listing.failed(began, Instant::now());
                self.wake(waiters);
                return Ok(None);
            }
            listed => listed.map_err(|error| self.failed(error))?,
        };
        let seen = Seen {
            listed: &listed,
            setting: id,
            connection: &self.connection,
            hidden,
            swept: Swept {
                request: self.request.clone(),
                rights_of: self.token.clone(),
            },
        };
        let changes = self.take_over(link, seen);
        self.hand_over(&listed, link, sharing);
        Ok(Some(changes))
    }

    /// A listing that the connection has not seen: one of those that share it, or its own; and how many bindings of the
    /// configuration it hides.
    async fn listed(
        &self,
        sharing: &Sharing,
        link: &SharedLink,
        at_most: Duration,
    ) -> Result<(Arc<Listed>, u64), SweepError> {
        let setting = (&self.setting.id, &self.setting.key);
        let asked = Instant::now();
        let mut last = sharing.listings.last.lock().await;
        if let Some(listed) = last.good(asked, at_most) {
            let inventory = link.lock().inventory.clone();
            let is_new = !inventory.lock().shows(&listed, &self.setting.id);
            if is_new && listed.covers(&self.setting.id) {
                let sonarqube = &self.clients.sonarqube;
                // What was bound since it was listed looks hidden: then a listing of its own says what is.
                if listed.hidden_of(setting, sonarqube).await? == 0 {
                    return Ok((listed, 0));
                }
            }
        }
        if last.has_failed_since(asked) {
            drop(last);
            return self.list(setting, &[]).await;
        }
        let others = self.others(sharing, link);
        let began = Instant::now();
        match self.list(setting, &others).await {
            Ok((listed, hidden)) => {
                last.listed(&listed);
                Ok((listed, hidden))
            }
            Err(error) => {
                last.failed(began);
                Err(error)
            }
        }
    }

    async fn list(
        &self,
        (id, key): (&SettingId, &SettingKey),
        others: &[(SettingId, SettingKey)],
    ) -> Result<(Arc<Listed>, u64), SweepError> {
        let Clients {
            sonarqube,
            importer,
            writer,
        } = self.clients;
        // Of a configuration that does not exist yet, nothing is listed.
        let lists = self.capabilities.lists_bindings && !id.as_str().is_empty();
        let sources = Sources {
            sonarqube,
            importer,
            writer: self.capabilities.pull_requests.then_some(writer),
            setting: lists.then_some((id, key)),
        };
        let listed = Listed::sweep(sources, others).await?;
        let hidden = listed.hidden(id).unwrap_or_default();
        Ok((Arc::new(listed), hidden))
    }

    /// The configurations of the other connections that share the listings.
    fn others(&self, sharing: &Sharing, link: &SharedLink) -> Vec<(SettingId, SettingKey)> {
        let others = self.context.links.sharing(&sharing.listings, link);
        others
            .into_iter()
            .map(|(_, sharing)| sharing.setting)
            .collect()
    }

    /// Gives a listing to the other connections that share it: their bindings are as well served as if they had made it.
    fn hand_over(&self, listed: &Arc<Listed>, link: &SharedLink, sharing: &Sharing) {
        for (other, sharing) in self.context.links.sharing(&sharing.listings, link) {
            let (id, _) = &sharing.setting;
            // One that came while it was read has not been counted, and takes it over itself.
            let Some(hidden) = listed.hidden(id) else {
                continue;
            };
            let (inventory, swept) = {
                let other = other.lock();
                let last = other.sweep.last().filter(|(_, of)| *of == id);
                let swept = last.map(|(swept, _)| swept.clone());
                (other.inventory.clone(), swept)
            };
            let is_new = !inventory.lock().shows(listed, id);
            let Some(swept) = swept.filter(|_| is_new) else {
                continue;
            };
            let seen = Seen {
                listed,
                setting: id,
                connection: &sharing.connection,
                hidden,
                swept,
            };
            let changes = self.take_over(&other, seen);
            wake::changed(&sharing.connection, &changes, self.context);
        }
    }

    /// Has a connection go by a listing, and wakes its bindings that have waited for one. Returns what is new in it.
    fn take_over(&self, link: &SharedLink, seen: Seen) -> Changes {
        let Seen {
            listed,
            setting,
            connection,
            hidden,
            swept,
        } = seen;
        let inventory = link.lock().inventory.clone();
        let next = Inventory::of(Arc::clone(listed), Some(setting.clone()), hidden);
        let changes = inventory.lock().take_over(next);
        let now = Instant::now();
        let times = listed.times().unwrap_or((now, now));
        let waiters = {
            let mut link = link.lock();
            let reading = link.sweep.begin(times.0);
            link.sweep.store(reading, swept, setting.clone());
            link.listing.listed(times, listed.calls())
        };
        self.wake(waiters);
        self.context.register.wake_sets_of(connection);
        changes
    }

    fn failed(&self, error: SweepError) -> Error {
        let (sonarqube, bitbucket) = (&self.clients.sonarqube, &self.clients.importer);
        Error::sweep(error, sonarqube.url(), bitbucket.url())
    }

    /// Has the bindings reconciled that have waited for the listing.
    fn wake(&self, waiters: Vec<ObjectName>) {
        for name in waiters {
            self.context.queues.bindings.wake(&name);
        }
    }
}
