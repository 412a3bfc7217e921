//! SonarQube 10.5 to 25.11: it creates bound projects, and binds none that exists.

use bindery::crd::ProjectBinding;
use serde_json::{Value, json};

use crate::e2e::environment::TestEnvironment;
use crate::support::server::{Server, on};

on!([simulated_25_1, real_25_1] =>
    an_unbound_project_is_refused_with_a_remedy,
    a_project_deleted_by_hand_is_imported_again,
    bindings_lost_with_their_configuration_are_reported,
    another_repository_in_the_spec_is_refused,
    a_project_made_anew_by_hand_is_not_deleted,
);

const CANNOT: &str = "UnsupportedVersion";

/// Promise: a project that exists and is unbound is refused in words that lead out, and left alone.
async fn an_unbound_project_is_refused_with_a_remedy(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    let connection = env.connection_is("bitbucket", ("Ready", "True")).await;
    let capabilities = connection.status.unwrap().sonarqube.unwrap().capabilities;
    assert_eq!(capabilities[0], "PostBoundProject");
    let sonarqube = &env.sonarqube;
    sonarqube.create_project("legacy-checkout", "Made by hand");
    sonarqube.create_project("PAY:ledger", "Made by hand");
    let before = sonarqube.everything();

    let bind = json!({"mode": "Bind", "sonarqubeProject": {"key": "legacy-checkout"}});
    env.binding("platform", "checkout", "PAY/checkout", bind);
    env.binding("platform", "ledger", "PAY/ledger", json!({}));
    let message = env.binding_reason("platform", "checkout", CANNOT).await;
    for words in [
        "legacy-checkout",
        "25.12",
        "upgrade SonarQube",
        "Developer Edition",
    ] {
        assert!(message.contains(words), "no {words:?} in {message:?}");
    }
    let stalled = ("Stalled", "True");
    let binding = env.binding_is("platform", "checkout", stalled).await;
    assert_eq!(binding.status.unwrap().sonarqube_project, None);
    env.binding_reason("platform", "ledger", "ProjectExists")
        .await;
    assert_eq!(sonarqube.everything(), before);

    for (name, mode) in [("checkout", "ImportOrBind"), ("ledger", "Import")] {
        let out = json!({"mode": mode, "sonarqubeProject": {"key": format!("new-{name}")}});
        env.binding("platform", name, &format!("PAY/{name}"), out);
        env.binding_is("platform", name, ("Ready", "True")).await;
        let bound = sonarqube.bound_to(&format!("new-{name}"));
        assert_eq!(bound, Some(format!("PAY/{name}")));
    }
}

/// Promise: a project deleted by hand is imported again, and is ours once more.
async fn a_project_deleted_by_hand_is_imported_again(server: Server) {
    let env = TestEnvironment::set(server).await;
    let before = imported(&env).await;
    delete(&env, "PAY:checkout");
    env.reconcile_now("deleted").await;
    let again = env
        .until("payments", "checkout", |binding: &ProjectBinding| {
            id(binding).is_some() && id(binding) != id(&before)
        })
        .await;
    let again = env
        .binding_is("payments", &again.metadata.name.unwrap(), ("Ready", "True"))
        .await;
    assert_eq!(id(&again).as_deref(), listed(&env)["projectId"].as_str());
    let record = again.status.unwrap().record;
    assert_eq!(record.created_by, again.metadata.uid);
    assert_eq!(
        env.sonarqube.project("PAY:checkout").unwrap()["visibility"],
        "private"
    );
}

