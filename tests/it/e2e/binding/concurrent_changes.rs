//! Two things at the same time that would be harmless one after the other.

use std::time::Duration;

use bindery::crd::{BitbucketConnection, ProjectBinding};
use serde_json::json;
use simulators::bitbucket::{Caller, Fault, Outcome};

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::deletions::DELETING;
use crate::e2e::environment::imports::{imports_in_progress, slow_imports};
use crate::e2e::environment::manifests::list;
use crate::e2e::environment::waiting::{condition, says};
use crate::support::server::{Server, on, simulated};

on!([simulated_26_9, simulated_25_1, simulated_26_9_developer] => a_repository_wanted_under_several_keys_is_imported_once);
simulated!(a_connection_does_not_go_while_a_binding_begins_to_need_it);

/// Promise: a repository has one project, unless a user says that several may share it.
async fn a_repository_wanted_under_several_keys_is_imported_once(server: Server) {
    let env = TestEnvironment::set(server).await;
    slow_imports(&env, Duration::from_secs(2));
    env.connection(json!({"access": [{
        "name": "all", "namespaceSelector": {}, "repositories": ["PAY/*"], "sonarqubeProjects": ["*"],
    }]}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let keyed = |name: &str| {
        json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding",
            "metadata": {"name": name, "namespace": "payments"},
            "spec": {
                "connectionRef": {"name": "bitbucket", "namespace": "platform"},
                "repository": {"project": "PAY", "slug": "checkout"},
                "sonarqubeProject": {"key": name},
            },
        })
    };
    let both = ["mine", "other"].map(keyed);
    env.apply(&list(&both));
    let is_refused = |binding: &ProjectBinding| {
        let ready = condition(binding, "Ready");
        ready.is_some_and(|ready| ready["reason"] == "RepositoryAlreadyBound")
    };
    // Either may have been the first.
    let (mine, other) = (
        env.until("payments", "mine", is_done),
        env.until("payments", "other", is_done),
    );
    let (mine, other) = tokio::join!(mine, other);
    let refused = [mine, other].iter().filter(|one| is_refused(one)).count();
    assert_eq!(refused, 1);
    assert_eq!(env.sonarqube.project_keys().len(), 1);
    assert_eq!(imports_in_progress(&env), 0);
}

/// Whether a binding is ready, or says that it cannot be.
fn is_done(binding: &ProjectBinding) -> bool {
    let is = |kind| says(binding, (kind, "True"));
    is("Ready") || is("Stalled")
}

/// Promise: what a binding is about to create can be undone by the same connection.
async fn a_connection_does_not_go_while_a_binding_begins_to_need_it(server: Server) {
    let env = TestEnvironment::set_with(server, DELETING).await;
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let slow = Fault::at("repository").caller(Caller::Bindery);
    env.bitbucket.fault(slow.delay(Duration::from_secs(3)));
    let doomed = json!({"deletionPolicy": "DeleteProject"});
    env.binding("payments", "checkout", "PAY/checkout", doomed);
    let is_looking = || {
        let calls = env.bitbucket.calls().into_iter();
        let of_operator = |call: &simulators::bitbucket::Call| call.caller == Caller::Bindery;
        calls
            .filter(of_operator)
            .any(|call| call.outcome == Outcome::Pending)
    };
    env.eventually("the operator looks", is_looking).await;
    env.ask_for_deletion_of_connection().await;
    env.binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    env.bitbucket.clear_faults();
    env.needed("payments/checkout").await;
    env.delete_binding("payments", "checkout").await;
    assert_eq!(env.sonarqube.project("PAY:checkout"), None);
    env.gone::<BitbucketConnection>("platform", "bitbucket")
        .await;
}
