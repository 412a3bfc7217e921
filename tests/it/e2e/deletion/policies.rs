//! Objects go when they may, and what they leave is what was asked for.

use bindery::crd::{BitbucketConnection, FINALIZER, FORCE_ORPHAN, ProjectBinding};
use kube::ResourceExt as _;
use kube::api::DeleteParams;
use serde_json::json;
use simulators::bitbucket::Fault;

use crate::e2e::environment::proxy::Proxy;
use crate::e2e::environment::waiting::condition;
use crate::e2e::environment::{BITBUCKET_TOKEN, TestEnvironment};
use crate::support::server::{Server, everywhere, on, simulated};

everywhere!(a_configuration_goes_only_if_it_is_ours_and_unused);
on!([simulated_26_9, simulated_25_1] => a_connection_goes_after_the_bindings_that_need_it);
on!([simulated_26_9_developer] => an_outage_of_bitbucket_delays_no_deletion);
simulated!(
    an_outage_delays_only_deletions_that_need_the_server,
    suspended_objects_can_be_deleted_and_leave_everything,
    a_namespace_terminates_in_any_order_of_deletions,
    a_refused_deletion_policy_is_reported_by_the_first_reconcile,
);

const DELETING: &[&str] = &["--minimum-interval", "10s", "--allow-project-deletion"];

impl TestEnvironment {
    /// Asks for the deletion of a binding in `payments`, and does not wait.
    async fn begin_to_delete(&self, name: &str) {
        let api = self.api::<ProjectBinding>("payments");
        api.delete(name, &DeleteParams::default()).await.unwrap();
    }

    async fn begin_to_delete_connection(&self) {
        let api = self.api::<BitbucketConnection>("platform");
        let asked = api.delete("bitbucket", &DeleteParams::default()).await;
        asked.unwrap();
    }

    /// Applies a binding of `PAY/NAME`, and returns it when it is ready.
    async fn ready_binding(&self, name: &str, policy: &str) -> ProjectBinding {
        let change = json!({"deletionPolicy": policy});
        self.binding("payments", name, &format!("PAY/{name}"), change);
        self.binding_is("payments", name, ("Ready", "True")).await
    }

    /// Waits until the deletion of a binding in `payments` is blocked.
    async fn blocked(&self, name: &str) {
        let is_blocked = |binding: &ProjectBinding| {
            condition(binding, "Stalled").is_some_and(|stalled| {
                (stalled["status"].as_str(), stalled["reason"].as_str())
                    == (Some("True"), Some("DeletionBlocked"))
            })
        };
        self.until("payments", name, is_blocked).await;
    }

    /// Waits until the connection says that it is needed, and returns what it says.
    async fn in_use(&self) -> String {
        let needed = |connection: &BitbucketConnection| {
            let stalled = condition(connection, "Stalled")?;
            (stalled["reason"] == "InUse").then(|| stalled["message"].as_str().unwrap().to_owned())
        };
        let is_needed = |connection: &BitbucketConnection| needed(connection).is_some();
        needed(&self.until("platform", "bitbucket", is_needed).await).unwrap()
    }
}

/// Promise: `Orphan` and `Unbind` need no server, and say so when something stays that was to go.
async fn an_outage_delays_only_deletions_that_need_the_server(server: Server) {
    let env = TestEnvironment::set_with(server, DELETING).await;
    env.bitbucket.world(|world| {
        world.repository("PAY", "forced");
    });
    let proxy = Proxy::start(&env.sonarqube.url).await;
    env.connection(json!({"sonarqube": {"url": proxy.url}}));
    let orphan = env.ready_binding("checkout", "Orphan").await;
    assert_eq!(orphan.finalizers(), &[] as &[String]);
    let unbind = env.ready_binding("ledger", "Unbind").await;
    assert_eq!(unbind.finalizers(), [FINALIZER]);
    env.ready_binding("payments-api", "DeleteProject").await;
    let forced = env.ready_binding("forced", "DeleteProject").await;

    proxy.shut();
    env.delete_binding("payments", "checkout").await;
    env.delete_binding("payments", "ledger").await;
    let reported = env.reported(&unbind);
    let warnings: Vec<_> = reported
        .iter()
        .filter(|reported| reported.kind == "Warning")
        .collect();
    assert_eq!(warnings.len(), 1, "{reported:?}");
    assert!(warnings[0].note.contains("cannot remove"), "{reported:?}");
    for name in ["payments-api", "forced"] {
        env.begin_to_delete(name).await;
        env.blocked(name).await;
    }
    let asked = format!("{FORCE_ORPHAN}=true");
    env.kubectl(&[
        "annotate",
        "pbind",
        "forced",
        "--namespace",
        "payments",
        &asked,
    ]);
    env.gone::<ProjectBinding>("payments", "forced").await;
    env.reported_once(&forced, "Orphaned");

    proxy.open();
    env.gone::<ProjectBinding>("payments", "payments-api").await;
    let mut left = env.sonarqube.project_keys();
    left.sort();
    assert_eq!(left, ["PAY:checkout", "PAY:forced", "PAY:ledger"]);
    let bound = env.sonarqube.bound_to("PAY:ledger");
    assert_eq!(bound.as_deref(), Some("PAY/ledger"), "26.9 cannot unbind");
}

