//! What a user changed by hand is as declared again after the next reconcile, and nothing else is touched.

use bindery::crd::ProjectBinding;
use serde_json::{Value, json};
use simulators::bitbucket::{Bitbucket, Profile};

use crate::e2e::environment::Stage;
use crate::e2e::environment::snapshot::Tally;
use crate::e2e::environment::waiting::condition;
use crate::support::server::{Server, everywhere, on, simulated};

everywhere!(the_configuration_heals_in_place_and_every_binding_survives);
on!([simulated_26_9, real_26_9] =>
    a_configuration_that_is_gone_comes_back_with_all_its_bindings,
    what_was_changed_on_a_project_is_healed_and_its_siblings_are_not_touched,
);
on!([simulated_26_9, simulated_25_1] => a_changed_url_is_healed_before_any_token_travels);
simulated!(
    a_visibility_declared_for_an_adopted_project_is_reported_and_not_written,
    the_server_base_url_is_set_back_where_it_is_declared_only,
);

/// Promise: a project that was re-pointed, swapped, made public or deleted is brought back, and no other.
async fn what_was_changed_on_a_project_is_healed_and_its_siblings_are_not_touched(server: Server) {
    let stage = bound_stage(server).await;
    let sibling = Sibling::of(&stage).await;

    point(&stage, "PAY:checkout", "PAY/spare");
    healed(&stage, "re-pointed", &[("PAY:checkout", "PAY/checkout")]).await;
    // The reconcile that corrected it reads once more: what is done before that would be corrected by it as well.
    stage.look_at("payments", "checkout", "over").await;

    point(&stage, "PAY:checkout", "PAY/ledger");
    point(&stage, "PAY:ledger", "PAY/checkout");
    let home = [
        ("PAY:checkout", "PAY/checkout"),
        ("PAY:ledger", "PAY/ledger"),
    ];
    healed(&stage, "swapped", &home).await;

    let shown = [("project", "PAY:checkout"), ("visibility", "public")];
    let answer = stage
        .sonarqube
        .post("api/projects/update_visibility", &shown);
    // Not read back: a reconcile that was due may have corrected it already.
    assert_eq!(answer, Value::Null);
    stage.look_now("shown").await;
    let private = || visibility(&stage, "PAY:checkout") == "private";
    stage.eventually("private again", private).await;

    let before = stage
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    stage
        .sonarqube
        .post("api/projects/delete", &[("project", "PAY:checkout")]);
    stage.look_now("deleted").await;
    let id = |binding: &ProjectBinding| {
        let status = binding.status.clone();
        status.and_then(|status| status.sonarqube_project?.id)
    };
    let again = stage
        .until("payments", "checkout", |binding: &ProjectBinding| {
            let ready = condition(binding, "Ready").is_some_and(|ready| ready["status"] == "True");
            ready && id(binding).is_some() && id(binding) != id(&before)
        })
        .await;
    let record = again.status.unwrap().record;
    assert_eq!(record.created_by, again.metadata.uid, "ours once more");
    assert_eq!(visibility(&stage, "PAY:checkout"), "private");
    assert_eq!(
        stage.sonarqube.bound_to("PAY:checkout").as_deref(),
        Some("PAY/checkout")
    );

    sibling.is_untouched(&stage).await;
}

/// Promise: what Bindery did not create keeps its visibility; a declared one is reported as a difference.
async fn a_visibility_declared_for_an_adopted_project_is_reported_and_not_written(server: Server) {
    let stage = bound_stage(server).await;
    let setting = stage.setting_id();
    stage
        .sonarqube
        .bind("PAY:spare", "Legacy", &setting, "PAY/spare");
    let found = visibility(&stage, "PAY:spare");
    let other = if found == "public" {
        "Private"
    } else {
        "Public"
    };
    stage.binding(
        "payments",
        "legacy",
        "PAY/spare",
        json!({"sonarqubeProject": {"visibility": other}}),
    );
    let message = stage
        .binding_reason("payments", "legacy", "DriftDetected")
        .await;
    assert!(message.contains("sonarqubeProject.visibility"), "{message}");
    let legacy = stage
        .binding_is("payments", "legacy", ("Synced", "False"))
        .await;
    stage
        .binding_is("payments", "legacy", ("Stalled", "True"))
        .await;
    let difference = &legacy.status.unwrap().differences[0];
    assert_eq!(difference.field, "sonarqubeProject.visibility");
    assert_eq!(difference.desired, other);
    assert_eq!(visibility(&stage, "PAY:spare"), found);

    let always = json!({"sonarqubeProject": {"visibility": other, "visibilityPolicy": "Always"}});
    stage.binding("payments", "legacy", "PAY/spare", always);
    stage
        .binding_is("payments", "legacy", ("Ready", "True"))
        .await;
    assert_eq!(visibility(&stage, "PAY:spare"), other.to_lowercase());
}

