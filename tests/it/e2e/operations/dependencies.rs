//! An object that waits for another is reconciled as soon as that makes room, at any interval.

use std::time::Duration;

use bindery::crd::{BitbucketConnection, ProjectBinding};
use serde_json::{Value, json};

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::deletions::DELETING;
use crate::e2e::environment::proxy::Proxy;
use crate::support::examples::objects;
use crate::support::server::{Server, on, simulated};
use crate::support::tree;

simulated!(
    a_connection_that_is_gone_is_missed_at_once,
    a_deletion_goes_on_once_nothing_can_be_undone_any_more,
    a_deletion_that_waits_with_its_connection_is_patient_and_ends,
    a_connection_goes_once_its_bindings_need_it_no_more,
    a_claim_is_free_once_its_holder_only_observes,
    a_claim_is_free_once_its_holder_has_lost_its_right,
    a_binding_waits_for_its_connection_and_for_the_labels_of_its_namespace,
    a_binding_waits_until_its_namespace_lists_its_repository,
    the_example_of_the_guide_admits_the_listed_repositories,
);
on!([simulated_26_9_enterprise] => a_claim_is_free_also_for_the_bindings_of_another_connection, a_base_url_is_free_once_its_holder_declares_none);

/// A connection that is not reconciled for an hour, and the door between the operator and SonarQube.
async fn behind_a_door(server: Server) -> (TestEnvironment, Proxy) {
    let env = TestEnvironment::set_with(server, DELETING).await;
    let proxy = Proxy::start(&env.sonarqube.url).await;
    env.connection(json!({"interval": "1h", "sonarqube": {"url": proxy.url}}));
    (env, proxy)
}

/// That a binding went without what it asked to be undone, and why.
fn assert_orphaned(env: &TestEnvironment, binding: &ProjectBinding, why: &str) {
    let note = env.reported_once(binding, "Orphaned");
    assert!(note.contains(why), "{note}");
}

/// Promise: bindings say at once that their connection is gone, and those that waited for it to be deleted go.
async fn a_connection_that_is_gone_is_missed_at_once(server: Server) {
    let (env, proxy) = behind_a_door(server).await;
    let stays = json!({"deletionPolicy": "Orphan"});
    env.binding("payments", "ledger", "PAY/ledger", stays);
    env.binding_is("payments", "ledger", ("Ready", "True"))
        .await;
    let checkout = env.bound_to_be_deleted("checkout").await;
    proxy.shut();
    env.reconcile_now("away").await;
    env.deletion_is_delayed("checkout").await;
    env.ask_for_deletion_of_connection().await;
    env.needed("payments/checkout").await;
    let released = r#"{"metadata": {"finalizers": null}}"#;
    let connection = ["bbconn/bitbucket", "--namespace", "platform"];
    let released = ["--type", "merge", "--patch", released];
    env.kubectl(&[&["patch"], &connection[..], &released].concat());

    env.binding_reason("payments", "ledger", "ConnectionNotFound")
        .await;
    env.gone::<ProjectBinding>("payments", "checkout").await;
    assert_orphaned(&env, &checkout, "BitbucketConnection is gone");
}

/// Promise: a deletion that waits for a server ends as soon as the token for it is gone for good.
async fn a_deletion_goes_on_once_nothing_can_be_undone_any_more(server: Server) {
    let (env, proxy) = behind_a_door(server).await;
    let checkout = env.bound_to_be_deleted("checkout").await;
    proxy.shut();
    // Only the failure that its binding meets has the connection reconciled.
    env.deletion_is_delayed("checkout").await;
    env.connection_is("bitbucket", ("Ready", "False")).await;
    env.forget_secret("sonarqube-token");
    env.gone::<ProjectBinding>("payments", "checkout").await;
    assert_orphaned(&env, &checkout, "the Secret with the token is gone");
}

