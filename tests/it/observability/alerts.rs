//! The alerts: about metrics that exist, each with its words and its page, and each seen firing and silent.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use super::alert_cases::{CASES, Case};
use super::queries::assert_queries_what_exists;
use crate::support::servers::promtool;
use crate::support::tree;

const FILE: &str = "deploy/alerts.yaml";
const PAGE: &str = "docs/guide/alerts.md";

/// Every rule.
fn rules() -> Vec<Value> {
    let text = fs::read_to_string(tree::top().join(FILE)).unwrap();
    let groups: Value = serde_saphyr::from_str(&text).unwrap();
    let rules = groups["groups"][0]["rules"].as_array().unwrap().clone();
    assert!(rules.len() > 5);
    rules
}

fn text<'a>(rule: &'a Value, field: &str) -> &'a str {
    let found = rule.pointer(field).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("{} has no {field}", rule["alert"]))
}

#[test]
fn alerts_are_about_metrics_that_exist() {
    for rule in rules() {
        assert_queries_what_exists(text(&rule, "/expr"));
    }
}

/// Promise: who is woken by an alert reads what happened, what to do, and where more is written.
#[test]
fn each_alert_has_its_words_and_a_page() {
    let page = fs::read_to_string(tree::top().join(PAGE)).unwrap();
    let headings = page.lines().filter_map(|line| line.strip_prefix("## "));
    let headings: BTreeSet<_> = headings.collect();
    let mut alerts = BTreeSet::new();
    for rule in rules() {
        let alert = text(&rule, "/alert").to_owned();
        let summary = text(&rule, "/annotations/summary");
        assert!(summary.len() < 90 && summary.ends_with('.'), "{summary}");
        let description = text(&rule, "/annotations/description");
        assert!(description.len() > 40, "{description}");
        let anchor = format!("/{PAGE}#{}", alert.to_lowercase());
        let page = text(&rule, "/annotations/runbook_url");
        assert!(page.ends_with(&anchor), "{page} is not {anchor}");
        alerts.insert(alert);
    }
    let alerts: BTreeSet<_> = alerts.iter().map(String::as_str).collect();
    assert_eq!(headings, alerts, "the headings of {PAGE}");
}

/// A text of the rule in which promtool finds the values of labels.
fn filled(text: &str, labels: &[(&str, &str)]) -> String {
    labels.iter().fold(text.to_owned(), |text, (label, value)| {
        text.replace(&format!("{{{{ $labels.{label} }}}}"), value)
    })
}

/// A test of promtool: these series, and the alert that they cause or do not.
fn test_of(case: &Case, rule: &Value, series: &[(&str, &str)], fires: bool) -> Value {
    let series: Vec<_> = series
        .iter()
        .map(|(series, values)| json!({"series": series, "values": values}))
        .collect();
    let mut labels = rule["labels"].clone();
    for (label, value) in case.labels {
        labels[label] = (*value).into();
    }
    let mut annotations = rule["annotations"].clone();
    for annotation in annotations.as_object_mut().unwrap().values_mut() {
        *annotation = filled(annotation.as_str().unwrap(), case.labels).into();
    }
    let expected = json!({"exp_labels": labels, "exp_annotations": annotations});
    let expected = if fires { vec![expected] } else { Vec::new() };
    let name = format!(
        "{} {}",
        case.alert,
        if fires { "fires" } else { "is silent" }
    );
    json!({
        "name": name, "interval": "1m", "input_series": series,
        "alert_rule_test": [{"eval_time": case.at, "alertname": case.alert, "exp_alerts": expected}],
    })
}

/// Promise: each alert fires on what it is about, and is silent beside it.
#[test]
fn each_alert_fires_and_is_silent() {
    let rules = rules();
    let named = |case: &Case| {
        let found = rules.iter().find(|rule| rule["alert"] == case.alert);
        found.unwrap_or_else(|| panic!("there is no {}", case.alert))
    };
    let tests: Vec<_> = CASES
        .iter()
        .flat_map(|case| {
            let rule = named(case);
            [
                test_of(case, rule, case.firing, true),
                test_of(case, rule, case.silent, false),
            ]
        })
        .collect();
    let cases: BTreeSet<_> = CASES.iter().map(|case| case.alert).collect();
    let alerts: BTreeSet<_> = rules.iter().map(|rule| text(rule, "/alert")).collect();
    assert_eq!(cases, alerts, "a case for each alert");
    let file = json!({"rule_files": [tree::top().join(FILE)], "evaluation_interval": "1m", "tests": tests});
    let path = std::env::temp_dir().join(format!("bindery-alerts-{}.yaml", std::process::id()));
    fs::write(&path, file.to_string()).unwrap();
    let outcome = promtool(&["test", "rules", path.to_str().unwrap()]);
    fs::remove_file(&path).unwrap();
    outcome.unwrap();
}
