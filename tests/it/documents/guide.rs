//! The guide says what to do about every reason.

use std::collections::BTreeSet;
use std::fs;

use bindery::plan::Reason;

use crate::support::tree;

const PAGE: &str = "docs/guide/troubleshooting.md";

/// The reasons in the first column of a table of a page, each with something to do about it.
fn explained(page: &str) -> BTreeSet<&str> {
    let table = page.split("<!-- generated: reasons -->").nth(1);
    let table = table.and_then(|rest| rest.split("<!-- end -->").next());
    let rows = table.unwrap_or_default().lines();
    let rows = rows.filter(|row| !row.ends_with("|  |"));
    let rows = rows.filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.filter_map(|row| row.split(" | ").next());
    cells
        .flat_map(|cell| cell.split("`, `"))
        .map(|reason| reason.trim_end_matches('`'))
        .collect()
}

#[test]
fn troubleshooting_says_what_to_do_about_every_reason() {
    let page = fs::read_to_string(tree::top().join(PAGE)).unwrap();
    let reasons: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    let explained = explained(&page);
    let missing: Vec<_> = reasons.difference(&explained).collect();
    let unknown: Vec<_> = explained.difference(&reasons).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "{PAGE} does not explain {missing:?}, and explains {unknown:?}, which do not exist"
    );
}
