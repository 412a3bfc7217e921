//! What users check before a cluster sees it: `kubeconform -strict` knows every field of the chart, the base, the samples
//! and the guide. It reads the schemas that this API server publishes, and for Bindery's kinds those of a release.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use packaging::schemas;
use serde_json::{Map, Value, json};

use super::cluster::Cluster;
use super::strict::EVERYTHING;
use crate::support::chart::{manifest, parsed};
use crate::support::servers::{Servers, kubeconform, kustomize};
use crate::support::{examples, tree};

/// The names that a release gives to schemas.
const NAMES: &str = "{{ .Group }}/{{ .ResourceKind }}_{{ .ResourceAPIVersion }}.json";

/// Manifests and schemas as files.
struct Checked {
    directory: PathBuf,
}

impl Checked {
    fn write(&self, file: &str, content: &str) -> PathBuf {
        let path = self.directory.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// The schemas of Bindery's kinds, as `make dist` writes them.
    fn release(&self) {
        for entry in fs::read_dir(tree::top().join("crds")).unwrap() {
            let path = entry.unwrap().path();
            if path.to_str().unwrap().contains("bindery.dev_") {
                let definition = fs::read_to_string(path).unwrap();
                for (file, schema) in schemas::schemas(&definition).unwrap() {
                    self.write(&file, &schema);
                }
            }
        }
    }

    /// The schemas of Kubernetes' own kinds, as the API server publishes them.
    fn publish(&self, servers: &Servers, api_version: &str, kinds: &BTreeSet<String>) {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let root = if group.is_empty() { "api" } else { "apis" };
        let path = format!("/openapi/v3/{root}/{api_version}");
        let document = servers.kubectl(&["get", "--raw", &path]).unwrap();
        let document: Value = serde_json::from_str(&document).unwrap();
        let published = document["components"]["schemas"].as_object().unwrap();
        let strict = published
            .iter()
            .map(|(name, schema)| (name.clone(), schemas::strict(schema)));
        let strict: Map<_, _> = strict.collect();
        for kind in kinds {
            let identity = json!({"group": group, "kind": kind, "version": version});
            let is_it = |schema: &Value| {
                let identities = schema["x-kubernetes-group-version-kind"].as_array();
                identities.is_some_and(|all| all.contains(&identity))
            };
            let (name, _) = published.iter().find(|(_, schema)| is_it(schema)).unwrap();
            let reference = format!("#/components/schemas/{name}");
            let schema = json!({"$ref": reference, "components": {"schemas": strict}});
            let group = api_version.split('/').next().unwrap();
            let file = format!("{group}/{}_{version}.json", kind.to_lowercase());
            self.write(&file, &schema.to_string());
        }
    }

    /// What kubeconform says of these files.
    fn outcome(&self, files: &[&Path]) -> Result<String, String> {
        let location = self.directory.join(NAMES);
        let options = [
            "-strict",
            "-summary",
            "-schema-location",
            location.to_str().unwrap(),
        ];
        let files: Vec<_> = files.iter().map(|file| file.to_str().unwrap()).collect();
        kubeconform(&[&options[..], &files].concat())
    }
}

/// Bindery's objects in the guide.
fn shown() -> String {
    let pages = tree::documents().into_iter();
    let pages = pages.map(|page| fs::read_to_string(page).unwrap());
    let objects = pages.flat_map(|page| examples::objects(&page));
    let ours = objects.filter(|object| {
        let version = object["apiVersion"].as_str().unwrap_or_default();
        version.starts_with("bindery.dev/")
    });
    let ours: Vec<_> = ours.map(|object| object.to_string()).collect();
    assert!(ours.len() > 5, "{ours:?}");
    ours.join("\n---\n")
}

#[tokio::test]
async fn kubeconform_knows_every_field_of_what_users_apply() {
    let cluster = Cluster::connect().await;
    let checked = Checked {
        directory: cluster.servers.directory.join("kubeconform"),
    };
    let values: String = EVERYTHING.split('\n').map(str::trim).collect();
    let chart = manifest("default", &values).unwrap();
    let base = kustomize("deploy");
    let samples = kustomize("deploy/samples");
    let guide = shown();
    let all = [&chart, &base, &samples, &guide];

    let mut kinds: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for object in all.into_iter().flat_map(|text| parsed(text)) {
        let text = |field: &str| object[field].as_str().unwrap().to_owned();
        kinds
            .entry(text("apiVersion"))
            .or_default()
            .insert(text("kind"));
    }
    checked.release();
    for (api_version, kinds) in &kinds {
        if !api_version.starts_with("bindery.dev/") {
            checked.publish(&cluster.servers, api_version, kinds);
        }
    }

    let names = ["chart.yaml", "base.yaml", "samples.yaml", "guide.yaml"];
    let files: Vec<_> = names
        .iter()
        .zip(all)
        .map(|(name, text)| checked.write(name, text))
        .collect();
    let files: Vec<_> = files.iter().map(PathBuf::as_path).collect();
    let summary = checked.outcome(&files).unwrap();
    assert!(
        summary.contains("Invalid: 0, Errors: 0, Skipped: 0"),
        "{summary}"
    );

    let misspelt = [
        (&chart, "terminationGracePeriodSeconds"),
        (&samples, "connectionRef"),
    ];
    for (text, field) in misspelt {
        let wrong = checked.write("misspelt.yaml", &text.replace(field, "misspelt"));
        let refusal = checked.outcome(&[&wrong]).unwrap_err();
        assert!(
            refusal.contains("additional properties 'misspelt' not allowed"),
            "{refusal}"
        );
    }
}
