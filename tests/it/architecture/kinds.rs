//! The kinds are listed once, in `crd.rs`: what exists once for each kind is made from that list.

use std::collections::BTreeSet;
use std::fs;

use bindery::crd;

use super::circles::product;
use super::references::tokens;
use crate::support::tree;

/// Files that may name several kinds, and why.
const MAY_NAME_SEVERAL: [&str; 11] = [
    // The list, and the descriptions of fields.
    "crd",
    // The stories: a binding has a connection, and a connection waits for its bindings.
    "controller/binding",
    "controller/connection",
    // A set has a connection, and makes bindings.
    "controller/set",
    // What a binding declares depends on its connection.
    "declared.rs",
    "declared/resolved",
    // A set declares bindings.
    "declared/set",
    // Whom a connection admits.
    "controller/access",
    // Who holds what, of the objects of both.
    "controller/register",
    // Commands print manifests of both.
    "cli/",
    // Bindings are edited by other people than connections.
    "rbac.rs",
];

/// Every kind by its name and its plural, in lower case.
fn kinds() -> BTreeSet<[String; 2]> {
    let definitions = crd::definitions().into_iter();
    let names = definitions.map(|definition| definition.spec.names);
    names
        .map(|names| [names.kind.to_lowercase(), names.plural])
        .collect()
}

/// How many kinds a source text names, its comments and tests aside.
fn named(source: &str) -> usize {
    let tokens = tokens(source);
    let words: BTreeSet<_> = product(&tokens)
        .iter()
        .map(|it| it.to_lowercase())
        .collect();
    let kinds = kinds();
    let found = kinds
        .iter()
        .filter(|kind| kind.iter().any(|name| words.contains(name)));
    found.count()
}

#[test]
fn the_kinds_are_listed_once() {
    let source = tree::top().join("src");
    let lists: Vec<_> = tree::rust_files()
        .into_iter()
        .filter_map(|file| {
            let path = file.strip_prefix(&source).ok()?.to_str()?.to_owned();
            let is_test = path.ends_with("tests.rs") || path.contains("/tests/");
            let may = is_test || MAY_NAME_SEVERAL.iter().any(|may| path.starts_with(may));
            (!may && named(&fs::read_to_string(&file).unwrap()) > 1).then_some(path)
        })
        .collect();
    assert!(
        lists.is_empty(),
        "{lists:?} name several kinds: use for_each_kind! of src/crd.rs"
    );
}

#[test]
fn the_check_finds_a_list_of_kinds() {
    assert!(kinds().len() > 1, "{:?}", kinds());
    assert_eq!(
        named("const KINDS: [&str; 2] = [\"bitbucketconnections\", \"projectbindings\"];"),
        2
    );
    assert_eq!(
        named("fn all() { (BitbucketConnection::crd(), ProjectBinding::crd()) }"),
        2
    );
    assert_eq!(
        named("// BitbucketConnection\nstruct A(ProjectBinding);"),
        1
    );
    assert_eq!(
        named(
            "struct A(BitbucketConnection);\n#[cfg(test)]\nmod tests {\n    use super::ProjectBinding;\n}"
        ),
        1
    );
}
