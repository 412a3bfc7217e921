//! Files that are generated from the code are committed as the code has them. `make generate` writes them: it sets
//! `UPDATE`, and the test then writes in place of comparing.

mod captures;
mod files;
mod guide;
mod states;

use std::{env, fs};

use bindery::cli;

use crate::support::tree;

/// A file of the tree that is generated, or has generated parts.
struct GeneratedFile {
    /// Its path, relative to the top of the tree.
    path: String,
    /// All of it.
    content: String,
}

impl GeneratedFile {
    fn is_stale(&self) -> bool {
        let committed = fs::read_to_string(tree::top().join(&self.path));
        committed.ok().as_ref() != Some(&self.content)
    }
}

#[test]
fn committed_files_are_as_generated() {
    let stale: Vec<_> = files::files()
        .into_iter()
        .chain(guide::pages())
        .filter(GeneratedFile::is_stale)
        .collect();
    if env::var_os("UPDATE").is_some() {
        for file in stale {
            println!("writing {}", file.path);
            fs::write(tree::top().join(&file.path), file.content).unwrap();
        }
        return;
    }
    let stale: Vec<_> = stale.into_iter().map(|file| file.path).collect();
    assert!(stale.is_empty(), "run make generate: {stale:?} are stale");
}

/// Promise: `bindery crds` prints what `crds/` holds.
#[test]
fn the_program_prints_the_definitions_that_are_committed() {
    let committed: String = files::files()
        .into_iter()
        .filter(|file| file.path.starts_with("crds/bindery.dev_"))
        .map(|file| file.content.replace(files::MARK, ""))
        .collect();
    assert_eq!(cli::definitions().unwrap(), committed);
}
