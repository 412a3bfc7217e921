//! The generated rights, as the API server's own authorizer reads them.

use std::time::Duration;

use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::Api;
use kube::runtime::wait::await_condition;

use super::cluster::Cluster;

fn may(cluster: &Cluster, verb: &str, resource: &str, namespace: &str) -> bool {
    cluster
        .servers
        .operator_may(&[verb, resource, "--namespace", namespace])
}

#[tokio::test]
async fn the_operator_may_do_its_work_everywhere() {
    let cluster = Cluster::connect().await;
    for kind in [
        "bitbucketconnections.bindery.dev",
        "projectbindings.bindery.dev",
        "projectbindingsets.bindery.dev",
    ] {
        for verb in ["get", "list", "watch", "patch"] {
            assert!(may(&cluster, verb, kind, "payments"), "{verb} {kind}");
        }
        for (verb, allowed) in [("patch", true), ("update", false)] {
            let status = [verb, kind, "--subresource", "status"];
            assert_eq!(cluster.servers.operator_may(&status), allowed, "{status:?}");
        }
    }
    for (verb, resource) in [
        ("watch", "namespaces"),
        ("create", "projectbindings.bindery.dev"),
        ("delete", "projectbindings.bindery.dev"),
        ("create", "events.events.k8s.io"),
        ("patch", "events.events.k8s.io"),
    ] {
        assert!(
            may(&cluster, verb, resource, "payments"),
            "{verb} {resource}"
        );
    }
}

#[tokio::test]
async fn the_operator_may_do_nothing_else() {
    let cluster = Cluster::connect().await;
    for (verb, resource) in [
        ("get", "secrets"),
        ("list", "secrets"),
        ("get", "configmaps"),
        ("update", "projectbindings.bindery.dev"),
        ("deletecollection", "projectbindings.bindery.dev"),
        ("create", "projectbindingsets.bindery.dev"),
        ("delete", "projectbindingsets.bindery.dev"),
        ("create", "bitbucketconnections.bindery.dev"),
        ("delete", "bitbucketconnections.bindery.dev"),
        ("patch", "customresourcedefinitions.apiextensions.k8s.io"),
        ("create", "pods"),
        ("patch", "namespaces"),
    ] {
        assert!(
            !may(&cluster, verb, resource, "payments"),
            "{verb} {resource}"
        );
    }
}

/// Teams bind repositories; the people who administrate a namespace hold the tokens of its connections.
#[tokio::test]
async fn people_with_rights_in_a_namespace_have_them_for_our_objects_too() {
    let cluster = Cluster::connect().await;
    let (bindings, connections) = ("projectbindings", "bitbucketconnections");
    for (role, verb, resource) in [
        ("view", "watch", bindings),
        ("view", "watch", connections),
        ("edit", "create", bindings),
        ("edit", "create", "projectbindingsets"),
        ("admin", "delete", bindings),
        ("admin", "delete", connections),
    ] {
        let roles: Api<ClusterRole> = Api::all(cluster.client.clone());
        let aggregated = await_condition(roles, role, |role: Option<&ClusterRole>| {
            role.is_some_and(|role| allows(role, verb, resource))
        });
        let in_time = tokio::time::timeout(Duration::from_mins(1), aggregated).await;
        assert!(in_time.is_ok(), "{role} may not {verb} {resource}");
    }
    // Aggregated by now: `admin` has all that `edit` has.
    let roles: Api<ClusterRole> = Api::all(cluster.client.clone());
    for (role, verb, resource) in [
        ("view", "create", bindings),
        ("edit", "create", connections),
        ("edit", "patch", connections),
    ] {
        let found = roles.get(role).await.unwrap();
        assert!(
            !allows(&found, verb, resource),
            "{role} may {verb} {resource}"
        );
    }
}

fn allows(role: &ClusterRole, verb: &str, resource: &str) -> bool {
    let has = |list: &Option<Vec<String>>, wanted: &str| {
        list.iter().flatten().any(|entry| entry == wanted)
    };
    role.rules.iter().flatten().any(|rule| {
        has(&rule.api_groups, bindery::crd::GROUP)
            && has(&rule.resources, resource)
            && rule.verbs.iter().any(|allowed| allowed == verb)
    })
}

/// The sample's Role and `RoleBinding`, in a namespace of the test's own.
#[tokio::test]
async fn a_grant_allows_to_read_the_named_secrets_only() {
    let cluster = Cluster::connect().await;
    let sandbox = cluster.sandbox().await;
    let sample =
        std::fs::read_to_string(crate::support::tree::top().join("deploy/samples/grants.yaml"))
            .unwrap();
    let here = sample.replace(
        "namespace: platform",
        &format!("namespace: {}", sandbox.namespace),
    );
    let file = std::env::temp_dir().join(format!("{}.yaml", sandbox.namespace));
    std::fs::write(&file, here).unwrap();
    sandbox.kubectl(&[
        "apply",
        "--server-side",
        "--filename",
        file.to_str().unwrap(),
    ]);
    std::fs::remove_file(&file).unwrap();
    for verb in ["get", "list", "watch"] {
        assert!(
            may(
                &cluster,
                verb,
                "secrets/bitbucket-token",
                &sandbox.namespace
            ),
            "{verb}"
        );
    }
    assert!(!may(&cluster, "get", "secrets/other", &sandbox.namespace));
    assert!(!may(&cluster, "list", "secrets", &sandbox.namespace));
    assert!(!may(
        &cluster,
        "patch",
        "secrets/bitbucket-token",
        &sandbox.namespace
    ));
    assert!(!may(&cluster, "get", "secrets/bitbucket-token", "default"));
}
