//! The decisions of a set, by examples; the properties are in `property`.

mod property;

use std::collections::BTreeSet;

use super::*;
use crate::identity::RepositoryPath;

fn path(text: &str) -> RepositoryPath {
    let (project, slug) = text.split_once('/').unwrap();
    RepositoryPath::parse(project, slug).unwrap()
}

/// Repositories with the ids 1, 2, 3 …
fn listing(paths: &[&str]) -> Vec<Repository> {
    let rows = (1..).zip(paths).map(|(id, text)| Repository {
        id,
        path: path(text),
        archived: false,
        fork: false,
        admitted: true,
        empty: None,
    });
    rows.collect()
}

fn member(name: &str, repository: &str, id: i64) -> Member {
    Member {
        name: name.to_owned(),
        repository: path(repository),
        id: Some(id),
        template: "one".to_owned(),
        leaving: false,
        absence: Absence::None,
    }
}

fn entry(project: &str) -> Entry {
    Entry {
        project: project.to_owned(),
        include: vec!["*".to_owned()],
        exclude: Vec::new(),
        skip: BTreeSet::new(),
    }
}

fn desired(select: Vec<Entry>) -> Desired {
    let left = Left {
        new: 50,
        deleted: 5,
        gone_asked: 5,
        empty_asked: 50,
    };
    Desired {
        select,
        name_template: "{project}-{slug}".to_owned(),
        template: "one".to_owned(),
        on_gone: OnGone::Delete,
        left,
    }
}

fn create(name: &str, repository: &str) -> Decision {
    Decision::Create {
        name: name.to_owned(),
        repository: path(repository),
    }
}

fn keep(name: &str) -> Decision {
    Decision::Keep {
        name: name.to_owned(),
    }
}

fn stray(name: &str) -> Decision {
    Decision::Stray {
        name: name.to_owned(),
    }
}

fn skipped(repository: &str, why: Skipped) -> Decision {
    Decision::Skipped {
        repository: path(repository),
        why,
    }
}

fn of_listing(paths: &[&str]) -> Observed {
    Observed {
        repositories: listing(paths),
        ..Observed::default()
    }
}

#[test]
fn the_first_entry_that_selects_a_repository_decides() {
    let mut first = entry("PAY");
    first.include = vec!["check*".to_owned(), "sandbox-*".to_owned()];
    first.exclude = vec!["sandbox-*".to_owned()];
    first.skip = [Skip::Archived].into();
    let mut observed = of_listing(&["PAY/Checkout", "pay/sandbox-1", "PAYROLL/checkout", "OPS/x"]);
    let mut last = entry("PAY");
    last.include = vec!["checkout".to_owned()];
    let select = vec![first, entry("OPS"), last];
    let decided = decide(&desired(select.clone()), &observed);
    assert_eq!(
        decided,
        [
            create("ops-x", "OPS/x"),
            create("pay-checkout", "PAY/Checkout")
        ]
    );
    observed.repositories[0].archived = true;
    let decided = decide(&desired(select), &observed);
    let archived = Skipped::Declared(Skip::Archived);
    assert_eq!(decided[1], skipped("PAY/Checkout", archived));
}

#[test]
fn each_sort_is_left_out_where_skip_names_it() {
    let mut observed = of_listing(&["PAY/archived", "PAY/empty", "PAY/fork", "~JDOE/tools"]);
    observed.repositories[0].archived = true;
    observed.repositories[1].empty = Some(true);
    observed.repositories[2].fork = true;
    let sorts = [Skip::Archived, Skip::Empty, Skip::Forks, Skip::Personal];
    let all = decide(&desired(vec![entry("*")]), &observed);
    assert!(all.iter().all(|it| matches!(it, Decision::Create { .. })));
    for (place, sort) in sorts.into_iter().enumerate() {
        let mut only = entry("*");
        only.skip = [sort].into();
        for row in &mut observed.repositories {
            row.empty.get_or_insert(false);
        }
        let decided = decide(&desired(vec![only]), &observed);
        let path = observed.repositories[place].path.to_string();
        assert_eq!(decided[place], skipped(&path, Skipped::Declared(sort)));
        let created = decided
            .iter()
            .filter(|it| matches!(it, Decision::Create { .. }));
        assert_eq!(created.count(), 3, "{sort:?}");
    }
}

