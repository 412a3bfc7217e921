//! The image: one layer with the operator, the public certificate authorities and an account that is not root. No
//! shell, no package manager, no base image.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::archive::{Archive, gzip};
use crate::layout::{Layout, digest};

/// A number, so that Kubernetes can check before the start that it is not root. A cluster may choose another one.
const USER: u32 = 65532;

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

const DESCRIPTION: &str = "A Kubernetes operator that makes SonarQube's Bitbucket Server / Data Center integration declarative";

/// What an image says of itself.
#[derive(Debug)]
pub(crate) struct About<'a> {
    /// Its name without a tag, for example `ghcr.io/bindery/bindery`.
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    /// As Go spells it: `amd64`, `arm64`.
    pub(crate) architecture: &'a str,
    /// The commit that it was built from.
    pub(crate) revision: &'a str,
    /// In seconds since 1970.
    pub(crate) time: u64,
}

/// An image layout with the image of one platform.
pub(crate) fn image(about: &About<'_>, binary: &Path, licence: &Path) -> Result<Layout> {
    let read = |path: &Path| std::fs::read(path).with_context(|| path.display().to_string());
    let layer = root(read(binary)?, read(licence)?).tar(about.time)?;
    let mut layout = Layout::default();
    let unpacked = digest(&layer);
    let layer = layout.blob(LAYER, gzip(&layer)?);
    let config = config(about, &unpacked)?.to_string();
    let config = layout.blob(CONFIG, config.into_bytes());
    let manifest = layout.manifest(&config, &layer, &annotations(about)?);
    let platform = json!({"architecture": about.architecture, "os": "linux"});
    let fields = json!({"platform": platform, "annotations": names(about)});
    layout.image(&manifest, fields);
    Ok(layout)
}

/// What a layout calls an image: the tag for tools that know the repository, the whole name for containerd and docker.
fn names(about: &About<'_>) -> Value {
    json!({
        "io.containerd.image.name": format!("{}:{}", about.name, about.version),
        "org.opencontainers.image.ref.name": about.version,
    })
}

fn root(binary: Vec<u8>, licence: Vec<u8>) -> Archive {
    let mut root = Archive::default();
    for directory in ["etc", "etc/ssl", "etc/ssl/certs", "licenses"] {
        root.directory(directory);
    }
    root.file("bindery", binary, 0o755);
    root.file("etc/group", format!("nonroot:x:{USER}:\n"), 0o644);
    let account = format!("nonroot:x:{USER}:{USER}:nonroot:/:/sbin/nologin\n");
    root.file("etc/passwd", account, 0o644);
    root.file("etc/ssl/certs/ca-certificates.crt", authorities(), 0o644);
    root.file("licenses/LICENSE", licence, 0o644);
    root
}

/// Mozilla's certificate authorities as PEM.
fn authorities() -> String {
    let mut pem = String::new();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        let encoded = STANDARD.encode(certificate);
        let mut rest = encoded.as_str();
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        while !rest.is_empty() {
            let (line, behind) = rest.split_at(rest.len().min(64));
            let _ = writeln!(pem, "{line}");
            rest = behind;
        }
        pem.push_str("-----END CERTIFICATE-----\n");
    }
    pem
}

fn annotations(about: &About<'_>) -> Result<Value> {
    Ok(json!({
        "org.opencontainers.image.created": created(about)?,
        "org.opencontainers.image.description": DESCRIPTION,
        "org.opencontainers.image.licenses": env!("CARGO_PKG_LICENSE"),
        "org.opencontainers.image.revision": about.revision,
        "org.opencontainers.image.title": "bindery",
        "org.opencontainers.image.version": about.version,
    }))
}

fn created(about: &About<'_>) -> Result<String> {
    let time = i64::try_from(about.time)?;
    Ok(jiff::Timestamp::from_second(time)?.to_string())
}

fn config(about: &About<'_>, layer: &str) -> Result<Value> {
    Ok(json!({
        "architecture": about.architecture,
        "os": "linux",
        "created": created(about)?,
        "config": {
            "User": format!("{USER}:{USER}"),
            "Entrypoint": ["/bindery"],
            "Cmd": ["run"],
            "WorkingDir": "/",
            "Labels": annotations(about)?,
        },
        "rootfs": {"type": "layers", "diff_ids": [layer]},
        "history": [{"created": created(about)?, "created_by": "make dist"}],
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABOUT: About<'_> = About {
        name: "ghcr.io/bindery/bindery",
        version: "1.2.3",
        architecture: "amd64",
        revision: "abc",
        time: 86_400,
    };

    fn entries(archive: &[u8]) -> Vec<(String, u32)> {
        let mut archive = tar::Archive::new(archive);
        let entries = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!(header.uid().unwrap() + header.gid().unwrap(), 0);
            assert_eq!(header.mtime().unwrap(), ABOUT.time);
            let path = entry.path().unwrap().display().to_string();
            (path, header.mode().unwrap())
        });
        entries.collect()
    }

    /// Promise: the operator is all that can be executed, only root may write, and TLS finds its authorities.
    #[test]
    fn the_image_has_the_operator_and_no_other_program() {
        let root = root(b"program".to_vec(), b"licence".to_vec());
        let entries = entries(&root.tar(ABOUT.time).unwrap());
        let files = entries.iter().filter(|(path, _)| !path.ends_with('/'));
        let programs = files.clone().filter(|(_, mode)| mode & 0o111 != 0);
        let programs: Vec<_> = programs.map(|(path, _)| path.as_str()).collect();
        assert_eq!(programs, ["bindery"]);
        assert!(entries.iter().all(|(_, mode)| mode & 0o022 == 0));
        let names: Vec<_> = files.map(|(path, _)| path.as_str()).collect();
        assert!(names.contains(&"etc/ssl/certs/ca-certificates.crt"));
        let authorities = authorities();
        assert!(authorities.matches("BEGIN CERTIFICATE").count() > 100);
        assert!(authorities.lines().all(|line| line.len() <= 64));
    }

    /// Promise: a number that is not 0, so that `runAsNonRoot` can be checked before the start.
    #[test]
    fn the_configuration_names_the_user_by_a_number_and_describes_the_image() {
        let config = config(&ABOUT, "sha256:0").unwrap();
        let inside = &config["config"];
        let user = inside["User"].as_str().unwrap().split(':');
        assert!(user.map(|id| id.parse::<u32>().unwrap()).all(|id| id > 0));
        assert_eq!(inside["Entrypoint"], json!(["/bindery"]));
        assert_eq!(inside["Cmd"], json!(["run"]));
        assert_eq!(config["created"], "1970-01-02T00:00:00Z");
        assert_eq!(config["rootfs"]["diff_ids"], json!(["sha256:0"]));
        let labels = inside["Labels"].as_object().unwrap();
        assert_eq!(labels["org.opencontainers.image.version"], "1.2.3");
        assert_eq!(labels["org.opencontainers.image.revision"], "abc");
        assert_eq!(names(&ABOUT)["org.opencontainers.image.ref.name"], "1.2.3");
    }

    /// Promise: the description is that of the operator.
    #[test]
    fn the_description_is_that_of_the_operator() {
        let manifest = include_str!("../../Cargo.toml");
        assert!(manifest.contains(&format!("description = \"{DESCRIPTION}\"")));
    }
}
