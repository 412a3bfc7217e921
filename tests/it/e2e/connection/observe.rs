//! Where nothing may be written: `Observe` reports, `suspend` waits; and a requested reconcile.

use bindery::crd::ProjectBinding;
use serde_json::json;

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::snapshot::Snapshot;
use crate::support::server::{Server, simulated};

simulated!(
    an_observing_binding_reports_and_writes_nothing,
    the_status_shows_the_observed_and_not_the_declared_state,
    a_suspended_binding_is_left_alone_until_it_is_resumed,
    a_requested_reconcile_runs_at_once_and_is_acknowledged,
);

/// Promise: an observing binding is ready where nothing differs, and names what differs otherwise.
async fn an_observing_binding_reports_and_writes_nothing(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let setting = env.setting_id();
    let sonarqube = &env.sonarqube;
    sonarqube.bind("PAY:checkout", "Made by hand", &setting, "PAY/checkout");
    let point = |repository| sonarqube.re_point("PAY:checkout", &setting, repository);
    let before = Snapshot::now(&env).await;

    // What was never accepted is judged as for the first time; what was accepted is compared.
    for policy in ["Full", "Observe"] {
        let policy = json!({"managementPolicy": policy});
        env.binding("payments", "hand", "PAY/checkout", policy);
        env.binding_is("payments", "hand", ("Ready", "True")).await;
    }
    env.binding_is("payments", "hand", ("Ready", "True")).await;
    point("PAY/ledger");
    env.reconcile_now("drifted").await;
    env.binding_reason("payments", "hand", "DriftDetected")
        .await;
    let hand = env
        .binding_is("payments", "hand", ("Synced", "False"))
        .await;
    // A user who waits for the object has an answer: it was compared.
    env.binding_is("payments", "hand", ("Ready", "True")).await;
    let difference = &hand.status.unwrap().differences[0];
    assert_eq!(
        (
            &*difference.field,
            &*difference.desired,
            &*difference.observed
        ),
        ("repository", "PAY/checkout", "PAY/ledger")
    );

    let absent = json!({"managementPolicy": "Observe"});
    env.binding("payments", "absent", "PAY/payments-api", absent);
    let message = env
        .binding_reason("payments", "absent", "DriftDetected")
        .await;
    assert!(message.contains("PAY:payments-api"), "{message}");

    assert_eq!(env.sonarqube.project_keys(), ["PAY:checkout"]);
    assert_eq!(
        env.sonarqube.bound_to("PAY:checkout").as_deref(),
        Some("PAY/ledger")
    );
    assert_eq!(before.since(&env).await.writes(), 0);
    point("PAY/checkout");
    env.reconcile_now("as it should be").await;
    let hand = env.binding_is("payments", "hand", ("Ready", "True")).await;
    assert_eq!(hand.status.unwrap().differences, []);
}

/// Promise: the status of an observing binding shows the repository that its project is bound to, also once another one
/// is declared.
async fn the_status_shows_the_observed_and_not_the_declared_state(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({"access": [{
        "name": "all", "namespaceSelector": {}, "repositories": ["PAY/*"], "sonarqubeProjects": ["PAY:*"],
    }]}));
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    env.binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    let policy = json!({"managementPolicy": "Observe"});
    env.binding("payments", "checkout", "PAY/ledger", policy);
    let differs = |binding: &ProjectBinding| {
        let status = binding.status.as_ref();
        status.is_some_and(|status| !status.differences.is_empty())
    };
    let differing = env.until("payments", "checkout", differs).await;
    let shown = differing.status.unwrap().repository.unwrap();
    assert_eq!(shown.path, "PAY/checkout");
}

/// Promise: nothing is done for a suspended binding, and everything once it is resumed.
async fn a_suspended_binding_is_left_alone_until_it_is_resumed(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.bitbucket.world(|world| {
        world.repository("PAY", "spare");
    });
    env.connection(json!({}));
    for (name, repository) in [("checkout", "PAY/checkout"), ("ledger", "PAY/ledger")] {
        env.binding("payments", name, repository, json!({}));
        env.binding_is("payments", name, ("Ready", "True")).await;
    }
    env.binding("payments", "ledger", "PAY/ledger", json!({"suspend": true}));
    env.binding_reason("payments", "ledger", "Suspended").await;

    let setting = env.setting_id();
    env.sonarqube.re_point("PAY:ledger", &setting, "PAY/spare");
    env.sonarqube
        .re_point("PAY:checkout", &setting, "PAY/spare");
    env.reconcile_now("both drifted").await;
    let bound = |key, place: &str| env.sonarqube.bound_to(key).as_deref() == Some(place);
    env.eventually("the other one heals", || {
        bound("PAY:checkout", "PAY/checkout")
    })
    .await;
    // Both were reconciled by now: another reconcile finds nothing to do.
    env.reconcile_now("once more").await;
    assert!(bound("PAY:ledger", "PAY/spare"));

    env.binding("payments", "ledger", "PAY/ledger", json!({}));
    env.binding_is("payments", "ledger", ("Ready", "True"))
        .await;
    assert!(bound("PAY:ledger", "PAY/ledger"));
}

/// Promise: the annotation makes the operator ask the servers, though the last sweep shows nothing to do.
async fn a_requested_reconcile_runs_at_once_and_is_acknowledged(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({"interval": "1h"}));
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    env.counted(1).await;
    let setting = env.setting_id();
    env.sonarqube
        .re_point("PAY:checkout", &setting, "PAY/ledger");
    let before = Snapshot::now(&env).await;

    env.requested_reconcile("payments", "checkout", "now").await;
    assert_eq!(
        env.sonarqube.bound_to("PAY:checkout").as_deref(),
        Some("PAY/checkout")
    );
    let done = before.since(&env).await;
    assert_eq!((done.writes(), done.status_writes), (1, 1), "{done:?}");
}
