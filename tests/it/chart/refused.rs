//! Values that are refused, before anything reaches a cluster.

use serde_json::{Value, json};

use crate::support::chart::{CHART, manifest};
use crate::support::parts::helm;

/// Promise: a misspelt value is never ignored, and one that means nothing is never installed.
#[test]
fn values_that_mean_nothing_are_refused() {
    let namespaces = |lent: Value| json!({"grants": {"namespaces": lent}});
    for (values, complaint) in [
        (json!({"replicas": 2}), "additional properties 'replicas'"),
        (
            json!({"operator": {"alowHttp": true}}),
            "additional properties 'alowHttp'",
        ),
        (
            json!({"operator": {"allowHttp": "yes"}}),
            "/operator/allowHttp",
        ),
        (
            json!({"operator": {"minimumInterval": "60s"}}),
            "/operator/minimumInterval",
        ),
        (
            json!({"operator": {"minimumInterval": null}}),
            "missing property 'minimumInterval'",
        ),
        (
            json!({"operator": {"allowedHosts": "a.example.com"}}),
            "/operator/allowedHosts",
        ),
        (
            json!({"operator": {"allowedHosts": ["a.example.com,b.example.com"]}}),
            "/operator/allowedHosts/0",
        ),
        (json!({"operator": {"listen": "8080"}}), "/operator/listen"),
        (
            json!({"operator": {"logFormat": "xml"}}),
            "/operator/logFormat",
        ),
        (json!({"image": {"digest": "0123"}}), "/image/digest"),
        (
            json!({"image": {"pullPolicy": "always"}}),
            "/image/pullPolicy",
        ),
        (
            json!({"serviceAccount": {"create": false}}),
            "/serviceAccount/name",
        ),
        (json!({"labels": {"team": 7}}), "/labels/team"),
        (
            json!({"resources": {"request": {}}}),
            "additional properties 'request'",
        ),
        (
            namespaces(json!({"platform": {}})),
            "/grants/namespaces/platform",
        ),
        (
            namespaces(json!({"platform": {"secret": ["token"]}})),
            "additional properties 'secret'",
        ),
        (
            namespaces(json!({"platform": {"secrets": []}})),
            "/grants/namespaces/platform/secrets",
        ),
        (
            namespaces(json!({"platform": {"secrets": ["*"]}})),
            "/grants/namespaces/platform/secrets/0",
        ),
        (
            namespaces(json!({"*": {"secrets": ["token"]}})),
            "invalid propertyName '*'",
        ),
    ] {
        let refusal = manifest("bindery-system", &values).unwrap_err();
        assert!(refusal.contains(complaint), "{values}: {refusal}");
    }
}

/// Promise: a rule without names, which would lend all Secrets of a namespace, is never written, schema or not.
#[test]
fn no_names_grant_nothing() {
    let arguments = [
        "template",
        "bindery",
        CHART,
        "--skip-schema-validation",
        "--show-only",
        "templates/grants.yaml",
        "--set-json",
        r#"grants.namespaces={"platform":{"secrets":[],"configMaps":[]}}"#,
    ];
    let manifest = helm(&arguments).unwrap();
    assert!(manifest.contains("namespace: platform"), "{manifest}");
    assert!(!manifest.contains("verbs"), "{manifest}");
}

#[test]
fn a_kubernetes_that_is_too_old_is_refused() {
    let on = |version| helm(&["template", "bindery", CHART, "--kube-version", version]);
    on("1.33.0").unwrap();
    let refusal = on("1.32.9").unwrap_err();
    assert!(refusal.contains("kubeVersion: >=1.33.0-0"), "{refusal}");
}