/// Promise: what is to be undone in SonarQube is undone while Bitbucket is away, or takes our token no more.
async fn an_outage_of_bitbucket_delays_no_deletion(server: Server) {
    let env = TestEnvironment::set_with(server, DELETING).await;
    env.connection(json!({}));
    env.ready_binding("checkout", "Unbind").await;
    env.ready_binding("ledger", "DeleteProject").await;
    let unbound = |slug: &str| env.sonarqube.bound_to(&format!("PAY:{slug}")).is_none();

    env.bitbucket.fault(Fault::at("/*").answer(503, "{}"));
    env.reconcile_now("away").await;
    env.connection_is("bitbucket", ("Ready", "False")).await;
    env.delete_binding("payments", "checkout").await;
    assert!(unbound("checkout"));
    env.bitbucket.clear_faults();
    env.bitbucket
        .world(|world| world.revoke_token(BITBUCKET_TOKEN))
        .unwrap();
    env.reconcile_now("revoked").await;
    env.connection_reason("bitbucket", "AuthenticationFailed")
        .await;
    env.delete_binding("payments", "ledger").await;
    assert_eq!(env.sonarqube.project_keys(), ["PAY:checkout"]);
}

/// Promise: a connection waits for the bindings that need it, and still serves them while it waits: also after a
/// restart, and after an outage that began before.
async fn a_connection_goes_after_the_bindings_that_need_it(server: Server) {
    let mut env = TestEnvironment::set_with(server, DELETING).await;
    let proxy = Proxy::start(&env.sonarqube.url).await;
    env.connection(json!({"sonarqube": {"url": proxy.url}}));
    for name in ["checkout", "ledger", "payments-api"] {
        env.ready_binding(name, "DeleteProject").await;
    }
    proxy.shut();
    env.reconcile_now("away").await;
    env.connection_is("bitbucket", ("Ready", "False")).await;
    env.begin_to_delete_connection().await;
    let message = env.in_use().await;
    for name in [
        "payments/checkout",
        "payments/ledger",
        "payments/payments-api",
    ] {
        assert!(message.contains(name), "{message}");
    }
    proxy.open();
    env.delete_binding("payments", "checkout").await;
    assert_eq!(env.sonarqube.project("PAY:checkout"), None);

    env.restart_operator(DELETING);
    env.delete_binding("payments", "ledger").await;
    assert_eq!(env.sonarqube.project("PAY:ledger"), None);
    assert!(env.in_use().await.contains("payments/payments-api"));

    env.delete_binding("payments", "payments-api").await;
    env.gone::<BitbucketConnection>("platform", "bitbucket")
        .await;
    assert_eq!(env.sonarqube.project_keys(), [] as [String; 0]);
    assert_eq!(env.sonarqube.settings().len(), 1, "Orphan is the default");
}

/// Promise: `deletionPolicy: Delete` takes the configuration that Bindery created, if nothing is bound through it.
async fn a_configuration_goes_only_if_it_is_ours_and_unused(server: Server) {
    let env = TestEnvironment::set(server).await;
    let deleting = json!({"deletionPolicy": "Delete"});
    let goes = async || {
        env.connection(deleting.clone());
        let connection = env.connection_is("bitbucket", ("Ready", "True")).await;
        env.begin_to_delete_connection().await;
        env.gone::<BitbucketConnection>("platform", "bitbucket")
            .await;
        connection
    };
    let unused = goes().await;
    assert_eq!(env.sonarqube.settings(), [] as [serde_json::Value; 0]);
    env.reported_once(&unused, "ConfigurationDeleted");

    env.connection(deleting.clone());
    env.ready_binding("checkout", "Orphan").await;
    env.ready_binding("ledger", "Orphan").await;
    let used = goes().await;
    assert_eq!(env.sonarqube.settings().len(), 1);
    let note = env.reported_once(&used, "Orphaned");
    assert!(note.contains("2 project(s)"), "{note}");

    for name in ["checkout", "ledger"] {
        env.delete_binding("payments", name).await;
    }
    for key in env.sonarqube.project_keys() {
        env.sonarqube
            .post("api/projects/delete", &[("project", &key)]);
    }
    let adopted = goes().await;
    assert_eq!(env.sonarqube.settings().len(), 1);
    env.reported_once(&adopted, "Orphaned");
}

