//! What SonarQube refused to make is not ours if another client makes it later.

use std::time::Duration;

use bindery::crd::ProjectBinding;
use kube::ResourceExt as _;
use serde_json::json;
use simulators::sonarqube::Fault;

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::waiting::counts;
use crate::support::server::{Server, on};

on!([simulated_26_9, simulated_26_9_branch_plugin, simulated_25_1, simulated_8_9] =>
    a_refused_import_leaves_no_intent_behind_however_often_it_is_tried,
);

/// SonarQube's refusals, one for each call that creates a project.
const REFUSALS: [(&str, u16, &str); 4] = [
    (
        "POST /api/v2/dop-translation/bound-projects",
        400,
        r#"{"message": "Error 404. The requested Bitbucket server is unreachable."}"#,
    ),
    (
        "PUT /api/v2/dop-translation/bound-projects",
        400,
        r#"{"message": "Error 404. The requested Bitbucket server is unreachable."}"#,
    ),
    (
        "POST /api/alm_integrations/import_bitbucketserver_project",
        400,
        r#"{"errors": [{"msg": "Error 404. The requested Bitbucket server is unreachable."}]}"#,
    ),
    (
        "POST /api/projects/create",
        403,
        r#"{"errors": [{"msg": "Insufficient privileges"}]}"#,
    ),
];

impl TestEnvironment {
    /// Has the bindings of a namespace reconciled by a label on it, and waits until this one was: no request
    /// that its status would have to answer.
    pub(crate) async fn nudge(&self, binding: &ProjectBinding, nth: usize) {
        // A reconcile is counted after its status was written.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let namespace = binding.namespace().unwrap();
        let before = self.operator.reconciles("projectbinding");
        let label = format!("nudged={}-{nth}", binding.uid().unwrap());
        self.kubectl(&["label", "namespace", &namespace, "--overwrite", &label]);
        let was_looked_at = || self.operator.reconciles("projectbinding") > before;
        self.eventually("a reconcile by the namespace", was_looked_at)
            .await;
    }
}

/// Type, status and reason of each condition.
fn standing(binding: &ProjectBinding) -> Vec<(&str, &str, &str)> {
    let conditions = &binding.status.as_ref().unwrap().conditions;
    let each = conditions.iter();
    each.map(|one| (&*one.type_, &*one.status, &*one.reason))
        .collect()
}

/// A user makes the project that the operator could not make, and lets it administer it.
fn make_by_hand(env: &TestEnvironment, server: Server) {
    let (sonarqube, key) = (&env.sonarqube, "PAY:checkout");
    if server.version == "8.9" {
        let chosen = sonarqube.import_by_hand("bitbucket", "PAY/checkout");
        let renamed = [("from", &*chosen), ("to", key)];
        sonarqube.post("api/projects/update_key", &renamed);
    } else {
        sonarqube.bind(key, "By hand", &env.setting_id(), "PAY/checkout");
    }
    assert_eq!(sonarqube.bound_to(key).as_deref(), Some("PAY/checkout"));
    sonarqube.let_operator_administer(key);
}

/// Promise: an intent that SonarQube rejected is withdrawn from the API server, too, in each reconcile: what a user
/// makes under that key between two reconciles is his.
async fn a_refused_import_leaves_no_intent_behind_however_often_it_is_tried(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({"interval": "1h"}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let simulated = env.sonarqube.simulated();
    for (call, status, body) in REFUSALS {
        if server.version == "8.9" && call.contains("/api/v2/") {
            // It has no such call: an answer there would be of a version that Bindery does not know.
            continue;
        }
        simulated.fault(Fault::at(call).answer(status, body));
    }
    env.binding("platform", "checkout", "PAY/checkout", json!({}));
    let refused = env
        .binding_is("platform", "checkout", ("Stalled", "True"))
        .await;
    // What a new binding causes beside its reconcile has ended: the counts, and a listing.
    env.until("platform", "bitbucket", counts("0/1")).await;
    env.reconcile_now("before the first").await;
    let done = || {
        let operator = &env.operator;
        let reconciles = operator.reconciles("projectbinding");
        (reconciles, operator.status_writes_of("ProjectBinding"))
    };
    let before = done();
    for nth in 0..4 {
        env.nudge(&refused, nth).await;
        // Another reconcile may be in progress, if something else woke the binding.
        let is_withdrawn = |binding: &ProjectBinding| {
            let status = binding.status.as_ref().unwrap();
            status.record.intent.is_none()
        };
        let binding = env.until("platform", "checkout", is_withdrawn).await;
        // Which call is refused depends on whether a listing has shown that there is no project.
        let now = standing(&binding);
        assert_eq!(now, standing(&refused), "after reconcile {nth}");
    }
    let (reconciles, writes) = done();
    let (reconciles, writes) = (reconciles - before.0, writes - before.1);
    // An intent and its withdrawal each; one more reconcile may be in progress, which is not counted yet.
    assert!(
        (1..=2 * (reconciles + 1)).contains(&writes),
        "{writes} writes in {reconciles} reconciles"
    );

    simulated.clear_faults();
    make_by_hand(&env, server);
    env.nudge(&refused, 4).await;
    let adopted = env
        .binding_is("platform", "checkout", ("Ready", "True"))
        .await;
    let record = adopted.status.unwrap().record;
    assert_eq!((record.created_by, record.bound_by), (None, None));
    env.reported_once(&refused, "Adopted");
}
