//! What the API server says to a BitbucketConnection.

use serde_json::{Value, json};

use super::cluster::Cluster;
use super::row::{Row, accepted, check, refused, spec};

pub(super) fn connection() -> Value {
    json!({
        "apiVersion": "bindery.dev/v1alpha1",
        "kind": "BitbucketConnection",
        "metadata": {"name": "bitbucket"},
        "spec": {
            "bitbucket": {
                "url": "https://bitbucket.example.com",
                "tokenSecretRef": {"name": "bitbucket-token"},
            },
            "sonarqube": {
                "url": "https://sonarqube.example.com",
                "tokenSecretRef": {"name": "sonarqube-token"},
            },
        },
    })
}

/// What the API server says of a pattern with too many wildcards.
const FEW_STARS: &str = r"in body should match '^[^*]*(\*[^*]+){0,3}(\*[^*]*)?$'";

fn access(entries: Value) -> Value {
    json!({"spec": {"access": entries}})
}

#[tokio::test]
async fn a_url_is_that_of_a_web_server_and_nothing_more() {
    let url = |url: &str| json!({"spec": {"bitbucket": {"url": url}}});
    let scheme = "must be an absolute http(s) URL, for example https://bitbucket.example.com";
    let cloud = "must be a Bitbucket Server / Data Center: Bitbucket Cloud (bitbucket.org) is not supported";
    let rows = vec![
        accepted("a context path", url("https://example.com/bitbucket")),
        accepted("a port", url("http://bitbucket:7990")),
        refused("no scheme", url("bitbucket.example.com"), scheme),
        refused("ftp", url("ftp://bitbucket.example.com"), scheme),
        refused("a file", url("file:///etc/passwd"), scheme),
        refused(
            "a password",
            url("https://user:pw@host"),
            "must not contain credentials or '@'; use tokenSecretRef",
        ),
        refused(
            "a query",
            url("https://host/?x="),
            "must not contain a query string or fragment",
        ),
        refused(
            "a fragment",
            url("https://host/#f"),
            "must not contain a query string or fragment",
        ),
        refused("no host", url("https://"), "must contain a host name"),
        refused("Bitbucket Cloud", url("https://bitbucket.org"), cloud),
        refused(
            "a workspace of Bitbucket Cloud",
            url("https://Bitbucket.ORG/acme"),
            cloud,
        ),
        refused(
            "the API of Bitbucket Cloud",
            url("https://api.bitbucket.org/2.0"),
            cloud,
        ),
        accepted("a similar name", url("https://mybitbucket.org")),
        accepted("a longer name", url("https://bitbucket.org.example.com")),
        refused(
            "513 characters",
            url(&format!("https://{}", "a".repeat(505))),
            "may not be more than 512",
        ),
    ];
    check(&connection(), rows).await;
}

#[tokio::test]
async fn the_urls_of_sonarqube_follow_the_same_rules() {
    let of = |field: &str, url: &str| json!({"spec": {"sonarqube": {field: url}}});
    let mut rows = Vec::new();
    for field in ["url", "serverBaseURL"] {
        rows.extend([
            accepted("https", of(field, "https://example.com/sonarqube")),
            refused(
                "no scheme",
                of(field, "sq.example.com"),
                "must be an absolute http(s) URL, for example https://sonarqube.example.com",
            ),
            refused(
                "a password",
                of(field, "https://user:pw@host"),
                "must not contain credentials or '@'",
            ),
            refused(
                "a query",
                of(field, "https://host/?x="),
                "must not contain a query string or fragment",
            ),
            refused("no host", of(field, "https://"), "must contain a host name"),
        ]);
    }
    check(&connection(), rows).await;
}

#[tokio::test]
async fn an_interval_is_a_duration_between_ten_seconds_and_a_day() {
    let interval = |value: Value| spec(json!({"interval": value}));
    let bounds = "interval must be between 10s and 24h";
    let mut rows: Vec<Row> = ["10s", "1h30m", "24h"]
        .into_iter()
        .map(|value| accepted(value, interval(json!(value))))
        .collect();
    for value in ["1s", "-5m", "1e400s", "99999999999999h", "1d", "25h", "10"] {
        rows.push(refused(value, interval(json!(value)), bounds));
    }
    rows.push(refused(
        "a number",
        interval(json!(10)),
        "must be of type string: \"integer\"",
    ));
    rows.push(refused(
        "33 characters",
        interval(json!("1s".repeat(17))),
        "may not be more than 32",
    ));
    check(&connection(), rows).await;
}

