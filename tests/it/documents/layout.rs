//! `docs/architecture.md` shows the tree as it is, two levels deep, with a line for each entry.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::tree;

const PAGE: &str = "docs/architecture.md";

/// The entries of a directory. A module is one entry, also where it is a file and a directory.
fn entries(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            let is_built = ["target", "dist"].contains(&name.as_str());
            let is_hidden = name.starts_with('.') || is_built;
            let module = name.strip_suffix(".rs").map(str::to_owned);
            let is_module = directory.join(format!("{name}.rs")).exists();
            let is_directory = entry.path().is_dir() && !is_module;
            let name = if is_directory {
                format!("{name}/")
            } else {
                name
            };
            (!is_hidden).then(|| module.unwrap_or(name))
        })
        .collect()
}

/// The tree, two levels deep. An entry of the second level begins with its directory.
fn real() -> BTreeSet<String> {
    let top = entries(tree::top());
    let below = top.iter().filter(|name| name.ends_with('/'));
    let below = below.flat_map(|directory| {
        let entries = entries(&tree::top().join(directory)).into_iter();
        entries.map(move |entry| format!("{directory}{entry}"))
    });
    below.chain(top.iter().cloned()).collect()
}

/// The tree that a page shows in the block below the heading `## The tree`. Each line describes its entry.
fn shown(page: &str) -> BTreeSet<String> {
    let (_, rest) = page.split_once("\n## The tree\n").unwrap();
    let block = rest.split("```").nth(1).unwrap();
    let mut directory = String::new();
    let lines = block.lines().skip(1).filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            let (name, what) = line.trim().split_once(' ').unwrap_or((line, ""));
            assert!(!what.trim().is_empty(), "{name} has no description");
            if line.starts_with(' ') {
                return format!("{directory}{name}");
            }
            name.clone_into(&mut directory);
            directory.clone()
        })
        .collect()
}

#[test]
fn the_tree_is_as_the_architecture_shows_it() {
    let page = fs::read_to_string(tree::top().join(PAGE)).unwrap();
    let (real, shown) = (real(), shown(&page));
    let missing: Vec<_> = real.difference(&shown).collect();
    let gone: Vec<_> = shown.difference(&real).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "{PAGE} does not show {missing:?}, and shows {gone:?}, which do not exist"
    );
}

#[test]
fn the_check_reads_both_levels() {
    let page = "# A\n\n## The tree\n\n```text\na/     b\n  c/   d\n  e    f\ng      h\n```\n";
    let expected = ["a/", "a/c/", "a/e", "g"].map(str::to_owned);
    assert_eq!(shown(page), expected.into());
    assert!(real().contains("src/plan"));
    assert!(real().contains("docs/guide/"));
}
