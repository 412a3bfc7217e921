//! The stories of the kinds: what may lead into them.

use super::circles::{uses, uses_of_the_tree};

/// The story of a kind that a file belongs to.
fn story(file: &str) -> Option<&str> {
    let stories = [
        "controller::connection",
        "controller::binding",
        "controller::set",
    ];
    let is_of = |story: &&str| file == *story || file.starts_with(&format!("{story}::"));
    stories.into_iter().find(is_of)
}

/// The arrows that lead into the story of a kind, but for the queue's.
fn arrows_into_stories(uses: Vec<(String, String)>) -> Vec<(String, String)> {
    let leads_into = |(from, to): &(String, String)| {
        story(to).is_some() && story(from) != story(to) && from != "controller"
    };
    uses.into_iter().filter(leads_into).collect()
}

/// What both kinds need stands below them: a third one comes without a change of these two.
#[test]
fn the_kinds_do_not_know_each_other_and_nothing_below_knows_them() {
    assert_eq!(arrows_into_stories(uses_of_the_tree()), []);
}

#[test]
fn the_check_finds_an_arrow_from_one_kind_to_the_other() {
    let sources = [
        ("", "mod controller;"),
        (
            "controller",
            "mod binding;\nmod connection;\nfn f() { binding::g() }",
        ),
        ("controller::binding", "mod work;\nuse work::f;"),
        (
            "controller::binding::work",
            "use crate::controller::connection::g;",
        ),
        ("controller::connection", ""),
    ];
    let module = |path: &str| -> Vec<String> {
        let names = path.split("::").filter(|name| !name.is_empty());
        names.map(str::to_owned).collect()
    };
    let sources = sources.map(|(path, source)| (module(path), source.to_owned()));
    let found = arrows_into_stories(uses(&sources.into_iter().collect()));
    let (from, to) = ("controller::binding::work", "controller::connection");
    assert_eq!(found, [(from.to_owned(), to.to_owned())]);
}
