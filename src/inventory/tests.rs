mod index;

use super::*;

fn repository(slug: &str, id: i64) -> Repository {
    let path = RepositoryPath::parse("PAY", slug).unwrap();
    Repository {
        id,
        path,
        name: slug.to_owned(),
        archived: false,
    }
}

fn project(number: usize) -> Project {
    Project {
        key: ProjectKey::parse(&format!("PAY:p{number}")).unwrap(),
        id: None,
        name: String::new(),
        visibility: sonarqube::Visibility::Private,
        repository: RepositoryPath::parse("PAY", &format!("p{number}")).ok(),
        monorepo: None,
        is_unread: false,
    }
}

/// Fifty projects as a listing shows them.
fn listed() -> Inventory {
    let mut listed = Inventory::default();
    for row in (0..50).map(project) {
        listed.learn_project(&row.key.clone(), Some(row));
    }
    listed
}

/// Promise: what a call has read of a binding that no listing has serves until it is read again.
#[test]
fn a_single_read_outlives_the_next_listing_where_nothing_is_listed() {
    let unread = || Project {
        repository: None,
        is_unread: true,
        ..project(7)
    };
    let (key, of) = (project(7).key, |inventory: &Inventory| {
        inventory.project(&project(7).key).cloned()
    });
    let mut inventory = Inventory::default();
    inventory.learn_project(&key, Some(unread()));
    let mut next = nothing_since(Instant::now());
    next.projects = [unread()].into_iter().collect();
    let still = next.clone().after(&inventory);
    assert!(of(&still).unwrap().is_unread);
    let read = Project {
        monorepo: Some(true),
        ..project(7)
    };
    inventory.learn_project(&key, Some(read.clone()));
    let mut later = next;
    later.began = Some(Instant::now());
    assert_eq!(of(&later.after(&inventory)), Some(read));
}

#[test]
fn a_flag_is_forgotten_with_the_binding_that_it_was_read_of() {
    let mut before = listed();
    let mut known = project(7);
    known.monorepo = Some(true);
    before.learn_project(&known.key.clone(), Some(known));
    let mut elsewhere = project(7);
    elsewhere.repository = RepositoryPath::parse("OPS", "other").ok();
    let mut now = listed();
    now.learn_project(&elsewhere.key, Some(elsewhere.clone()));
    let now = now.after(&before);
    assert_eq!(now.project(&elsewhere.key).unwrap().monorepo, None);
}

#[test]
fn only_added_removed_or_changed_rows_are_reconciled() {
    let mut then = Inventory::default();
    for row in [
        repository("same", 1),
        repository("gone", 2),
        repository("again", 3),
    ] {
        let path = row.path.clone();
        then.learn_repository(&path, Some(row));
    }
    let mut now = then.clone();
    now.learn_repository(&repository("gone", 2).path, None);
    now.learn_repository(&repository("again", 4).path, Some(repository("again", 4)));
    now.learn_repository(&repository("new", 5).path, Some(repository("new", 5)));
    let changes = now.changes_since(&then);
    let expected = ["pay/again", "pay/gone", "pay/new"].map(str::to_owned);
    assert_eq!(changes.repositories, HashSet::from(expected));
    assert!(changes.projects.is_empty());
    // D36: a right that came or went causes a reconcile as well.
    for (before, after) in [(None, true), (Some(true), false), (Some(false), true)] {
        then.writable = before.map(|right| (1, right)).into_iter().collect();
        let mut now = then.clone();
        now.learn_right(1, after);
        let changes = now.changes_since(&then);
        let same = HashSet::from(["pay/same".to_owned()]);
        assert_eq!(changes.repositories, same, "{before:?} {after}");
    }
}

/// D33: of a repository that was created after the listing nothing is known, which is not a missing right.
#[test]
fn a_right_is_known_of_listed_repositories_alone() {
    let inventory = Inventory {
        writable: HashMap::from([(1, true), (2, false)]),
        ..Inventory::default()
    };
    let rights = [1, 2, 3].map(|id| inventory.writable(id));
    assert_eq!(rights, [Some(true), Some(false), None]);
}

/// A listing of nothing that began then.
fn nothing_since(began: Instant) -> Inventory {
    Inventory {
        began: Some(began),
        ..Inventory::default()
    }
}

/// Promise: what was read or written while a listing was in progress is not forgotten with the listing before.
#[test]
fn a_row_that_is_newer_than_the_listing_is_kept() {
    let start = Instant::now();
    let mut before = listed();
    let (path, row) = (repository("new", 9).path, repository("new", 9));
    before.learn_repository(&path, Some(row.clone()));
    let now = nothing_since(start).after(&before);
    assert_eq!(now.project(&project(7).key), Some(&project(7)));
    let at = project(7).repository.unwrap();
    assert_eq!(now.bound_to(&at).collect::<Vec<_>>(), [&project(7)]);
    assert_eq!(now.repository_of(9), Some(&row));
    let deleted = Inventory {
        projects: [project(7)].into_iter().collect(),
        ..nothing_since(start)
    };
    before.learn_project(&project(7).key, None);
    assert_eq!(deleted.after(&before).project(&project(7).key), None);
    // The next listing began later, and shows all of that as it is.
    let next = nothing_since(Instant::now()).after(&now);
    assert_eq!(next.project(&project(7).key), None);
    assert_eq!(next.repository_of(9), None);
}

/// Promise: a write that may have been done is not taken for undone because an earlier listing does not show it.
#[test]
fn a_listing_older_than_a_lost_answer_says_nothing_of_its_repository() {
    let start = Instant::now();
    let mut inventory = nothing_since(start);
    let (path, other) = (repository("new", 9).path, repository("other", 8).path);
    inventory.invalidate(&path);
    assert!(inventory.is_invalidated(&path) && !inventory.is_invalidated(&other));
    let under_way = nothing_since(start).after(&inventory);
    assert!(under_way.is_invalidated(&path));
    let later = Instant::now() + std::time::Duration::from_millis(1);
    assert!(!nothing_since(later).after(&under_way).is_invalidated(&path));
}
