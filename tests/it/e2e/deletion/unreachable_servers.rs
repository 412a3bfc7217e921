//! Who leaves needs SonarQube alone: what else is wrong with the connection, and what SonarQube itself lacks for a
//! while, loses nothing and blocks no deletion for good.

use bindery::crd::{BitbucketConnection, FORCE_ORPHAN, ProjectBinding};
use serde_json::{Value, json};
use simulators::bitbucket::Fault;
use simulators::sonarqube::Platform;

use crate::e2e::environment::deletions::DELETING;
use crate::e2e::environment::proxy::Proxy;
use crate::e2e::environment::waiting::condition;
use crate::e2e::environment::{BITBUCKET_TOKEN, TestEnvironment};
use crate::support::server::{Server, on, simulated};

simulated!(
    a_typo_in_the_settings_of_sonarqube_orphans_nothing,
    a_typo_in_a_secret_of_bitbucket_delays_no_deletion,
    a_deleted_connection_that_cannot_serve_its_bindings_says_why,
    a_binding_without_access_blocks_no_deletion_of_the_connection,
    a_connection_released_by_force_says_so,
);
on!([simulated_26_9_developer] => no_failure_beside_sonarqube_delays_a_deletion);

/// Promise: a reference that leads nowhere may be a typo: who has something to delete waits until it is corrected.
async fn a_typo_in_the_settings_of_sonarqube_orphans_nothing(server: Server) {
    let env = TestEnvironment::set_with(server, DELETING).await;
    env.forget_secret("bitbucket-read-token");
    env.connection(json!({"deletionPolicy": "Delete"}));
    env.bound_to_be_deleted("checkout").await;
    let mistyped = json!({"kind": "Secret", "name": "bitbucket-read-token", "key": "ca.crt"});
    let mistyped = json!({"deletionPolicy": "Delete", "sonarqube": {"caBundleRef": mistyped}});
    env.connection(mistyped.clone());
    env.connection_reason("bitbucket", "SecretNotFound").await;
    let message = env.deletion_is_delayed("checkout").await;
    assert!(message.contains("SecretNotFound"), "{message}");
    env.connection(json!({"deletionPolicy": "Delete", "sonarqube": {"caBundleRef": null}}));
    env.gone::<ProjectBinding>("payments", "checkout").await;
    assert_eq!(env.sonarqube.project("PAY:checkout"), None);

    env.connection(mistyped);
    env.connection_reason("bitbucket", "SecretNotFound").await;
    env.ask_for_deletion_of_connection().await;
    let blocked = |connection: &BitbucketConnection| {
        condition(connection, "Stalled").is_some_and(|one| one["reason"] == "DeletionBlocked")
    };
    env.until("platform", "bitbucket", blocked).await;
    env.connection(json!({"deletionPolicy": "Delete", "sonarqube": {"caBundleRef": null}}));
    env.gone::<BitbucketConnection>("platform", "bitbucket")
        .await;
    assert_eq!(env.sonarqube.settings(), [] as [Value; 0]);
}

/// Promise: what is wrong with Bitbucket's own Secret neither orphans a project or a configuration nor holds it up.
async fn a_typo_in_a_secret_of_bitbucket_delays_no_deletion(server: Server) {
    let env = TestEnvironment::set_with(server, DELETING).await;
    env.connection(json!({}));
    env.bound_to_be_deleted("checkout").await;
    let mistyped = json!({"tokenSecretRef": {"name": "bitbucket-token", "key": "tokn"}});
    env.connection(json!({"deletionPolicy": "Delete", "bitbucket": mistyped}));
    env.connection_reason("bitbucket", "SecretKeyMissing").await;
    env.connection_is("bitbucket", ("SonarQubeReachable", "True"))
        .await;
    env.delete_binding("payments", "checkout").await;
    assert_eq!(env.sonarqube.project("PAY:checkout"), None);
    env.ask_for_deletion_of_connection().await;
    env.gone::<BitbucketConnection>("platform", "bitbucket")
        .await;
    assert_eq!(env.sonarqube.settings(), [] as [Value; 0]);
}

