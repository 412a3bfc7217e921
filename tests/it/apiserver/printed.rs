//! What people see with kubectl.

use serde_json::{Value, json};

use super::binding::binding;
use super::cluster::{Cluster, Sandbox};
use super::connection::connection;
use crate::support::examples::{lines, objects, shown};
use crate::support::tree;

/// Both kinds as the operator reports them.
async fn settled(cluster: &Cluster) -> Sandbox<'_> {
    let sandbox = cluster.sandbox().await;
    sandbox.create(&connection()).await;
    let status = json!({
        "conditions": [condition("Ready", "True", "DriftDetected"), condition("ConfigurationSynced", "False", "DriftDetected")],
        "configuration": {"name": "our-bitbucket", "id": "setting", "serverId": "server"},
        "sonarqube": {"id": "server", "version": "26.9.0"},
        "bindings": {"total": 2, "ready": 1, "summary": "1/2"},
    });
    sandbox.observe(&connection(), &status).await;
    sandbox.create(&binding()).await;
    let status = json!({
        "conditions": [
            condition("Ready", "True", "DriftDetected"), condition("Synced", "False", "DriftDetected"),
            condition("DecorationReady", "False", "ServerBaseURLUnset"),
        ],
        "target": {"repository": "PAY/checkout", "project": "PAY:checkout"},
        "repository": {"id": 1, "path": "PAY/checkout", "project": "PAY", "slug": "checkout", "url": "https://bitbucket.example.com"},
        "sonarqubeProject": {"key": "PAY:checkout", "serverId": "server", "url": "https://sonarqube.example.com/dashboard"},
    });
    sandbox.observe(&binding(), &status).await;
    sandbox
}

fn condition(name: &str, status: &str, reason: &str) -> Value {
    json!({"type": name, "status": status, "reason": reason, "message": format!("{name} in words"), "lastTransitionTime": "2026-01-01T00:00:00Z"})
}

/// The words of a table without its last column, AGE in both kinds, unless it is wide.
fn words(table: &str) -> Vec<Vec<&str>> {
    table
        .lines()
        .map(|line| {
            line.split("  ")
                .map(str::trim)
                .filter(|word| !word.is_empty())
                .collect()
        })
        .collect()
}

#[tokio::test]
async fn tables_show_the_important_columns_first() {
    let cluster = Cluster::connect().await;
    let sandbox = settled(&cluster).await;

    let table = sandbox.kubectl(&["get", "bbconn"]);
    let table = words(&table);
    assert_eq!(
        table[0],
        [
            "NAME",
            "READY",
            "REASON",
            "SYNCED",
            "CONFIGURATION",
            "SONARQUBE",
            "BINDINGS",
            "AGE"
        ]
    );
    assert_eq!(
        table[1][..7],
        [
            "bitbucket",
            "True",
            "DriftDetected",
            "False",
            "our-bitbucket",
            "26.9.0",
            "1/2"
        ]
    );

    let table = sandbox.kubectl(&["get", "pbind"]);
    let table = words(&table);
    assert_eq!(
        table[0],
        [
            "NAME",
            "READY",
            "REASON",
            "SYNCED",
            "REPOSITORY",
            "PROJECT",
            "DECORATION",
            "AGE"
        ]
    );
    assert_eq!(
        table[1][..7],
        [
            "checkout",
            "True",
            "DriftDetected",
            "False",
            "PAY/checkout",
            "PAY:checkout",
            "False"
        ]
    );
}

#[tokio::test]
async fn wide_tables_add_the_path_and_the_message() {
    let cluster = Cluster::connect().await;
    let sandbox = settled(&cluster).await;

    let table = sandbox.kubectl(&["get", "bbconn", "--output", "wide"]);
    let table = words(&table);
    assert_eq!(table[0][8..], ["BITBUCKET", "MESSAGE"]);
    assert_eq!(
        table[1][8..],
        ["https://bitbucket.example.com", "Ready in words"]
    );

    let table = sandbox.kubectl(&["get", "pbind", "--output", "wide"]);
    let table = words(&table);
    assert_eq!(table[0][8..], ["CONNECTION", "URL", "MESSAGE"]);
    assert_eq!(
        table[1][8..],
        [
            "bitbucket",
            "https://sonarqube.example.com/dashboard",
            "Ready in words"
        ]
    );
}

#[tokio::test]
async fn both_kinds_are_listed_by_their_category() {
    let cluster = Cluster::connect().await;
    let sandbox = settled(&cluster).await;
    let listed = sandbox.kubectl(&["get", "bindery", "--output", "name"]);
    assert_eq!(
        listed.lines().collect::<Vec<_>>(),
        [
            "bitbucketconnection.bindery.dev/bitbucket",
            "projectbinding.bindery.dev/checkout"
        ]
    );
}