/// Whether a repository is empty is asked about those alone that would get a binding, and within the limit.
#[test]
fn emptiness_is_asked_within_the_limit() {
    let mut select = entry("PAY");
    select.skip = [Skip::Empty].into();
    let mut desired = desired(vec![select]);
    desired.left.empty_asked = 1;
    let mut observed = of_listing(&["PAY/a", "PAY/b", "PAY/c"]);
    observed.repositories[2].admitted = false;
    let ask = Decision::AskEmpty {
        repository: path("PAY/a"),
        id: 1,
    };
    let wait = Decision::Wait {
        repository: path("PAY/b"),
    };
    let denied = skipped("PAY/c", Skipped::NotAdmitted);
    assert_eq!(decide(&desired, &observed), [ask, wait, denied]);
    observed.repositories[0].empty = Some(false);
    assert_eq!(decide(&desired, &observed)[0], create("pay-a", "PAY/a"));
}

#[test]
fn a_name_that_is_no_dns_label_or_is_shared_gets_a_hash() {
    let long = format!("PAY/{}", "x".repeat(100));
    let paths = [
        "PAY/a.b",
        "PAY/a-b",
        "PAY-A/b",
        "~JDOE/tools",
        &long,
        "OPS/-",
    ];
    let decided = decide(&desired(vec![entry("*")]), &of_listing(&paths));
    let names: BTreeSet<_> = decided
        .iter()
        .map(|it| {
            let Decision::Create { name, .. } = it else {
                panic!("{it:?}");
            };
            name.as_str()
        })
        .collect();
    assert_eq!(names.len(), paths.len());
    for (head, length) in [
        ("pay-a-b-", 16),
        ("jdoe-tools-", 19),
        ("pay-xxx", 63),
        ("ops-", 12),
    ] {
        let found = names.iter().filter(|it| it.starts_with(head));
        assert!(
            found.clone().all(|it| it.len() == length) && found.count() > 0,
            "{head}: {names:?}"
        );
    }
}

#[test]
fn a_name_that_another_binding_has_gets_a_hash() {
    let mut observed = of_listing(&["PAY/a"]);
    observed.taken = ["pay-a".to_owned()].into();
    let decided = decide(&desired(vec![entry("PAY")]), &observed);
    let [Decision::Create { name, .. }] = &decided[..] else {
        panic!("{decided:?}");
    };
    assert!(name.starts_with("pay-a-") && name.len() == 14, "{name}");
    observed.taken.insert(name.clone());
    let conflicting = Decision::Conflicting {
        repository: path("PAY/a"),
        with: name.clone(),
    };
    let decided = decide(&desired(vec![entry("PAY")]), &observed);
    assert_eq!(decided, [conflicting]);
}

#[test]
fn a_repository_of_another_binding_is_conflicting_also_where_it_was_moved_to() {
    let mut observed = of_listing(&["PAY/a", "PAY/moved"]);
    observed.others = vec![
        Other {
            name: "checkout".to_owned(),
            repository: path("pay/A"),
            id: None,
        },
        Other {
            name: "ops/ledger".to_owned(),
            repository: path("PAY/ledger"),
            id: Some(2),
        },
    ];
    let of = |repository: &str, with: &str| Decision::Conflicting {
        repository: path(repository),
        with: with.to_owned(),
    };
    let decided = decide(&desired(vec![entry("PAY")]), &observed);
    let expected = [of("PAY/a", "checkout"), of("PAY/moved", "ops/ledger")];
    assert_eq!(decided, expected);
}

/// A member stays one: neither a new template, nor `skip`, nor `access`, nor another place takes its binding away.
#[test]
fn a_member_is_kept_or_updated() {
    let mut observed = of_listing(&["PAY/a", "PAY/new-place"]);
    observed.repositories[0].archived = true;
    observed.repositories[1].admitted = false;
    observed.members = vec![member("own", "PAY/a", 1), member("b", "PAY/b", 2)];
    let mut select = entry("PAY");
    select.skip = [Skip::Archived].into();
    let mut desired = desired(vec![select]);
    assert_eq!(decide(&desired, &observed), [keep("own"), keep("b")]);
    desired.template = "two".to_owned();
    let update = |name: &str, repository: &str| Decision::Update {
        name: name.to_owned(),
        repository: path(repository),
    };
    let expected = [update("own", "PAY/a"), update("b", "PAY/b")];
    assert_eq!(decide(&desired, &observed), expected);
    desired.select = vec![entry("OPS")];
    assert_eq!(decide(&desired, &observed), [stray("own"), stray("b")]);
}

