//! The SonarQube servers that a test can run on, real and simulated ones, and the macros that say on which it runs.

use bindery::plan::capability::{Capabilities, Edition, expected};
use simulators::sonarqube::{self as simulator, Profile};
use tokio::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A SonarQube server to test on: its version, and what it is made of.
#[derive(Clone, Copy)]
pub(crate) struct Server {
    pub(crate) version: &'static str,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// The server itself, which `tests/servers` started. All tests of it share it.
    Real(&'static ServerLocks),
    /// A simulated one, of which each test has its own.
    Simulated(Profile),
}

/// Who may use a real server at a time.
pub(crate) struct ServerLocks {
    server: RwLock<()>,
    one_setting: Mutex<()>,
}

/// Holds a server for a test, as long as it lives.
pub(crate) enum ServerLock {
    Own,
    Shared {
        _guard: RwLockReadGuard<'static, ()>,
    },
    Alone {
        _guard: RwLockWriteGuard<'static, ()>,
    },
}

impl ServerLocks {
    const fn new() -> Self {
        Self {
            server: RwLock::const_new(()),
            one_setting: Mutex::const_new(()),
        }
    }
}

/// Declares real servers, all of the Community Build.
macro_rules! real {
    ($($name:ident: $version:literal),+ $(,)?) => {
        $(
            pub(crate) fn $name() -> Server {
                static LOCKS: ServerLocks = ServerLocks::new();
                Server {
                    version: $version,
                    kind: Kind::Real(&LOCKS),
                }
            }
        )+
    };
}

/// Declares simulated servers.
macro_rules! simulated_servers {
    ($($name:ident: $version:ident, $text:literal, $edition:ident),+ $(,)?) => {
        $(
            pub(crate) fn $name() -> Server {
                let edition = simulator::Edition::$edition;
                Server {
                    version: $text,
                    kind: Kind::Simulated(Profile::new(simulator::Version::$version, edition)),
                }
            }
        )+
    };
}

real! {
    real_8_9: "8.9",
    real_9_9: "9.9",
    real_10_7: "10.7",
    real_25_1: "25.1",
    real_25_12: "25.12",
    real_26_9: "26.9",
}

simulated_servers! {
    simulated_8_9: V8_9, "8.9", Community,
    simulated_8_9_branch_plugin: V8_9, "8.9", BranchPlugin,
    simulated_8_9_developer: V8_9, "8.9", Developer,
    simulated_8_9_enterprise: V8_9, "8.9", Enterprise,
    simulated_9_9: V9_9, "9.9", Community,
    simulated_9_9_branch_plugin: V9_9, "9.9", BranchPlugin,
    simulated_9_9_developer: V9_9, "9.9", Developer,
    simulated_9_9_enterprise: V9_9, "9.9", Enterprise,
    simulated_10_7: V10_7, "10.7", Community,
    simulated_10_7_branch_plugin: V10_7, "10.7", BranchPlugin,
    simulated_10_7_developer: V10_7, "10.7", Developer,
    simulated_10_7_enterprise: V10_7, "10.7", Enterprise,
    simulated_25_1: V25_1, "25.1", Community,
    simulated_25_1_branch_plugin: V25_1, "25.1", BranchPlugin,
    simulated_25_1_developer: V25_1, "25.1", Developer,
    simulated_25_1_enterprise: V25_1, "25.1", Enterprise,
    simulated_25_12: V25_12, "25.12", Community,
    simulated_25_12_branch_plugin: V25_12, "25.12", BranchPlugin,
    simulated_25_12_developer: V25_12, "25.12", Developer,
    simulated_25_12_enterprise: V25_12, "25.12", Enterprise,
    simulated_26_9: V26_9, "26.9", Community,
    simulated_26_9_branch_plugin: V26_9, "26.9", BranchPlugin,
    simulated_26_9_developer: V26_9, "26.9", Developer,
    simulated_26_9_enterprise: V26_9, "26.9", Enterprise,
}

impl Server {
    /// A lock shared with other tests.
    pub(crate) async fn shared(self) -> ServerLock {
        match self.kind {
            Kind::Simulated(_) => ServerLock::Own,
            Kind::Real(locks) => ServerLock::Shared {
                _guard: locks.server.read().await,
            },
        }
    }

