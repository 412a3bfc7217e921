//! A person's change is reconciled before everything else that waits.

use std::time::Duration;

use bindery::crd::ProjectBinding;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use simulators::sonarqube::{Call, Fault, Outcome};

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::many;
use crate::support::server::{Server, simulated};

simulated!(an_edit_does_not_wait_for_imports_that_hold_every_place);

const IMPORT: &str = "PUT /api/v2/dop-translation/bound-projects";

/// As many imports of one connection are in progress at once: half of the default of `--concurrency`.
const PLACES: usize = 8;

/// Longer than this test takes. Red, it waits as long as that.
const STUCK: Duration = Duration::from_secs(90);

/// Promise: SonarQube may take minutes for each import. An edit of a binding that is up to date is done meanwhile.
async fn an_edit_does_not_wait_for_imports_that_hold_every_place(server: Server) {
    let mut env = TestEnvironment::set(server).await;
    env.patience = STUCK * 2;
    env.connection(json!({"interval": "1h"}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    env.binding("payments", "own", "PAY/checkout", json!({}));
    env.binding_is("payments", "own", ("Ready", "True")).await;
    let slugs = many::repositories(&env, 60);
    let sonarqube = env.sonarqube.simulated();
    sonarqube.clear_calls();
    sonarqube.fault(Fault::at(IMPORT).delay(STUCK));
    env.apply(&many::bindings(&slugs));
    let imports = || {
        let calls = sonarqube.calls();
        calls.into_iter().filter(is_import).collect::<Vec<_>>()
    };
    env.eventually("every place is taken", || imports().len() >= PLACES)
        .await;
    let private = json!({"spec": {"sonarqubeProject": {"visibility": "Private"}}});
    let api = env.api::<ProjectBinding>("payments");
    api.patch("own", &PatchParams::default(), &Patch::Merge(&private))
        .await
        .unwrap();
    let is_changed = || {
        let calls = sonarqube.calls();
        calls
            .iter()
            .any(|call| call.target.contains("update_visibility"))
    };
    env.eventually("the edit is done", is_changed).await;
    let imports = imports();
    let answered = imports
        .iter()
        .filter(|call| call.outcome != Outcome::Pending);
    assert_eq!(answered.count(), 0, "the edit waited for an import");
    assert_eq!(imports.len(), PLACES, "the others still wait");
}

fn is_import(call: &Call) -> bool {
    call.method == "PUT" && call.target.contains("bound-projects")
}
