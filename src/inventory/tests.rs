mod index;

use super::listed::Scope;
use super::projects::{Bindings, Projects};
use super::repositories::{Ids, Repositories};
use super::*;
use crate::bitbucket;
use crate::sonarqube::ProjectBindingRow;

fn repository(slug: &str, id: i64) -> Repository {
    let path = RepositoryPath::parse("PAY", slug).unwrap();
    Repository {
        id,
        path,
        name: slug.to_owned(),
        archived: false,
        fork: false,
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

/// A listing of these that began then, as it looks from the configuration `own`.
fn swept(began: Instant, projects: Vec<Project>, repositories: &[Repository]) -> Inventory {
    let bindings = projects.iter().filter_map(|project| {
        let repository = project.repository.clone()?;
        Some(bound(&project.key, "own", repository))
    });
    let bindings = bindings.collect();
    let projects = projects.into_iter().map(|project| sonarqube::Project {
        key: project.key,
        name: project.name,
        id: project.id,
        visibility: project.visibility,
    });
    let listed = Listed {
        scope: Scope::All,
        ..listing(projects.collect(), bindings, repositories)
    };
    seen(began, listed)
}

/// What these rows come to, as pages of listings.
fn listing(
    projects: Vec<sonarqube::Project>,
    bindings: Vec<ProjectBindingRow>,
    repositories: &[Repository],
) -> Listed {
    let mut pages = (
        Projects::default(),
        Bindings::default(),
        Repositories::default(),
    );
    pages.0.extend(projects);
    pages.1.extend(bindings);
    for row in repositories {
        pages.2.add(row.into());
    }
    Listed::new(pages.0, pages.1, pages.2)
}

fn seen(began: Instant, listed: Listed) -> Inventory {
    let times = Some((began, began));
    let listed = Listed { times, ..listed };
    Inventory::of(Arc::new(listed), Some(SettingId::new("own")), 0)
}

fn bound(key: &ProjectKey, setting: &str, repository: RepositoryPath) -> ProjectBindingRow {
    ProjectBindingRow {
        id: String::new(),
        setting: SettingId::new(setting),
        project_id: ProjectId::new(format!("id of {key}")),
        project_key: key.clone(),
        repository: Some(repository),
    }
}

/// Promise: connections that share a listing see their own bindings in it, and none of the others'.
#[test]
fn what_another_configuration_binds_is_shown_as_unbound() {
    let (key, path) = (project(7).key, repository("shared", 1).path);
    let plain = sonarqube::Project {
        key: key.clone(),
        name: String::new(),
        id: None,
        visibility: sonarqube::Visibility::Private,
    };
    let listed = Listed {
        scope: Scope::All,
        times: Some((Instant::now(), Instant::now())),
        ..listing(vec![plain], vec![bound(&key, "theirs", path.clone())], &[])
    };
    let listed = Arc::new(listed);
    let from = |setting: &str| Inventory::of(Arc::clone(&listed), Some(SettingId::new(setting)), 0);
    let (own, theirs) = (from("own"), from("theirs"));
    assert_eq!(own.project(&key).unwrap().repository, None);
    assert_eq!(own.bound_to(&path).count(), 0);
    assert_eq!(theirs.project(&key).unwrap().repository, Some(path.clone()));
    assert_eq!(theirs.bound_to(&path).count(), 1);
    assert_eq!(
        theirs.changes_since(&own).projects,
        HashSet::from([key.folded()])
    );
    // What one of them reads is not the other's.
    let mut reads = own.clone();
    reads.learn_project(&key, None);
    assert!(reads.project(&key).is_none() && theirs.project(&key).is_some());
    let counts = ["own", "theirs"].map(|setting| listed.count(&SettingId::new(setting)));
    assert_eq!(counts, [0, 1]);
}

/// Promise: a row is shown as it was listed, once, and a repository where it was listed last.
#[test]
fn a_row_is_shown_as_it_was_listed() {
    let repositories = [("Before", 1), ("ledger", 2), ("Checkout", 1)];
    let [before, other, now] = repositories.map(|(slug, id)| repository(slug, id));
    let checkout = Project {
        key: ProjectKey::parse("PAY:Checkout").unwrap(),
        id: Some(ProjectId::new("uuid")),
        name: "The checkout".to_owned(),
        repository: Some(now.path.clone()),
        ..project(1)
    };
    let again = Project {
        key: ProjectKey::parse("pay:checkout").unwrap(),
        repository: None,
        ..project(2)
    };
    let projects = vec![checkout.clone(), again];
    let listed = [before, other.clone(), now.clone()];
    let inventory = swept(Instant::now(), projects, &listed);
    let keys: Vec<_> = inventory.listed.keys().collect();
    assert_eq!(keys, ["pay:checkout"]);
    assert_eq!(inventory.project(&checkout.key), Some(checkout));
    assert_eq!(inventory.repository_of(1).as_ref(), Some(&now));
    let all = inventory.repositories().map(|(_, row)| row.repository());
    assert_eq!(all.collect::<Vec<_>>(), [now, other]);
}

/// Promise: of two listings the later one is kept, in whichever order they come.
#[test]
fn an_earlier_listing_does_not_replace_a_later_one() {
    let (start, second) = (Instant::now(), std::time::Duration::from_secs(1));
    let mut inventory = swept(start + second, vec![project(7)], &[]);
    let changes = inventory.take_over(swept(start, Vec::new(), &[]));
    assert_eq!(changes, Changes::default());
    assert!(inventory.project(&project(7).key).is_some());
    let changes = inventory.take_over(swept(start + second * 2, Vec::new(), &[]));
    assert_eq!(changes.projects, HashSet::from([project(7).key.folded()]));
    assert!(inventory.project(&project(7).key).is_none());
}

/// Promise: what a call has read of a binding that no listing has serves until it is read again.
#[test]
fn a_single_read_outlives_the_next_listing_where_nothing_is_listed() {
    let key = project(7).key;
    let of = |inventory: &Inventory| inventory.project(&project(7).key);
    let listed = |began| {
        let plain = sonarqube::Project {
            key: project(7).key,
            name: String::new(),
            id: None,
            visibility: sonarqube::Visibility::Private,
        };
        seen(began, listing(vec![plain], Vec::new(), &[]))
    };
    let mut inventory = listed(Instant::now());
    assert!(of(&inventory).unwrap().is_unread);
    let read = Project {
        monorepo: Some(true),
        ..project(7)
    };
    inventory.learn_project(&key, Some(read.clone()));
    let later = listed(Instant::now()).after(&inventory);
    assert_eq!(of(&later), Some(read));
    assert!(of(&listed(Instant::now())).unwrap().is_unread);
}

#[test]
fn a_flag_is_forgotten_with_the_binding_that_it_was_read_of() {
    let start = Instant::now();
    let mut before = swept(start, vec![project(7)], &[]);
    let known = Project {
        monorepo: Some(true),
        ..project(7)
    };
    before.learn_project(&known.key.clone(), Some(known));
    let elsewhere = Project {
        repository: RepositoryPath::parse("OPS", "other").ok(),
        ..project(7)
    };
    for (row, monorepo) in [(project(7), Some(true)), (elsewhere, None)] {
        let now = swept(Instant::now(), vec![row.clone()], &[]).after(&before);
        assert_eq!(now.project(&row.key).unwrap().monorepo, monorepo);
    }
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
        then.rights = before.map(|right| (1, right)).into_iter().collect();
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
    let mut ids = Ids::default();
    ids.extend([bitbucket::Repository {
        id: 1,
        path: repository("one", 1).path,
        name: "one".to_owned(),
        project_name: String::new(),
        archived: false,
        fork: false,
        public: false,
        url: None,
    }]);
    let listed = Listed {
        writable: Some(ids),
        ..listing(
            Vec::new(),
            Vec::new(),
            &[repository("one", 1), repository("two", 2)],
        )
    };
    let mut inventory = seen(Instant::now(), listed);
    let rights = |inventory: &Inventory| [1, 2, 3].map(|id| inventory.writable(id));
    assert_eq!(rights(&inventory), [Some(true), Some(false), None]);
    // A rotated token has others.
    let changes = inventory.learn_rights(HashMap::from([(1, false), (2, false)]));
    assert_eq!(changes.repositories, HashSet::from(["pay/one".to_owned()]));
    assert_eq!(rights(&inventory), [Some(false), Some(false), None]);
}

/// A listing of nothing that began then.
fn nothing_since(began: Instant) -> Inventory {
    swept(began, Vec::new(), &[])
}

/// Promise: what was read or written while a listing was in progress is not forgotten with the listing before.
#[test]
fn a_row_that_is_newer_than_the_listing_is_kept() {
    let start = Instant::now();
    let mut before = listed();
    let (path, row) = (repository("new", 9).path, repository("new", 9));
    before.learn_repository(&path, Some(row.clone()));
    let now = nothing_since(start).after(&before);
    assert_eq!(now.project(&project(7).key), Some(project(7)));
    let at = project(7).repository.unwrap();
    assert_eq!(now.bound_to(&at).collect::<Vec<_>>(), [project(7)]);
    assert_eq!(now.repository_of(9), Some(row));
    let deleted = swept(start, vec![project(7)], &[]);
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

/// Promise: ten thousand projects take a listing of 4 MB; 50 connections that see them share it.
#[test]
fn a_listed_binding_takes_few_bytes() {
    let numbers = 0..1000_i64;
    let uuid = |number| format!("{number:036}");
    let projects = numbers.clone().map(|number| sonarqube::Project {
        id: Some(ProjectId::new(uuid(number))),
        name: format!("payments-service-{number}"),
        key: ProjectKey::reported(format!("PAY:payments-service-{number}")),
        visibility: sonarqube::Visibility::Private,
    });
    let path = |number| RepositoryPath::reported("PAY", format!("payments-service-{number}"));
    let bindings = numbers.clone().map(|number| {
        let key = ProjectKey::reported(format!("PAY:payments-service-{number}"));
        bound(&key, "own", path(number))
    });
    let repositories = numbers.map(|number| Repository {
        path: path(number),
        ..repository("payments-service", number)
    });
    let listed = listing(
        projects.collect(),
        bindings.collect(),
        &repositories.collect::<Vec<_>>(),
    );
    let each = listed.bytes() / 1000;
    // With spare room they would take 398, with names and paths stored apart 366.
    assert!(each <= 350, "{each} bytes");
}

/// Promise: after ten thousand imports nothing is kept of them that the listing shows.
#[test]
fn what_the_listing_shows_of_an_import_is_not_kept_beside_it() {
    let mut inventory = nothing_since(Instant::now());
    let (imported, read) = (project(7), project(8));
    inventory.learn_project(&imported.key, Some(imported.clone()));
    let flagged = Project {
        monorepo: Some(false),
        ..read.clone()
    };
    inventory.learn_project(&read.key, Some(flagged));
    let now = swept(Instant::now(), vec![imported, read.clone()], &[]).after(&inventory);
    assert_eq!(now.project(&read.key).unwrap().monorepo, Some(false));
    assert_eq!(now.read.len(), 1);
}
