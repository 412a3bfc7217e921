//! What holds for every set and every listing.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn paths() -> impl Strategy<Value = Vec<RepositoryPath>> {
    let path = ("(PAY|PAY-A|~JO)", "[ab._-]{1,3}");
    let path = path.prop_filter_map("a path", |(project, slug)| {
        RepositoryPath::parse(&project, &slug).ok()
    });
    prop::collection::vec(path, 0..8)
}

prop_compose! {
    fn repositories()(paths in paths(), sorts in prop::collection::vec(any::<(bool, bool, bool, Option<bool>)>(), 8)) -> Vec<Repository> {
        let mut seen = BTreeSet::new();
        let rows = (1..).zip(paths).zip(sorts);
        let rows = rows.filter(|((_, path), _)| seen.insert(path.folded()));
        rows.map(|((id, path), (archived, fork, admitted, empty))| Repository {
            id, path, archived, fork, admitted, empty,
        }).collect()
    }
}

fn absence() -> impl Strategy<Value = Absence> {
    prop_oneof![
        Just(Absence::None),
        Just(Absence::Once),
        Just(Absence::Twice),
        Just(Absence::Confirmed),
    ]
}

prop_compose! {
    fn members()(
        paths in paths(),
        rest in prop::collection::vec((any::<bool>(), absence(), prop_oneof!["one", "two"], prop::option::of(1_i64..9)), 8),
    ) -> Vec<Member> {
        let rows = paths.into_iter().zip(rest).enumerate();
        rows.map(|(number, (repository, (leaving, absence, template, id)))| Member {
            name: format!("member-{number}"), repository, id, template, leaving, absence,
        }).collect()
    }
}

fn skips() -> impl Strategy<Value = BTreeSet<Skip>> {
    let all = vec![Skip::Archived, Skip::Forks, Skip::Personal, Skip::Empty];
    prop::sample::subsequence(all, 0..=4).prop_map(|skips| skips.into_iter().collect())
}

prop_compose! {
    fn sets()(
        skip in skips(), project in "(PAY|PAY\\*|\\*)", exclude in prop::option::of("[ab]\\*"),
        deletes in any::<bool>(), left in prop::array::uniform4(0_usize..4),
    ) -> Desired {
        let mut select = entry(&project);
        select.skip = skip;
        select.exclude = exclude.into_iter().collect();
        let [new, deleted, gone_asked, empty_asked] = left;
        Desired {
            on_gone: if deletes { OnGone::Delete } else { OnGone::Keep },
            left: Left { new, deleted, gone_asked, empty_asked },
            ..desired(vec![select])
        }
    }
}

/// Names of DNS labels.
fn is_label(name: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&name.len())
        && name.chars().all(is_allowed)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

proptest! {
    #[test]
    fn limits_hold_and_the_bindings_of_others_stay(
        set in sets(), repositories in repositories(), members in members(),
        others in paths(), taken in prop::collection::btree_set("pay-[ab]{1,2}", 0..4),
    ) {
        let others: Vec<_> = others.into_iter().map(|repository| Other {
            name: "other".to_owned(), repository, id: None,
        }).collect();
        let observed = Observed { repositories, members, others, taken };
        let decided = decide(&set, &observed);
        let mut names: BTreeSet<String> = observed.taken.clone();
        names.extend(observed.members.iter().map(|it| it.name.clone()));
        let (mut new, mut deleted, mut gone, mut empty) = (0, 0, 0, 0);
        for decision in &decided {
            match decision {
                Decision::Create { name, repository } => {
                    new += 1;
                    prop_assert!(is_label(name), "{}", name);
                    prop_assert!(names.insert(name.clone()), "{} is taken", name);
                    prop_assert!(!observed.others.iter().any(|it| it.repository.same(repository)));
                    prop_assert!(!observed.members.iter().any(|it| it.repository.same(repository)));
                    let row = observed.repositories.iter().find(|it| it.path == *repository);
                    prop_assert!(row.is_some_and(|row| row.admitted));
                }
                Decision::Delete { name, repository } => {
                    deleted += 1;
                    prop_assert_eq!(set.on_gone, OnGone::Delete);
                    let member = observed.members.iter().find(|it| it.name == *name).unwrap();
                    prop_assert_eq!(member.absence, Absence::Confirmed);
                    prop_assert_eq!(&member.repository, repository);
                    prop_assert!(!member.leaving);
                }
                Decision::AskGone { .. } => gone += 1,
                Decision::AskEmpty { .. } => empty += 1,
                Decision::Update { name, .. } | Decision::Keep { name } | Decision::Stray { name } => {
                    prop_assert!(observed.members.iter().any(|it| it.name == *name));
                }
                Decision::Wait { .. } | Decision::Conflicting { .. } | Decision::Skipped { .. } => {}
            }
        }
        let Left { new: most, deleted: most_deleted, gone_asked, empty_asked } = set.left;
        prop_assert!(new <= most && deleted <= most_deleted && gone <= gone_asked && empty <= empty_asked);
    }

    /// Promise: no binding is confirmed gone before two in a row miss its repository and show
    /// others of its project, and before Bitbucket says so.
    #[test]
    fn a_repository_is_gone_after_two_listings_and_an_answer(listings in prop::collection::vec(repositories(), 0..6)) {
        let both = [
            Member { id: None, ..member("b", "PAY/b", 0) },
            Member { id: None, ..member("a", "PAY/a", 0) },
        ];
        let mut absence = Absence::None;
        let mut missing = 0;
        for rows in &listings {
            let seen = shown(rows, &both);
            missing = if seen == Shown::Missing { missing + 1 } else { 0 };
            absence = absence.after(seen);
            prop_assert_eq!(absence == Absence::Twice, missing >= 2);
            prop_assert_ne!(absence, Absence::Confirmed);
        }
        prop_assert_eq!(absence.asked(true) == Absence::Confirmed, missing >= 2);
    }

    /// Promise: what was decided is stable: once it is done, the same listing changes nothing.
    #[test]
    fn once_done_the_same_listing_asks_for_nothing(mut set in sets(), mut rows in repositories()) {
        set.left = Left { new: 100, deleted: 0, gone_asked: 0, empty_asked: 100 };
        for row in &mut rows {
            row.empty.get_or_insert(false);
        }
        let mut observed = Observed { repositories: rows, ..Observed::default() };
        for decision in decide(&set, &observed) {
            if let Decision::Create { name, repository } = decision {
                let row = observed.repositories.iter().find(|it| it.path == repository).unwrap();
                observed.members.push(Member {
                    name, id: Some(row.id), template: set.template.clone(), leaving: false,
                    absence: Absence::None, repository,
                });
            }
        }
        let again = decide(&set, &observed);
        let kept = again.iter().filter(|it| matches!(it, Decision::Keep { .. })).count();
        prop_assert_eq!(kept, observed.members.len());
        let skipped = again.iter().filter(|it| matches!(it, Decision::Skipped { .. })).count();
        prop_assert_eq!(kept + skipped, again.len());
    }
}
