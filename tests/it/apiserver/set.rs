//! What the API server says to a ProjectBindingSet.

use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::binding::binding;
use super::cluster::Cluster;
use super::row::{accepted, check, refused, spec};

fn set() -> Value {
    json!({
        "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBindingSet",
        "metadata": {"name": "pay", "namespace": "default"},
        "spec": {"connectionRef": {"name": "bitbucket"}, "select": [{"project": "PAY"}]},
    })
}

#[tokio::test]
async fn what_a_set_selects() {
    let select = |entry: Value| spec(json!({"select": [entry]}));
    let of_pay = |field: &str, value: Value| select(json!({"project": "PAY", field: value}));
    let at = "spec.select[0].";
    let rows = vec![
        accepted("all projects", select(json!({"project": "*"}))),
        accepted("a personal one", select(json!({"project": "~jdoe"}))),
        accepted("sorts", of_pay("skip", json!(["Forks", "Empty"]))),
        refused("no project", select(json!({})), "project: Required value"),
        refused(
            "nothing",
            spec(json!({"select": []})),
            "should have at least 1 items",
        ),
        refused("a path", select(json!({"project": "PAY/x"})), at),
        refused("stars in a row", of_pay("include", json!(["**"])), at),
        refused(
            "another sort",
            of_pay("skip", json!(["Small"])),
            "\"Small\"",
        ),
        refused(
            "a limit below zero",
            spec(json!({"limits": {"newPerInterval": -1}})),
            "should be greater than or equal to 0",
        ),
        refused(
            "a name that is no label",
            json!({"metadata": {"name": "x".repeat(64)}}),
            "metadata.name must be at most 63 characters",
        ),
    ];
    check(&set(), rows).await;
}

#[tokio::test]
async fn what_the_template_of_a_set_may_hold() {
    let template = |template: Value| spec(json!({"template": template}));
    let name = |name: &str| template(json!({"nameTemplate": name}));
    let labels = |labels: Value| template(json!({"metadata": {"labels": labels}}));
    let of_spec = |spec: Value| template(json!({"spec": spec}));
    let rows = vec![
        accepted("a name", name("sonar-{project}-{slug}")),
        refused(
            "one name",
            name("{project}"),
            "nameTemplate must contain {slug}",
        ),
        refused(
            "upper case",
            name("PAY-{slug}"),
            "nameTemplate may hold {project}, {slug}",
        ),
        accepted(
            "labels",
            labels(json!({"team": "payments", "example.com/tier": ""})),
        ),
        refused(
            "own labels",
            labels(json!({"bindery.dev/set": "x"})),
            "must not have keys of bindery.dev/",
        ),
        refused(
            "no key",
            labels(json!({"a b": "x"})),
            "must have valid keys",
        ),
        refused(
            "no value",
            labels(json!({"team": "a b"})),
            "template.metadata.labels",
        ),
        refused(
            "one key for all",
            of_spec(json!({"sonarqubeProject": {"key": "x"}})),
            "unknown field \"spec.template.spec.sonarqubeProject.key\"",
        ),
        refused(
            "a mode that needs keys",
            of_spec(json!({"mode": "Bind"})),
            "\"Bind\"",
        ),
    ];
    check(&set(), rows).await;
}

/// Promise: what is left out has the documented defaults, and nothing is added to the template.
#[tokio::test]
async fn the_defaults_of_a_set() {
    let cluster = Cluster::connect().await;
    let admitted = cluster.admit(&set()).await.unwrap();
    let expected = json!({
        "connectionRef": {"kind": "BitbucketConnection", "name": "bitbucket"},
        "select": [{"project": "PAY", "include": ["*"]}],
        "template": {"metadata": {}, "nameTemplate": "{project}-{slug}", "spec": {}},
        "onRepositoryGone": "Keep",
        "limits": {"newPerInterval": 50, "deletedPerInterval": 5},
        "deletionPolicy": "Orphan",
        "suspend": false,
    });
    assert_eq!(admitted["spec"], expected);
}

/// Promise: the table shows how many repositories are bound.
#[tokio::test]
async fn the_table_of_sets() {
    let cluster = Cluster::connect().await;
    let sandbox = cluster.sandbox().await;
    let mut object = set();
    object["metadata"]["namespace"] = sandbox.namespace.clone().into();
    sandbox.create(&object).await;
    let ready = json!({
        "type": "Ready", "status": "True", "reason": "Succeeded", "message": "as declared",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    let status = json!({
        "conditions": [ready],
        "repositories": {"matched": 214, "bound": 212, "skipped": 9, "conflicting": 2},
    });
    sandbox.observe(&object, &status).await;
    let table = sandbox.kubectl(&["get", "pbset"]);
    let rows: Vec<Vec<_>> = table
        .lines()
        .map(|line| line.split_whitespace().take(7).collect())
        .collect();
    let head = [
        "NAME",
        "READY",
        "REASON",
        "MATCHED",
        "BOUND",
        "SKIPPED",
        "CONFLICTING",
    ];
    let row = ["pay", "True", "Succeeded", "214", "212", "9", "2"];
    assert_eq!(rows, [head, row]);
}

/// What the creation of a set's bindings relies on: an apply with a version that no object has creates an object, and
/// leaves one of that name as it is.
#[tokio::test]
async fn an_apply_with_an_impossible_version_only_creates() {
    let cluster = Cluster::connect().await;
    let sandbox = cluster.sandbox().await;
    let api = sandbox.api(&binding());
    let apply = async |label: &str| {
        let mut manifest = binding();
        manifest["metadata"] =
            json!({"name": "checkout", "resourceVersion": "1", "labels": {"of": label}});
        let parameters = PatchParams::apply("bindery-set");
        let patch = Patch::Apply(&manifest);
        api.patch("checkout", &parameters, &patch).await
    };
    apply("first").await.unwrap();
    let kube::Error::Api(refused) = apply("second").await.unwrap_err() else {
        panic!("no answer of the API server");
    };
    assert_eq!(refused.code, 409);
    let left = api.get("checkout").await.unwrap();
    assert_eq!(left.labels().get("of").map(String::as_str), Some("first"));
}
