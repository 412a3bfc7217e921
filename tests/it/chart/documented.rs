//! What is said about the chart is so.

use std::fs;

use serde_json::Value;

use crate::support::chart::CHART;
use crate::support::tree;

fn read(file: &str) -> String {
    fs::read_to_string(tree::top().join(CHART).join(file)).unwrap()
}

/// A value as its file describes it.
struct Documented {
    path: Vec<String>,
    comment: String,
}

/// Every key of `values.yaml` that stands at one of the two levels which the schema knows by name.
fn documented() -> Vec<Documented> {
    let (mut found, mut section, mut comment) = (Vec::new(), String::new(), Vec::new());
    for line in read("values.yaml").lines() {
        let text = line.trim_start();
        let depth = (line.len() - text.len()) / 2;
        if let Some(words) = text.strip_prefix("# ") {
            comment.push(words.to_owned());
        } else if let (Some((key, _)), 0 | 1) = (text.split_once(':'), depth) {
            if depth == 0 {
                key.clone_into(&mut section);
            }
            let path = if depth == 0 {
                vec![key.to_owned()]
            } else {
                vec![section.clone(), key.to_owned()]
            };
            found.push(Documented {
                path,
                comment: comment.join(" "),
            });
            comment.clear();
        } else {
            comment.clear();
        }
    }
    found
}

fn at<'a>(values: &'a Value, path: &[String]) -> &'a Value {
    path.iter().fold(values, |value, key| &value[key])
}

fn values() -> Value {
    serde_saphyr::from_str(&read("values.yaml")).unwrap()
}

/// A section is described by what is in it; `resources` is a value of Kubernetes' own shape.
fn is_section(path: &[String], value: &Value) -> bool {
    path.len() == 1
        && path[0] != "resources"
        && value.as_object().is_some_and(|entries| !entries.is_empty())
}

fn expected_table() -> String {
    let values = values();
    let rows = documented()
        .into_iter()
        .filter_map(|Documented { path, comment }| {
            let value = at(&values, &path);
            let foreign = path.len() == 2 && path[0] == "resources";
            (!foreign && !is_section(&path, value))
                .then(|| format!("| `{}` | `{value}` | {comment} |\n", path.join(".")))
        });
    let head = "| Value | Default | Meaning |\n| --- | --- | --- |\n";
    head.to_owned() + &rows.collect::<String>()
}

#[test]
fn the_readme_describes_every_value_as_values_yaml_does() {
    let table = expected_table();
    assert!(
        table.contains("| `operator.minimumInterval` | `\"60s\"` | The shortest interval"),
        "{table}"
    );
    assert!(
        read("README.md").contains(&table),
        "charts/bindery/README.md must say:\n{table}"
    );
}

#[test]
fn every_value_has_a_comment() {
    let values = values();
    for Documented { path, comment } in documented() {
        let spoken_for =
            is_section(&path, at(&values, &path)) || (path.len() == 2 && path[0] == "resources");
        assert!(
            spoken_for || comment.ends_with('.'),
            "{path:?}: {comment:?}"
        );
    }
}

/// The keys of an object; none of anything else.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str())
        .collect();
    keys.sort_unstable();
    keys
}

/// Promise: what `values.yaml` has, and no more, is known to the schema; nothing of it may be null.
#[test]
fn schema_and_values_know_the_same() {
    /// Of charts that depend on this one.
    const ALSO_KNOWN: [&str; 2] = ["enabled", "global"];
    let schema: Value = serde_json::from_str(&read("values.schema.json")).unwrap();
    let values = values();
    let mut known = keys(&schema["properties"]);
    known.retain(|key| !ALSO_KNOWN.contains(key));
    assert_eq!(known, keys(&values));
    assert_eq!(required(&schema), keys(&values));
    for (section, value) in values.as_object().unwrap() {
        if is_section(std::slice::from_ref(section), value) {
            let schema = &schema["properties"][section];
            assert_eq!(keys(&schema["properties"]), keys(value), "{section}");
            assert_eq!(required(schema), keys(value), "{section}");
            assert_eq!(schema["additionalProperties"], false, "{section}");
        }
    }
}

fn required(schema: &Value) -> Vec<&str> {
    let names = schema["required"].as_array().into_iter().flatten();
    let mut names: Vec<_> = names.map(|name| name.as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

/// Promise: a chart installs the operator of its own version.
#[test]
fn chart_and_operator_have_one_version() {
    let chart: Value = serde_saphyr::from_str(&read("Chart.yaml")).unwrap();
    for field in ["version", "appVersion"] {
        assert_eq!(
            chart[field],
            env!("CARGO_PKG_VERSION"),
            "{field} of Chart.yaml"
        );
    }
}
