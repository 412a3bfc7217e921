//! What is found by an index is what a search through all rows finds.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Something that a reconcile has just read.
#[derive(Clone, Debug)]
enum Learned {
    /// This project, bound to this repository, if to any.
    Project(usize, Option<usize>),
    NoProject(usize),
    /// The repository of this id, at this place.
    Repository(usize, i64),
    NoRepository(usize),
    /// The listings were read anew: only what they show stays.
    Listing(Vec<(usize, Option<usize>)>, Vec<(usize, i64)>),
}

fn learned() -> impl Strategy<Value = Learned> {
    let key = || 0..5_usize;
    let place = || 0..5_usize;
    let id = || 0..4_i64;
    let bound = || proptest::option::of(0..4_usize);
    prop_oneof![
        (key(), bound()).prop_map(|(key, bound)| Learned::Project(key, bound)),
        key().prop_map(Learned::NoProject),
        (place(), id()).prop_map(|(place, id)| Learned::Repository(place, id)),
        place().prop_map(Learned::NoRepository),
        (
            proptest::collection::vec((key(), bound()), 0..6),
            proptest::collection::vec((place(), id()), 0..6),
        )
            .prop_map(|(projects, repositories)| Learned::Listing(projects, repositories)),
    ]
}

/// Places and keys are spelt in one letter case or the other.
fn path(place: usize) -> RepositoryPath {
    let slug = if place.is_multiple_of(2) { "p" } else { "P" };
    RepositoryPath::parse("PAY", &format!("{slug}{}", place / 2)).unwrap()
}

fn row(key: usize, bound: Option<usize>) -> Project {
    Project {
        repository: bound.map(path),
        ..project(key / 2)
    }
}

fn at(place: usize, id: i64) -> Repository {
    Repository {
        path: path(place),
        ..repository("any", id)
    }
}

fn learn(inventory: &mut Inventory, learned: Learned) {
    match learned {
        Learned::Project(key, bound) => {
            let row = row(key, bound);
            inventory.learn_project(&row.key.clone(), Some(row));
        }
        Learned::NoProject(key) => inventory.learn_project(&row(key, None).key, None),
        Learned::Repository(place, id) => {
            inventory.learn_repository(&path(place), Some(at(place, id)));
        }
        Learned::NoRepository(place) => inventory.learn_repository(&path(place), None),
        Learned::Listing(projects, repositories) => {
            let mut rows = Vec::<Project>::new();
            for (key, bound) in projects {
                let row = row(key, bound);
                // No server lists a key twice.
                rows.retain(|other| other.key != row.key);
                rows.push(row);
            }
            let repositories = repositories.into_iter().map(|(place, id)| at(place, id));
            let repositories: Vec<_> = repositories.collect();
            let listed = swept(Instant::now(), rows, &repositories);
            *inventory = listed.after(inventory);
        }
    }
}

/// The keys and paths under which two inventories show something else, by a search through all rows.
fn naive_changes(now: &Inventory, then: &Inventory) -> [HashSet<String>; 2] {
    let keys = (0..10).map(|key| row(key, None).key.folded());
    let paths = (0..10).map(|place| path(place).folded());
    let keys = keys.filter(|key| now.project_at(key) != then.project_at(key));
    let paths = paths.filter(|path| now.repository_at(path) != then.repository_at(path));
    [keys.collect(), paths.collect()]
}

proptest! {
    /// Promise: each row that changed wakes its bindings, and no other one does.
    #[test]
    fn changes_are_those_that_a_full_search_finds(
        before in proptest::collection::vec(learned(), 0..20),
        since in proptest::collection::vec(learned(), 0..20),
    ) {
        let mut inventory = Inventory::default();
        for learned in before {
            learn(&mut inventory, learned);
        }
        let then = inventory.clone();
        for learned in since {
            learn(&mut inventory, learned);
        }
        let Changes { projects, repositories, .. } = inventory.changes_since(&then);
        prop_assert_eq!([projects, repositories], naive_changes(&inventory, &then));
    }

    /// Promise: a look-up costs the same however much there is, and finds the same.
    #[test]
    fn an_index_finds_the_same_rows_as_a_full_search(
        all in proptest::collection::vec(learned(), 0..40),
    ) {
        let mut inventory = Inventory::default();
        for learned in all {
            let newest = learned.clone();
            learn(&mut inventory, learned);
            if let Learned::Repository(place, id) = newest {
                prop_assert_eq!(inventory.repository_of(id), Some(at(place, id)));
            }
            for id in 0..4 {
                let all = inventory.repositories().map(|(_, row)| row.repository());
                let all: Vec<_> = all.filter(|row| row.id == id).collect();
                let found: Vec<_> = inventory.repository_of(id).into_iter().collect();
                prop_assert_eq!(found, all, "repository {}", id);
            }
            for place in 0..4 {
                let is_there = |row: &Project| row.repository.as_ref().is_some_and(|it| it.same(&path(place)));
                let own = inventory.own.keys().map(|key| &**key);
                let keys: BTreeSet<_> = inventory.listed.keys().chain(own).collect();
                let rows = keys.into_iter().filter_map(|key| inventory.project_at(key));
                let all: Vec<_> = rows.filter(is_there).collect();
                let found: Vec<_> = inventory.bound_to(&path(place)).collect();
                prop_assert_eq!(found, all, "bound to {}", path(place));
            }
        }
    }
}

/// Promise: a repository that a call has found elsewhere is missed where it was listed.
#[test]
fn the_place_that_a_repository_has_left_has_changed() {
    let then = swept(Instant::now(), Vec::new(), &[at(0, 1)]);
    let mut now = then.clone();
    learn(&mut now, Learned::Repository(2, 1));
    let changed = now.changes_since(&then).repositories;
    assert_eq!(changed, [0, 2].map(|place| path(place).folded()).into());
}

#[test]
fn an_inventory_that_no_listing_filled_began_at_no_time() {
    let mut inventory = Inventory::default();
    learn(&mut inventory, Learned::Repository(1, 1));
    assert_eq!(inventory.began(), None);
}
