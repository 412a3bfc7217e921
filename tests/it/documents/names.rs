//! The names of functions are held to the words of documents, and a document names tests that exist.

use std::fs;

use super::prose::Line;
use super::words::{self, Text};
use crate::support::tree;

/// Words that names of functions do not use, beside those that no prose uses, and what to write instead.
const WORDS: &[(&str, &str)] = &[
    ("look", "check, read, reconcile"),
    ("looks", "checks, reads"),
    ("looked", "checked, read"),
    ("turn", "spread read, lock"),
    ("turns", "spread reads, locks"),
    ("pass", "reconcile, succeed"),
    ("passes", "reconciles, succeeds"),
    ("way", "method, remedy, path"),
    ("ways", "methods, remedies, paths"),
    ("doubt", "invalidation"),
    ("doubts", "invalidates"),
    ("twin", "simulator"),
    ("wherever", "name where"),
    ("whichever", "any, or name which"),
    ("mended", "corrected"),
    ("mends", "corrects"),
    ("healed", "corrected"),
    ("heals", "corrects"),
];

/// Fewer underscores are found in other paths of code as well.
const UNDERSCORES: usize = 3;

/// The function that a line of code declares.
fn declared(line: &str) -> Option<&str> {
    let (before, rest) = line.split_once("fn ")?;
    let is_plain = |it: char| it.is_alphanumeric() || " ()_:".contains(it);
    let end = rest.find(['(', '<'])?;
    before.chars().all(is_plain).then_some(&rest[..end])
}

/// The functions of a source file. Each is one line of words.
fn functions(source: &str) -> Vec<Line> {
    let declared = |(number, line)| {
        let name = declared(line)?;
        Some(Line {
            number,
            text: format!("{} |", name.replace('_', " ")),
            is_row: true,
        })
    };
    (1..).zip(source.lines()).filter_map(declared).collect()
}

/// The tests that a page names by module and function, such as `access::a_denied_repository_is_not_imported`.
fn named(page: &str) -> Vec<&str> {
    let quoted = page.split('`').skip(1).step_by(2);
    let is_path = |it: &&str| {
        let function = it.rsplit_once("::").map_or("", |(_, function)| function);
        let is_name = |it: char| it.is_lowercase() || it.is_numeric() || "_:".contains(it);
        function.matches('_').count() >= UNDERSCORES && it.chars().all(is_name)
    };
    quoted.filter(is_path).collect()
}

/// Whether a file of this path and text has the function that this names.
fn has(path: &str, text: &str, name: &str) -> bool {
    let (module, function) = name.rsplit_once("::").unwrap_or_default();
    let file = format!("/{}.rs", module.replace("::", "/"));
    path.ends_with(&file) && text.contains(&format!("fn {function}("))
}

#[test]
fn names_of_functions_use_plain_words() {
    let mut found = Vec::new();
    for file in tree::rust_files() {
        let text = Text {
            path: words::path_of(&file),
            lines: functions(&fs::read_to_string(&file).unwrap()),
        };
        let refused = words::WORDS.iter().chain(WORDS).copied();
        found.extend(words::found(&text, refused));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn documents_name_tests_that_exist() {
    let sources: Vec<_> = tree::rust_files()
        .into_iter()
        .map(|file| (words::path_of(&file), fs::read_to_string(&file).unwrap()))
        .collect();
    let mut missing = Vec::new();
    for document in tree::documents() {
        let page = fs::read_to_string(&document).unwrap();
        let unknown = named(&page)
            .into_iter()
            .filter(|name| !sources.iter().any(|(path, text)| has(path, text, name)));
        missing.extend(unknown.map(|name| format!("{}: {name}", words::path_of(&document))));
    }
    assert!(missing.is_empty(), "no such test:\n{}", missing.join("\n"));
}

#[test]
fn the_check_reads_names_of_functions() {
    let source = "pub(crate) async fn a_b(it: u8) {\n    // no fn here\n}\n#[test]\nfn c_d() {}\n";
    let names: Vec<_> = functions(source).into_iter().map(|it| it.text).collect();
    assert_eq!(names, ["a b |", "c d |"]);
    let page = "`a::b`, `tests::one_two_three_four` and one_two::three\n";
    assert_eq!(named(page), ["tests::one_two_three_four"]);
    let text = "fn one_two_three_four() {";
    assert!(has("src/fleet/tests.rs", text, "tests::one_two_three_four"));
    assert!(!has("src/fleet.rs", text, "tests::one_two_three_four"));
}