/// Promise: who is suspended, observes, or cannot be brought to its new spec any more can still go.
async fn suspended_objects_can_be_deleted_and_leave_everything(server: Server) {
    let env = TestEnvironment::set_with(server, DELETING).await;
    env.bitbucket.world(|world| {
        world.repository("PAY", "orphaned");
    });
    env.connection(json!({}));
    for name in ["checkout", "ledger", "payments-api", "orphaned"] {
        env.ready_binding(name, "DeleteProject").await;
    }
    let change = |name: &str, change: serde_json::Value| {
        let mut change = change;
        change["deletionPolicy"] = "DeleteProject".into();
        env.binding("payments", name, &format!("PAY/{name}"), change);
    };
    change("checkout", json!({"suspend": true}));
    change("ledger", json!({"managementPolicy": "Observe"}));
    env.delete_binding("payments", "checkout").await;
    env.delete_binding("payments", "ledger").await;
    assert!(env.sonarqube.project("PAY:checkout").is_some());
    assert!(env.sonarqube.project("PAY:ledger").is_some());

    let deleted = env
        .bitbucket
        .world(|world| world.delete_repository("PAY", "payments-api"));
    deleted.unwrap();
    env.reconcile_now("the repository is gone").await;
    env.binding_reason("payments", "payments-api", "RepositoryNotFound")
        .await;
    env.delete_binding("payments", "payments-api").await;
    assert_eq!(env.sonarqube.project("PAY:payments-api"), None);

    env.kubectl(&[
        "delete",
        "secret",
        "sonarqube-token",
        "--namespace",
        "platform",
    ]);
    env.connection_reason("bitbucket", "SecretNotFound").await;
    let api = env.api::<ProjectBinding>("payments");
    let orphaned = api.get("orphaned").await.unwrap();
    env.delete_binding("payments", "orphaned").await;
    assert!(env.sonarqube.project("PAY:orphaned").is_some());
    let note = env.reported_once(&orphaned, "Orphaned");
    assert!(note.contains("Secret"), "{note}");
}

/// Promise: a deletion policy that the operator refuses is reported while there is time to change it.
async fn a_refused_deletion_policy_is_reported_by_the_first_reconcile(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    let change = json!({"deletionPolicy": "DeleteProject"});
    env.binding("payments", "checkout", "PAY/checkout", change);
    let binding = env
        .binding_is("payments", "checkout", ("Accepted", "True"))
        .await;
    let conditions = binding.status.unwrap().conditions;
    let accepted = conditions.iter().find(|it| it.type_ == "Accepted").unwrap();
    let reported = "deletionPolicy: DeleteProject acts as Unbind";
    assert!(accepted.message.starts_with(reported), "{accepted:?}");
}

/// Promise: a namespace terminates, in any order in which Kubernetes empties it: with its Secrets and the grant to read
/// them gone first, and with objects that want something deleted.
async fn a_namespace_terminates_in_any_order_of_deletions(server: Server) {
    let mut env = TestEnvironment::set_with(server, DELETING).await;
    env.connection(json!({"deletionPolicy": "Delete"}));
    let change = json!({"connectionRef": {"namespace": null}, "deletionPolicy": "DeleteProject"});
    env.binding("platform", "checkout", "PAY/checkout", change);
    env.binding_is("platform", "checkout", ("Ready", "True"))
        .await;
    // While no client removes finalizers, everything else goes.
    env.operator.kill();
    env.kubectl(&["delete", "namespace", "platform", "--wait=false"]);
    let secrets = [
        "get",
        "secrets,roles,rolebindings",
        "--namespace",
        "platform",
        "--output",
        "name",
    ];
    let servers = &env.servers;
    env.eventually("the Secrets and their grant are gone", || {
        servers.kubectl(&secrets).unwrap().is_empty()
    })
    .await;
    env.restart_operator(DELETING);
    env.kubectl(&[
        "wait",
        "--for",
        "delete",
        "namespace/platform",
        "--timeout",
        "180s",
    ]);
    assert!(env.sonarqube.project("PAY:checkout").is_some());
}
