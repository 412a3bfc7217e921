//! A connection that stands still, and its bindings with it.

use bindery::crd::ProjectBinding;
use kube::ResourceExt as _;
use serde_json::{Value, json};
use simulators::sonarqube::{Call, Caller, Outcome};

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::waiting::condition;
use crate::support::server::{Server, simulated};

simulated!(
    under_a_suspended_connection_nothing_is_written_and_everything_later,
    differences_under_an_observing_connection_are_reported_and_corrected_later,
);

/// Promise: `suspend` on the connection stops its bindings too: drift stays, those that are up to date say nothing, a
/// new one says that it waits. Resumed, all is as declared.
async fn under_a_suspended_connection_nothing_is_written_and_everything_later(server: Server) {
    let scene = Scene::set(server).await;
    let env = &scene.env;
    env.connection(json!({"suspend": true}));
    env.connection_reason("bitbucket", "Suspended").await;
    scene.drift();
    env.binding("payments", "newcomer", "PAY/payments-api", json!({}));
    env.binding_reason("payments", "newcomer", "Suspended")
        .await;
    env.requested_reconcile("payments", "newcomer", "now").await;
    scene.assert_nothing_written(&["checkout", "ledger"]).await;
    scene.assert_corrected_when_resumed().await;
}

/// Promise: `Observe` on the connection holds for its bindings too: what differs is reported, what is absent is not
/// made.
async fn differences_under_an_observing_connection_are_reported_and_corrected_later(
    server: Server,
) {
    let scene = Scene::set(server).await;
    let env = &scene.env;
    env.connection(json!({"managementPolicy": "Observe"}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    scene.drift();
    env.binding("payments", "newcomer", "PAY/payments-api", json!({}));
    env.reconcile_now("drifted").await;
    for (name, word) in [("checkout", "PAY/ledger"), ("newcomer", "PAY:payments-api")] {
        let message = env.binding_reason("payments", name, "DriftDetected").await;
        assert!(message.contains(word), "{name}: {message}");
    }
    scene.assert_nothing_written(&["ledger"]).await;
    scene.assert_corrected_when_resumed().await;
}

/// A connection with two bindings that are up to date.
struct Scene {
    env: TestEnvironment,
    settled: Vec<ProjectBinding>,
}

impl Scene {
    async fn set(server: Server) -> Self {
        let env = TestEnvironment::set(server).await;
        env.connection(json!({}));
        let mut settled = Vec::new();
        for name in ["checkout", "ledger"] {
            // What is to be undone one day would need a finalizer, which comes and goes with the policy.
            let orphan = json!({"deletionPolicy": "Orphan"});
            env.binding("payments", name, &format!("PAY/{name}"), orphan);
            settled.push(env.binding_is("payments", name, ("Ready", "True")).await);
        }
        env.counted(2).await;
        Self { env, settled }
    }

    /// Points `checkout` at another repository, and forgets the calls up to here.
    fn drift(&self) {
        let sonarqube = &self.env.sonarqube;
        sonarqube.re_point("PAY:checkout", &self.env.setting_id(), "PAY/ledger");
        sonarqube.simulated().clear_calls();
    }

    /// That the operator wrote nothing to SonarQube, and did not touch these bindings.
    async fn assert_nothing_written(&self, untouched: &[&str]) {
        let mut writes = self.env.sonarqube.simulated().calls();
        // What is refused is how a server is asked what it can do.
        let is_refused = |call: &Call| matches!(call.outcome, Outcome::Status(400..=499));
        writes.retain(|call| {
            call.caller == Caller::Bindery && call.method != "GET" && !is_refused(call)
        });
        assert_eq!(writes, []);
        let sonarqube = &self.env.sonarqube;
        assert_eq!(
            sonarqube.bound_to("PAY:checkout").as_deref(),
            Some("PAY/ledger")
        );
        assert_eq!(sonarqube.project("PAY:payments-api"), None);
        let api = self.env.api::<ProjectBinding>("payments");
        let settled = self.settled.iter();
        for before in settled.filter(|one| untouched.contains(&&*one.name_any())) {
            let now = api.get(&before.name_any()).await.unwrap();
            assert_eq!(now.resource_version(), before.resource_version());
        }
    }

    async fn assert_corrected_when_resumed(&self) {
        let env = &self.env;
        env.connection(json!({}));
        env.connection_is("bitbucket", ("Ready", "True")).await;
        env.binding_is("payments", "newcomer", ("Ready", "True"))
            .await;
        let corrected =
            || env.sonarqube.bound_to("PAY:checkout").as_deref() == Some("PAY/checkout");
        env.eventually("the drift is mended", corrected).await;
        let is_ready = |binding: &ProjectBinding| {
            condition(binding, "Ready").is_some_and(|ready: Value| ready["status"] == "True")
        };
        env.until("payments", "checkout", is_ready).await;
    }
}