/// Promise: SonarQube's configuration is corrected and renamed in place, with all its bindings.
async fn the_configuration_heals_in_place_and_every_binding_survives(server: Server) {
    let stage = bound_stage(server).await;
    let id = stage.setting_id();
    let name = || stage.sonarqube.settings()[0]["key"].clone();

    update(
        &stage,
        "bitbucket",
        &[("newKey", "renamed"), ("url", &url(&stage))],
    );
    assert_eq!(name(), "renamed");
    stage.look_now("renamed").await;
    assert_eq!(
        (name(), stage.setting_id()),
        (json!("bitbucket"), id.clone())
    );

    stage.connection(json!({"configurationName": "corporate", "interval": "1h"}));
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    assert_eq!(
        (name(), stage.setting_id()),
        (json!("corporate"), id.clone())
    );
    all_are_bound(&stage).await;
}

/// Promise: a configuration that is gone comes back with all its bindings, where SonarQube lets it.
async fn a_configuration_that_is_gone_comes_back_with_all_its_bindings(server: Server) {
    let stage = bound_stage(server).await;
    let id = stage.setting_id();
    stage
        .sonarqube
        .post("api/alm_settings/delete", &[("key", "bitbucket")]);
    assert_eq!(stage.sonarqube.bound_to("PAY:checkout"), None);
    stage.look_now("deleted").await;
    assert_eq!(stage.sonarqube.settings()[0]["key"], "bitbucket");
    assert_ne!(stage.setting_id(), id);
    all_are_bound(&stage).await;
    assert_eq!(validate(&stage, "bitbucket"), Value::Null);
}

/// Promise: no token of ours goes where a user pointed the configuration, not even for a binding that
/// comes in between.
async fn a_changed_url_is_healed_before_any_token_travels(server: Server) {
    let stage = bound_stage(server).await;
    let elsewhere = Bitbucket::start(Profile::V9_4).await.unwrap();
    let other = elsewhere.url();
    let change = [
        ("url", other.as_str().trim_end_matches('/')),
        ("personalAccessToken", "made-by-hand"),
    ];
    update(&stage, "bitbucket", &change);
    assert_ne!(setting_url(&stage), url(&stage));
    elsewhere.clear_calls();

    stage.binding("payments", "between", "PAY/spare", json!({}));
    stage
        .binding_is("payments", "between", ("Ready", "True"))
        .await;
    stage.look_now("url").await;

    assert_eq!(setting_url(&stage), url(&stage));
    assert_eq!(
        validate(&stage, "bitbucket"),
        Value::Null,
        "its token came along"
    );
    assert_eq!(elsewhere.calls(), [], "no call was made elsewhere");
}

/// Promise: the base URL is kept where it is declared, and is nobody's business where it is not.
async fn the_server_base_url_is_set_back_where_it_is_declared_only(server: Server) {
    let stage = Stage::set(server).await;
    let declared = json!({"sonarqube": {"serverBaseURL": "https://sonar.example.com"}});
    stage.connection(declared);
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    assert_eq!(base_url(&stage), "https://sonar.example.com");
    by_hand(&stage, "https://hand.example.com");
    stage.look_now("declared").await;
    assert_eq!(base_url(&stage), "https://sonar.example.com");

    stage.connection(json!({}));
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    by_hand(&stage, "https://hand.example.com");
    stage.look_now("not declared").await;
    assert_eq!(base_url(&stage), "https://hand.example.com");
}

