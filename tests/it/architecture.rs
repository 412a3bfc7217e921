//! The dependency rules of the code, its sizes, its names and what is kept out of the tree of crates.

mod circles;
mod kinds;
mod kubernetes_calls;
mod references;
mod rules;
mod stories;
mod walks;
mod without_cluster;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::tree;
use circles::{circles, circles_of_the_tree};
use references::{crates_of_manifest, references};
use rules::{PURE, rule_of};

/// What `source`, a file of `module`, uses against the rules, in words.
fn violations(module: &str, source: &str, crates: &BTreeSet<String>) -> Vec<String> {
    let rule = rule_of(module);
    let used = references(source, crates);
    let mut violations: Vec<_> = used
        .crates
        .iter()
        .filter(|name| !rule.crates.admit(name))
        .chain(used.modules.iter().filter(|name| !rule.modules.admit(name)))
        .map(|name| format!("{module} must not use {name}"))
        .collect();
    if used.climbs {
        violations.push(format!(
            "{module} must say crate:: instead of super::super::"
        ));
    }
    // What waits calls a server: the fleet is informed, and asked, and never calls.
    let is_plain = rule.crates == PURE || module == "fleet";
    if is_plain && used.asynchronous {
        violations.push(format!("{module} must not be async"));
    }
    if module != "kubernetes" && used.calls_kubernetes && rule.crates.admit("kube") {
        violations.push(format!("{module} must not use kube::Api"));
    }
    violations
}

/// `src/plan.rs` and all below `src/plan/` are the module `plan`.
fn module_of(path: &Path) -> Option<String> {
    let path = path.strip_prefix(tree::top().join("src")).ok()?;
    let first = Path::new(path.components().next()?.as_os_str());
    Some(first.file_stem()?.to_str()?.to_owned())
}

fn all_violations() -> Vec<String> {
    let manifest = fs::read_to_string(tree::top().join("Cargo.toml")).unwrap();
    let crates = crates_of_manifest(&manifest);
    assert!(crates.contains("k8s_openapi"), "{crates:?}");
    tree::rust_files()
        .iter()
        .filter_map(|path| Some((path, module_of(path)?)))
        .flat_map(|(path, module)| {
            let source = fs::read_to_string(path).unwrap();
            violations(&module, &source, &crates)
                .into_iter()
                .map(move |violation| format!("{}: {violation}", path.display()))
        })
        .collect()
}

