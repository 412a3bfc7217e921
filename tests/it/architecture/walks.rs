//! What is reported of all objects is counted as they change: no code scans them at intervals or on request.

use std::collections::BTreeSet;
use std::fs;

use super::circles::product;
use super::references::tokens;
use crate::support::tree;

/// Files that walk a store, and when.
const MAY_WALK: [&str; 4] = [
    // When a list was taken anew: what it does not bring is gone.
    "kubernetes/objects.rs",
    // When what all bindings depend on was listed.
    "controller/register.rs",
    // When an operator begins to lead.
    "controller/runner.rs",
    // When a person runs `bindery doctor`.
    "controller/connection/examine.rs",
];

/// Whether a source text, its comments and tests aside, asks a store for all of its objects (`.state()`).
fn walks(source: &str) -> bool {
    let tokens = tokens(source);
    let product = product(&tokens);
    let mut calls = product.windows(3);
    calls.any(|found| found == [".", "state", "("])
}

#[test]
fn all_objects_are_walked_where_a_list_came_in_and_nowhere_else() {
    let source = tree::top().join("src");
    let walking: BTreeSet<_> = tree::rust_files()
        .into_iter()
        .filter_map(|file| {
            let path = file.strip_prefix(&source).ok()?.to_str()?.to_owned();
            walks(&fs::read_to_string(&file).unwrap()).then_some(path)
        })
        .collect();
    assert_eq!(walking, MAY_WALK.map(str::to_owned).into());
}

#[test]
fn the_check_finds_a_walk() {
    assert!(walks("fn f() { for object in store.state() {} }"));
    assert!(!walks("fn f() { object.state = 1; }"));
    assert!(!walks(
        "#[cfg(test)]\nmod tests {\n    fn f() { store.state() }\n}"
    ));
}
