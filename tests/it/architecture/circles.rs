//! Circles: files that use each other, directly or through others. Such files can be understood, tested and moved only
//! together.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::references::{is_name, tokens};
use crate::support::tree;

/// The names from the crate down to a module: `["plan", "binding"]`.
type Module = Vec<String>;

/// The text of every module without its tests.
type Sources = BTreeMap<Module, String>;

/// Files that use each other, the largest circle first.
pub(super) fn circles_of_the_tree() -> Vec<Vec<String>> {
    circles(&sources_of_the_tree())
}

/// What each file uses, as paths of modules.
pub(super) fn uses_of_the_tree() -> Vec<(String, String)> {
    uses(&sources_of_the_tree())
}

pub(super) fn uses(sources: &Sources) -> Vec<(String, String)> {
    let known: BTreeSet<&Module> = sources.keys().collect();
    let of = |(module, source): (&Module, &String)| {
        let from = module.join("::");
        let others = used(module, source, &known).into_iter();
        others
            .map(move |to| (from.clone(), to.join("::")))
            .collect::<Vec<_>>()
    };
    sources.iter().flat_map(of).collect()
}

fn sources_of_the_tree() -> Sources {
    let mut sources = Sources::new();
    let source = tree::top().join("src");
    read(
        &source.join("lib.rs"),
        &source,
        &Module::new(),
        &mut sources,
    );
    assert!(sources.len() > 100, "only {} files found", sources.len());
    sources
}

/// Reads a file and all modules that it declares.
fn read(file: &Path, folder: &Path, module: &Module, sources: &mut Sources) {
    let source = fs::read_to_string(file).unwrap();
    for child in children(&product(&tokens(&source))) {
        let file = folder.join(format!("{child}.rs"));
        let folder: PathBuf = folder.join(&child);
        let module = [&module[..], &[child]].concat();
        read(&file, &folder, &module, sources);
    }
    sources.insert(module.clone(), source);
}

pub(super) fn circles(sources: &Sources) -> Vec<Vec<String>> {
    let known: BTreeSet<&Module> = sources.keys().collect();
    let uses: BTreeMap<&Module, BTreeSet<Module>> = sources
        .iter()
        .map(|(module, source)| (module, used(module, source, &known)))
        .collect();
    let reached: BTreeMap<&Module, BTreeSet<&Module>> = uses
        .keys()
        .map(|module| (*module, reach(module, &uses)))
        .collect();
    let circles: BTreeSet<Vec<&Module>> = reached
        .iter()
        .map(|(module, from_it)| {
            let back = from_it
                .iter()
                .filter(|other| reached[**other].contains(module));
            back.copied().collect::<Vec<_>>()
        })
        .filter(|circle| circle.len() > 1)
        .collect();
    let mut circles: Vec<Vec<String>> = circles
        .into_iter()
        .map(|circle| circle.into_iter().map(|module| module.join("::")).collect())
        .collect();
    circles.sort_by_key(|circle| std::cmp::Reverse(circle.len()));
    circles
}

/// What a module uses, directly or through others.
fn reach<'a>(from: &Module, uses: &'a BTreeMap<&Module, BTreeSet<Module>>) -> BTreeSet<&'a Module> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&Module> = uses[from].iter().collect();
    while let Some(module) = open.pop() {
        if reached.insert(module) {
            open.extend(&uses[module]);
        }
    }
    reached
}

/// The modules that a module's paths lead to.
fn used(module: &Module, source: &str, known: &BTreeSet<&Module>) -> BTreeSet<Module> {
    let tokens = tokens(source);
    let tokens = product(&tokens);
    let mut scope = BTreeMap::new();
    let mut used = BTreeSet::new();
    let mut index = 0;
    while index < tokens.len() {
        let before = index.checked_sub(1).map_or(";", |before| tokens[before]);
        // In texts it is a word.
        let begins = [";", "{", "}", "]", ")", "pub"].contains(&before);
        if tokens[index] != "use" || !begins {
            index += 1;
            continue;
        }
        let length = tokens[index..]
            .iter()
            .position(|token| *token == ";")
            .unwrap();
        for path in leaves(&tokens[index + 1..index + length]) {
            let (path, name) = named(&path);
            if let Some(found) = resolve(&path, module, &BTreeMap::new(), known) {
                let is_a_module = path.last().is_some_and(|last| found.last() == Some(last));
                if is_a_module {
                    scope.insert(name, found.clone());
                }
                used.insert(found);
            }
        }
        index += length;
    }
    for (index, path) in paths(&tokens) {
        let before = index.checked_sub(1).map_or("", |before| tokens[before]);
        if before != "use" && before != "::" {
            used.extend(resolve(&path, module, &scope, known));
        }
    }
    used.remove(module);
    // The crate itself has its documentation and its list of modules.
    used.retain(|module| !module.is_empty());
    used
}

