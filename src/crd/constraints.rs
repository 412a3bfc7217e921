//! Constraints that several fields share, and bounds for Kubernetes' own types, whose schemas come without.

use schemars::Schema;
use serde_json::{Value, json};

/// Bounds a list of `Condition` as the markers on the Go type do.
pub(super) fn conditions(schema: &mut Schema) {
    let limits = [
        ("type", "maxLength", 316),
        ("status", "maxLength", 7),
        ("reason", "maxLength", 1024),
        ("message", "maxLength", 32_768),
    ];
    bound(schema, "/items/properties/", &limits);
}

/// Bounds a `LabelSelector`: keys and values are as long as those of labels may be.
pub(super) fn label_selector(schema: &mut Schema) {
    let limits = [
        ("matchLabels", "maxProperties", 64),
        ("matchLabels/additionalProperties", "maxLength", 63),
        ("matchExpressions", "maxItems", 64),
    ];
    bound(schema, "/properties/", &limits);
    let limits = [
        ("key", "maxLength", 317),
        ("operator", "maxLength", 16),
        ("values", "maxItems", 64),
        ("values/items", "maxLength", 63),
    ];
    bound(
        schema,
        "/properties/matchExpressions/items/properties/",
        &limits,
    );
}

/// Bounds a map of labels.
pub(super) fn labels(schema: &mut Schema) {
    if let Some(Value::Object(value)) = schema.pointer_mut("/additionalProperties") {
        value.insert(
            "pattern".to_owned(),
            json!("^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"),
        );
    }
    metadata(schema, "template.metadata.labels", 63);
}

/// Bounds a map of annotations.
pub(super) fn annotations(schema: &mut Schema) {
    metadata(schema, "template.metadata.annotations", 4096);
}

fn metadata(schema: &mut Schema, field: &str, longest: u32) {
    schema.insert("maxProperties".to_owned(), json!(32));
    bound(
        schema,
        "/",
        &[("additionalProperties", "maxLength", longest)],
    );
    let rules = json!([{
        "rule": "self.all(key, size(key) <= 317 && key.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$'))",
        "message": format!("{field} must have valid keys, for example team or example.com/team"),
    }, {
        "rule": "self.all(key, !key.startsWith('bindery.dev/'))",
        "message": format!("{field} must not have keys of bindery.dev/: those are Bindery's own"),
    }]);
    schema.insert("x-kubernetes-validations".to_owned(), rules);
}

/// Restricts a text to a pattern with few `*`.
pub(super) fn pattern(schema: &mut Schema) {
    schema.insert("allOf".to_owned(), json!([{"pattern": FEW_STARS}]));
}

/// At most 4 `*`, never two in a row: cheap to match, and each pattern has one spelling.
const FEW_STARS: &str = r"^[^*]*(\*[^*]+){0,3}(\*[^*]*)?$";

/// Restricts the items of a list to patterns of `PROJECT/slug`. A `pattern` costs nothing of the budget for rules, so
/// the lists may be long.
pub(super) fn repository_patterns(schema: &mut Schema) {
    if let Some(Value::Object(item)) = schema.pointer_mut("/items") {
        item.insert("pattern".to_owned(), json!("^[^/ ,]+/[^/ ,]+$"));
        item.insert("allOf".to_owned(), json!([{"pattern": FEW_STARS}]));
    }
}

/// Restricts the items of a list to patterns of project keys.
pub(super) fn key_patterns(schema: &mut Schema) {
    if let Some(Value::Object(item)) = schema.pointer_mut("/items") {
        item.insert("pattern".to_owned(), json!(FEW_STARS));
    }
}

/// Sets each keyword at its place below `above`. A place that a new version of the types no longer has is not missed
/// here: the test that walks the schemas finds what is left unbounded.
fn bound(schema: &mut Schema, above: &str, limits: &[(&str, &str, u32)]) {
    for (place, keyword, limit) in limits {
        if let Some(Value::Object(part)) = schema.pointer_mut(&format!("{above}{place}")) {
            part.insert((*keyword).to_owned(), json!(limit));
        }
    }
}

/// The base URL of a SonarQube server.
pub(super) fn sonarqube_url(schema: &mut Schema) {
    server_url(schema, "https://sonarqube.example.com", None);
}

/// The base URL of a Bitbucket server.
pub(super) fn bitbucket_url(schema: &mut Schema) {
    let is_no_cloud = json!({
        // On the text: the API server does not know how long a host name is, and estimates a cost beyond its budget.
        "rule": "!self.matches('(?i)^https?://([^/:]*[.])?bitbucket[.]org[.]?([/:]|$)')",
        "message": "must be a Bitbucket Server / Data Center: Bitbucket Cloud (bitbucket.org) is not supported",
    });
    server_url(schema, "https://bitbucket.example.com", Some(is_no_cloud));
}

/// One rule each, so that every mistake has a message of its own. What `isURL` accepts (spaces in the path, a port
/// of 99999) is found by `identity::ServerUrl`.
fn server_url(schema: &mut Schema, example: &str, further_rule: Option<Value>) {
    schema.insert("minLength".to_owned(), json!(8));
    schema.insert("maxLength".to_owned(), json!(512));
    let rules = [
        json!({
            "rule": "isURL(self) && url(self).getScheme() in ['https', 'http']",
            "message": format!("must be an absolute http(s) URL, for example {example}"),
        }),
        json!({
            "rule": "!isURL(self) || url(self).getHostname() != ''",
            "message": "must contain a host name",
        }),
        json!({
            "rule": "!self.contains('@')",
            "message": "must not contain credentials or '@'; use tokenSecretRef",
        }),
        json!({
            "rule": "!self.contains('?') && !self.contains('#')",
            "message": "must not contain a query string or fragment",
        }),
    ];
    let rules: Vec<_> = rules.into_iter().chain(further_rule).collect();
    schema.insert("x-kubernetes-validations".to_owned(), json!(rules));
}
