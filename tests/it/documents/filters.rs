//! Commands that run a part of the tests name modules that exist: a filter that matches nothing succeeds.

use std::fs;

use crate::support::tree;

/// Files with such commands.
const PAGES: [&str; 3] = ["Makefile", "docs/contributing.md", "tests/every-server"];

/// The filters of a text that name modules of the end-to-end tests, such as `e2e::binding::drift::`.
fn filters(text: &str) -> Vec<&str> {
    let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | ':');
    let words = text.split(|character| !is_part(character));
    words.filter(|word| word.starts_with("e2e::")).collect()
}

/// The files that a filter may name: a module, or a module and a test in it.
fn is_there(filter: &str) -> bool {
    let path = filter.trim_end_matches(':').replace("::", "/");
    let file = |path: &str| tree::top().join(format!("tests/it/{path}.rs")).exists();
    file(&path)
}

#[test]
fn filters_of_commands_name_modules_that_exist() {
    let mut missing = Vec::new();
    for page in PAGES {
        let text = fs::read_to_string(tree::top().join(page)).unwrap();
        let unknown = filters(&text).into_iter().filter(|it| !is_there(it));
        missing.extend(unknown.map(|filter| format!("{page}: {filter}")));
    }
    assert!(missing.is_empty(), "{missing:?} match no test");
}

#[test]
fn the_check_reads_filters_and_knows_modules() {
    let found = filters("cargo test -- e2e::binding::drift:: --skip real_ (`e2e::`)");
    assert_eq!(found, ["e2e::binding::drift::", "e2e::"]);
    assert!(found.into_iter().all(is_there));
    assert!(!is_there("e2e::real_cost::"));
}