/// Promise: the same if the connection is being deleted, too, and serves those that wait for it; they ask no more often
/// than their back-off allows.
async fn a_deletion_that_waits_with_its_connection_is_patient_and_ends(server: Server) {
    let (env, proxy) = behind_a_door(server).await;
    let checkout = env.bound_to_be_deleted("checkout").await;
    env.ask_for_deletion_of_connection().await;
    env.needed("payments/checkout").await;
    proxy.shut();
    env.deletion_is_delayed("checkout").await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let attempts = proxy.attempts();
    assert!((1..40).contains(&attempts), "{attempts}");

    env.forget_secret("sonarqube-token");
    env.gone::<ProjectBinding>("payments", "checkout").await;
    assert_orphaned(&env, &checkout, "the Secret with the token is gone");
    env.gone::<BitbucketConnection>("platform", "bitbucket")
        .await;
}

/// Promise: a connection waits for its bindings no longer than they have something to undo.
async fn a_connection_goes_once_its_bindings_need_it_no_more(server: Server) {
    let env = TestEnvironment::set_with(server, DELETING).await;
    env.connection(json!({"interval": "1h"}));
    env.bound_to_be_deleted("checkout").await;
    env.ask_for_deletion_of_connection().await;
    env.needed("payments/checkout").await;
    let stays = json!({"deletionPolicy": "Orphan"});
    env.binding("payments", "checkout", "PAY/checkout", stays);
    env.gone::<BitbucketConnection>("platform", "bitbucket")
        .await;
}

/// Promise: a claim goes to the next as soon as its holder manages no more.
async fn a_claim_is_free_once_its_holder_only_observes(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({"interval": "1h"}));
    env.binding("payments", "first", "PAY/checkout", json!({}));
    env.binding_is("payments", "first", ("Ready", "True")).await;
    env.binding("payments", "second", "PAY/checkout", json!({}));
    env.binding_reason("payments", "second", "AlreadyManaged")
        .await;
    let observing = json!({"managementPolicy": "Observe"});
    env.binding("payments", "first", "PAY/checkout", observing);
    env.binding_is("payments", "second", ("Ready", "True"))
        .await;
}

/// Promise: a claim does not outlive its right: access withdrawn, or suspended, the next that is admitted has the
/// project.
async fn a_claim_is_free_once_its_holder_has_lost_its_right(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({"interval": "1h"}));
    env.binding("payments", "first", "PAY/checkout", json!({}));
    env.binding_is("payments", "first", ("Ready", "True")).await;
    let others = ["second", "third"];
    for name in others {
        env.binding("platform", name, "PAY/checkout", json!({}));
        env.binding_reason("platform", name, "AlreadyManaged").await;
        // An age is given in whole seconds.
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
    env.connection(json!({"interval": "1h", "access": []}));
    env.binding_is("platform", "second", ("Ready", "True"))
        .await;
    let suspended = json!({"suspend": true});
    env.binding("platform", "second", "PAY/checkout", suspended);
    env.binding_is("platform", "third", ("Ready", "True")).await;
}

/// Promise: it is the project that is claimed: several connections may lead to its server.
async fn a_claim_is_free_also_for_the_bindings_of_another_connection(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({"interval": "1h"}));
    env.binding("payments", "first", "PAY/checkout", json!({}));
    env.binding_is("payments", "first", ("Ready", "True")).await;
    let other = json!({"interval": "1h", "configurationName": "another"});
    env.connection_named("second", other);
    env.connection_is("second", ("Ready", "True")).await;
    let by_the_other = json!({
        "connectionRef": {"name": "second", "namespace": "platform"},
        "sonarqubeProject": {"key": "PAY:checkout"},
    });
    env.binding("payments", "second", "PAY/checkout", by_the_other);
    env.binding_reason("payments", "second", "AlreadyManaged")
        .await;
    env.delete_binding("payments", "first").await;
    env.binding_is("payments", "second", ("Ready", "True"))
        .await;
}

