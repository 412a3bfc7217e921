//! What a user changed by hand is as declared again after the next reconcile, and nothing else is touched.

use bindery::crd::ProjectBinding;
use serde_json::{Value, json};
use simulators::bitbucket::{Bitbucket, Profile};

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::snapshot::Snapshot;
use crate::e2e::environment::waiting::condition;
use crate::support::server::{Server, everywhere, on, simulated};

everywhere!(a_configuration_is_corrected_in_place_and_every_binding_survives);
on!([simulated_26_9, real_26_9] =>
    a_configuration_that_is_gone_comes_back_with_all_its_bindings,
    drift_of_a_project_is_corrected_and_its_siblings_are_not_touched,
);
on!([simulated_26_9, simulated_25_1] => a_changed_url_is_corrected_before_any_token_is_sent);
simulated!(
    a_visibility_declared_for_an_adopted_project_is_reported_and_not_written,
    the_server_base_url_is_corrected_only_where_it_is_declared,
);

/// Promise: a project that was re-pointed, swapped, made public or deleted is brought back, and no other.
async fn drift_of_a_project_is_corrected_and_its_siblings_are_not_touched(server: Server) {
    let env = bound_environment(server).await;
    let sibling = Sibling::of(&env).await;

    point(&env, "PAY:checkout", "PAY/spare");
    corrected(&env, "re-pointed", &[("PAY:checkout", "PAY/checkout")]).await;
    // The reconcile that corrected it reads once more: what is done before that would be corrected by it as well.
    env.requested_reconcile("payments", "checkout", "over")
        .await;

    point(&env, "PAY:checkout", "PAY/ledger");
    point(&env, "PAY:ledger", "PAY/checkout");
    let home = [
        ("PAY:checkout", "PAY/checkout"),
        ("PAY:ledger", "PAY/ledger"),
    ];
    corrected(&env, "swapped", &home).await;

    let shown = [("project", "PAY:checkout"), ("visibility", "public")];
    let answer = env.sonarqube.post("api/projects/update_visibility", &shown);
    // Not read back: a reconcile that was due may have corrected it already.
    assert_eq!(answer, Value::Null);
    env.reconcile_now("shown").await;
    let private = || visibility(&env, "PAY:checkout") == "private";
    env.eventually("private again", private).await;

    let before = env
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    env.sonarqube
        .post("api/projects/delete", &[("project", "PAY:checkout")]);
    env.reconcile_now("deleted").await;
    let id = |binding: &ProjectBinding| {
        let status = binding.status.clone();
        status.and_then(|status| status.sonarqube_project?.id)
    };
    let again = env
        .until("payments", "checkout", |binding: &ProjectBinding| {
            let ready = condition(binding, "Ready").is_some_and(|ready| ready["status"] == "True");
            ready && id(binding).is_some() && id(binding) != id(&before)
        })
        .await;
    let record = again.status.unwrap().record;
    assert_eq!(record.created_by, again.metadata.uid, "ours once more");
    assert_eq!(visibility(&env, "PAY:checkout"), "private");
    assert_eq!(
        env.sonarqube.bound_to("PAY:checkout").as_deref(),
        Some("PAY/checkout")
    );

    sibling.is_untouched(&env).await;
}

/// Promise: what Bindery did not create keeps its visibility; a declared one is reported as a difference.
async fn a_visibility_declared_for_an_adopted_project_is_reported_and_not_written(server: Server) {
    let env = bound_environment(server).await;
    let setting = env.setting_id();
    env.sonarqube
        .bind("PAY:spare", "Legacy", &setting, "PAY/spare");
    let found = visibility(&env, "PAY:spare");
    let other = if found == "public" {
        "Private"
    } else {
        "Public"
    };
    env.binding(
        "payments",
        "legacy",
        "PAY/spare",
        json!({"sonarqubeProject": {"visibility": other}}),
    );
    let message = env
        .binding_reason("payments", "legacy", "DriftDetected")
        .await;
    assert!(message.contains("sonarqubeProject.visibility"), "{message}");
    let legacy = env
        .binding_is("payments", "legacy", ("Synced", "False"))
        .await;
    env.binding_is("payments", "legacy", ("Stalled", "True"))
        .await;
    let difference = &legacy.status.unwrap().differences[0];
    assert_eq!(difference.field, "sonarqubeProject.visibility");
    assert_eq!(difference.desired, other);
    assert_eq!(visibility(&env, "PAY:spare"), found);

    let always = json!({"sonarqubeProject": {"visibility": other, "visibilityPolicy": "Always"}});
    env.binding("payments", "legacy", "PAY/spare", always);
    env.binding_is("payments", "legacy", ("Ready", "True"))
        .await;
    assert_eq!(visibility(&env, "PAY:spare"), other.to_lowercase());
}

