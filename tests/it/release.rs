//! What a release consists of fits together: chart, manifests, workflow and versions.

use std::fs;

use bindery::crd;
use serde_json::Value;

use crate::support::chart::{CHART, object, objects};
use crate::support::servers::{Helm, helm_of, kustomize};
use crate::support::tree;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const WORKFLOW: &str = ".github/workflows/release.yml";

fn yaml(file: &str) -> Value {
    let text = fs::read_to_string(tree::top().join(file)).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

/// An annotation of the chart, which is YAML in YAML.
fn annotation(name: &str) -> Value {
    let chart = yaml(&format!("{CHART}/Chart.yaml"));
    let text = chart["annotations"][format!("artifacthub.io/{name}")].clone();
    serde_saphyr::from_str(text.as_str().unwrap()).unwrap()
}

/// Promise: chart and base name by default the image that the workflow publishes, in this version.
#[test]
fn the_default_image_is_the_one_that_is_published() {
    let published = yaml(WORKFLOW)["env"]["IMAGE"].as_str().unwrap().to_owned();
    let published = format!("{published}:{VERSION}");
    let chart = objects("{}");
    let deployment = object(&chart, "Deployment", "bindery").unwrap();
    let container = "/spec/template/spec/containers/0/image";
    assert_eq!(deployment.pointer(container).unwrap(), &published);
    let base: Vec<Value> = serde_saphyr::from_multiple(&kustomize("deploy")).unwrap();
    let deployment = object(&base, "Deployment", "bindery").unwrap();
    assert_eq!(deployment.pointer(container).unwrap(), &published);
    assert_eq!(annotation("images")[0]["image"], published.as_str());
}

/// Promise: every action that may write to the registry is pinned to a commit.
#[test]
fn actions_of_the_workflow_are_pinned() {
    let text = fs::read_to_string(tree::top().join(WORKFLOW)).unwrap();
    let used = text
        .lines()
        .filter_map(|line| line.trim().split_once("uses: "));
    let used: Vec<_> = used.map(|(_, action)| action).collect();
    assert!(used.len() > 5, "{used:?}");
    for action in used {
        let (_, commit) = action.split_once('@').unwrap();
        let commit = commit.split(' ').next().unwrap();
        let is_commit = commit.len() == 40 && commit.chars().all(|it| it.is_ascii_hexdigit());
        assert!(is_commit, "{action}");
    }
}

/// Promise: who looks for the chart finds the kinds that it installs.
#[test]
fn artifact_hub_shows_the_kinds_that_there_are() {
    let shown = annotation("crds");
    let shown: Vec<_> = shown
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["name"])
        .collect();
    let definitions = crd::definitions();
    let names: Vec<_> = definitions
        .iter()
        .map(|definition| definition.metadata.name.as_deref().unwrap())
        .collect();
    assert_eq!(shown, names);
}

/// Promise: both versions of helm accept the chart, and render the same objects from it.
#[test]
fn both_versions_of_helm_render_the_same() {
    let values = r#"labels.team="build",grafanaDashboard.enabled=true,networkPolicy.enabled=true,podMonitor.enabled=true,prometheusRule.enabled=true,grants.namespaces.platform.secrets=["token"]"#;
    let render = |helm: Helm| {
        let arguments = [
            "template",
            "bindery",
            CHART,
            "--namespace",
            "tools",
            "--kube-version",
            "1.34",
            "--set-json",
            values,
        ];
        helm_of(helm, &arguments).unwrap()
    };
    let sorted = |text: String| {
        let mut objects: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
        objects.retain(|object| !object.is_null());
        objects.sort_by_key(|object| format!("{} {}", object["kind"], object["metadata"]["name"]));
        objects
    };
    let (four, three) = (sorted(render(Helm::Four)), sorted(render(Helm::Three)));
    assert!(four.len() > 10);
    assert_eq!(four, three);
    for helm in [Helm::Three, Helm::Four] {
        helm_of(helm, &["lint", "--strict", CHART]).unwrap();
    }
}
