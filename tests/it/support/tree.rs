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
        collect(&top().join(directory), "rs", &mut files);
    }
    assert!(files.len() > 20, "only {} Rust files found", files.len());
    files
}

/// Every Markdown file of the tree.
pub(crate) fn documents() -> Vec<PathBuf> {
    let mut files = Vec::new();
    collect(top(), "md", &mut files);
    assert!(files.len() > 10, "only {} documents found", files.len());
    files
}

/// Directories that hold what is built, and what belongs to tools.
fn is_foreign(directory: &Path) -> bool {
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    ["target", "dist"].contains(&&*name) || name.starts_with('.')
}

fn collect(directory: &Path, extension: &str, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !is_foreign(&path) {
                collect(&path, extension, files);
            }
        } else if path.extension().is_some_and(|it| it == extension) {
            files.push(path);
        }
    }
}
