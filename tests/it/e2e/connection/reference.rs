//! `configurationPolicy: Reference`: an administrator of SonarQube manages the configuration.

use std::collections::BTreeSet;

use bindery::crd::{BitbucketConnection, ConfigurationPolicy, ConfigurationStatus};
use serde_json::json;
use simulators::sonarqube::Caller;

use crate::e2e::environment::{BITBUCKET_TOKEN, Stage};
use crate::support::server::{Kind, Server, on};

on!([simulated_26_9, real_26_9, simulated_25_1, real_25_1] => a_referenced_configuration_needs_no_administrator);
on!([simulated_26_9, simulated_9_9, simulated_8_9] => what_cannot_be_referenced_is_reported_and_found_later);
on!([simulated_26_9, simulated_9_9, real_25_1] => what_needs_a_right_on_the_project_names_it);
on!([simulated_26_9] => a_change_of_the_policy_begins_anew);

const READY: (&str, &str) = ("Ready", "True");

/// Calls that only an administrator of the system may make.
const ADMINISTRATORS: [&str; 7] = [
    "/api/alm_settings/create_bitbucket",
    "/api/alm_settings/update_bitbucket",
    "/api/alm_settings/delete",
    "/api/alm_settings/validate",
    "/api/alm_settings/count_binding",
    "/api/alm_settings/list_definitions",
    "/api/projects/search",
];

/// The operator's user may create projects, and nothing else.
async fn without_administer_system(server: Server) -> Stage {
    let stage = Stage::set(server).await;
    let token = stage.sonarqube.user_with("referrer", &["provisioning"]);
    stage.secret("sonarqube-token", &token);
    stage
}

fn reference(stage: &Stage) {
    stage.connection(json!({"configurationPolicy": "Reference"}));
}

fn configure(stage: &Stage, name: &str, url: &str) {
    stage.sonarqube.create_setting(name, url, BITBUCKET_TOKEN);
}

fn bitbucket(stage: &Stage) -> String {
    let url = stage.bitbucket.url();
    url.as_str().trim_end_matches('/').to_owned()
}

async fn configuration(stage: &Stage, name: &str) -> ConfigurationStatus {
    let connection = stage.connection_is(name, READY).await;
    connection.status.unwrap().configuration.unwrap()
}

/// Promise: with a referenced configuration a repository is imported by a user who does not administer SonarQube. The
/// configuration stays as it is, also when tokens are rotated and everything is deleted.
async fn a_referenced_configuration_needs_no_administrator(server: Server) {
    const ROTATED: &str = "canary-rotated-token-52d1";
    let stage = without_administer_system(server).await;
    configure(&stage, "bitbucket", &bitbucket(&stage));
    let before = stage.sonarqube.settings();
    reference(&stage);
    let found = configuration(&stage, "bitbucket").await;
    assert_eq!(found.policy, ConfigurationPolicy::Reference);
    assert_eq!(found.id, stage.setting_id());
    stage.binding("payments", "checkout", "PAY/checkout", json!({}));
    stage.binding_is("payments", "checkout", READY).await;
    let bound = stage.sonarqube.bound_to("PAY:checkout");
    assert_eq!(bound.as_deref(), Some("PAY/checkout"));

    stage.bitbucket.world(|world| {
        let read = [simulators::bitbucket::Permission::RepoRead];
        world.token(ROTATED, "bindery", &read);
    });
    let applied = |connection: &BitbucketConnection| {
        let status = connection.status.as_ref()?;
        status.record.applied_secrets.clone()?.import_token
    };
    let old = applied(&stage.connection_is("bitbucket", READY).await);
    stage.secret("bitbucket-token", ROTATED);
    let is_new = |connection: &BitbucketConnection| applied(connection) != old;
    stage.until("platform", "bitbucket", is_new).await;
    stage.binding("payments", "ledger", "PAY/ledger", json!({}));
    stage.binding_is("payments", "ledger", READY).await;

    for name in ["checkout", "ledger"] {
        stage.delete_binding("payments", name).await;
    }
    stage.kubectl(&["delete", "bbconn", "bitbucket", "--namespace", "platform"]);
    assert_eq!(stage.sonarqube.settings(), before);
    if let Kind::Simulated(_) = server.kind {
        let calls = stage.sonarqube.simulated().calls().into_iter();
        let own = calls.filter(|call| call.caller == Caller::Bindery);
        let own: BTreeSet<_> = own.map(|call| call.operation).collect();
        assert!(own.contains("/api/components/search_projects"), "{own:?}");
        let forbidden = ADMINISTRATORS.iter().find(|call| own.contains(**call));
        assert_eq!(forbidden, None);
    }
}

