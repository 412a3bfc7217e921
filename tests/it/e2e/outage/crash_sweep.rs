//! The crash sweep: the operator is killed at every write of every operation, restarted, and ends as if nothing had
//! happened.
//!
//! A proxy before the API server and one before SonarQube end the operator by SIGKILL at its nth write, for every n, at
//! two moments: when the write is committed and its answer not read, and before the write, when the answers to all earlier
//! ones were read. Status and remote state at the end are those of a run without a crash.

mod operation;
pub(super) mod state;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bindery::plan::capability::BindingMethod;
use serde_json::Value;

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::deletions::DELETING;
use crate::e2e::environment::fault_proxy::{FaultProxy, Killer, Moment};
use crate::e2e::environment::oracles;
use crate::support::server::{Server, on};
use operation::Operation;

on!([simulated_26_9] => a_crash_at_any_write_changes_nothing);
on!([simulated_26_9_enterprise] => a_crash_at_some_writes_changes_nothing);

/// For `make chaos`: every write of every operation on each binding method.
mod chaos {
    use super::every_write;
    use crate::support::server::Server;

    macro_rules! whole {
        ($($server:ident),+ $(,)?) => {
            $(
                #[tokio::test(flavor = "multi_thread")]
                #[ignore = "minutes: make chaos"]
                async fn $server() {
                    Box::pin(sweep(crate::support::server::$server())).await;
                }
            )+
        };
    }

    whole!(
        simulated_26_9,
        simulated_26_9_enterprise,
        simulated_25_1,
        simulated_8_9,
        real_26_9,
    );

    async fn sweep(server: Server) {
        every_write(server, &super::Operation::of(server), 1).await;
    }
}

/// As long as an operator writes nothing, it has nothing left to write: longer than what is written late takes.
const SILENCE: Duration = Duration::from_millis(1500);

/// Promise: a binding that is imported by an operator that crashes at any of its writes is imported once, and ends as
/// without a crash.
async fn a_crash_at_any_write_changes_nothing(server: Server) {
    every_write(server, &[Operation::Import], 1).await;
}

/// Promise: the same of every other operation, at every fourth write. `make chaos` tries all of them.
async fn a_crash_at_some_writes_changes_nothing(server: Server) {
    let operations = Operation::of(server).into_iter();
    let others: Vec<_> = operations.filter(|it| *it != Operation::Import).collect();
    every_write(server, &others, 4).await;
}

/// Sweeps these operations: the first write and every so manieth after it.
async fn every_write(server: Server, operations: &[Operation], step: usize) {
    let mut sweep = Sweep::begin(server).await;
    let method = server.capabilities().method;
    if method == BindingMethod::ImportRepository {
        // Where SonarQube chooses the key, an import without an answer is waited for, for 200 s.
        sweep.env.patience = Duration::from_mins(5);
    }
    for operation in operations {
        let row = sweep.run(*operation, method, step).await;
        assert!(row.crashes > 0, "{operation:?}: {row:?}");
        let (title, mut method) = (operation.title(), method.name().to_owned());
        if server.is_real() {
            method = format!("{method}, real {}", server.version);
        }
        let Row {
            writes,
            crashes,
            not_remembered,
        } = row;
        let cells = format!("{title} | {method} | {writes} | {crashes} | {not_remembered}");
        std::io::stderr()
            .write_all(format!("crashes | {cells}\n").as_bytes())
            .unwrap();
    }
    let bound = state::projects(&sweep.env);
    oracles::one_project_each(&bound).unwrap();
}

/// What came of the sweep of one operation.
#[derive(Debug)]
struct Row {
    /// Of a run without a crash.
    writes: usize,
    crashes: usize,
    /// Crashes after which Bindery did not remember that something is its own.
    not_remembered: usize,
}

/// An operator that reaches the API server and SonarQube by proxies.
struct Sweep {
    env: TestEnvironment,
    sonarqube: FaultProxy,
    killer: Arc<Killer>,
    _api_server: FaultProxy,
}