#[tokio::test]
async fn words_of_a_list_are_spelled_exactly() {
    let rows = vec![
        refused(
            "deletionPolicy",
            spec(json!({"deletionPolicy": "delete"})),
            "Unsupported value: \"delete\": supported values: \"Orphan\", \"Delete\"",
        ),
        refused(
            "managementPolicy",
            spec(json!({"managementPolicy": "Read"})),
            "supported values: \"Full\", \"Observe\"",
        ),
        refused(
            "adoptionPolicy",
            spec(json!({"adoptionPolicy": "Sometimes"})),
            "supported values: \"Never\", \"IfMatching\", \"Always\"",
        ),
        refused(
            "kind of a bundle",
            spec(json!({"bitbucket": {"caBundleRef": {"kind": "Pod", "name": "a"}}})),
            "supported values: \"ConfigMap\", \"Secret\"",
        ),
    ];
    check(&connection(), rows).await;
}

#[tokio::test]
async fn unknown_fields_are_named() {
    let rows = vec![
        refused(
            "a slip",
            spec(json!({"intervall": "10m"})),
            "unknown field \"spec.intervall\"",
        ),
        refused(
            "a Secret of another namespace",
            spec(json!({"bitbucket": {"tokenSecretRef": {"namespace": "other"}}})),
            "unknown field \"spec.bitbucket.tokenSecretRef.namespace\"",
        ),
        refused(
            "a bundle of another namespace",
            spec(json!({"sonarqube": {"caBundleRef": {"name": "a", "namespace": "other"}}})),
            "unknown field \"spec.sonarqube.caBundleRef.namespace\"",
        ),
    ];
    check(&connection(), rows).await;
}

#[tokio::test]
async fn server_side_apply_names_unknown_fields_without_being_asked_to() {
    let cluster = Cluster::connect().await;
    let mut object = connection();
    cluster.apply(&object).await.unwrap();
    object["spec"]["intervall"] = json!("10m");
    let refusal = cluster.apply(&object).await.unwrap_err();
    assert!(
        refusal.contains(".spec.intervall: field not declared in schema"),
        "{refusal}"
    );
}

#[tokio::test]
async fn access_entries_are_named_and_bounded() {
    let entry =
        |name: &str| json!({"name": name, "namespaceSelector": {}, "repositories": ["PAY/*"]});
    let many: Vec<_> = (0..1001)
        .map(|number| entry(&format!("team-{number}")))
        .collect();
    let of = |repositories: Value| {
        access(json!([{"name": "a", "namespaceSelector": {}, "repositories": repositories}]))
    };
    let from = |annotation: &str| {
        let source = json!({"namespaceAnnotation": annotation});
        access(json!([{"name": "a", "namespaceSelector": {}, "repositoriesFrom": source}]))
    };
    let keys = |pattern: &str| {
        access(
            json!([{"name": "a", "namespaceSelector": {}, "repositories": ["*/*"], "sonarqubeProjects": [pattern]}]),
        )
    };
    let rows = vec![
        accepted("1,000 entries", access(json!(many[..1000]))),
        refused(
            "1,001 entries",
            access(json!(many)),
            "must have at most 1000 items",
        ),
        refused(
            "no name",
            access(json!([{"namespaceSelector": {}, "repositories": ["PAY/*"]}])),
            "spec.access[0].name: Required value",
        ),
        refused(
            "no repositories",
            access(json!([{"name": "a", "namespaceSelector": {}}])),
            "an entry needs either repositories or repositoriesFrom",
        ),
        refused(
            "no selector",
            access(json!([{"name": "a", "repositories": ["PAY/*"]}])),
            "spec.access[0].namespaceSelector: Required value",
        ),
        refused(
            "an empty list",
            of(json!([])),
            "should have at least 1 items",
        ),
        refused(
            "the same name twice",
            access(json!([entry("a"), entry("a")])),
            "Duplicate value",
        ),
        refused(
            "a repository without a project",
            of(json!(["checkout"])),
            "spec.access[0].repositories[0] in body should match '^[^/ ,]+/[^/ ,]+$'",
        ),
        refused(
            "a glob of 129 characters",
            of(json!([format!("PAY/{}", "a".repeat(125))])),
            "may not be more than 128",
        ),
        accepted("4 wildcards", keys("*a*b*c*")),
        refused("5 wildcards in a key", keys(&"a*".repeat(5)), FEW_STARS),
        refused(
            "5 wildcards in a repository",
            of(json!(["*A*/b*c*d*"])),
            FEW_STARS,
        ),
        refused("two wildcards in a row", of(json!(["PAY/**"])), FEW_STARS),
        accepted("64 patterns", of(json!(vec!["*A*/b*c*"; 64]))),
        accepted(
            "patterns of the namespace",
            from("bindery.dev/repositories"),
        ),
        refused(
            "no name of an annotation",
            from("bindery.dev/our repositories"),
            "spec.access[0].repositoriesFrom.namespaceAnnotation in body should match",
        ),
        refused(
            "patterns of both",
            access(json!([{
                "name": "a", "namespaceSelector": {}, "repositories": ["PAY/*"],
                "repositoriesFrom": {"namespaceAnnotation": "bindery.dev/repositories"},
            }])),
            "an entry needs either repositories or repositoriesFrom",
        ),
        accepted(
            "every namespace",
            access(json!([{"name": "a", "namespaceSelector": {}, "repositories": ["*/*"]}])),
        ),
    ];
    check(&connection(), rows).await;
}

