//! `configurationPolicy: Reference`: an administrator of SonarQube manages the configuration.

use std::collections::BTreeSet;

use bindery::crd::{BitbucketConnection, ConfigurationPolicy, ConfigurationStatus};
use serde_json::json;
use simulators::sonarqube::Caller;

use crate::e2e::environment::{BITBUCKET_TOKEN, TestEnvironment};
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
async fn without_administer_system(server: Server) -> TestEnvironment {
    let env = TestEnvironment::set(server).await;
    let token = env.sonarqube.user_with("referrer", &["provisioning"]);
    env.secret("sonarqube-token", &token);
    env
}

fn reference(env: &TestEnvironment) {
    env.connection(json!({"configurationPolicy": "Reference"}));
}

fn configure(env: &TestEnvironment, name: &str, url: &str) {
    env.sonarqube.create_setting(name, url, BITBUCKET_TOKEN);
}

fn bitbucket(env: &TestEnvironment) -> String {
    let url = env.bitbucket.url();
    url.as_str().trim_end_matches('/').to_owned()
}

async fn configuration(env: &TestEnvironment, name: &str) -> ConfigurationStatus {
    let connection = env.connection_is(name, READY).await;
    connection.status.unwrap().configuration.unwrap()
}

/// Promise: with a referenced configuration a repository is imported by a user who does not administer SonarQube. The
/// configuration stays as it is, also when tokens are rotated and everything is deleted.
async fn a_referenced_configuration_needs_no_administrator(server: Server) {
    const ROTATED: &str = "canary-rotated-token-52d1";
    let env = without_administer_system(server).await;
    configure(&env, "bitbucket", &bitbucket(&env));
    let before = env.sonarqube.settings();
    reference(&env);
    let found = configuration(&env, "bitbucket").await;
    assert_eq!(found.policy, ConfigurationPolicy::Reference);
    assert_eq!(found.id, env.setting_id());
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    env.binding_is("payments", "checkout", READY).await;
    let bound = env.sonarqube.bound_to("PAY:checkout");
    assert_eq!(bound.as_deref(), Some("PAY/checkout"));

    env.bitbucket.world(|world| {
        let read = [simulators::bitbucket::Permission::RepoRead];
        world.token(ROTATED, "bindery", &read);
    });
    let applied = |connection: &BitbucketConnection| {
        let status = connection.status.as_ref()?;
        status.record.applied_secrets.clone()?.import_token
    };
    let old = applied(&env.connection_is("bitbucket", READY).await);
    env.secret("bitbucket-token", ROTATED);
    let is_new = |connection: &BitbucketConnection| applied(connection) != old;
    env.until("platform", "bitbucket", is_new).await;
    env.binding("payments", "ledger", "PAY/ledger", json!({}));
    env.binding_is("payments", "ledger", READY).await;

    for name in ["checkout", "ledger"] {
        env.delete_binding("payments", name).await;
    }
    env.kubectl(&["delete", "bbconn", "bitbucket", "--namespace", "platform"]);
    assert_eq!(env.sonarqube.settings(), before);
    if let Kind::Simulated(_) = server.kind {
        let calls = env.sonarqube.simulated().calls().into_iter();
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
    let env = without_administer_system(server).await;
    reference(&env);
    let message = env
        .connection_reason("bitbucket", "ConfigurationNotFound")
        .await;
    assert!(
        message.contains("set spec.configurationPolicy: Manage"),
        "{message}"
    );
    configure(&env, "bitbucket", "https://other.example.com");
    env.ask("created").await;
    let message = env
        .connection_reason("bitbucket", "ConfigurationMismatch")
        .await;
    assert!(message.contains("correct spec.bitbucket.url"), "{message}");
    let url = bitbucket(&env);
    let corrected = [
        ("key", "bitbucket"),
        ("url", &*url),
        ("personalAccessToken", BITBUCKET_TOKEN),
    ];
    env.sonarqube
        .post("api/alm_settings/update_bitbucket", &corrected);
    env.ask("corrected").await;
    configuration(&env, "bitbucket").await;
    assert_eq!(env.sonarqube.settings().len(), 1);
}

/// Promise: a project needs Administer for what Bindery is to change in it; before 10.5 an import needs it as well. The
/// condition names the permission.
async fn what_needs_a_right_on_the_project_names_it(server: Server) {
    let env = without_administer_system(server).await;
    configure(&env, "bitbucket", &bitbucket(&env));
    reference(&env);
    let private = json!({"sonarqubeProject": {"visibility": "Private"}});
    let wanted = if server.capabilities().lists_bindings {
        private
    } else {
        json!({})
    };
    env.binding("payments", "checkout", "PAY/checkout", wanted);
    let message = env
        .binding_reason("payments", "checkout", "PermissionMissing")
        .await;
    assert!(message.contains("Administer"), "{message}");
    assert_eq!(env.sonarqube.project_keys().len(), 1);
}

/// Promise: what was only referenced is not taken for adopted, and what was managed is not deleted later. A referenced
/// configuration may be managed by another connection.
async fn a_change_of_the_policy_begins_anew(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({"deletionPolicy": "Delete"}));
    env.connection_is("bitbucket", READY).await;
    let reader = json!({"configurationPolicy": "Reference", "configurationName": "bitbucket"});
    env.connection_named("reader", reader);
    configuration(&env, "reader").await;
    env.connection_is("bitbucket", READY).await;

    env.connection(json!({"configurationPolicy": "Reference"}));
    let is_referenced = |connection: &BitbucketConnection| {
        let status = connection.status.as_ref();
        let shown = status.and_then(|status| status.configuration.as_ref());
        shown.is_some_and(|shown| shown.policy == ConfigurationPolicy::Reference)
    };
    let referring = env.until("platform", "bitbucket", is_referenced).await;
    assert_eq!(referring.status.unwrap().record.created_by, None);
    env.connection(json!({"adoptionPolicy": "Never"}));
    env.connection_reason("bitbucket", "AdoptionRefused").await;
    env.connection(json!({"deletionPolicy": "Delete"}));
    let adopted = env.connection_is("bitbucket", READY).await;
    env.reported_once(&adopted, "Adopted");
    for name in ["bitbucket", "reader"] {
        env.kubectl(&["delete", "bbconn", name, "--namespace", "platform"]);
    }
    assert_eq!(env.sonarqube.settings().len(), 1);
}
