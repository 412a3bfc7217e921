//! Answers that callers share: those who ask at the same time wait for one call, and an answer serves for as long as
//! its reader says that it is as good as new.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::{Client, DopSetting, Error, Project, Sight};
use crate::identity::ProjectKey;

/// Keys in one call.
pub(crate) const KEYS_AT_ONCE: usize = 100;

/// The longest list of keys in one call, in bytes: its URL stays below what servers and what is in front of them take.
const LONGEST_LIST: usize = 4000;

/// An answer is not kept for longer.
const KEPT: Duration = Duration::from_secs(10);

/// What the clones of a client share.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared {
    /// Locked while they are asked for.
    settings: Arc<tokio::sync::Mutex<Option<Settings>>>,
    /// Keys that the next call looks up.
    keys: Arc<std::sync::Mutex<Vec<ProjectKey>>>,
    /// Locked while keys are looked up.
    found: Arc<tokio::sync::Mutex<Found>>,
}

/// The settings of all platforms.
#[derive(Debug)]
struct Settings {
    asked: Instant,
    /// `None`: the server did not answer.
    rows: Option<Vec<DopSetting>>,
}

/// What was found under keys.
#[derive(Debug, Default)]
struct Found {
    /// By key, and when it was asked for.
    answers: HashMap<ProjectKey, (Instant, Option<Project>)>,
    /// When the last call was made that failed.
    failed: Option<Instant>,
}

impl Client {
    /// Every setting of every platform, by a call that began no longer before the question than `at_most`. Callers that
    /// ask while a call is in progress share the next one.
    ///
    /// # Errors
    /// As `dop_settings`.
    pub async fn shared_dop_settings(&self, at_most: Duration) -> Result<Vec<DopSetting>, Error> {
        let began = Instant::now();
        let mut kept = self.shared.settings.lock().await;
        match &*kept {
            Some(Settings {
                asked,
                rows: Some(rows),
            }) if is_good(*asked, began, at_most) => return Ok(rows.clone()),
            // The call that this caller waited for failed. No caller waits more than once for a server that does not
            // answer.
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

    /// One project under this very key, spelt like this, by a call that began no longer before the question than
    /// `at_most`. Callers that ask while a call is in progress share the next one, which also looks up the keys that
    /// are asked for `next`, as far as there is room.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn project_spelt(
        &self,
        key: &ProjectKey,
        at_most: Duration,
        next: impl FnOnce() -> Vec<ProjectKey> + Send,
    ) -> Result<Option<Project>, Error> {
        // Old keys hold anything: a comma would make two keys of one. Without Administer System no call takes several.
        if key.as_str().contains(',') || self.sight() == Sight::Browsed {
            let found = self.project(key).await?;
            return Ok(found.filter(|found| found.key == *key));
        }
        let began = Instant::now();
        self.keys().push(key.clone());
        let mut found = self.shared.found.lock().await;
        match found.answers.get(key) {
            Some((asked, project)) if is_good(*asked, began, at_most) => return Ok(project.clone()),
            _ if found.failed.is_some_and(|asked| asked >= began) => {
                drop(found);
                return Ok(self.spelt(std::slice::from_ref(key)).await?.pop());
            }
            _ => {}
        }
        let waiting = std::mem::take(&mut *self.keys());
        let keys = together(key, waiting.into_iter().chain(next()));
        let asked = Instant::now();
        let projects = self
            .spelt(&keys)
            .await
            .inspect_err(|_| found.failed = Some(asked))?;
        found
            .answers
            .retain(|_, (at, _)| asked.duration_since(*at) < KEPT);
        for key in keys {
            let project = projects.iter().find(|project| project.key == key);
            found.answers.insert(key, (asked, project.cloned()));
        }
        let answer = found.answers.get(key);
        Ok(answer.and_then(|(_, project)| project.clone()))
    }

    fn keys(&self) -> std::sync::MutexGuard<'_, Vec<ProjectKey>> {
        self.shared
            .keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the answer to a call that was made then is no older than the reader wants it.
fn is_good(asked: Instant, began: Instant, at_most: Duration) -> bool {
    began.saturating_duration_since(asked) <= at_most
}

/// The keys of one call: this one, and as many of the others as fit.
fn together(own: &ProjectKey, others: impl Iterator<Item = ProjectKey>) -> Vec<ProjectKey> {
    let mut keys = vec![own.clone()];
    let mut length = own.as_str().len();
    for key in others {
        length += key.as_str().len() + 1;
        if keys.len() == KEYS_AT_ONCE || length > LONGEST_LIST {
            break;
        }
        if !key.as_str().contains(',') && !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(count: usize, length: usize) -> impl Iterator<Item = ProjectKey> {
        (0..count).map(move |number| ProjectKey::reported(format!("{number:0length$}")))
    }

    #[test]
    fn one_call_reads_as_many_keys_as_fit() {
        let own = ProjectKey::reported("own");
        let some = keys(2, 5).chain([own.clone(), ProjectKey::reported("a,b")]);
        let read: Vec<_> = together(&own, some)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(read, ["own", "00000", "00001"]);
        assert_eq!(together(&own, keys(500, 10)).len(), KEYS_AT_ONCE);
        let long = together(&own, keys(500, 400));
        let list: usize = long.iter().map(|key| key.as_str().len() + 1).sum();
        assert!(
            (2..20).contains(&long.len()) && list <= LONGEST_LIST,
            "{list}"
        );
    }

    /// Promise: an answer is as good as new only for as long as its reader says.
    #[test]
    fn an_answer_grows_old() {
        let (asked, second) = (Instant::now(), Duration::from_secs(1));
        assert!(is_good(asked, asked, Duration::ZERO));
        assert!(!is_good(asked, asked + second / 1000, Duration::ZERO));
        assert!(is_good(asked, asked + second, second));
        assert!(!is_good(asked, asked + second * 2, second));
        // It was made after the question.
        assert!(is_good(asked + second, asked, Duration::ZERO));
    }
}