#[tokio::test]
async fn names_and_references_are_bounded() {
    let configuration = |name: &str| spec(json!({"configurationName": name}));
    let secret = |reference: Value| spec(json!({"bitbucket": {"tokenSecretRef": reference}}));
    let trimmed = "configurationName must not begin or end with a space";
    let rows = vec![
        accepted(
            "a configuration with a space inside",
            configuration("Our Bitbucket"),
        ),
        refused("a leading space", configuration(" bitbucket"), trimmed),
        refused("a trailing space", configuration("bitbucket "), trimmed),
        refused(
            "201 characters",
            configuration(&"a".repeat(201)),
            "may not be more than 200",
        ),
        accepted(
            "a name of 200 characters",
            json!({"metadata": {"name": "a".repeat(200)}}),
        ),
        refused(
            "a name of 201 characters",
            json!({"metadata": {"name": "a".repeat(201)}}),
            "metadata.name must be at most 200 characters",
        ),
        refused(
            "no token",
            json!({"spec": {"bitbucket": {"tokenSecretRef": null}}}),
            "spec.bitbucket.tokenSecretRef: Required value",
        ),
        refused(
            "a Secret in capitals",
            secret(json!({"name": "Token"})),
            "spec.bitbucket.tokenSecretRef.name in body should match",
        ),
        refused(
            "a key with a slash",
            secret(json!({"key": "a/b"})),
            "spec.bitbucket.tokenSecretRef.key in body should match",
        ),
        refused(
            "annotations over 256 KiB",
            json!({"metadata": {"annotations": {"a": "a".repeat(262_144)}}}),
            "may not be more than 262144 bytes",
        ),
    ];
    check(&connection(), rows).await;
}

#[tokio::test]
async fn omitted_fields_get_the_described_defaults() {
    let mut object = connection();
    object["spec"]["bitbucket"]["caBundleRef"] = json!({"name": "corporate-ca"});
    let admitted = Cluster::connect().await.admit(&object).await.unwrap();
    let expected = json!({
        "adoptionPolicy": "IfMatching",
        "configurationPolicy": "Manage",
        "deletionPolicy": "Orphan",
        "interval": "10m",
        "managementPolicy": "Full",
        "suspend": false,
        "bitbucket": {
            "url": "https://bitbucket.example.com",
            "tokenSecretRef": {"name": "bitbucket-token", "key": "token"},
            "caBundleRef": {"kind": "ConfigMap", "name": "corporate-ca", "key": "ca.crt"},
        },
        "sonarqube": {
            "url": "https://sonarqube.example.com",
            "tokenSecretRef": {"name": "sonarqube-token", "key": "token"},
        },
    });
    assert_eq!(admitted["spec"], expected);
}

/// Promise: a template makes no key that SonarQube refuses, nor one for all repositories.
#[tokio::test]
async fn a_key_template_has_both_parts_and_what_separates_them() {
    let template = |template: &str| {
        let project = json!({"keyTemplate": template});
        json!({"spec": {"bindingDefaults": {"sonarqubeProject": project}}})
    };
    let words = "keyTemplate needs {project}, a separator that is no digit, and {slug}, for example {project}_{slug}";
    let rows = vec![
        accepted("an underscore", template("{project}_{slug}")),
        accepted("more around", template("acme:{project}.2-{slug}:main")),
        refused("no project", template("everything_{slug}"), words),
        refused("no slug", template("{project}_everything"), words),
        refused("another order", template("{slug}_{project}"), words),
        refused("no separator", template("{project}{slug}____"), words),
        refused("a digit between", template("{project}7{slug}___"), words),
        refused("a part twice", template("{project}_{slug}_{slug}"), words),
        refused("an unknown part", template("{project}_{slug}_{id}"), words),
        refused("a space", template("{project} {slug}"), words),
        refused(
            "101 characters",
            template(&format!("{{project}}_{{slug}}{}", "x".repeat(85))),
            "may not be more than 100",
        ),
    ];
    check(&connection(), rows).await;
}