#[test]
fn no_more_bindings_are_created_than_the_limit_leaves() {
    let mut desired = desired(vec![entry("PAY")]);
    desired.left.new = 1;
    let decided = decide(&desired, &of_listing(&["PAY/a", "PAY/b"]));
    let wait = Decision::Wait {
        repository: path("PAY/b"),
    };
    assert_eq!(decided, [create("pay-a", "PAY/a"), wait]);
}

/// Promise: a binding is deleted after two whole listings without its repository, in a project that they show, and an
/// answer that it does not exist; and never under `Keep`.
#[test]
fn only_a_repository_that_is_proved_gone_takes_its_binding_along() {
    let mut observed = of_listing(&["PAY/left"]);
    observed.members = vec![
        member("pay-left", "PAY/left", 1),
        member("g", "PAY/gone", 7),
    ];
    let gone = path("PAY/gone");
    let missing = shown(&observed.repositories, &observed.members);
    assert_eq!(missing, Shown::Missing);
    let mut desired = desired(vec![entry("PAY")]);
    let mut decided = |absence: Absence, on_gone: OnGone, left: Left| {
        observed.members[1].absence = absence;
        desired.on_gone = on_gone;
        desired.left = left;
        decide(&desired, &observed).pop().unwrap()
    };
    let all = Left {
        new: 0,
        deleted: 1,
        gone_asked: 1,
        empty_asked: 0,
    };
    let none = Left {
        deleted: 0,
        gone_asked: 0,
        ..all
    };
    let (name, repository) = ("g".to_owned(), gone.clone());
    let once = Absence::None.after(missing);
    assert_eq!(decided(once, OnGone::Delete, all), stray("g"));
    let twice = once.after(missing);
    let ask = Decision::AskGone { name, repository };
    assert_eq!(decided(twice, OnGone::Delete, all), ask);
    assert_eq!(decided(twice, OnGone::Delete, none), stray("g"));
    assert_eq!(twice.asked(false), Absence::None);
    let confirmed = twice.asked(true);
    let (name, repository) = ("g".to_owned(), gone.clone());
    let delete = Decision::Delete { name, repository };
    assert_eq!(decided(confirmed, OnGone::Delete, all), delete);
    assert_eq!(decided(confirmed, OnGone::Delete, none), stray("g"));
    assert_eq!(decided(confirmed, OnGone::Keep, all), stray("g"));
}

/// What a listing shows of the last of these bindings.
fn shown(repositories: &[Repository], members: &[Member]) -> Shown {
    Listing::of(repositories, members).shows(members.last().unwrap())
}

/// Promise: a project that is hidden or renamed, a repository that was moved, and a listing of another server prove
/// nothing.
#[test]
fn a_listing_that_shows_no_known_repository_of_the_project_proves_nothing() {
    let gone = member("gone", "PAY/gone", 7);
    let left = member("left", "PAY/left", 1);
    let both = [left, gone];
    let of = |paths: &[&str]| shown(&listing(paths), &both);
    assert_eq!(of(&["PAY/left"]), Shown::Missing);
    assert_eq!(of(&["OPS/x"]), Shown::Nothing, "the project is hidden");
    assert_eq!(of(&[]), Shown::Nothing, "nothing is listed");
    assert_eq!(of(&["NEW/left"]), Shown::Nothing, "the project was renamed");
    assert_eq!(of(&["OPS/x", "PAY/left"]), Shown::Nothing, "another server");
    let moved = member("moved", "PAY/moved", 1);
    let moved = [both[0].clone(), moved];
    assert_eq!(shown(&listing(&["PAY/other"]), &moved), Shown::There);
    for shown in [Shown::Nothing, Shown::There] {
        for before in [
            Absence::None,
            Absence::Once,
            Absence::Twice,
            Absence::Confirmed,
        ] {
            assert_eq!(before.after(shown), Absence::None);
        }
    }
}
