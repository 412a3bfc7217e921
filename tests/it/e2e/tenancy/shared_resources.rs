//! What several objects share: a SonarQube that takes one configuration, a repository of several projects.

use std::time::Duration;

use bindery::crd::BitbucketConnection;
use serde_json::json;

use crate::e2e::environment::TestEnvironment;
use crate::support::server::{Server, on};

on!([simulated_26_9, simulated_26_9_developer] => a_connection_takes_over_when_the_conflicting_one_is_deleted);
on!([simulated_26_9_enterprise] => a_monorepo_flag_that_was_changed_is_set_back);
on!([simulated_26_9, simulated_26_9_enterprise] => a_monorepo_flag_in_the_spec_is_written_though_no_listing_shows_it);

/// Promise: of two configurations where one is allowed the second says which one exists, and follows when it is gone.
async fn a_connection_takes_over_when_the_conflicting_one_is_deleted(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({"deletionPolicy": "Delete"}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    // It is not its interval that has it reconciled.
    env.connection_named("second", json!({"interval": "1h"}));
    let message = env.connection_reason("second", "ConfigurationLimit").await;
    assert!(
        message.contains("set spec.configurationName: bitbucket to adopt it"),
        "{message}"
    );
    env.ask_for_deletion_of_connection().await;
    env.gone::<BitbucketConnection>("platform", "bitbucket")
        .await;
    env.connection_is("second", ("Ready", "True")).await;
    let settings = env.sonarqube.settings();
    assert_eq!(settings.len(), 1);
    assert_eq!(settings[0]["key"], "second");
}

/// Promise: no listing has the flag, and a change of it is found and set back all the same.
async fn a_monorepo_flag_that_was_changed_is_set_back(server: Server) {
    let mut env = TestEnvironment::set(server).await;
    env.connection(json!({"interval": "10s"}));
    let sonarqube = &env.sonarqube;
    for key in ["first", "second"] {
        let shared = json!({"monorepo": true, "sonarqubeProject": {"key": key}});
        env.binding("platform", key, "PAY/checkout", shared);
        env.binding_is("platform", key, ("Ready", "True")).await;
    }
    let flag = |key| {
        let binding = sonarqube.get("api/alm_settings/get_binding", &[("project", key)]);
        binding["monorepo"].clone()
    };
    assert_eq!((flag("first"), flag("second")), (json!(true), json!(true)));
    sonarqube.re_point("first", &env.setting_id(), "PAY/checkout");
    assert_eq!(flag("first"), false, "changed by hand");
    // No request for this binding: its spread read comes in twelve intervals, or in one if no listing has bindings.
    env.patience = Duration::from_secs(150);
    env.eventually("the flag is set back", || flag("first") == true)
        .await;
    assert_eq!(flag("second"), true);
}

/// Promise: what is declared is written before it is called ready, also by an operator that has read no flag yet.
async fn a_monorepo_flag_in_the_spec_is_written_though_no_listing_shows_it(server: Server) {
    let mut env = TestEnvironment::set(server).await;
    env.connection(json!({"interval": "1h"}));
    let project = |monorepo| json!({"monorepo": monorepo, "sonarqubeProject": {"key": "first"}});
    env.binding("platform", "first", "PAY/checkout", project(false));
    env.binding_is("platform", "first", ("Ready", "True")).await;
    env.restart_operator(&["--minimum-interval", "10s"]);
    env.reconcile_now("after the restart").await;
    env.binding("platform", "first", "PAY/checkout", project(true));
    env.binding_is("platform", "first", ("Ready", "True")).await;
    let binding = [("project", "first")];
    let binding = env.sonarqube.get("api/alm_settings/get_binding", &binding);
    assert_eq!(binding["monorepo"], true, "{binding}");
}