/// Promise: bindings that went with the configuration are reported as what they are, and the advice works.
async fn bindings_lost_with_their_configuration_are_reported(server: Server) {
    let env = TestEnvironment::set(server).await;
    imported(&env).await;
    let url = env.sonarqube.settings()[0]["url"].clone();
    env.sonarqube
        .post("api/alm_settings/delete", &[("key", "bitbucket")]);
    env.sonarqube
        .create_setting("bitbucket", url.as_str().unwrap(), "made-by-hand");
    env.reconcile_now("recreated").await;
    let message = env.binding_reason("payments", "checkout", CANNOT).await;
    assert!(message.contains("delete the project"), "{message}");
    let binding = env
        .binding_is("payments", "checkout", ("Synced", "False"))
        .await;
    let status = binding.status.unwrap();
    assert_eq!(status.differences.len(), 1);
    let difference = &status.differences[0];
    assert_eq!(difference.field, "repository");
    assert_eq!(difference.desired, "PAY/checkout");
    assert_eq!(difference.observed, "unbound");
    assert!(status.sonarqube_project.is_some(), "it is still kept");
    env.connection_is("bitbucket", ("Ready", "True")).await;

    // A new one is imported as before, through the configuration that exists now.
    env.binding("payments", "ledger", "PAY/ledger", json!({}));
    env.binding_is("payments", "ledger", ("Ready", "True"))
        .await;
    delete(&env, "PAY:checkout");
    env.reconcile_now("the way out").await;
    let binding = env
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    assert_eq!(binding.status.unwrap().differences, []);
    assert_eq!(
        env.sonarqube.bound_to("PAY:checkout").as_deref(),
        Some("PAY/checkout")
    );
}

/// Promise: another repository is refused, nothing is touched, and the old repository works again.
async fn another_repository_in_the_spec_is_refused(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    let bind = |repository| env.binding("platform", "checkout", repository, json!({}));
    let ready = ("Ready", "True");
    bind("PAY/checkout");
    env.binding_is("platform", "checkout", ready).await;
    let before = env.sonarqube.everything();
    bind("PAY/ledger");
    let message = env.binding_reason("platform", "checkout", CANNOT).await;
    assert!(
        message.contains("write spec.repository: PAY/checkout"),
        "{message}"
    );
    bind("PAY/checkout");
    env.binding_is("platform", "checkout", ready).await;
    assert_eq!(env.sonarqube.everything(), before);
}

/// Promise: a project that a user made again under the key of ours is not deleted for us, although this server
/// returns its uuid in the list of bindings only.
async fn a_project_made_anew_by_hand_is_not_deleted(server: Server) {
    let arguments = ["--minimum-interval", "10s", "--allow-project-deletion"];
    let env = TestEnvironment::set_with(server, &arguments).await;
    // No reconcile checks for drift meanwhile.
    env.connection(json!({"interval": "1h"}));
    let delete_both = json!({"deletionPolicy": "DeleteProject"});
    for name in ["checkout", "ledger"] {
        let repository = format!("PAY/{name}");
        env.binding("payments", name, &repository, delete_both.clone());
        env.binding_is("payments", name, ("Ready", "True")).await;
    }
    delete(&env, "PAY:checkout");
    import_by_hand(&env, "PAY:checkout", "checkout");
    for name in ["checkout", "ledger"] {
        env.delete_binding("payments", name).await;
    }
    assert_eq!(env.sonarqube.project_keys(), ["PAY:checkout"]);
}

/// A connection, and a binding whose project is private.
async fn imported(env: &TestEnvironment) -> ProjectBinding {
    env.connection(json!({}));
    let private = json!({"sonarqubeProject": {"visibility": "Private"}});
    env.binding("payments", "checkout", "PAY/checkout", private);
    let binding = env
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    assert_eq!(id(&binding).as_deref(), listed(env)["projectId"].as_str());
    binding
}

fn delete(env: &TestEnvironment, key: &str) {
    env.sonarqube
        .post("api/projects/delete", &[("project", key)]);
    assert!(!env.sonarqube.project_keys().contains(&key.to_owned()));
}

/// What the operator's user does on SonarQube's import page.
fn import_by_hand(env: &TestEnvironment, key: &str, slug: &str) {
    let made = env.sonarqube.bind(
        key,
        "Made by hand",
        &env.setting_id(),
        &format!("PAY/{slug}"),
    );
    assert!(made["projectId"].is_string(), "{made}");
}

fn id(binding: &ProjectBinding) -> Option<String> {
    let status = binding.status.clone()?;
    status.sonarqube_project?.id
}

/// The first line of SonarQube's list of bindings.
fn listed(env: &TestEnvironment) -> Value {
    let path = "api/v2/dop-translation/project-bindings";
    env.sonarqube.get(path, &[])["projectBindings"][0].clone()
}