/// Promise: a configuration that is absent or for another URL ends in a condition that says what to do. Once an
/// administrator has corrected it, the connection is Ready.
async fn what_cannot_be_referenced_is_reported_and_found_later(server: Server) {
    let stage = without_administer_system(server).await;
    reference(&stage);
    let message = stage
        .connection_reason("bitbucket", "ConfigurationNotFound")
        .await;
    assert!(
        message.contains("set spec.configurationPolicy: Manage"),
        "{message}"
    );
    configure(&stage, "bitbucket", "https://other.example.com");
    stage.ask("created").await;
    let message = stage
        .connection_reason("bitbucket", "ConfigurationMismatch")
        .await;
    assert!(message.contains("correct spec.bitbucket.url"), "{message}");
    let url = bitbucket(&stage);
    let corrected = [
        ("key", "bitbucket"),
        ("url", &*url),
        ("personalAccessToken", BITBUCKET_TOKEN),
    ];
    stage
        .sonarqube
        .post("api/alm_settings/update_bitbucket", &corrected);
    stage.ask("corrected").await;
    configuration(&stage, "bitbucket").await;
    assert_eq!(stage.sonarqube.settings().len(), 1);
}

/// Promise: a project needs Administer for what Bindery is to change in it; before 10.5 an import needs it as well. The
/// condition names the permission.
async fn what_needs_a_right_on_the_project_names_it(server: Server) {
    let stage = without_administer_system(server).await;
    configure(&stage, "bitbucket", &bitbucket(&stage));
    reference(&stage);
    let private = json!({"sonarqubeProject": {"visibility": "Private"}});
    let wanted = if server.capabilities().lists_bindings {
        private
    } else {
        json!({})
    };
    stage.binding("payments", "checkout", "PAY/checkout", wanted);
    let message = stage
        .binding_reason("payments", "checkout", "PermissionMissing")
        .await;
    assert!(message.contains("Administer"), "{message}");
    assert_eq!(stage.sonarqube.project_keys().len(), 1);
}

/// Promise: what was only referenced is not taken for adopted, and what was managed is not deleted later. A referenced
/// configuration may be managed by another connection.
async fn a_change_of_the_policy_begins_anew(server: Server) {
    let stage = Stage::set(server).await;
    stage.connection(json!({"deletionPolicy": "Delete"}));
    stage.connection_is("bitbucket", READY).await;
    let reader = json!({"configurationPolicy": "Reference", "configurationName": "bitbucket"});
    stage.connection_named("reader", reader);
    configuration(&stage, "reader").await;
    stage.connection_is("bitbucket", READY).await;

    stage.connection(json!({"configurationPolicy": "Reference"}));
    let is_referenced = |connection: &BitbucketConnection| {
        let status = connection.status.as_ref();
        let shown = status.and_then(|status| status.configuration.as_ref());
        shown.is_some_and(|shown| shown.policy == ConfigurationPolicy::Reference)
    };
    let referring = stage.until("platform", "bitbucket", is_referenced).await;
    assert_eq!(referring.status.unwrap().record.created_by, None);
    stage.connection(json!({"adoptionPolicy": "Never"}));
    stage
        .connection_reason("bitbucket", "AdoptionRefused")
        .await;
    stage.connection(json!({"deletionPolicy": "Delete"}));
    let adopted = stage.connection_is("bitbucket", READY).await;
    stage.reported_once(&adopted, "Adopted");
    for name in ["bitbucket", "reader"] {
        stage.kubectl(&["delete", "bbconn", name, "--namespace", "platform"]);
    }
    assert_eq!(stage.sonarqube.settings().len(), 1);
}
