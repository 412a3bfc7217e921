//! Links within the tree lead to a file, and to a heading of it; paths that prose names exist.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::prose;
use crate::support::tree;

/// Directories at the top of the tree. A path in backticks that begins with one of them must exist.
const TOP: [&str; 7] = [
    "src/", "tests/", "docs/", "deploy/", "charts/", "crds/", ".ci/",
];

/// The targets of inline links and images that lead into the tree. Code is no link.
fn links(text: &str) -> Vec<String> {
    let lines = prose::lines_outside_of_fences(text);
    let text: String = lines
        .map(|(_, line)| prose::without_code(line) + "\n")
        .collect();
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ']).next())
        .filter(|link| !link.contains("://") && !link.starts_with("mailto:"))
        .map(str::to_owned)
        .collect()
}

/// The anchors of a document, as GitHub makes them from headings. The second heading of the same text gets `-1`.
fn anchors(text: &str) -> Vec<String> {
    let mut seen = BTreeMap::<String, u32>::new();
    let headings = prose::lines_outside_of_fences(text).filter(|(_, line)| line.starts_with('#'));
    headings
        .map(|(_, line)| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let kept = heading
                .chars()
                .filter(|it| it.is_alphanumeric() || " -_".contains(*it));
            let slug = kept.collect::<String>().replace(' ', "-");
            let count = seen.entry(slug.clone()).or_default();
            *count += 1;
            match *count {
                1 => slug,
                more => format!("{slug}-{}", more - 1),
            }
        })
        .collect()
}

/// Whether a link in this file leads nowhere.
fn is_dead(file: &Path, link: &str) -> bool {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = match path {
        "" => file.to_owned(),
        path => file.parent().unwrap_or(Path::new("")).join(path),
    };
    if anchor.is_empty() {
        return !target.exists();
    }
    match fs::read_to_string(target) {
        Ok(text) => !anchors(&text).iter().any(|it| it == anchor),
        Err(_) => true,
    }
}

/// Paths of the tree that a text names in backticks: from the top, or Rust files from `src` on. `KIND`, `NAME` and `*`
/// stand for several names.
fn paths(text: &str) -> Vec<String> {
    let lines = prose::lines_outside_of_fences(text);
    let spans = lines.flat_map(|(_, line)| line.split('`').skip(1).step_by(2));
    spans
        .filter(|span| {
            span.rsplit('.').next() == Some("rs") || TOP.iter().any(|top| span.starts_with(top))
        })
        .filter(|span| !span.contains(['*', ' ', '{']))
        .filter(|span| !span.contains("KIND") && !span.contains("NAME"))
        .map(|span| span.trim_end_matches('/').to_owned())
        .collect()
}

/// Paths of items that a document names in backticks: `module::item`.
fn items(text: &str) -> Vec<String> {
    let is_name = |part: &str| {
        let is_lower = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_';
        !part.is_empty() && part.chars().all(is_lower)
    };
    let lines = prose::lines_outside_of_fences(text);
    let spans = lines.flat_map(|(_, line)| line.split('`').skip(1).step_by(2));
    let spans = spans.map(|span| span.split('(').next().unwrap_or_default());
    spans
        .filter(|span| span.contains("::") && span.split("::").all(is_name))
        .map(str::to_owned)
        .collect()
}

/// Whether the last part of a path is a function or a module of this tree.
fn is_declared(item: &str, sources: &[String]) -> bool {
    let name = item.rsplit("::").next().unwrap_or_default();
    let declares = |source: &String, kind: &str| {
        let declaration = format!("{kind} {name}");
        let mut rests = source.split(&declaration).skip(1);
        rests.any(|rest| rest.starts_with(['(', '<', ';', ' ', '{']))
    };
    let mut sources = sources.iter();
    sources.any(|source| declares(source, "fn") || declares(source, "mod"))
}

/// The text of a file that people read: a document, or the comments of a source file.
fn text_of(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    if file.extension().is_some_and(|it| it == "rs") {
        prose::comments(&text)
    } else {
        text
    }
}

fn all_files() -> Vec<PathBuf> {
    [tree::documents(), tree::rust_files()].concat()
}

#[test]
fn every_link_into_the_tree_leads_somewhere() {
    let mut seen = 0;
    let mut dead = Vec::new();
    for file in all_files() {
        let is_rust = file.extension().is_some_and(|it| it == "rs");
        for link in links(&text_of(&file)) {
            // rustdoc checks links to items; links to files have a directory or an ending.
            if is_rust && !link.contains(['/', '#']) {
                continue;
            }
            seen += 1;
            if is_dead(&file, &link) {
                dead.push(format!("{}: {link} leads nowhere", file.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{}", dead.join("\n"));
    assert!(seen > 50, "only {seen} links found");
}

#[test]
fn every_path_that_is_named_exists() {
    let mut seen = 0;
    let mut missing = Vec::new();
    for file in all_files() {
        for path in paths(&text_of(&file)) {
            seen += 1;
            let places = [tree::top().join(&path), tree::top().join("src").join(&path)];
            if !places.iter().any(|place| place.exists()) {
                missing.push(format!("{}: {path} does not exist", file.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    assert!(seen > 20, "only {seen} paths found");
}

/// Promise: modules and tests that documents name exist under these names.
#[test]
fn every_item_that_is_named_exists() {
    let sources = tree::rust_files().into_iter();
    let sources: Vec<_> = sources
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    let mut seen = 0;
    let mut missing = Vec::new();
    for file in tree::documents() {
        for item in items(&fs::read_to_string(&file).unwrap()) {
            seen += 1;
            if !is_declared(&item, &sources) {
                missing.push(format!("{}: there is no {item}", file.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    assert!(seen > 50, "only {seen} items found");
    assert!(!is_declared("plan::no_such_item", &sources));
}

#[test]
fn the_check_finds_dead_links_and_anchors() {
    let text =
        "# A b: `c`?\n\n# A b: c\n\n[x](y.md#z)\n```\n[no](link)\n```\n`[no](code)` ![i](j.png)\n";
    assert_eq!(links(text), ["y.md#z", "j.png"]);
    assert_eq!(anchors(text), ["a-b-c", "a-b-c-1"]);
    let readme = tree::top().join("README.md");
    assert!(is_dead(&readme, "docs/no-such-file.md"));
    assert!(is_dead(&readme, "docs/README.md#no-such-heading"));
    assert!(is_dead(&readme, "#no-such-heading"));
    assert!(!is_dead(&readme, "docs"));
    let named = "`src/a.rs` src/b.rs `cd src/` `tests/it/KIND.rs` `docs/` `plan/c.rs`";
    assert_eq!(paths(named), ["src/a.rs", "docs", "plan/c.rs"]);
    let named = "`plan::contest` `a::B` `plan::` `record::after(record)` `plan`";
    assert_eq!(items(named), ["plan::contest", "record::after"]);
}
