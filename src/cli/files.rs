//! Reads manifests from files.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::crd::Kind;

/// Objects from manifests, in the order of the files.
#[derive(Debug, Default)]
pub(super) struct Manifests(Vec<(PathBuf, Value)>);

impl Manifests {
    /// Reads a file, all YAML and JSON files below a directory, or the standard input (`-`).
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let mut manifests = Self::default();
        if path == Path::new("-") {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context("failed to read the standard input")?;
            manifests.add(path, &text)?;
            return Ok(manifests);
        }
        for file in files(path)? {
            let text = std::fs::read_to_string(&file)
                .with_context(|| format!("failed to read {}", file.display()))?;
            manifests.add(&file, &text)?;
        }
        Ok(manifests)
    }

    /// Adds the documents of a text.
    pub(super) fn add(&mut self, file: &Path, text: &str) -> anyhow::Result<()> {
        let documents: Vec<Value> = serde_saphyr::from_multiple(text)
            .with_context(|| format!("failed to read {} as YAML", file.display()))?;
        for document in documents {
            let items = document["items"].as_array().cloned();
            let is_list = document["kind"]
                .as_str()
                .is_some_and(|kind| kind.ends_with("List"));
            match items.filter(|_| is_list) {
                Some(items) => self
                    .0
                    .extend(items.into_iter().map(|it| (file.to_owned(), it))),
                None => self.0.push((file.to_owned(), document)),
            }
        }
        Ok(())
    }

    /// The objects of a kind of ours. What has no namespace gets this one.
    pub(super) fn of_kind<K: Kind>(&self, namespace: &str) -> anyhow::Result<Vec<K>> {
        let group = K::api_version(&());
        let mut objects: Vec<K> = self.of(&group, K::NAME)?;
        for object in &mut objects {
            let metadata = object.meta_mut();
            metadata
                .namespace
                .get_or_insert_with(|| namespace.to_owned());
        }
        Ok(objects)
    }

    /// The objects of this version and kind.
    pub(super) fn of<K: DeserializeOwned>(
        &self,
        version: &str,
        kind: &str,
    ) -> anyhow::Result<Vec<K>> {
        let found = self
            .0
            .iter()
            .filter(|(_, object)| object["apiVersion"] == version && object["kind"] == kind);
        found
            .map(|(file, object)| {
                serde_json::from_value(object.clone()).with_context(|| {
                    let name = object["metadata"]["name"].as_str().unwrap_or("?");
                    format!("{}: {kind} {name} is not valid", file.display())
                })
            })
            .collect()
    }
}

/// A file itself, or the manifests below a directory, by name.
fn files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut entries = std::fs::read_dir(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("failed to read the directory {}", path.display()))?;
    entries.sort_by_key(std::fs::DirEntry::path);
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.path();
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        let is_manifest = path.extension().is_some_and(|extension| {
            ["yaml", "yml", "json"].contains(&&*extension.to_string_lossy())
        });
        if is_hidden {
        } else if path.is_dir() {
            found.extend(files(&path)?);
        } else if is_manifest {
            found.push(path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::ProjectBinding;

    #[test]
    fn kinds_are_found_in_documents_and_in_lists() {
        let binding = |name: &str| {
            format!(
                "{{apiVersion: bindery.dev/v1alpha1, kind: ProjectBinding, metadata: {{name: {name}}}, spec: {{connectionRef: {{name: c}}, repository: {{project: PAY, slug: a}}}}}}"
            )
        };
        let text = format!(
            "{}\n---\nkind: ConfigMap\napiVersion: v1\n---\n{{apiVersion: v1, kind: List, items: [{}]}}\n",
            binding("first"),
            binding("second")
        );
        let mut manifests = Manifests::default();
        manifests.add(Path::new("a.yaml"), &text).unwrap();
        let found = manifests.of_kind::<ProjectBinding>("payments").unwrap();
        let names: Vec<_> = found
            .iter()
            .map(|it| {
                let metadata = &it.metadata;
                (metadata.namespace.clone(), metadata.name.clone())
            })
            .collect();
        let both = |name: &str| (Some("payments".to_owned()), Some(name.to_owned()));
        assert_eq!(names, [both("first"), both("second")]);
    }

    #[test]
    fn what_is_not_valid_is_named_with_its_file() {
        let mut manifests = Manifests::default();
        let text = "apiVersion: bindery.dev/v1alpha1\nkind: ProjectBinding\nmetadata: {name: checkout}\nspec: {}\n";
        manifests.add(Path::new("pr/a.yaml"), text).unwrap();
        let error = manifests.of_kind::<ProjectBinding>("payments").unwrap_err();
        let said = format!("{error:#}");
        assert!(
            said.starts_with("pr/a.yaml: ProjectBinding checkout is not valid: missing field"),
            "{said}"
        );
    }
}
