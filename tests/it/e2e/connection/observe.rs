//! Where nothing may be written: `Observe` reports, `suspend` waits; and a requested reconcile.

use bindery::crd::ProjectBinding;
use serde_json::json;

use crate::e2e::environment::Stage;
use crate::e2e::environment::snapshot::Tally;
use crate::support::server::{Server, simulated};

simulated!(
    an_observing_binding_tells_and_writes_nothing,
    what_is_observed_is_shown_not_what_is_declared,
    a_suspended_binding_is_left_alone_until_it_is_resumed,
    a_look_that_was_asked_for_is_made_at_once_and_acknowledged,
);

/// Promise: an observing binding is ready where nothing differs, and names what differs otherwise.
async fn an_observing_binding_tells_and_writes_nothing(server: Server) {
    let stage = Stage::set(server).await;
    stage.connection(json!({}));
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    let setting = stage.setting_id();
    let sonarqube = &stage.sonarqube;
    sonarqube.bind("PAY:checkout", "Made by hand", &setting, "PAY/checkout");
    let point = |repository| sonarqube.re_point("PAY:checkout", &setting, repository);
    let before = Tally::now(&stage).await;

    // What was never accepted is judged as for the first time; what was accepted is compared.
    for policy in ["Full", "Observe"] {
        let policy = json!({"managementPolicy": policy});
        stage.binding("payments", "hand", "PAY/checkout", policy);
        stage
            .binding_is("payments", "hand", ("Ready", "True"))
            .await;
    }
    stage
        .binding_is("payments", "hand", ("Ready", "True"))
        .await;
    point("PAY/ledger");
    stage.look_now("drifted").await;
    stage
        .binding_reason("payments", "hand", "DriftDetected")
        .await;
    let hand = stage
        .binding_is("payments", "hand", ("Synced", "False"))
        .await;
    // A user who waits for the object has an answer: it was compared.
    stage
        .binding_is("payments", "hand", ("Ready", "True"))
        .await;
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
    stage.binding("payments", "absent", "PAY/payments-api", absent);
    let message = stage
        .binding_reason("payments", "absent", "DriftDetected")
        .await;
    assert!(message.contains("PAY:payments-api"), "{message}");

    assert_eq!(stage.sonarqube.project_keys(), ["PAY:checkout"]);
    assert_eq!(
        stage.sonarqube.bound_to("PAY:checkout").as_deref(),
        Some("PAY/ledger")
    );
    assert_eq!(before.since(&stage).await.writes(), 0);
    point("PAY/checkout");
    stage.look_now("as it should be").await;
    let hand = stage
        .binding_is("payments", "hand", ("Ready", "True"))
        .await;
    assert_eq!(hand.status.unwrap().differences, []);
}

/// Promise: the status of an observing binding shows the repository that its project is bound to, also once another one
/// is declared.
async fn what_is_observed_is_shown_not_what_is_declared(server: Server) {
    let stage = Stage::set(server).await;
    stage.connection(json!({"access": [{
        "name": "all", "namespaceSelector": {}, "repositories": ["PAY/*"], "sonarqubeProjects": ["PAY:*"],
    }]}));
    stage.binding("payments", "checkout", "PAY/checkout", json!({}));
    stage
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    let policy = json!({"managementPolicy": "Observe"});
    stage.binding("payments", "checkout", "PAY/ledger", policy);
    let differs = |binding: &ProjectBinding| {
        let status = binding.status.as_ref();
        status.is_some_and(|status| !status.differences.is_empty())
    };
    let differing = stage.until("payments", "checkout", differs).await;
    let shown = differing.status.unwrap().repository.unwrap();
    assert_eq!(shown.path, "PAY/checkout");
}

/// Promise: nothing is done for a suspended binding, and everything once it is resumed.
async fn a_suspended_binding_is_left_alone_until_it_is_resumed(server: Server) {
    let stage = Stage::set(server).await;
    stage.bitbucket.world(|world| {
        world.repository("PAY", "spare");
    });
    stage.connection(json!({}));
    for (name, repository) in [("checkout", "PAY/checkout"), ("ledger", "PAY/ledger")] {
        stage.binding("payments", name, repository, json!({}));
        stage.binding_is("payments", name, ("Ready", "True")).await;
    }
    stage.binding("payments", "ledger", "PAY/ledger", json!({"suspend": true}));
    stage
        .binding_reason("payments", "ledger", "Suspended")
        .await;

    let setting = stage.setting_id();
    stage
        .sonarqube
        .re_point("PAY:ledger", &setting, "PAY/spare");
    stage
        .sonarqube
        .re_point("PAY:checkout", &setting, "PAY/spare");
    stage.look_now("both drifted").await;
    let bound = |key, place: &str| stage.sonarqube.bound_to(key).as_deref() == Some(place);
    stage
        .eventually("the other one heals", || {
            bound("PAY:checkout", "PAY/checkout")
        })
        .await;
    // Both were reconciled by now: another reconcile finds nothing to do.
    stage.look_now("once more").await;
    assert!(bound("PAY:ledger", "PAY/spare"));

    stage.binding("payments", "ledger", "PAY/ledger", json!({}));
    stage
        .binding_is("payments", "ledger", ("Ready", "True"))
        .await;
    assert!(bound("PAY:ledger", "PAY/ledger"));
}

/// Promise: the annotation makes the operator ask the servers, though the last sweep shows nothing to do.
async fn a_look_that_was_asked_for_is_made_at_once_and_acknowledged(server: Server) {
    let stage = Stage::set(server).await;
    stage.connection(json!({"interval": "1h"}));
    stage.binding("payments", "checkout", "PAY/checkout", json!({}));
    stage.counted(1).await;
    let setting = stage.setting_id();
    stage
        .sonarqube
        .re_point("PAY:checkout", &setting, "PAY/ledger");
    let before = Tally::now(&stage).await;

    stage.look_at("payments", "checkout", "now").await;
    assert_eq!(
        stage.sonarqube.bound_to("PAY:checkout").as_deref(),
        Some("PAY/checkout")
    );
    let done = before.since(&stage).await;
    assert_eq!((done.writes(), done.status_writes), (1, 1), "{done:?}");
}
