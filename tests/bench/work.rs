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

/// Every binding by its name, and the generation in which it is Ready.
type Bindings = HashMap<String, Option<i64>>;

pub(crate) struct Watch {
    bindings: Arc<Mutex<Bindings>>,
    changed: watch::Receiver<()>,
    _task: JoinSet<()>,
}

impl Watch {
    pub(crate) fn start(cluster: &Cluster) -> Self {
        let bindings = Arc::<Mutex<Bindings>>::default();
        let (tell, changed) = watch::channel(());
        let mut task = JoinSet::new();
        let (api, seen) = (cluster.bindings(), Arc::clone(&bindings));
        task.spawn(async move {
            let events = watcher(api, watcher::Config::default()).default_backoff();
            let noted = events.try_for_each(async |event| {
                note(&seen, event);
                tell.send(()).ok();
                Ok(())
            });
            noted.await.unwrap();
        });
        Self {
            bindings,
            changed,
            _task: task,
        }
    }

    /// Waits until so many bindings are Ready.
    pub(crate) async fn until_ready(&mut self, count: usize) {
        self.until(|all| all.values().flatten().count() >= count)
            .await;
    }

    /// Waits until these bindings are Ready.
    pub(crate) async fn until_all_ready(&mut self, names: &[String]) {
        self.until_all(names, |binding| matches!(binding, Some(Some(_))))
            .await;
    }

    /// Waits until none of these bindings is there.
    pub(crate) async fn until_all_gone(&mut self, names: &[String]) {
        self.until_all(names, |binding| binding.is_none()).await;
    }

    /// Waits until a binding is Ready in this generation.
    pub(crate) async fn until_generation(&mut self, name: &str, generation: i64) {
        self.until(|all| {
            let ready = all.get(name).copied().flatten();
            ready.is_some_and(|found| found >= generation)
        })
        .await;
    }

    /// Waits until something is true of each of them, one after the other: a scan at each change would take too long.
    async fn until_all(&mut self, names: &[String], is_so: impl Fn(Option<&Option<i64>>) -> bool) {
        for name in names {
            self.until(|all| is_so(all.get(name))).await;
        }
    }

    async fn until(&mut self, is_so: impl Fn(&Bindings) -> bool) {
        let begun = Instant::now();
        while !is_so(&self.bindings.lock().unwrap()) {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            let changed = tokio::time::timeout(left, self.changed.changed());
            changed.await.expect("it never ends").unwrap();
        }
    }
}

fn note(bindings: &Mutex<Bindings>, event: watcher::Event<ProjectBinding>) {
    let mut bindings = bindings.lock().unwrap();
    match event {
        watcher::Event::Apply(binding) | watcher::Event::InitApply(binding) => {
            let ready = is_ready(&binding).then(|| binding.metadata.generation.unwrap());
            bindings.insert(binding.name_any(), ready);
        }
        watcher::Event::Delete(binding) => {
            bindings.remove(&binding.name_any());
        }
        watcher::Event::Init => bindings.clear(),
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
