//! Each row of `docs/reliability.md` names its test, or says why there is none.

use std::fs;

use crate::e2e::wrong_inputs::table::{ROWS, Wrong};
use crate::support::tree;

const PAGE: &str = "docs/reliability.md";

/// The tables, and how many rows each has.
const TABLES: [(&str, usize); 3] = [("Faults", 53), ("Wrong inputs", 40), ("Security", 13)];

/// The rows that have no test yet. Remove a row from here with its test.
const NOT_TESTED: [(&str, usize); 0] = [];

/// What holds the promise of a row.
#[derive(Debug, PartialEq, Eq)]
enum Held {
    ByTests,
    /// A reason why there is no test.
    NotHere,
    NotYet,
    /// Nothing is said.
    Unsaid,
}

/// The rows of a table: the number, and what its last column says.
fn rows(page: &str, title: &str) -> Vec<(usize, Held)> {
    let start = format!("\n## {title}\n");
    let (_, rest) = page.split_once(&start).unwrap_or_default();
    let section = rest.split("\n## ").next().unwrap_or_default();
    let cells = section.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
        let number = cells.next()?.parse().ok()?;
        Some((number, held(cells.last()?)))
    });
    cells.collect()
}

fn held(cell: &str) -> Held {
    // A test has a module and a function: that it exists is checked for all documents.
    let mut quoted = cell.split('`').skip(1).step_by(2);
    if cell == "*not tested yet*" {
        Held::NotYet
    } else if cell.starts_with("does not apply") || cell.starts_with("`make ") {
        Held::NotHere
    } else if quoted.any(|name| name.contains("::") && name.contains('_')) {
        Held::ByTests
    } else {
        Held::Unsaid
    }
}

#[test]
fn each_row_names_its_test_or_says_why_there_is_none() {
    let page = fs::read_to_string(tree::top().join(PAGE)).unwrap();
    let mut untested = Vec::new();
    for (title, count) in TABLES {
        let rows = rows(&page, title);
        let numbers: Vec<_> = rows.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, (1..=count).collect::<Vec<_>>(), "{title}");
        for (number, held) in rows {
            assert_ne!(held, Held::Unsaid, "{title} {number} names no test");
            if held == Held::NotYet {
                untested.push((title, number));
            }
        }
    }
    assert_eq!(untested, NOT_TESTED);
}

/// Promise: each number has a row among those that are tried and corrected, in the same order.
#[test]
fn each_wrong_input_is_tried_and_corrected() {
    let mut tried: Vec<_> = ROWS.iter().map(|(number, ..)| *number).collect();
    tried.dedup();
    let [_, (_, count), _] = TABLES;
    assert_eq!(tried, (1..=count).collect::<Vec<_>>());
    let sources: Vec<_> = tree::rust_files()
        .into_iter()
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    for (number, wrong, _) in ROWS {
        if let Wrong::ShownBy(test) = wrong {
            let function = format!("fn {test}(");
            let exists = sources.iter().any(|source| source.contains(&function));
            assert!(exists, "row {number}: there is no test {test}");
        }
    }
}

#[test]
fn the_check_reads_tables() {
    let page = "\n## A\n\n| # | x | test |\n| --- | --- | --- |\n| 1 | a | `m::a_b_c_d` |\n| 2 | b | *not tested yet* |\n\
                | 3 | c | does not apply: it is so |\n| 4 | d | `some words` |\n\n## B\n| 5 | e | `m::a_b_c_d` |\n";
    let expected = [Held::ByTests, Held::NotYet, Held::NotHere, Held::Unsaid];
    let expected: Vec<_> = (1..).zip(expected).collect();
    assert_eq!(rows(page, "A"), expected);
}