#[tokio::test]
async fn objects_are_found_by_their_references() {
    let cluster = Cluster::connect().await;
    let sandbox = settled(&cluster).await;
    for (kind, field, value) in [
        ("pbind", "spec.connectionRef.name", "bitbucket"),
        ("pbind", "spec.repository.project", "PAY"),
        ("pbind", "status.sonarqubeProject.key", "PAY:checkout"),
    ] {
        let count = |selector: String| {
            sandbox
                .kubectl(&[
                    "get",
                    kind,
                    "--output",
                    "name",
                    "--field-selector",
                    &selector,
                ])
                .lines()
                .count()
        };
        assert_eq!(count(format!("{field}={value}")), 1, "{field}");
        assert_eq!(count(format!("{field}=other")), 0, "{field}");
    }
}

/// Fields, and what `kubectl explain` says of each. All that changed in `v1alpha1` before its first release are here.
const EXPLAINED: &[(&str, &str)] = &[
    ("bbconn", "known to one SonarQube server"),
    (
        "bbconn.spec.access",
        "one entry must admit namespace, repository and SonarQube project key together",
    ),
    (
        "bbconn.spec.access.namespaceSelector",
        "`{}` selects every namespace",
    ),
    (
        "bbconn.spec.access.repositories",
        "stands for any run of characters without",
    ),
    (
        "bbconn.spec.access.repositoriesFrom",
        "each with its own repositories",
    ),
    (
        "bbconn.spec.access.repositoriesFrom.namespaceAnnotation",
        "an invalid pattern admits nothing",
    ),
    ("bbconn.spec.bitbucket.url", "5.15 or later"),
    (
        "bbconn.spec.configurationPolicy",
        "only finds it by its name",
    ),
    ("bbconn.spec.interval", "between 10s and 24h"),
    ("bbconn.status.configuration.policy", "or references it"),
    ("bbconn.status.record", "never deletes the configuration"),
    (
        "bbconn.status.record.appliedSecrets",
        "never returns a token",
    ),
    (
        "pbind",
        "binds one Bitbucket repository to one SonarQube project",
    ),
    (
        "pbind.spec.connectionRef",
        "refused with `ConnectionMismatch`",
    ),
    ("pbind.spec.connectionRef.kind", "ENUM: BitbucketConnection"),
    ("pbind.spec.deletionPolicy", "otherwise as `Unbind`"),
    ("pbind.spec.mode", "never creates a project"),
    ("pbind.spec.onRepositoryMoved", "ENUM: Report Follow"),
    (
        "pbind.spec.sonarqubeProject.newCodeDefinition.days",
        "days <integer>",
    ),
    (
        "pbind.spec.sonarqubeProject.visibility",
        "all users of the server",
    ),
    (
        "pbind.spec.sonarqubeProject.visibilityPolicy",
        "also on adopted projects",
    ),
    (
        "pbind.status.differences",
        "What differs from the spec and is not corrected",
    ),
    (
        "pbind.status.record",
        "neither unbinds nor deletes it later",
    ),
    (
        "pbind.status.record.connection.configurationId",
        "Only a connection of the same configuration",
    ),
    (
        "pbind.status.record.createdBy",
        "absent for a project that existed before",
    ),
    (
        "pbind.status.record.intent",
        "a crash never creates a second project",
    ),
    ("pbind.status.target", "until they are known"),
];

#[tokio::test]
async fn kubectl_explains_the_fields() {
    let cluster = Cluster::connect().await;
    for (field, lesson) in EXPLAINED {
        let text = cluster.servers.kubectl(&["explain", field]).unwrap();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(lesson), "{field}: {text}");
    }
}

#[tokio::test]
async fn the_samples_are_accepted() {
    let cluster = Cluster::connect().await;
    let samples = crate::support::servers::kustomize("deploy/samples");
    let documents: Vec<Value> = serde_saphyr::from_multiple(&samples).unwrap();
    let ours: Vec<_> = documents
        .into_iter()
        .filter(|document| document["apiVersion"] == "bindery.dev/v1alpha1")
        .collect();
    assert_eq!(ours.len(), 3);
    for mut document in ours {
        // Only the shape is tried here: the namespaces of the samples need not be there.
        document["metadata"]["namespace"] = json!("default");
        cluster.admit(&document).await.unwrap();
    }
}

/// Promise: every object of ours that a document shows is accepted.
#[tokio::test]
async fn every_example_in_the_documents_is_accepted() {
    let cluster = Cluster::connect().await;
    let mut seen = 0;
    for file in tree::documents() {
        for mut example in objects(&std::fs::read_to_string(&file).unwrap()) {
            if example["apiVersion"] != "bindery.dev/v1alpha1" {
                continue;
            }
            seen += 1;
            example["metadata"]["namespace"] = json!("default");
            if let Err(refused) = cluster.admit(&example).await {
                panic!("{}: {refused:?}\n{example:#}", file.display());
            }
        }
    }
    assert!(seen > 4, "only {seen} examples found");
}

/// Promise: the first page of the guide shows the output of `kubectl explain`.
#[tokio::test]
async fn the_first_page_shows_the_answer_of_kubectl_explain() {
    let cluster = Cluster::connect().await;
    let explain = shown("kubectl explain");
    let printed = cluster.servers.kubectl(&explain.arguments()).unwrap();
    assert_eq!(lines(&explain.output), lines(&printed));
}