    /// An exclusive lock: the test is about all that the server holds.
    pub(crate) async fn alone(self) -> ServerLock {
        match self.kind {
            Kind::Simulated(_) => ServerLock::Own,
            Kind::Real(locks) => ServerLock::Alone {
                _guard: locks.server.write().await,
            },
        }
    }

    /// Plain Community allows one Bitbucket setting on a server: tests that share it and have one run one after the
    /// other.
    pub(crate) async fn one_setting(self) -> Option<MutexGuard<'static, ()>> {
        match self.kind {
            Kind::Simulated(_) => None,
            Kind::Real(locks) => Some(locks.one_setting.lock().await),
        }
    }

    pub(crate) fn is_real(self) -> bool {
        matches!(self.kind, Kind::Real(_))
    }

    pub(crate) fn edition(self) -> Edition {
        let Kind::Simulated(profile) = self.kind else {
            return Edition::Community;
        };
        match profile.edition {
            simulator::Edition::Community => Edition::Community,
            simulator::Edition::BranchPlugin => Edition::BranchPlugin,
            simulator::Edition::Developer => Edition::Developer,
            simulator::Edition::Enterprise => Edition::Enterprise,
        }
    }

    /// What the guide says that the operator finds there.
    pub(crate) fn capabilities(self) -> Capabilities {
        let (major, minor) = self.version.split_once('.').unwrap();
        let version = (major.parse().unwrap(), minor.parse().unwrap());
        expected(version, self.edition())
    }

    /// Whether existing projects can be bound (`PUT bound-projects`): 25.12 and later.
    pub(crate) fn binds_existing_projects(self) -> bool {
        ["25.12", "26.9"].contains(&self.version)
    }

    /// Whether `projects/search` returns the ids of projects (`projectUuid`): 2025.6 and later.
    pub(crate) fn reports_project_ids(self) -> bool {
        ["25.12", "26.9"].contains(&self.version)
    }
}

/// Runs tests, async functions of a [`Server`], on each of these servers: `on!([real_26_9, real_25_1] => a_test);`.
/// The test runner shows `a_test::real_26_9` and so on.
macro_rules! on {
    (@ [$($server:ident),+] $test:ident) => {
        mod $test {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $server() {
                    Box::pin(super::$test($crate::support::server::$server())).await;
                }
            )+
        }
    };
    ($servers:tt => $($test:ident),+ $(,)?) => {
        $($crate::support::server::on!(@ $servers $test);)+
    };
}

/// Runs tests on every server: on each real one, and on its simulator, whose answers must be the same.
macro_rules! everywhere {
    ($($test:ident),+ $(,)?) => {
        $crate::support::server::on!([simulated_26_9, real_26_9, simulated_25_1, real_25_1] => $($test),+);
    };
}

/// Runs tests on every server whose listings come from `api/v2`. The real ones that `make test` does not start are in
/// a module of their own, which it leaves out by its name: `make contract-all` runs it.
macro_rules! everywhere_with_v2 {
    ($($test:ident),+ $(,)?) => {
        $crate::support::server::everywhere!($($test),+);

        mod simulated_versions {
            use super::*;

            $crate::support::server::on!([simulated_25_12, simulated_10_7] => $($test),+);
        }

        mod other_versions {
            use super::*;

            $crate::support::server::on!([real_25_12, real_10_7] => $($test),+);
        }
    };
}

/// Runs tests on the simulated 26.9 alone: real servers would show no more.
macro_rules! simulated {
    ($($test:ident),+ $(,)?) => {
        $crate::support::server::on!([simulated_26_9] => $($test),+);
    };
}

pub(crate) use {everywhere, everywhere_with_v2, on, simulated};
