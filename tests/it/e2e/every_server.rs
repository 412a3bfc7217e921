//! The promises of the README on every server: the same scenarios on each, one operator a server. What comes of each is
//! held to what the user's guide says of that server, and printed as a cell of the matrix in it (`make test-matrix`).

mod planned;
mod scenarios;

use std::io::Write as _;

use bindery::crd::ProjectBinding;
use serde_json::{Value, json};

use crate::e2e::environment::TestEnvironment;
use crate::support::server::{Kind, Server};

/// What comes of a scenario: it works, or ends in a condition of this reason.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Works(&'static str),
    Condition(String),
}

/// Runs all scenarios on one server.
macro_rules! run {
    ($($server:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $server() {
                Box::pin(super::all(crate::support::server::$server())).await;
            }
        )+
    };
}

/// What cannot be had: the part of the matrix that every run of the tests sees. Developer Edition is Enterprise Edition
/// with one configuration.
mod simulated {
    run!(simulated_26_9_branch_plugin, simulated_26_9_enterprise);
}

/// The rest, with the servers themselves, which `make test-matrix` starts.
mod other_versions {
    run!(
        real_8_9,
        real_9_9,
        real_10_7,
        real_25_1,
        real_26_9,
        simulated_8_9,
        simulated_8_9_branch_plugin,
        simulated_8_9_developer,
        simulated_8_9_enterprise,
        simulated_9_9,
        simulated_9_9_branch_plugin,
        simulated_9_9_developer,
        simulated_9_9_enterprise,
        simulated_10_7,
        simulated_10_7_branch_plugin,
        simulated_10_7_developer,
        simulated_10_7_enterprise,
        simulated_25_1,
        simulated_25_1_branch_plugin,
        simulated_25_1_developer,
        simulated_25_1_enterprise,
        simulated_25_12,
        simulated_25_12_branch_plugin,
        simulated_25_12_developer,
        simulated_25_12_enterprise,
        simulated_26_9,
        simulated_26_9_developer,
    );
}

async fn all(server: Server) {
    let arguments = ["--minimum-interval", "10s", "--allow-project-deletion"];
    let env = TestEnvironment::set_with(server, &arguments).await;
    let way = server.capabilities().method.name();
    let scene = Scene {
        env: &env,
        server,
        way,
        plans: planned::Plans::default(),
    };
    scene.connection(json!({}));
    let connection = env.connection_is("bitbucket", ("Ready", "True")).await;
    let reported = connection.status.unwrap().sonarqube.unwrap().capabilities;
    assert_eq!(reported[0], way, "{reported:?}");
    /// Runs scenarios one by one. After each, a plan of the cluster says the same as its conditions.
    macro_rules! scenarios {
        ($($name:literal: $scenario:ident;)+) => {$(
            let outcome = scene.$scenario().await;
            scene.assert_live_as_reported($name).await;
            print_outcome(server, $name, &outcome);
        )+};
    }
    scenarios! {
        "import": import;
        "bind an existing project": bind;
        "adopt": adopt;
        "drift is corrected": drift;
        "a second project without the monorepo flag": second;
        "monorepo": monorepo;
        "a token is rotated": rotate;
        "the configuration is renamed": rename;
        "several configurations": several;
        "pull request decoration": decoration;
        "a repository is renamed": renamed_repository;
        "a renamed repository is followed": followed_repository;
        "a repository is recreated": recreated_repository;
        "a repository is deleted": deleted_repository;
        "deletion: Orphan": orphan;
        "deletion: Unbind": unbind;
        "deletion: DeleteProject": delete_project;
    }
}

/// A connection that is up to date on one server.
struct Scene<'a> {
    env: &'a TestEnvironment,
    server: Server,
    way: &'static str,
    /// What was planned for bindings that were applied since.
    plans: planned::Plans,
}

impl Scene<'_> {
    /// Applies the connection, which admits every repository and every key, with these fields changed.
    fn connection(&self, mut change: Value) {
        change["access"] = json!([{
            "name": "payments",
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "payments"}},
            "repositories": ["*/*"],
            "sonarqubeProjects": ["*"],
        }]);
        self.env.connection(change);
    }

    /// Waits until a binding of `payments` is up to date or blocked, and returns its state.
    async fn rests(&self, name: &str) -> Outcome {
        let rested = |binding: &ProjectBinding| {
            reason(binding, "Ready", "True").is_some()
                || reason(binding, "Stalled", "True").is_some()
        };
        let binding = self.env.until("payments", name, rested).await;
        self.assert_as_planned(&binding);
        match reason(&binding, "Stalled", "True") {
            Some(reason) => Outcome::Condition(reason),
            None => Outcome::Works(self.way),
        }
    }
}

/// The reason of a condition with this state for the present generation.
fn reason(binding: &ProjectBinding, condition: &str, state: &str) -> Option<String> {
    let status = binding.status.as_ref()?;
    let mut conditions = status.conditions.iter();
    let found = conditions.find(|one| one.type_ == condition && one.status == state)?;
    (found.observed_generation == binding.metadata.generation).then(|| found.reason.to_string())
}

/// A cell of the matrix, past the test runner's capture.
fn print_outcome(server: Server, scenario: &str, outcome: &Outcome) {
    let kind = match server.kind {
        Kind::Real(_) => "real",
        Kind::Simulated(_) => "simulated",
    };
    let outcome = match outcome {
        Outcome::Works(how) => (*how).to_owned(),
        Outcome::Condition(reason) => format!("`{reason}`"),
    };
    let edition = server.edition().title();
    let line = format!(
        "cell | {scenario} | {} {edition} | {outcome}, {kind}\n",
        server.version
    );
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}
