//! OCI image layouts: blobs by their digests, and an index of the images.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tar::EntryType;

use crate::archive::Archive;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A layout in memory: an image of this project has some megabytes.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    blobs: BTreeMap<String, Vec<u8>>,
    images: Vec<Value>,
}

/// How one blob refers to another.
#[derive(Debug)]
pub(crate) struct Descriptor {
    media_type: &'static str,
    digest: String,
    size: usize,
}

impl Descriptor {
    fn json(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest, "size": self.size})
    }
}

impl Layout {
    pub(crate) fn blob(&mut self, media_type: &'static str, content: Vec<u8>) -> Descriptor {
        let (digest, size) = (digest(&content), content.len());
        self.blobs.insert(digest.clone(), content);
        Descriptor {
            media_type,
            digest,
            size,
        }
    }

    pub(crate) fn manifest(
        &mut self,
        config: &Descriptor,
        layer: &Descriptor,
        annotations: &Value,
    ) -> Descriptor {
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": config.json(), "layers": [layer.json()], "annotations": annotations,
        });
        self.blob(MANIFEST, manifest.to_string().into_bytes())
    }

    /// Lists an image in the layout's index, with its `annotations` and `platform`.
    pub(crate) fn image(&mut self, image: &Descriptor, fields: Value) {
        let mut listed = image.json();
        if let (Some(listed), Value::Object(fields)) = (listed.as_object_mut(), fields) {
            listed.extend(fields);
        }
        self.images.push(listed);
    }

    /// One image for the platforms of several layouts, under the names that the first one has.
    pub(crate) fn joined(layouts: Vec<Self>) -> Result<Self> {
        let mut joined = Self::default();
        let mut names = None;
        let mut platforms = Vec::new();
        for mut layout in layouts {
            joined.blobs.append(&mut layout.blobs);
            for mut image in layout.images {
                let fields = image.as_object_mut().context("an image is no object")?;
                let own = fields.remove("annotations");
                names = names.or(own);
                platforms.push(image);
            }
        }
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": platforms});
        let index = joined.blob(INDEX, index.to_string().into_bytes());
        joined.image(&index, json!({"annotations": names}));
        Ok(joined)
    }

    /// The layout as an archive.
    pub(crate) fn archive(self) -> Archive {
        let mut archive = Archive::default();
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": self.images});
        archive.file("index.json", index.to_string(), 0o644);
        archive.file("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#, 0o644);
        archive.directory("blobs");
        archive.directory("blobs/sha256");
        for (digest, content) in self.blobs {
            archive.file(path_of(&digest), content, 0o644);
        }
        archive
    }

    /// Reads what [`Self::archive`] wrote. A blob that is not what its name says is refused.
    pub(crate) fn read(archive: &[u8]) -> Result<Self> {
        let mut layout = Self::default();
        for entry in tar::Archive::new(archive).entries()? {
            let mut entry = entry?;
            let path = entry.path()?.to_string_lossy().into_owned();
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            if path == "index.json" {
                let index: Value = serde_json::from_slice(&content)?;
                let images = index["manifests"].as_array();
                layout.images.clone_from(images.context("no manifests")?);
            } else if entry.header().entry_type() == EntryType::Regular && path != "oci-layout" {
                let digest = digest(&content);
                if path_of(&digest) != path {
                    bail!("{path} has the digest {digest}");
                }
                layout.blobs.insert(digest, content);
            }
        }
        Ok(layout)
    }
}

fn path_of(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}

/// `sha256:` and the digest in hexadecimal digits.
pub(crate) fn digest(content: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, content);
    let mut text = "sha256:".to_owned();
    for byte in digest.as_ref() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(architecture: &str) -> Layout {
        let mut layout = Layout::default();
        let image = layout.blob(MANIFEST, architecture.as_bytes().to_vec());
        let platform = json!({"architecture": architecture});
        layout.image(
            &image,
            json!({"platform": platform, "annotations": {"name": "1"}}),
        );
        layout
    }

    #[test]
    fn a_joined_layout_has_one_name_and_both_platforms() {
        let written = ["amd64", "arm64"]
            .map(|architecture| layout(architecture).archive().tar(0).unwrap())
            .map(|archive| Layout::read(&archive).unwrap());
        let joined = Layout::joined(written.into()).unwrap();
        assert_eq!(joined.images.len(), 1);
        assert_eq!(joined.images[0]["annotations"]["name"], "1");
        let index = &joined.blobs[joined.images[0]["digest"].as_str().unwrap()];
        let index: Value = serde_json::from_slice(index).unwrap();
        assert_eq!(index["manifests"][1]["platform"]["architecture"], "arm64");
        assert!(index["manifests"][1].get("annotations").is_none());
        assert_eq!(joined.blobs.len(), 3);
    }

    /// Promise: what was changed after it was written is not published.
    #[test]
    fn a_blob_that_is_not_what_its_name_says_is_refused() {
        let mut archive = layout("amd64").archive().tar(0).unwrap();
        let at = archive.windows(5).rposition(|window| window == b"amd64");
        let Some(at) = at else { panic!("no such blob") };
        // The blob, or the index that names the platform: whichever stands last.
        archive[at] = b'A';
        let outcome = Layout::read(&archive).map(|layout| layout.images);
        let changed = outcome.is_ok_and(|images| images[0]["platform"]["architecture"] == "amd64");
        assert!(!changed);
    }
}
