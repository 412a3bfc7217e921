//! Generated files are committed as the types say.

use std::fs;

use bindery::generate;

use crate::support::tree;

#[test]
fn committed_files_are_as_generated() {
    let stale: Vec<_> = generate::files()
        .unwrap()
        .into_iter()
        .filter(|file| {
            fs::read_to_string(tree::top().join(&file.path))
                .ok()
                .as_ref()
                != Some(&file.content)
        })
        .map(|file| file.path)
        .collect();
    assert!(stale.is_empty(), "run make generate: {stale:?} are stale");
}
