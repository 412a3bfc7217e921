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
        is_due: false,
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

/// Promise: what no listing has is read once in twelve sweeps, of a share of the projects in each, and kept between.
#[test]
fn each_project_has_its_turn_once_in_twelve_sweeps() {
    let mut read: HashMap<String, usize> = HashMap::new();
    let mut inventory = listed();
    for _ in 0..SPREAD {
        inventory = listed().after(&inventory);
        let mut turns = Vec::new();
        inventory.projects.for_each(|key, row| {
            if row.is_due {
                (row.is_due, row.monorepo) = (false, Some(true));
                turns.push(key.to_owned());
            }
        });
        assert!(turns.len() < 20, "all at once: {turns:?}");
        for key in turns {
            *read.entry(key).or_default() += 1;
        }
    }
    assert_eq!(read.len(), 50);
    assert!(read.values().all(|&times| times == 1), "{read:?}");
    let kept = |row: &Project| row.monorepo == Some(true);
    assert!(inventory.projects.rows().values().all(kept));
}

/// Promise: sweeps for those who wait for what they show make nothing else due.
#[test]
fn a_sweep_in_between_changes_nobodys_turn() {
    let due = |inventory: &Inventory| {
        let rows = inventory.projects.rows().values();
        let due = rows.filter(|row| row.is_due);
        due.map(|row| row.key.folded()).collect::<HashSet<_>>()
    };
    let first = listed().after(&listed());
    let mut later = listed().in_between(&first);
    assert_eq!(due(&later), due(&first));
    for row in (0..50).map(project) {
        // All were read meanwhile.
        later.learn_project(&row.key.clone(), Some(row));
    }
    let later = listed().in_between(&later);
    assert_eq!(due(&later), HashSet::new());
    assert_eq!(due(&listed().after(&later)), due(&listed().after(&first)));
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
fn only_what_came_went_or_changed_is_worth_a_look() {
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
    // D36: a right that came or went is worth a look as well.
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

/// Promise: what was read or written while a listing was under way is not forgotten with the listing before.
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
fn a_listing_that_began_before_an_answer_was_lost_tells_nothing_of_that_repository() {
    let start = Instant::now();
    let mut inventory = nothing_since(start);
    let (path, other) = (repository("new", 9).path, repository("other", 8).path);
    inventory.doubt(&path);
    assert!(inventory.is_doubted(&path) && !inventory.is_doubted(&other));
    let under_way = nothing_since(start).after(&inventory);
    assert!(under_way.is_doubted(&path));
    let later = Instant::now() + std::time::Duration::from_millis(1);
    assert!(
        !nothing_since(later)
            .in_between(&under_way)
            .is_doubted(&path)
    );
}