/// Promise: SonarQube's configuration is corrected and renamed in place, with all its bindings.
async fn a_configuration_is_corrected_in_place_and_every_binding_survives(server: Server) {
    let env = bound_environment(server).await;
    let id = env.setting_id();
    let name = || env.sonarqube.settings()[0]["key"].clone();

    update(
        &env,
        "bitbucket",
        &[("newKey", "renamed"), ("url", &url(&env))],
    );
    assert_eq!(name(), "renamed");
    env.reconcile_now("renamed").await;
    assert_eq!((name(), env.setting_id()), (json!("bitbucket"), id.clone()));

    env.connection(json!({"configurationName": "corporate", "interval": "1h"}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    assert_eq!((name(), env.setting_id()), (json!("corporate"), id.clone()));
    all_are_bound(&env).await;
}

/// Promise: a configuration that is gone comes back with all its bindings, where SonarQube lets it.
async fn a_configuration_that_is_gone_comes_back_with_all_its_bindings(server: Server) {
    let env = bound_environment(server).await;
    let id = env.setting_id();
    env.sonarqube
        .post("api/alm_settings/delete", &[("key", "bitbucket")]);
    assert_eq!(env.sonarqube.bound_to("PAY:checkout"), None);
    env.reconcile_now("deleted").await;
    assert_eq!(env.sonarqube.settings()[0]["key"], "bitbucket");
    assert_ne!(env.setting_id(), id);
    all_are_bound(&env).await;
    assert_eq!(validate(&env, "bitbucket"), Value::Null);
}

/// Promise: no token of ours goes where a user pointed the configuration, not even for a binding that
/// comes in between.
async fn a_changed_url_is_corrected_before_any_token_is_sent(server: Server) {
    let env = bound_environment(server).await;
    let elsewhere = Bitbucket::start(Profile::V9_4).await.unwrap();
    let other = elsewhere.url();
    let change = [
        ("url", other.as_str().trim_end_matches('/')),
        ("personalAccessToken", "made-by-hand"),
    ];
    update(&env, "bitbucket", &change);
    assert_ne!(setting_url(&env), url(&env));
    elsewhere.clear_calls();

    env.binding("payments", "between", "PAY/spare", json!({}));
    env.binding_is("payments", "between", ("Ready", "True"))
        .await;
    env.reconcile_now("url").await;

    assert_eq!(setting_url(&env), url(&env));
    assert_eq!(
        validate(&env, "bitbucket"),
        Value::Null,
        "its token came along"
    );
    assert_eq!(elsewhere.calls(), [], "no call was made elsewhere");
}

/// Promise: the base URL is kept where it is declared, and is nobody's business where it is not.
async fn the_server_base_url_is_corrected_only_where_it_is_declared(server: Server) {
    let env = TestEnvironment::set(server).await;
    let declared = json!({"sonarqube": {"serverBaseURL": "https://sonar.example.com"}});
    env.connection(declared);
    env.connection_is("bitbucket", ("Ready", "True")).await;
    assert_eq!(base_url(&env), "https://sonar.example.com");
    by_hand(&env, "https://hand.example.com");
    env.reconcile_now("declared").await;
    assert_eq!(base_url(&env), "https://sonar.example.com");

    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    by_hand(&env, "https://hand.example.com");
    env.reconcile_now("not declared").await;
    assert_eq!(base_url(&env), "https://hand.example.com");
}

/// A connection that looks for drift on request, with three bindings, and `PAY/spare`, which is not bound.
async fn bound_environment(server: Server) -> TestEnvironment {
    let env = TestEnvironment::set(server).await;
    env.bitbucket.world(|world| {
        world.repository("PAY", "spare");
    });
    env.connection(json!({"interval": "1h"}));
    let private = json!({"sonarqubeProject": {"visibility": "Private"}});
    env.binding("payments", "checkout", "PAY/checkout", private);
    env.binding("payments", "ledger", "PAY/ledger", json!({}));
    env.binding("payments", "api", "PAY/payments-api", json!({}));
    for name in ["checkout", "ledger", "api"] {
        env.binding_is("payments", name, ("Ready", "True")).await;
    }
    env
}

/// The binding that is not changed, and its project.
struct Sibling {
    snapshot: Snapshot,
    project: Value,
}

impl Sibling {
    const NAME: &'static str = "ProjectBinding api";

    async fn of(env: &TestEnvironment) -> Self {
        Self {
            snapshot: Snapshot::now(env).await,
            project: env.sonarqube.project("PAY:payments-api").unwrap(),
        }
    }

    async fn is_untouched(&self, env: &TestEnvironment) {
        let now = Snapshot::now(env).await;
        assert_eq!(now.versions[Self::NAME], self.snapshot.versions[Self::NAME]);
        assert_eq!(
            env.sonarqube.project("PAY:payments-api").unwrap(),
            self.project
        );
        assert_eq!(
            env.sonarqube.bound_to("PAY:payments-api").as_deref(),
            Some("PAY/payments-api")
        );
    }
}

/// Points a project elsewhere by hand.
fn point(env: &TestEnvironment, key: &str, repository: &str) {
    let setting = env.setting_id();
    env.sonarqube.re_point(key, &setting, repository);
}

/// Has the connection reconciled, and waits until these projects are bound to these repositories.
async fn corrected(env: &TestEnvironment, what: &str, home: &[(&str, &str)]) {
    env.reconcile_now(what).await;
    let all_home = || {
        home.iter()
            .all(|(key, repository)| env.sonarqube.bound_to(key).as_deref() == Some(repository))
    };
    env.eventually(what, all_home).await;
}

async fn all_are_bound(env: &TestEnvironment) {
    let home = [
        ("PAY:checkout", "PAY/checkout"),
        ("PAY:ledger", "PAY/ledger"),
        ("PAY:payments-api", "PAY/payments-api"),
    ];
    corrected(env, "all are bound", &home).await;
}

fn visibility(env: &TestEnvironment, key: &str) -> Value {
    env.sonarqube.project(key).unwrap()["visibility"].clone()
}

/// Changes the configuration by hand.
fn update(env: &TestEnvironment, key: &str, change: &[(&str, &str)]) {
    let mut parameters = vec![("key", key)];
    parameters.extend(change);
    let answer = env
        .sonarqube
        .post("api/alm_settings/update_bitbucket", &parameters);
    assert_eq!(answer, Value::Null);
}

fn validate(env: &TestEnvironment, key: &str) -> Value {
    env.sonarqube
        .get("api/alm_settings/validate", &[("key", key)])
}

fn url(env: &TestEnvironment) -> String {
    env.bitbucket
        .url()
        .as_str()
        .trim_end_matches('/')
        .to_owned()
}

fn setting_url(env: &TestEnvironment) -> String {
    let url = env.sonarqube.settings()[0]["url"].clone();
    url.as_str().unwrap().trim_end_matches('/').to_owned()
}

fn by_hand(env: &TestEnvironment, url: &str) {
    let change = [("key", "sonar.core.serverBaseURL"), ("value", url)];
    env.sonarqube.post("api/settings/set", &change);
    assert_eq!(base_url(env), url);
}

fn base_url(env: &TestEnvironment) -> Value {
    let keys = [("keys", "sonar.core.serverBaseURL")];
    let answer = env.sonarqube.get("api/settings/values", &keys);
    answer["settings"][0]["value"].clone()
}