/// Promise: a connection decides about the base URL as soon as no older one does.
async fn a_base_url_is_free_once_its_holder_declares_none(server: Server) {
    let env = TestEnvironment::set(server).await;
    let declaring = |url: &str| json!({"interval": "1h", "configurationName": "shared", "sonarqube": {"serverBaseURL": url}});
    let first = json!({"serverBaseURL": "https://first.example.com"});
    env.connection(json!({"interval": "1h", "sonarqube": first}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    // An age is given in whole seconds.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    env.connection_named("second", declaring("https://second.example.com"));
    env.connection_reason("second", "AlreadyManaged").await;
    env.kubectl(&[
        "patch",
        "bbconn/bitbucket",
        "--namespace",
        "platform",
        "--type",
        "merge",
        "--patch",
        r#"{"spec": {"sonarqube": {"serverBaseURL": null}}}"#,
    ]);
    env.connection_is("second", ("Ready", "True")).await;
}

/// Promise: where an entry takes the repositories from an annotation, a change of that annotation wakes the bindings.
async fn a_binding_waits_until_its_namespace_lists_its_repository(server: Server) {
    let env = TestEnvironment::set(server).await;
    let admitted = json!([{
        "name": "teams", "namespaceSelector": {},
        "repositoriesFrom": {"namespaceAnnotation": "bindery.dev/repositories"},
    }]);
    env.connection(json!({"interval": "1h", "access": admitted}));
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    env.binding_reason("payments", "checkout", "AccessDenied")
        .await;
    let list = |list: &str| {
        let annotation = format!("bindery.dev/repositories={list}");
        env.kubectl(&[
            "annotate",
            "namespace",
            "payments",
            "--overwrite",
            &annotation,
        ]);
    };
    list("OPS/*, PAY/check*");
    env.binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    list("OPS/*");
    env.binding_reason("payments", "checkout", "AccessDenied")
        .await;
    env.kubectl(&[
        "annotate",
        "namespace",
        "payments",
        "bindery.dev/repositories-",
    ]);
}

/// Promise: the guide's example of `repositoriesFrom` admits what the Namespace of the example lists, and nothing else.
async fn the_example_of_the_guide_admits_the_listed_repositories(server: Server) {
    let env = TestEnvironment::set(server).await;
    let page = std::fs::read_to_string(tree::top().join("docs/guide/connection.md")).unwrap();
    let objects = objects(&page);
    let is_namespace = |object: &&Value| object["kind"] == "Namespace";
    env.apply(objects.iter().find(is_namespace).unwrap());
    let access = objects.iter().map(|object| &object["spec"]["access"]);
    let reads_annotation = |access: &&Value| access[0]["repositoriesFrom"].is_object();
    let access = access.clone().find(reads_annotation).unwrap();
    env.connection(json!({"interval": "1h", "access": access}));
    for (name, repository) in [("checkout", "PAY/checkout"), ("deploy", "OPS/deploy")] {
        env.binding("payments", name, repository, json!({}));
    }
    env.binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    env.binding_reason("payments", "deploy", "AccessDenied")
        .await;
    // Other tests use the namespace.
    let namespace = ["namespace", "payments"];
    env.kubectl(
        &[
            &["annotate"],
            &namespace[..],
            &["bindery.dev/repositories-"],
        ]
        .concat(),
    );
    env.kubectl(&[&["label"], &namespace[..], &["bindery.dev/team-"]].concat());
}

/// Promise: a binding waits for its connection, and for labels of its namespace that the connection admits; either
/// wakes it.
async fn a_binding_waits_for_its_connection_and_for_the_labels_of_its_namespace(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.binding("outsiders", "checkout", "PAY/checkout", json!({}));
    env.binding_reason("outsiders", "checkout", "ConnectionNotFound")
        .await;
    let admitted = json!([{
        "name": "insiders", "namespaceSelector": {"matchLabels": {"admitted": "yes"}}, "repositories": ["PAY/*"],
    }]);
    env.connection(json!({"interval": "1h", "access": admitted}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    env.kubectl(&["label", "namespace", "outsiders", "admitted=yes"]);
    env.binding_is("outsiders", "checkout", ("Ready", "True"))
        .await;
    let everybody = json!([{"name": "all", "namespaceSelector": {}, "repositories": ["PAY/*"]}]);
    env.binding("payments", "ledger", "PAY/ledger", json!({}));
    env.binding_reason("payments", "ledger", "ConnectionNotFound")
        .await;
    env.connection(json!({"interval": "1h", "access": everybody}));
    env.binding_is("payments", "ledger", ("Ready", "True"))
        .await;
}
