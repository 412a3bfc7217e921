//! What the documents point at is there.

use std::fs;
use std::path::Path;

use crate::support::tree;

/// The links of a Markdown text that lead into the tree.
fn links(text: &str) -> Vec<&str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|link| !link.contains("://"))
        .collect()
}

/// Whether a heading of the text has this anchor.
fn has_anchor(text: &str, anchor: &str) -> bool {
    text.lines().any(|line| {
        let heading = line.trim_start_matches('#').trim();
        line.starts_with('#') && heading.to_lowercase().replace(' ', "-") == anchor
    })
}

fn is_dead(document: &str, link: &str) -> bool {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let directory = tree::top().join(document);
    let target = directory.parent().unwrap_or(Path::new("")).join(path);
    match fs::read_to_string(target) {
        Ok(text) => !anchor.is_empty() && !has_anchor(&text, anchor),
        Err(_) => true,
    }
}

#[test]
fn every_link_into_the_tree_leads_somewhere() {
    let mut seen = 0;
    for document in tree::documents() {
        let text = fs::read_to_string(&document).unwrap();
        for link in links(&text) {
            seen += 1;
            let document = document.display();
            assert!(
                !is_dead(&document.to_string(), link),
                "{document}: {link} leads nowhere"
            );
        }
    }
    assert!(seen > 5, "only {seen} links found");
    assert!(is_dead("README.md", "docs/architecture.md#no-such-heading"));
}

#[test]
fn the_code_map_names_every_module() {
    let map = fs::read_to_string(tree::top().join("docs/architecture.md")).unwrap();
    for entry in fs::read_dir(tree::top().join("src")).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_string_lossy();
        let is_module = path.extension().is_some_and(|extension| extension == "rs");
        if is_module && module != "lib" {
            let named = format!("`{module}`");
            assert!(
                map.contains(&named),
                "docs/architecture.md does not name {named}"
            );
        }
    }
}
