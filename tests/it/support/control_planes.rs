//! The control planes that `tests/servers` started. Each serves one test at a time: an operator acts on every object of
//! its cluster.

use std::path::PathBuf;
use std::sync::{LazyLock, Mutex};

use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

use super::servers;

pub(crate) struct ControlPlane {
    pub(super) kubeconfig: PathBuf,
    pub(super) directory: PathBuf,
    /// Both kinds and the rights are installed by the first test that needs no more than them, and stay.
    pub(crate) is_prepared: OnceCell<()>,
}

static ALL: LazyLock<Vec<ControlPlane>> = LazyLock::new(|| {
    let kubeconfigs = servers::numbered("KUBECONFIG").enumerate();
    let control_planes = kubeconfigs.map(|(index, kubeconfig)| ControlPlane {
        kubeconfig: kubeconfig.into(),
        directory: servers::directory().join(format!("tests-{}", index + 1)),
        is_prepared: OnceCell::new(),
    });
    control_planes.collect()
});

static FREE: LazyLock<Free> = LazyLock::new(|| {
    assert!(!ALL.is_empty(), "{}", servers::NO_SERVERS);
    Free {
        count: Semaphore::new(ALL.len()),
        control_planes: Mutex::new(ALL.iter().collect()),
    }
});

struct Free {
    count: Semaphore,
    control_planes: Mutex<Vec<&'static ControlPlane>>,
}

/// A control plane that no other test uses as long as this lives.
pub(super) struct Held {
    pub(super) control_plane: &'static ControlPlane,
    _permit: SemaphorePermit<'static>,
}

impl Held {
    /// Waits until one is free.
    pub(super) async fn any() -> Self {
        let permit = FREE.count.acquire().await.unwrap();
        let control_plane = FREE.control_planes.lock().unwrap().pop().unwrap();
        Self {
            control_plane,
            _permit: permit,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Before the permit goes, for which the next test waits.
        FREE.control_planes.lock().unwrap().push(self.control_plane);
    }
}
