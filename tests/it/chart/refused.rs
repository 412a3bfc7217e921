//! Values that are refused, before anything reaches a cluster.

use crate::support::chart::{CHART, manifest};
use crate::support::servers::helm;

/// Values, and what helm says of them.
const REFUSED: [(&str, &str); 28] = [
    ("replicas=0", "/replicas"),
    (r#"namespaces=["a,b"]"#, "/namespaces/0"),
    ("operator.alowHttp=true", "additional properties 'alowHttp'"),
    (r#"operator.allowHttp="yes""#, "/operator/allowHttp"),
    ("operator.minimumInterval=60", "/operator/minimumInterval"),
    (
        "operator.minimumInterval=null",
        "missing property 'minimumInterval'",
    ),
    (
        r#"operator.allowedHosts="a.example.com""#,
        "/operator/allowedHosts",
    ),
    (
        r#"operator.allowedHosts=["a.example.com,b.example.com"]"#,
        "/operator/allowedHosts/0",
    ),
    (r#"operator.listen="8080""#, "/operator/listen"),
    (r#"operator.listen="0.0.0:8080""#, "/operator/listen"),
    (r#"operator.listen="127.0.0.1:8080""#, "/operator/listen"),
    (r#"operator.listen="[::1]:8080""#, "/operator/listen"),
    (r#"operator.logFormat="xml""#, "/operator/logFormat"),
    (
        r#"image.repository="registry.example.com/bindery:1.0""#,
        "/image/repository",
    ),
    (
        r#"image.repository="""#,
        "image.repository is empty, so the image is not known",
    ),
    (r#"image.digest="0123""#, "/image/digest"),
    (r#"image.pullPolicy="always""#, "/image/pullPolicy"),
    ("serviceAccount.create=false", "/serviceAccount/name"),
    ("labels.team=7", "/labels/team"),
    ("resources.request={}", "additional properties 'request'"),
    (
        r#"hostAliases=[{"ip":"10.0.0.7"}]"#,
        "missing property 'hostnames'",
    ),
    ("networkPolicy.from=[{}]", "/networkPolicy/from/0"),
    (r#"priorityClassName="a: b""#, "/priorityClassName"),
    (
        "grants.namespaces.platform={}",
        "/grants/namespaces/platform",
    ),
    (
        r#"grants.namespaces.platform.secret=["token"]"#,
        "additional properties 'secret'",
    ),
    (
        "grants.namespaces.platform.secrets=[]",
        "/grants/namespaces/platform/secrets",
    ),
    (
        r#"grants.namespaces.platform.secrets=["*"]"#,
        "/grants/namespaces/platform/secrets/0",
    ),
    (
        r#"grants.namespaces={"*":{"secrets":["token"]}}"#,
        "invalid propertyName '*'",
    ),
];

/// Promise: a misspelt value is never ignored, and one that means nothing is never installed.
#[test]
fn values_that_mean_nothing_are_refused() {
    for (values, complaint) in REFUSED {
        let refusal = manifest("bindery-system", values).unwrap_err();
        assert!(refusal.contains(complaint), "{values}: {refusal}");
    }
}

/// Promise: a rule without names, which would grant all Secrets of a namespace, is never written, schema or not.
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
    assert!(manifest.contains("namespace: \"platform\""), "{manifest}");
    assert!(!manifest.contains("verbs"), "{manifest}");
}

#[test]
fn a_kubernetes_that_is_too_old_is_refused() {
    let on = |version| helm(&["template", "bindery", CHART, "--kube-version", version]);
    on("1.33.0").unwrap();
    let refusal = on("1.32.9").unwrap_err();
    assert!(refusal.contains("kubeVersion: >=1.33.0-0"), "{refusal}");
}