/// The module where a path leads to, as far as it leads through modules; none for what is not of this crate.
fn resolve(
    path: &[String],
    from: &Module,
    scope: &BTreeMap<String, Module>,
    known: &BTreeSet<&Module>,
) -> Option<Module> {
    let (first, mut rest) = path.split_first()?;
    let child = [&from[..], std::slice::from_ref(first)].concat();
    let mut found = match first.as_str() {
        "crate" => Module::new(),
        "self" => from.clone(),
        "super" => from.split_last()?.1.to_vec(),
        _ if known.contains(&child) => child,
        name => scope.get(name)?.clone(),
    };
    while let Some((next, after)) = rest.split_first() {
        if next == "super" {
            found.pop();
        } else if known.contains(&[&found[..], std::slice::from_ref(next)].concat()) {
            found.push(next.clone());
        } else {
            break;
        }
        rest = after;
    }
    Some(found)
}

/// Every path of at least two names, and where it begins.
fn paths(tokens: &[&str]) -> Vec<(usize, Vec<String>)> {
    let begins = (0..tokens.len()).filter(|index| {
        let follows = |offset: usize| tokens.get(index + offset).copied();
        is_name(tokens[*index]) && follows(1) == Some("::")
    });
    begins
        .map(|index| {
            let names = tokens[index..].chunks(2).map_while(|pair| match pair {
                [name, "::"] if is_name(name) => Some((name, true)),
                [name, ..] if is_name(name) => Some((name, false)),
                _ => None,
            });
            let mut path = Vec::new();
            for (name, goes_on) in names {
                path.push((*name).to_owned());
                if !goes_on {
                    break;
                }
            }
            (index, path)
        })
        .collect()
}

/// The paths of a `use`, written out: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn leaves(tokens: &[&str]) -> Vec<Vec<String>> {
    let mut leaves = Vec::new();
    let mut prefixes: Vec<Vec<String>> = Vec::new();
    let mut path: Vec<String> = Vec::new();
    for token in tokens.iter().chain(&[","]) {
        match *token {
            "::" => {}
            "{" => prefixes.push(path.clone()),
            "," | "}" => {
                // Nothing was added after braces, or after a comma at their end.
                if path.len() > prefixes.last().map_or(0, Vec::len) {
                    leaves.push(path);
                }
                if *token == "}" {
                    prefixes.pop();
                }
                path = prefixes.last().cloned().unwrap_or_default();
            }
            name => path.push(name.to_owned()),
        }
    }
    leaves
}

/// A path of a `use` without `self` and `as` at its end, and the name that it brings in.
fn named(path: &[String]) -> (Vec<String>, String) {
    let (path, alias) = match path {
        [path @ .., word, alias] if word == "as" => (path, Some(alias)),
        path => (path, None),
    };
    let path = match path {
        [path @ .., last] if last == "self" && !path.is_empty() => path,
        path => path,
    };
    let name = alias.or(path.last()).cloned().unwrap_or_default();
    (path.to_vec(), name)
}

/// What is left of a file without its modules of tests.
pub(super) fn product<'a>(tokens: &[&'a str]) -> Vec<&'a str> {
    const TEST: [&str; 8] = ["#", "[", "cfg", "(", "test", ")", "]", "mod"];
    let mut product = Vec::new();
    let mut rest = tokens;
    while let Some((first, after)) = rest.split_first() {
        let Some(module) = rest.strip_prefix(&TEST) else {
            product.push(*first);
            rest = after;
            continue;
        };
        // Tests in the file itself stand at its end.
        let elsewhere = module.get(1) == Some(&";");
        rest = if elsewhere { &module[2..] } else { &[] };
    }
    product
}

/// The modules with a file of their own that a file declares.
fn children(tokens: &[&str]) -> Vec<String> {
    let declared = tokens.windows(3).filter_map(|three| match three {
        ["mod", name, ";"] => Some((*name).to_owned()),
        _ => None,
    });
    declared.collect()
}
