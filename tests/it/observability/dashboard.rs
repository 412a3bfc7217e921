//! The dashboard for Grafana.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::queries::assert_queries_what_exists;
use crate::support::chart::{object, objects};
use crate::support::tree;

const FILE: &str = "deploy/dashboard.json";

fn dashboard() -> Value {
    let text = fs::read_to_string(tree::top().join(FILE)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Promise: every panel shows something that is scraped, says what it is, and has a place of its own.
#[test]
fn every_panel_shows_metrics_that_exist() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let panels = panels.iter().filter(|panel| panel["type"] != "row");
    let (mut places, mut count) = (BTreeSet::new(), 0);
    for panel in panels {
        count += 1;
        let title = panel["title"].as_str().unwrap();
        let about = panel["description"].as_str().unwrap_or_default();
        assert!(about.len() > 20, "{title} is not described");
        assert!(
            places.insert(panel["gridPos"].to_string()),
            "{title} hides another one"
        );
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title}");
        for target in targets {
            assert_queries_what_exists(target["expr"].as_str().unwrap());
        }
    }
    assert!(count > 15, "{count} panels");
}

/// Promise: Grafana's sidecar finds the chart's copy by its label.
#[test]
fn the_chart_installs_the_dashboard_on_request() {
    assert!(object(&objects("{}"), "ConfigMap", "bindery-dashboard").is_none());
    let objects =
        objects(r#"grafanaDashboard={"enabled":true,"labels":{"grafana_dashboard":"yes"}}"#);
    let map = object(&objects, "ConfigMap", "bindery-dashboard").unwrap();
    assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "yes");
    let copy = map["data"]["bindery.json"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(copy).unwrap(), dashboard());
}
