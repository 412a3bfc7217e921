//! Decisions are numbered in the order of their dates, have one form, and are listed.

use std::fs;

use crate::support::tree;

const DIRECTORY: &str = "docs/decisions";

/// The longest decision, in lines: about a page.
const LONGEST: usize = 60;

/// The parts of a decision, in this order.
const PARTS: [&str; 4] = ["Date: ", "## Context", "## Decision", "## Consequences"];

/// What is wrong about the form of a decision, and its date.
fn read(name: &str, number: usize, text: &str) -> (Vec<String>, String) {
    let mut wrong = Vec::new();
    let begins = format!("{number:04}-");
    if !name.starts_with(&begins) {
        wrong.push(format!("{name}: its name must begin with {begins}"));
    }
    let title = format!("# {number}. ");
    if !text.starts_with(&title) {
        wrong.push(format!("{name}: it must begin with `{title}`"));
    }
    let mut rest = text;
    for part in PARTS {
        match rest.split_once(&format!("\n{part}")) {
            Some((_, after)) => rest = after,
            None => wrong.push(format!("{name}: `{part}` is missing or out of order")),
        }
    }
    if text.lines().count() > LONGEST {
        wrong.push(format!("{name}: it is longer than {LONGEST} lines"));
    }
    let mut dates = text.lines().filter_map(|line| line.strip_prefix("Date: "));
    (wrong, dates.next().unwrap_or_default().to_owned())
}

#[test]
fn decisions_are_numbered_by_date_and_listed() {
    let directory = tree::top().join(DIRECTORY);
    let entries = fs::read_dir(&directory).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name != "README.md").collect();
    names.sort_unstable();
    let list = fs::read_to_string(directory.join("README.md")).unwrap();
    let (mut wrong, mut latest) = (Vec::new(), String::new());
    for (number, name) in (1..).zip(&names) {
        let text = fs::read_to_string(directory.join(name)).unwrap();
        let (found, date) = read(name, number, &text);
        wrong.extend(found);
        if date < latest {
            wrong.push(format!("{name}: {date} is before the decision above it"));
        }
        latest = date;
        let title = text.lines().next().unwrap_or_default();
        let title = title.split_once(". ").map_or("", |(_, title)| title);
        if !list.contains(&format!("[{title}]({name})")) {
            wrong.push(format!("{DIRECTORY}/README.md must have [{title}]({name})"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(names.len() > 20, "only {} decisions found", names.len());
}

#[test]
fn the_check_finds_defects_of_a_decision() {
    let good = "# 2. A\n\nDate: 2026-11-22\n\n## Context\n\n## Decision\n\n## Consequences\n";
    assert_eq!(
        read("0002-a.md", 2, good),
        (vec![], "2026-11-22".to_owned())
    );
    let (wrong, date) = read("a.md", 3, "# A\n\n## Decision\n\n## Context\n");
    assert_eq!(wrong.len(), 5, "{wrong:?}");
    assert_eq!(date, "");
}
