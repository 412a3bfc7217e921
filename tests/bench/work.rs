//! Sees in which state the bindings are, by one watch.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bindery::crd::ProjectBinding;
use futures::TryStreamExt as _;
use kube::ResourceExt as _;
use kube::runtime::{WatchStreamExt as _, watcher};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::cluster::Cluster;

/// Longer than anything here takes, unless it never ends.
const PATIENCE: Duration = Duration::from_hours(1);

/// The generation of each binding that is Ready, by name.
type Ready = Arc<Mutex<HashMap<String, i64>>>;

pub(crate) struct Watch {
    ready: Ready,
    changed: watch::Receiver<()>,
    _task: JoinSet<()>,
}

impl Watch {
    pub(crate) fn start(cluster: &Cluster) -> Self {
        let ready = Ready::default();
        let (tell, changed) = watch::channel(());
        let mut task = JoinSet::new();
        let (bindings, seen) = (cluster.bindings(), Arc::clone(&ready));
        task.spawn(async move {
            let events = watcher(bindings, watcher::Config::default()).default_backoff();
            let noted = events.try_for_each(async |event| {
                note(&seen, event);
                tell.send(()).ok();
                Ok(())
            });
            noted.await.unwrap();
        });
        Self {
            ready,
            changed,
            _task: task,
        }
    }

    /// Waits until so many bindings are Ready.
    pub(crate) async fn until_ready(&mut self, count: usize) {
        self.until(|ready| ready.len() >= count).await;
    }

    /// Waits until these bindings are Ready.
    pub(crate) async fn until_all_ready(&mut self, names: &[String]) {
        self.until(|ready| names.iter().all(|name| ready.contains_key(name)))
            .await;
    }

    /// Waits until a binding is Ready in this generation.
    pub(crate) async fn until_generation(&mut self, name: &str, generation: i64) {
        self.until(|ready| ready.get(name).is_some_and(|found| *found >= generation))
            .await;
    }

    async fn until(&mut self, is_so: impl Fn(&HashMap<String, i64>) -> bool) {
        let begun = Instant::now();
        while !is_so(&self.ready.lock().unwrap()) {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            let changed = tokio::time::timeout(left, self.changed.changed());
            changed.await.expect("it never ends").unwrap();
        }
    }
}

fn note(ready: &Ready, event: watcher::Event<ProjectBinding>) {
    let mut ready = ready.lock().unwrap();
    match event {
        watcher::Event::Apply(binding) | watcher::Event::InitApply(binding) => {
            let (name, generation) = (binding.name_any(), binding.metadata.generation);
            if is_ready(&binding) {
                ready.insert(name, generation.unwrap());
            } else {
                ready.remove(&name);
            }
        }
        watcher::Event::Delete(binding) => {
            ready.remove(&binding.name_any());
        }
        watcher::Event::Init => ready.clear(),
        watcher::Event::InitDone => {}
    }
}

fn is_ready(binding: &ProjectBinding) -> bool {
    let Some(status) = &binding.status else {
        return false;
    };
    let is_true = status
        .conditions
        .iter()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True");
    is_true && status.observed_generation == binding.metadata.generation
}
