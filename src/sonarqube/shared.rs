//! Answers that callers share who ask at the same time: they wait for one call.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

use super::{Client, DopSetting, Error, Project};
use crate::identity::ProjectKey;

/// Keys in one call: its URL stays well below what servers take.
const AT_ONCE: usize = 100;

/// What the clones of a client share.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared {
    /// Locked while they are asked for.
    settings: Arc<tokio::sync::Mutex<Option<Settings>>>,
    /// Keys that the next call looks up.
    keys: Arc<std::sync::Mutex<Vec<LookUp>>>,
    /// Locked while keys are looked up.
    call: Arc<tokio::sync::Mutex<()>>,
}

/// The settings of all platforms.
#[derive(Debug)]
struct Settings {
    asked: Instant,
    /// `None`: the server did not answer.
    rows: Option<Vec<DopSetting>>,
}

#[derive(Debug)]
struct LookUp {
    key: ProjectKey,
    answer: oneshot::Sender<Option<Project>>,
}

impl Client {
    /// Every setting of every platform, by a call that began after it was asked for: an older answer may show a URL that
    /// somebody has changed since. Callers that ask while a call is under way share the next one.
    ///
    /// # Errors
    /// As `dop_settings`.
    pub async fn shared_dop_settings(&self) -> Result<Vec<DopSetting>, Error> {
        let began = Instant::now();
        let mut kept = self.shared.settings.lock().await;
        match &*kept {
            Some(Settings {
                asked,
                rows: Some(rows),
            }) if *asked >= began => return Ok(rows.clone()),
            // The call that this caller waited for failed. Nobody waits for a server that does not answer more than once.
            Some(Settings { asked, rows: None }) if *asked >= began => {
                drop(kept);
                return self.dop_settings().await;
            }
            Some(_) | None => {}
        }
        let asked = Instant::now();
        let settings = self.dop_settings().await;
        let rows = settings.as_ref().ok().cloned();
        *kept = Some(Settings { asked, rows });
        settings
    }

    /// One project under this very key, spelt like this. Callers that ask while a call is under way share the next one.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn project_spelt(&self, key: &ProjectKey) -> Result<Option<Project>, Error> {
        // Old keys hold anything: a comma would make two keys of one.
        if key.as_str().contains(',') {
            let found = self.project(key).await?;
            return Ok(found.filter(|found| found.key == *key));
        }
        let (answer, mut answered) = oneshot::channel();
        let key = key.clone();
        self.keys().push(LookUp {
            key: key.clone(),
            answer,
        });
        let _call = self.shared.call.lock().await;
        match answered.try_recv() {
            Ok(found) => return Ok(found),
            Err(oneshot::error::TryRecvError::Empty) => {}
            // The caller that took this key along failed, or was cut short.
            Err(oneshot::error::TryRecvError::Closed) => {
                return Ok(self.spelt(&[key]).await?.pop());
            }
        }
        let mut all = std::mem::take(&mut *self.keys());
        while !all.is_empty() {
            let rest = all.split_off(all.len().min(AT_ONCE));
            let keys: Vec<_> = all.iter().map(|it| it.key.clone()).collect();
            let found = self.spelt(&keys).await?;
            for LookUp { key, answer } in all {
                let project = found.iter().find(|project| project.key == key);
                // Whoever asked may have been cut short.
                answer.send(project.cloned()).ok();
            }
            all = rest;
        }
        Ok(answered.try_recv().unwrap_or_default())
    }

    fn keys(&self) -> std::sync::MutexGuard<'_, Vec<LookUp>> {
        self.shared
            .keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
