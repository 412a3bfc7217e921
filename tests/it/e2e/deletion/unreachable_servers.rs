//! Who leaves needs SonarQube alone: what else is wrong with the connection, and what SonarQube itself lacks for a
//! while, loses nothing and blocks no deletion for good.

use bindery::crd::{BitbucketConnection, FORCE_ORPHAN, ProjectBinding};
use serde_json::{Value, json};
use simulators::bitbucket::Fault;
use simulators::sonarqube::Platform;

use crate::e2e::environment::deletions::DELETING;
use crate::e2e::environment::proxy::Proxy;
use crate::e2e::environment::waiting::condition;
use crate::e2e::environment::{BITBUCKET_TOKEN, Stage};
use crate::support::server::{Server, on, simulated};

simulated!(
    a_typo_in_what_leads_to_sonarqube_orphans_nothing,
    a_typo_in_a_secret_of_bitbucket_holds_up_nobody_who_leaves,
    a_connection_that_cannot_serve_who_waits_for_it_says_so,
    a_binding_without_access_holds_up_no_connection_and_is_not_counted,
    a_connection_that_is_let_go_by_force_says_so,
);
on!([simulated_26_9_developer] => no_trouble_beside_sonarqube_holds_up_who_leaves);

/// Promise: a reference that leads nowhere may be a typo: who has something to delete waits until it is corrected.
async fn a_typo_in_what_leads_to_sonarqube_orphans_nothing(server: Server) {
    let stage = Stage::set_with(server, DELETING).await;
    stage.forget_secret("bitbucket-read-token");
    stage.connection(json!({"deletionPolicy": "Delete"}));
    stage.bound_to_be_deleted("checkout").await;
    let mistyped = json!({"kind": "Secret", "name": "bitbucket-read-token", "key": "ca.crt"});
    let mistyped = json!({"deletionPolicy": "Delete", "sonarqube": {"caBundleRef": mistyped}});
    stage.connection(mistyped.clone());
    stage.connection_reason("bitbucket", "SecretNotFound").await;
    let message = stage.held_up("checkout").await;
    assert!(message.contains("SecretNotFound"), "{message}");
    stage.connection(json!({"deletionPolicy": "Delete", "sonarqube": {"caBundleRef": null}}));
    stage.gone::<ProjectBinding>("payments", "checkout").await;
    assert_eq!(stage.sonarqube.project("PAY:checkout"), None);

    stage.connection(mistyped);
    stage.connection_reason("bitbucket", "SecretNotFound").await;
    stage.ask_for_deletion_of_connection().await;
    let blocked = |connection: &BitbucketConnection| {
        condition(connection, "Stalled").is_some_and(|one| one["reason"] == "DeletionBlocked")
    };
    stage.until("platform", "bitbucket", blocked).await;
    stage.connection(json!({"deletionPolicy": "Delete", "sonarqube": {"caBundleRef": null}}));
    stage
        .gone::<BitbucketConnection>("platform", "bitbucket")
        .await;
    assert_eq!(stage.sonarqube.settings(), [] as [Value; 0]);
}

/// Promise: what is wrong with Bitbucket's own Secret neither orphans a project or a configuration nor holds it up.
async fn a_typo_in_a_secret_of_bitbucket_holds_up_nobody_who_leaves(server: Server) {
    let stage = Stage::set_with(server, DELETING).await;
    stage.connection(json!({}));
    stage.bound_to_be_deleted("checkout").await;
    let mistyped = json!({"tokenSecretRef": {"name": "bitbucket-token", "key": "tokn"}});
    stage.connection(json!({"deletionPolicy": "Delete", "bitbucket": mistyped}));
    stage
        .connection_reason("bitbucket", "SecretKeyMissing")
        .await;
    stage
        .connection_is("bitbucket", ("SonarQubeReachable", "True"))
        .await;
    stage.delete_binding("payments", "checkout").await;
    assert_eq!(stage.sonarqube.project("PAY:checkout"), None);
    stage.ask_for_deletion_of_connection().await;
    stage
        .gone::<BitbucketConnection>("platform", "bitbucket")
        .await;
    assert_eq!(stage.sonarqube.settings(), [] as [Value; 0]);
}

