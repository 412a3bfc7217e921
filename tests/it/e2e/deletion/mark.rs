//! The mark that a project has of the object that created it.

use bindery::crd::ProjectBinding;
use kube::ResourceExt as _;
use serde_json::json;
use simulators::sonarqube::{Effect, Fault, Outcome};

use crate::e2e::environment::TestEnvironment;
use crate::support::server::{Server, on, simulated};

on!([simulated_26_9, simulated_9_9, real_26_9] => a_project_with_the_mark_of_another_object_is_left);
simulated!(of_two_clusters_that_import_one_repository_the_one_with_the_mark_deletes_it);

const DELETING: &[&str] = &["--minimum-interval", "10s", "--allow-project-deletion"];
const KEY: &str = "PAY:checkout";
const PROPERTY: &str = "bindery.createdBy";

/// An operator that may delete projects, and its connection.
async fn environment(server: Server) -> TestEnvironment {
    let env = TestEnvironment::set_with(server, DELETING).await;
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    env
}

fn bind(env: &TestEnvironment) {
    let deletes = json!({"deletionPolicy": "DeleteProject"});
    env.binding("payments", "checkout", "PAY/checkout", deletes);
}

/// The mark of the project.
fn mark(env: &TestEnvironment) -> Option<String> {
    let asked = [("component", KEY), ("keys", PROPERTY)];
    let answer = env.sonarqube.get("api/settings/values", &asked);
    let mark = answer["settings"][0]["value"].as_str();
    mark.map(str::to_owned)
}

/// An operator of another cluster marks the project.
fn mark_elsewhere(env: &TestEnvironment) {
    let marked = [
        ("component", KEY),
        ("key", PROPERTY),
        ("value", "an-object-of-another-cluster"),
    ];
    env.sonarqube.let_operator_administer(KEY);
    env.sonarqube.post_as_operator("api/settings/set", &marked);
}

/// Promise: a project is marked when it is created, and deleted unless another object has marked it since.
async fn a_project_with_the_mark_of_another_object_is_left(server: Server) {
    let env = environment(server).await;
    bind(&env);
    let binding = env
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    assert_eq!(mark(&env), binding.uid());
    env.delete_binding("payments", "checkout").await;
    assert_eq!(env.sonarqube.project_keys(), [""; 0]);
    bind(&env);
    let binding = env
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    mark_elsewhere(&env);
    env.delete_binding("payments", "checkout").await;
    assert_eq!(env.sonarqube.project_keys(), [KEY]);
    env.reported_once(&binding, "Orphaned");
}

/// Promise: an import whose answer was lost is taken for our own where the project has our key and our repository. If
/// another cluster created it in between, the project outlives our object.
async fn of_two_clusters_that_import_one_repository_the_one_with_the_mark_deletes_it(
    server: Server,
) {
    let mut env = environment(server).await;
    let import = "PUT /api/v2/dop-translation/bound-projects";
    env.sonarqube
        .simulated()
        .fault(Fault::at(import).effect(Effect::Drop).times(1));
    bind(&env);
    let is_announced = |binding: &ProjectBinding| {
        let status = binding.status.as_ref();
        status.is_some_and(|status| status.record.intent.is_some())
    };
    env.until("payments", "checkout", is_announced).await;
    let is_lost = || {
        let calls = env.sonarqube.simulated().calls();
        calls.iter().any(|call| call.outcome == Outcome::Dropped)
    };
    env.eventually("the call is lost", is_lost).await;
    env.operator.kill();
    let setting = env.setting_id();
    env.sonarqube
        .bind(KEY, "checkout", &setting, "PAY/checkout");
    mark_elsewhere(&env);
    env.restart_operator(DELETING);
    let binding = env
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    assert_eq!(
        binding.status.as_ref().unwrap().record.created_by,
        binding.uid()
    );
    env.delete_binding("payments", "checkout").await;
    assert_eq!(env.sonarqube.project_keys(), [KEY]);
    env.reported_once(&binding, "Orphaned");
}