/// A connection that looks for drift on request, with three bindings, and `PAY/spare`, which is not bound.
async fn bound_stage(server: Server) -> Stage {
    let stage = Stage::set(server).await;
    stage.bitbucket.world(|world| {
        world.repository("PAY", "spare");
    });
    stage.connection(json!({"interval": "1h"}));
    let private = json!({"sonarqubeProject": {"visibility": "Private"}});
    stage.binding("payments", "checkout", "PAY/checkout", private);
    stage.binding("payments", "ledger", "PAY/ledger", json!({}));
    stage.binding("payments", "api", "PAY/payments-api", json!({}));
    for name in ["checkout", "ledger", "api"] {
        stage.binding_is("payments", name, ("Ready", "True")).await;
    }
    stage
}

/// The binding that is not changed, and its project.
struct Sibling {
    tally: Tally,
    project: Value,
}

impl Sibling {
    const NAME: &'static str = "ProjectBinding api";

    async fn of(stage: &Stage) -> Self {
        Self {
            tally: Tally::now(stage).await,
            project: stage.sonarqube.project("PAY:payments-api").unwrap(),
        }
    }

    async fn is_untouched(&self, stage: &Stage) {
        let now = Tally::now(stage).await;
        assert_eq!(now.versions[Self::NAME], self.tally.versions[Self::NAME]);
        assert_eq!(
            stage.sonarqube.project("PAY:payments-api").unwrap(),
            self.project
        );
        assert_eq!(
            stage.sonarqube.bound_to("PAY:payments-api").as_deref(),
            Some("PAY/payments-api")
        );
    }
}

/// Points a project elsewhere by hand.
fn point(stage: &Stage, key: &str, repository: &str) {
    let setting = stage.setting_id();
    stage.sonarqube.re_point(key, &setting, repository);
}

/// Has the connection reconciled, and waits until these projects are bound to these repositories.
async fn healed(stage: &Stage, what: &str, home: &[(&str, &str)]) {
    stage.look_now(what).await;
    let all_home = || {
        home.iter()
            .all(|(key, repository)| stage.sonarqube.bound_to(key).as_deref() == Some(repository))
    };
    stage.eventually(what, all_home).await;
}

async fn all_are_bound(stage: &Stage) {
    let home = [
        ("PAY:checkout", "PAY/checkout"),
        ("PAY:ledger", "PAY/ledger"),
        ("PAY:payments-api", "PAY/payments-api"),
    ];
    healed(stage, "all are bound", &home).await;
}

fn visibility(stage: &Stage, key: &str) -> Value {
    stage.sonarqube.project(key).unwrap()["visibility"].clone()
}

/// Changes the configuration by hand.
fn update(stage: &Stage, key: &str, change: &[(&str, &str)]) {
    let mut parameters = vec![("key", key)];
    parameters.extend(change);
    let answer = stage
        .sonarqube
        .post("api/alm_settings/update_bitbucket", &parameters);
    assert_eq!(answer, Value::Null);
}

fn validate(stage: &Stage, key: &str) -> Value {
    stage
        .sonarqube
        .get("api/alm_settings/validate", &[("key", key)])
}

fn url(stage: &Stage) -> String {
    stage
        .bitbucket
        .url()
        .as_str()
        .trim_end_matches('/')
        .to_owned()
}

fn setting_url(stage: &Stage) -> String {
    let url = stage.sonarqube.settings()[0]["url"].clone();
    url.as_str().unwrap().trim_end_matches('/').to_owned()
}

fn by_hand(stage: &Stage, url: &str) {
    let change = [("key", "sonar.core.serverBaseURL"), ("value", url)];
    stage.sonarqube.post("api/settings/set", &change);
    assert_eq!(base_url(stage), url);
}

fn base_url(stage: &Stage) -> Value {
    let keys = [("keys", "sonar.core.serverBaseURL")];
    let answer = stage.sonarqube.get("api/settings/values", &keys);
    answer["settings"][0]["value"].clone()
}