#[test]
fn every_module_uses_only_modules_that_its_rule_allows() {
    let violations = all_violations();
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

/// Files of the largest circle. Lower it whenever a circle was broken: the aim is the folder of one kind.
const LARGEST_CIRCLE: usize = 11;

/// Files that use each other can be understood, tested and moved only together.
#[test]
fn no_circle_of_files_grows_or_leaves_its_room() {
    let circles = circles_of_the_tree();
    for circle in &circles {
        println!("{} files: {}", circle.len(), circle.join(", "));
        let rooms: BTreeSet<_> = circle.iter().map(|file| file.split("::").next()).collect();
        assert_eq!(rooms.len(), 1, "rooms that use each other: {rooms:?}");
    }
    let largest = circles.first().map_or(0, Vec::len);
    assert!(
        largest <= LARGEST_CIRCLE,
        "the largest circle has {largest} files, and may have {LARGEST_CIRCLE}"
    );
}

/// The core is read and tested in pieces: a file uses only files that do not lead back to it.
#[test]
fn the_core_has_no_circle_of_files() {
    let mut circles = circles_of_the_tree();
    circles.retain(|circle| circle.iter().any(|file| file.starts_with("plan")));
    assert!(circles.is_empty(), "these use each other: {circles:#?}");
}

#[test]
fn no_file_is_longer_than_400_lines() {
    let long: Vec<_> = tree::rust_files()
        .into_iter()
        .filter(|path| fs::read_to_string(path).unwrap().lines().count() > 400)
        .collect();
    assert!(long.is_empty(), "split {long:?}");
}

#[test]
fn no_module_has_a_name_that_says_nothing() {
    let forbidden = [
        "util", "utils", "helper", "helpers", "common", "misc", "mod",
    ];
    let vague: Vec<_> = tree::rust_files()
        .into_iter()
        .filter(|path| {
            let path = path.strip_prefix(tree::top()).unwrap().with_extension("");
            path.iter()
                .any(|part| forbidden.iter().any(|name| part == *name))
        })
        .collect();
    assert!(vague.is_empty(), "rename {vague:?}");
}

#[test]
fn banned_crates_are_not_in_the_tree() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--workspace",
            "--edges",
            "all",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .args(["--offline", "--locked"])
        .current_dir(tree::top())
        .output()
        .unwrap();
    let listing = String::from_utf8(output.stdout).unwrap();
    let names: BTreeSet<_> = listing
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(
        names.contains("rustls"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for banned in [
        "openssl",
        "openssl-sys",
        "native-tls",
        "aws-lc-rs",
        "aws-lc-sys",
        "chrono",
        "serde_yaml",
    ] {
        assert!(
            !names.contains(banned),
            "{banned} has come in: cargo tree --invert {banned}"
        );
    }
}

fn found(module: &str, source: &str) -> Vec<String> {
    let crates = ["kube", "tokio", "url", "k8s_openapi"]
        .map(str::to_owned)
        .into();
    violations(module, source, &crates)
}

#[test]
fn the_check_finds_a_forbidden_use() {
    assert_eq!(
        found("plan", "use kube::Client;"),
        ["plan must not use kube"]
    );
    assert_eq!(
        found("plan", "use tokio as t;"),
        ["plan must not use tokio"]
    );
}

#[test]
fn the_check_finds_a_forbidden_path_within_code() {
    let source = "fn f() {\n    let x = k8s_openapi::api::X {};\n    ::tokio::spawn(g);\n}";
    assert_eq!(
        found("plan", source),
        ["plan must not use k8s_openapi", "plan must not use tokio"]
    );
}

#[test]
fn the_check_finds_a_forbidden_module_within_braces() {
    let source =
        "use crate::{\n    identity::{ServerUrl, Uid},\n    bitbucket,\n    http::Client,\n};";
    assert_eq!(
        found("sonarqube", source),
        ["sonarqube must not use bitbucket"]
    );
}

#[test]
fn the_check_finds_an_arrow_that_leads_up() {
    assert_eq!(
        found("kubernetes", "use crate::controller::Context;"),
        ["kubernetes must not use controller"]
    );
    assert_eq!(
        found("kubernetes", "use crate::{fleet, sonarqube::Error};"),
        [
            "kubernetes must not use fleet",
            "kubernetes must not use sonarqube"
        ]
    );
    assert_eq!(
        found("fleet", "use crate::kubernetes::Error;\nuse kube::Api;"),
        ["fleet must not use kube", "fleet must not use kubernetes"]
    );
    assert!(
        found(
            "fleet",
            "use crate::plan::claim;\nuse crate::sonarqube::Client;"
        )
        .is_empty()
    );
}

#[test]
fn the_check_finds_a_circle() {
    let circle = |changed: &str| {
        let sources = [
            ("", "mod a;\nmod b;\nmod c;"),
            ("a", "use crate::b::{self, Thing};\nfn f() { b::g() }"),
            ("b", changed),
            ("b::d", "fn g() { crate::a::f() }"),
            (
                "c",
                "use super::{a, b::{d,},};\n#[cfg(test)]\nmod tests { use crate::a; }",
            ),
        ];
        let sources = sources.map(|(module, source)| {
            let module = module.split("::").filter(|name| !name.is_empty());
            (module.map(str::to_owned).collect(), source.to_owned())
        });
        circles(&sources.into())
    };
    assert_eq!(circle("mod d;\nstruct Thing;"), Vec::<Vec<String>>::new());
    let all = vec![vec!["a".to_owned(), "b".to_owned(), "b::d".to_owned()]];
    for closes in [
        "mod d;\nuse d::g;",
        "mod d;\nfn h() { d::g() }",
        "mod d;\nfn h() { super::b::d::g() }",
        "mod d;\nuse crate::{\n    x,\n    b::{y::Z, d as e},\n};",
    ] {
        assert_eq!(circle(closes), all, "{closes}");
    }
    // Tests may use what they like.
    assert!(circle("mod d;\n#[cfg(test)]\nmod tests {\n    use super::d;\n}").is_empty());
}

#[test]
fn the_check_finds_async_and_climbing_in_the_core() {
    for asynchronous in ["async fn f() {}", "fn f() -> impl Sized { async {} }"] {
        assert_eq!(found("plan", asynchronous), ["plan must not be async"]);
        assert_eq!(found("fleet", asynchronous), ["fleet must not be async"]);
    }
    assert_eq!(
        found("plan", "use super::super::http;"),
        ["plan must say crate:: instead of super::super::"]
    );
}

#[test]
fn the_check_reads_code_not_comments() {
    assert!(
        found(
            "plan",
            "/// See kube::Client and crate::http; async.\nuse url::Url;"
        )
        .is_empty()
    );
}