/// Promise: any failure after SonarQube was found well blocks no deletion, and what is to be deleted is.
async fn no_failure_beside_sonarqube_delays_a_deletion(server: Server) {
    let env = TestEnvironment::set_with(server, DELETING).await;
    let names = ["cannot-reach", "malformed", "too-old", "refused"];
    env.bitbucket.world(|world| {
        for name in names {
            world.repository("PAY", name);
        }
    });
    env.connection(json!({}));
    for name in names {
        env.bound_to_be_deleted(name).await;
    }
    let goes = async |name: &str, reason: &str| {
        env.reconcile_now(name).await;
        env.connection_reason("bitbucket", reason).await;
        env.delete_binding("payments", name).await;
        let project = env.sonarqube.project(&format!("PAY:{name}"));
        assert_eq!(project, None, "{name}");
    };
    let simulated = env.sonarqube.simulated();
    let unreachable = r#"{"errors":[{"msg":"Unable to contact Bitbucket server"}]}"#;
    simulated.fault(Fault::at("/api/alm_settings/validate").answer(400, unreachable));
    goes("cannot-reach", "ValidationFailed").await;
    simulated.clear_faults();

    env.secret("bitbucket-token", "two words");
    goes("malformed", "SecretMalformed").await;
    env.secret("bitbucket-token", BITBUCKET_TOKEN);
    env.connection_is("bitbucket", ("Ready", "True")).await;

    let old = r#"{"version":"5.14.0","displayName":"Bitbucket"}"#;
    let properties = "/rest/api/1.0/application-properties";
    env.bitbucket.fault(Fault::at(properties).answer(200, old));
    goes("too-old", "UnsupportedVersion").await;
    env.bitbucket.clear_faults();

    simulated.world(|world| {
        let url = "https://gitlab.example.com";
        world.create_setting(Platform::GitLab, "taken", url, "glpat");
    });
    env.connection(json!({"configurationName": "taken"}));
    goes("refused", "AdoptionRefused").await;
}

/// Promise: a connection that is waited for and cannot help says why, and so does who waits; also after a restart.
async fn a_deleted_connection_that_cannot_serve_its_bindings_says_why(server: Server) {
    let mut env = TestEnvironment::set_with(server, DELETING).await;
    let proxy = Proxy::start(&env.sonarqube.url).await;
    env.connection(json!({"sonarqube": {"url": proxy.url}}));
    env.bound_to_be_deleted("checkout").await;
    env.ask_for_deletion_of_connection().await;
    env.needed("payments/checkout").await;
    proxy.shut();
    env.restart_operator(DELETING);
    let message = env.needed("cannot serve them").await;
    assert!(message.contains("SonarQube at"), "{message}");
    env.deletion_is_delayed("checkout").await;
    env.said_of_deletion("checkout", "is not ready").await;

    proxy.open();
    env.gone::<ProjectBinding>("payments", "checkout").await;
    env.gone::<BitbucketConnection>("platform", "bitbucket")
        .await;
    assert_eq!(env.sonarqube.project("PAY:checkout"), None);
}

/// Promise: a finalizer is everybody's to set. Who has no access, or has lost it, is neither waited for nor counted.
async fn a_binding_without_access_blocks_no_deletion_of_the_connection(server: Server) {
    let env = TestEnvironment::set_with(server, DELETING).await;
    env.connection(json!({}));
    env.bound_to_be_deleted("checkout").await;
    env.apply(&json!({
        "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding",
        "metadata": {"name": "outsider", "namespace": "outsiders", "finalizers": ["bindery.dev/release"]},
        "spec": {
            "connectionRef": {"name": "bitbucket", "namespace": "platform"},
            "repository": {"project": "PAY", "slug": "ledger"},
        },
    }));
    env.binding_reason("outsiders", "outsider", "ConnectionNotFound")
        .await;
    env.counted(1).await;

    env.ask_for_deletion_of_connection().await;
    let message = env.needed("payments/checkout").await;
    assert!(!message.contains("outsider"), "{message}");
    env.delete_binding("payments", "checkout").await;
    env.gone::<BitbucketConnection>("platform", "bitbucket")
        .await;
}

/// Promise: what is left behind by force is reported.
async fn a_connection_released_by_force_says_so(server: Server) {
    let env = TestEnvironment::set_with(server, DELETING).await;
    env.connection(json!({"deletionPolicy": "Delete"}));
    let connection = env.connection_is("bitbucket", ("Ready", "True")).await;
    env.bound_to_be_deleted("checkout").await;
    env.ask_for_deletion_of_connection().await;
    env.needed("payments/checkout").await;
    let asked = format!("{FORCE_ORPHAN}=true");
    let annotate = ["annotate", "bbconn", "bitbucket", "-n", "platform", &asked];
    env.kubectl(&annotate);
    env.gone::<BitbucketConnection>("platform", "bitbucket")
        .await;
    env.reported_once(&connection, "Orphaned");
    assert_eq!(env.sonarqube.settings().len(), 1);
}
