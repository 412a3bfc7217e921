//! Which crates and modules a source text refers to: in `use` lines and by fully qualified paths.

use std::collections::BTreeSet;

/// A set of names, by what is in it or by what is not.
#[derive(PartialEq)]
pub(super) enum Names {
    Only(&'static [&'static str]),
    AllBut(&'static [&'static str]),
}

impl Names {
    pub(super) fn admit(&self, name: &str) -> bool {
        match self {
            Self::Only(names) => names.contains(&name),
            Self::AllBut(names) => !names.contains(&name),
        }
    }
}

/// What a source text refers to.
#[derive(Default)]
pub(super) struct References {
    /// Crates that the manifest names.
    pub(super) crates: BTreeSet<String>,
    /// Top-level modules of this crate.
    pub(super) modules: BTreeSet<String>,
    /// A module is left upwards by more than one step, which hides where it leads.
    pub(super) climbs: bool,
    pub(super) asynchronous: bool,
    /// `kube::Api`, by which alone objects are read and written.
    pub(super) calls_kubernetes: bool,
}

/// The crates under `[dependencies]` of a manifest, as code spells them.
pub(super) fn crates_of_manifest(manifest: &str) -> BTreeSet<String> {
    manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .map(|name| name.replace('-', "_"))
        .collect()
}

/// Reads all of `source` but its comments.
pub(super) fn references(source: &str, crates: &BTreeSet<String>) -> References {
    let tokens = tokens(source);
    let mut references = References::default();
    for (index, token) in tokens.iter().enumerate() {
        let before = index.checked_sub(1).map_or("", |before| tokens[before]);
        let after = &tokens[index + 1..];
        match *token {
            "Api" => references.calls_kubernetes = true,
            "async" => references.asynchronous = true,
            "super" if after.starts_with(&["::", "super"]) => references.climbs = true,
            "crate" if after.first() == Some(&"::") => {
                references.modules.extend(first_names(&after[1..]));
            }
            name if crates.contains(name) => {
                let within_path = before == "::" && index > 1 && is_name(tokens[index - 2]);
                if !within_path && (after.first() == Some(&"::") || before == "use") {
                    references.crates.insert(name.to_owned());
                }
            }
            _ => {}
        }
    }
    references
}

/// Names, `::` and single signs.
pub(super) fn tokens(source: &str) -> Vec<&str> {
    source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(tokens_of_line)
        .collect()
}

fn tokens_of_line(mut line: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    while let Some(first) = line.chars().next() {
        let name = line
            .find(|sign: char| !is_part_of_name(sign))
            .unwrap_or(line.len());
        let length = if name > 0 {
            name
        } else if line.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        let (token, rest) = line.split_at(length);
        if !first.is_whitespace() {
            tokens.push(token);
        }
        line = rest;
    }
    tokens
}

fn is_part_of_name(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '_'
}

pub(super) fn is_name(token: &str) -> bool {
    token.chars().all(is_part_of_name)
}

/// The first names of a path or of each path between braces: `{a::{b, c}, d}` gives `a` and `d`.
fn first_names(tokens: &[&str]) -> Vec<String> {
    let Some((&"{", tokens)) = tokens.split_first() else {
        return tokens
            .first()
            .map(|name| (*name).to_owned())
            .into_iter()
            .collect();
    };
    let mut names = Vec::new();
    let mut depth = 0;
    let mut begins = true;
    for token in tokens {
        match *token {
            "{" => depth += 1,
            "}" if depth == 0 => break,
            "}" => depth -= 1,
            "," if depth == 0 => begins = true,
            name if begins => {
                names.push(name.to_owned());
                begins = false;
            }
            _ => {}
        }
    }
    names
}
