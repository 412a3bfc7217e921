//! The source tree that the tests were built from.

use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file of the product and of its tests.
pub(crate) fn rust_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for directory in ["src", "tests"] {
        collect(&top().join(directory), &mut files);
    }
    assert!(files.len() > 20, "only {} Rust files found", files.len());
    files
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