/// Promise: any failure after SonarQube was found well blocks no deletion, and what is to be deleted is.
async fn no_trouble_beside_sonarqube_holds_up_who_leaves(server: Server) {
    let stage = Stage::set_with(server, DELETING).await;
    let names = ["cannot-reach", "malformed", "too-old", "refused"];
    stage.bitbucket.world(|world| {
        for name in names {
            world.repository("PAY", name);
        }
    });
    stage.connection(json!({}));
    for name in names {
        stage.bound_to_be_deleted(name).await;
    }
    let goes = async |name: &str, reason: &str| {
        stage.look_now(name).await;
        stage.connection_reason("bitbucket", reason).await;
        stage.delete_binding("payments", name).await;
        let project = stage.sonarqube.project(&format!("PAY:{name}"));
        assert_eq!(project, None, "{name}");
    };
    let simulated = stage.sonarqube.simulated();
    let unreachable = r#"{"errors":[{"msg":"Unable to contact Bitbucket server"}]}"#;
    simulated.fault(Fault::at("/api/alm_settings/validate").answer(400, unreachable));
    goes("cannot-reach", "ValidationFailed").await;
    simulated.clear_faults();

    stage.secret("bitbucket-token", "two words");
    goes("malformed", "SecretMalformed").await;
    stage.secret("bitbucket-token", BITBUCKET_TOKEN);
    stage.connection_is("bitbucket", ("Ready", "True")).await;

    let old = r#"{"version":"5.14.0","displayName":"Bitbucket"}"#;
    let properties = "/rest/api/1.0/application-properties";
    stage
        .bitbucket
        .fault(Fault::at(properties).answer(200, old));
    goes("too-old", "UnsupportedVersion").await;
    stage.bitbucket.clear_faults();

    simulated.world(|world| {
        let url = "https://gitlab.example.com";
        world.create_setting(Platform::GitLab, "taken", url, "glpat");
    });
    stage.connection(json!({"configurationName": "taken"}));
    goes("refused", "AdoptionRefused").await;
}

/// Promise: a connection that is waited for and cannot help says why, and so does who waits; also after a restart.
async fn a_connection_that_cannot_serve_who_waits_for_it_says_so(server: Server) {
    let mut stage = Stage::set_with(server, DELETING).await;
    let proxy = Proxy::start(&stage.sonarqube.url).await;
    stage.connection(json!({"sonarqube": {"url": proxy.url}}));
    stage.bound_to_be_deleted("checkout").await;
    stage.ask_for_deletion_of_connection().await;
    stage.needed("payments/checkout").await;
    proxy.shut();
    stage.restart_operator(DELETING);
    let message = stage.needed("cannot serve them").await;
    assert!(message.contains("SonarQube at"), "{message}");
    stage.held_up("checkout").await;
    stage.said_of_deletion("checkout", "is not ready").await;

    proxy.open();
    stage.gone::<ProjectBinding>("payments", "checkout").await;
    stage
        .gone::<BitbucketConnection>("platform", "bitbucket")
        .await;
    assert_eq!(stage.sonarqube.project("PAY:checkout"), None);
}

/// Promise: a finalizer is everybody's to set. Who has no access, or has lost it, is neither waited for nor counted.
async fn a_binding_without_access_holds_up_no_connection_and_is_not_counted(server: Server) {
    let stage = Stage::set_with(server, DELETING).await;
    stage.connection(json!({}));
    stage.bound_to_be_deleted("checkout").await;
    stage.apply(&json!({
        "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding",
        "metadata": {"name": "outsider", "namespace": "outsiders", "finalizers": ["bindery.dev/release"]},
        "spec": {
            "connectionRef": {"name": "bitbucket", "namespace": "platform"},
            "repository": {"project": "PAY", "slug": "ledger"},
        },
    }));
    stage
        .binding_reason("outsiders", "outsider", "ConnectionNotFound")
        .await;
    stage.counted(1).await;

    stage.ask_for_deletion_of_connection().await;
    let message = stage.needed("payments/checkout").await;
    assert!(!message.contains("outsider"), "{message}");
    stage.delete_binding("payments", "checkout").await;
    stage
        .gone::<BitbucketConnection>("platform", "bitbucket")
        .await;
}

/// Promise: what is left behind by force is reported.
async fn a_connection_that_is_let_go_by_force_says_so(server: Server) {
    let stage = Stage::set_with(server, DELETING).await;
    stage.connection(json!({"deletionPolicy": "Delete"}));
    let connection = stage.connection_is("bitbucket", ("Ready", "True")).await;
    stage.bound_to_be_deleted("checkout").await;
    stage.ask_for_deletion_of_connection().await;
    stage.needed("payments/checkout").await;
    let asked = format!("{FORCE_ORPHAN}=true");
    let annotate = ["annotate", "bbconn", "bitbucket", "-n", "platform", &asked];
    stage.kubectl(&annotate);
    stage
        .gone::<BitbucketConnection>("platform", "bitbucket")
        .await;
    stage.reported_once(&connection, "Orphaned");
    assert_eq!(stage.sonarqube.settings().len(), 1);
}
