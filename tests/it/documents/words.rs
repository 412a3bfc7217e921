//! Documents are written in plain words, in lines that fit on a screen, with one name for one thing.
//!
//! To hold the comments of more source files to it, add them to [`SOURCES`].

use std::fs;
use std::path::Path;

use super::prose::{self, Line};
use crate::support::tree;

/// Source files and directories whose comments are held to the same rules as documents.
const SOURCES: [&str; 2] = ["src", "tests"];

/// Manifests and scripts whose comments and messages users read. Their lines may be longer.
const MANIFESTS: [&str; 14] = [
    "charts/bindery/templates/NOTES.txt",
    "charts/bindery/values.yaml",
    "deploy/alerts.yaml",
    "deploy/argocd/health.lua",
    "deploy/deployment.yaml",
    "deploy/samples/bindings.yaml",
    "deploy/samples/connection.yaml",
    "deploy/samples/grants.yaml",
    "deploy/service-account.yaml",
    "packaging/release",
    "tests/dashboard/take",
    "tests/demo",
    "tests/release",
    "tests/in-image",
];

/// Texts of servers, word for word.
const QUOTED: [&str; 1] = ["ALM setting not found"];

/// The longest line of prose, in characters. Code, tables and URLs may be longer.
const LONGEST: usize = 120;

/// Words and phrases that prose does not use, and what to write instead. All of them are in lower case.
pub(super) const WORDS: &[(&str, &str)] = &[
    ("told", "reported, shown, given"),
    ("tell", "show, report, state"),
    ("tells", "shows, reports, states"),
    ("nobody", "no one, or name who"),
    ("somebody", "name who: a user, an administrator"),
    ("anybody", "name who: a user, an administrator"),
    ("everybody", "all users, or name who"),
    ("whoever", "anyone who, or name who"),
    ("whatever", "any, or name what"),
    ("look at", "read, check"),
    ("looked at", "read, checked, reconciled"),
    ("looks at", "reads, checks"),
    ("look again", "check again"),
    ("looks again", "checks again"),
    ("a look", "a check, a read"),
    ("another look", "another check"),
    ("turned down", "rejected"),
    ("way out", "what to do"),
    ("gives way", "is changed or deleted"),
    ("comes to be", "is created, is opened"),
    ("lets go", "releases"),
    ("let go", "released"),
    ("holds up", "delays, blocks"),
    ("held up", "delayed, blocked"),
    ("already there", "that exists already"),
    ("that is there", "that exists"),
    ("ground", "verified server, reason"),
];

/// A document or source file, and its lines of prose.
pub(super) struct Text {
    pub(super) path: String,
    pub(super) lines: Vec<Line>,
}

pub(super) fn path_of(file: &Path) -> String {
    let path = file.strip_prefix(tree::top()).unwrap();
    path.to_string_lossy().into_owned()
}

fn texts() -> Vec<Text> {
    let documents = tree::documents().into_iter();
    let documents = documents.map(|file| Text {
        path: path_of(&file),
        lines: prose::of_document(&fs::read_to_string(file).unwrap()),
    });
    let is_held = |path: &Path| {
        SOURCES
            .iter()
            .any(|it| path.starts_with(tree::top().join(it)))
    };
    let sources = tree::rust_files()
        .into_iter()
        .filter(|file| is_held(file))
        .map(|file| Text {
            path: path_of(&file),
            lines: prose::of_source(
                &QUOTED
                    .iter()
                    .fold(fs::read_to_string(&file).unwrap(), |text, quoted| {
                        text.replace(quoted, "…")
                    }),
                file.starts_with(tree::top().join("src")),
            ),
        });
    documents.chain(sources).collect()
}

/// The manifests, all of their lines.
fn manifests() -> Vec<Text> {
    let manifests = MANIFESTS.map(|path| Text {
        path: path.to_owned(),
        lines: prose::of_document(&fs::read_to_string(tree::top().join(path)).unwrap()),
    });
    manifests.into()
}

/// Where a text has one of these phrases, and what to write instead.
pub(super) fn found<'a>(
    text: &Text,
    phrases: impl Iterator<Item = (&'a str, &'a str)>,
) -> Vec<String> {
    let words = prose::words(&text.lines);
    let phrases = phrases.flat_map(|(phrase, better)| {
        let wanted: Vec<_> = phrase.split(' ').collect();
        let hits = words.windows(wanted.len()).filter(move |window| {
            let seen = window.iter().map(|(_, word)| word.as_str());
            seen.eq(wanted.iter().copied())
        });
        hits.map(move |window| format!("{}:{}: {phrase} → {better}", text.path, window[0].0))
    });
    phrases.collect()
}

/// The names that the glossary rules out, each with the name to use: the last and the first column of its table.
fn ruled_out(glossary: &str) -> Vec<(String, String)> {
    let rows = glossary
        .lines()
        .filter(|line| line.starts_with('|'))
        .skip(2);
    let names = rows.flat_map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let others = cells[cells.len() - 1].split(',').map(str::trim);
        let others = others.filter(|other| !other.is_empty());
        let name = cells[0].to_owned();
        others
            .map(|other| (other.to_lowercase(), name.clone()))
            .collect::<Vec<_>>()
    });
    names.collect()
}

#[test]
fn prose_uses_plain_words() {
    let found: Vec<_> = texts()
        .iter()
        .chain(&manifests())
        .flat_map(|text| found(text, WORDS.iter().copied()))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn one_thing_has_one_name() {
    const GLOSSARY: &str = "docs/glossary.md";
    let glossary = fs::read_to_string(tree::top().join(GLOSSARY)).unwrap();
    let names = ruled_out(&glossary);
    assert!(names.len() > 10, "{names:?}");
    let texts = texts().into_iter().chain(manifests());
    let texts = texts.filter(|text| text.path != GLOSSARY);
    let found: Vec<_> = texts
        .flat_map(|text| {
            let names = names
                .iter()
                .map(|(other, name)| (other.as_str(), name.as_str()));
            found(&text, names)
        })
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_line_of_prose_is_longer_than_120_characters() {
    let mut long = Vec::new();
    for text in texts() {
        let lines = text.lines.iter().filter(|line| !line.is_row);
        for line in lines.filter(|line| line.text.chars().count() > LONGEST) {
            long.push(format!("{}:{}", text.path, line.number));
        }
    }
    assert!(long.is_empty(), "break these lines:\n{}", long.join("\n"));
}

#[test]
fn the_check_finds_words_and_names() {
    let text = Text {
        path: "a.md".to_owned(),
        lines: prose::of_document("It is Told, looked\nat, and `told`.\n"),
    };
    assert_eq!(
        found(&text, WORDS.iter().copied()),
        [
            "a.md:1: told → reported, shown, given",
            "a.md:1: looked at → read, checked, reconciled",
        ]
    );
    let glossary =
        "| Name | Meaning | Not |\n| --- | --- | --- |\n| a | b | C d, e |\n| f | g | |\n";
    assert_eq!(
        ruled_out(glossary),
        [("c d", "a"), ("e", "a")].map(|(other, name)| (other.to_owned(), name.to_owned()))
    );
}