impl Sweep {
    async fn begin(server: Server) -> Self {
        let mut env = TestEnvironment::set_with(server, DELETING).await;
        let killer = Arc::<Killer>::default();
        let api_server = FaultProxy::before_cluster(env.servers.kubeconfig, &killer).await;
        let sonarqube = FaultProxy::before(&env.sonarqube.url, &killer).await;
        env.api_server = Some(api_server.url.clone());
        env.restart_operator(DELETING);
        Self {
            env,
            sonarqube,
            killer,
            _api_server: api_server,
        }
    }

    /// Performs an operation without a crash, and then with one at each moment of each write.
    async fn run(&mut self, operation: Operation, method: BindingMethod, step: usize) -> Row {
        let begun = std::time::Instant::now();
        let calm = format!("{}-calm", operation.short());
        operation.prepare(self, &calm).await;
        self.killer
            .aim(self.env.operator.pid(), None, operation.others());
        operation.perform(self, &calm).await;
        operation.ends(self, &calm).await;
        self.falls_silent().await;
        let wanted = state::of(self, operation, &calm).await;
        let writes = self.killer.writes();
        self.killer.rest();
        eprintln!("{operation:?}: {writes:#?}, ends as {wanted:#}");
        let mut row = Row {
            writes: writes.len(),
            crashes: 0,
            not_remembered: 0,
        };
        for nth in (1..=writes.len()).step_by(step) {
            for moment in [Moment::BeforeIt, Moment::BehindIt] {
                let (has_crashed, ended) = self.crash(operation, (nth, moment), &wanted).await;
                row.crashes += usize::from(has_crashed);
                let Err(problem) = oracles::same_end(&wanted, &ended) else {
                    continue;
                };
                let field = operation.not_remembered(method);
                let is_known = field.is_some_and(|field| {
                    let without = |state: &Value| state::without_record(state, field);
                    without(&wanted) == without(&ended)
                });
                assert!(is_known, "{operation:?}, {moment:?} {nth}: {problem}");
                row.not_remembered += 1;
            }
        }
        eprintln!("{operation:?}: {row:?}, {:?}", begun.elapsed());
        row
    }

    /// Performs an operation, with a crash at this moment of this write. Returns whether there was one, and the end.
    async fn crash(
        &mut self,
        operation: Operation,
        at: (usize, Moment),
        wanted: &Value,
    ) -> (bool, Value) {
        let moment = match at.1 {
            Moment::BeforeIt => "before",
            Moment::BehindIt => "behind",
        };
        let name = format!("{}-{}-{moment}", operation.short(), at.0);
        operation.prepare(self, &name).await;
        self.killer
            .aim(self.env.operator.pid(), Some(at), operation.others());
        operation.perform(self, &name).await;
        let has_struck = self.strikes(operation, &name).await;
        self.killer.rest();
        if has_struck {
            self.env.restart_operator(DELETING);
        }
        operation.ends(self, &name).await;
        (has_struck, self.becomes(operation, &name, wanted).await)
    }

    /// Whether the operator is killed, before it has nothing left to write.
    async fn strikes(&self, operation: Operation, name: &str) -> bool {
        let ends = async {
            operation.ends(self, name).await;
            self.falls_silent().await;
        };
        let struck = async {
            while !self.killer.has_struck() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            () = ends => self.killer.has_struck(),
            () = struck => true,
        }
    }

    /// Waits until nothing was written for a while.
    async fn falls_silent(&self) {
        let mut before = usize::MAX;
        while before != self.killer.writes().len() {
            before = self.killer.writes().len();
            tokio::time::sleep(SILENCE).await;
        }
    }

    /// Waits until the end is the wanted one, or no longer to be waited for, and returns it.
    async fn becomes(&self, operation: Operation, name: &str, wanted: &Value) -> Value {
        let since = std::time::Instant::now();
        loop {
            let ended = state::of(self, operation, name).await;
            if ended == *wanted || since.elapsed() > Duration::from_secs(10) {
                return ended;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}
