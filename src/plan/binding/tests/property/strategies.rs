//! Any world, and anything that may happen to it.

use super::*;

fn visibilities() -> impl Strategy<Value = Visibility> {
    prop_oneof![Just(Visibility::Private), Just(Visibility::Public)]
}

pub(super) fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        6 => (0..3_usize).prop_map(Event::Reconcile),
        3 => (0..8_usize, 0..5_usize, prop::bool::weighted(0.2)).prop_map(|(a, b, c)| Event::Point(a, b, c)),
        2 => (0..8_usize).prop_map(Event::Delete),
        2 => (0..KEYS.len(), 0..5_usize).prop_map(|(a, b)| Event::Create(a, b)),
        1 => (0..8_usize, visibilities()).prop_map(|(a, b)| Event::Publish(a, b)),
        1 => (0..8_usize).prop_map(Event::Revoke),
        1 => (0..3_usize, 0..REPOSITORIES.len()).prop_map(|(a, b)| Event::Move(a, b)),
        1 => (0..3_usize).prop_map(Event::Recreate),
        1 => (0..3_usize).prop_map(Event::Reconnect),
    ];
    prop::collection::vec(event, 0..24)
}

fn accesses() -> impl Strategy<Value = Access> {
    let rule = |repositories: &str, projects: Option<&[&str]>| {
        Access::Admitted(vec![AccessRule {
            repositories: vec![repositories.to_owned()],
            projects: match projects {
                None => AdmittedKeys::Default(KeyTemplate::default()),
                Some(list) => {
                    AdmittedKeys::Matching(list.iter().map(|&text| text.to_owned()).collect())
                }
            },
        }])
    };
    prop_oneof![
        3 => Just(Access::Own),
        1 => Just(rule("PAY/*", None)),
        1 => Just(rule("*/*", Some(&["PAY:*", "legacy"]))),
    ]
}

fn members() -> impl Strategy<Value = Member> {
    let modes = prop_oneof![
        3 => Just(Mode::ImportOrBind),
        1 => Just(Mode::Import),
        1 => Just(Mode::Bind)
    ];
    let management = prop_oneof![5 => Just(Management::Full), 1 => Just(Management::Observe)];
    let policies = prop::sample::select(&[VisibilityPolicy::Created, VisibilityPolicy::Always]);
    let new_code = prop::option::of((1..3_i32).prop_map(NewCode::NumberOfDays));
    (
        (
            prop::option::of(0..KEYS.len()),
            0..REPOSITORIES.len(),
            any::<bool>(),
        ),
        modes,
        management,
        (
            (prop::option::of(visibilities()), policies),
            new_code,
            prop::bool::weighted(0.2),
        ),
        accesses(),
    )
        .prop_map(
            |(
                (named, repository, folded),
                mode,
                management,
                ((visibility, visibility_policy), new_code, monorepo),
                access,
            )| {
                let repository = REPOSITORIES[repository];
                // Admission refuses mode Bind, and monorepo, without a key.
                let named = named.or((mode == Mode::Bind || monorepo).then_some(0));
                Member {
                    uid: Uid::new(""),
                    key: named.map(|index| key(KEYS[index])),
                    repository: path(&if folded {
                        repository.to_lowercase()
                    } else {
                        repository.to_owned()
                    }),
                    mode,
                    management,
                    visibility,
                    visibility_policy,
                    new_code,
                    monorepo,
                    access,
                    record: Record::default(),
                    connection: 0,
                    accepted_by: 0,
                    is_live: true,
                    rightful: std::collections::BTreeSet::new(),
                }
            },
        )
}

/// All kinds of servers: each binding method with and without what some of its versions and editions lack.
fn servers() -> impl Strategy<Value = Capabilities> {
    let support = prop_oneof![Just(Support::Offered), Just(Support::Missing)];
    (
        prop::sample::select(&BindingMethod::ALL),
        any::<bool>(),
        support,
    )
        .prop_map(|(method, lists_bindings, monorepo)| Capabilities {
            lists_bindings: match method {
                BindingMethod::SetBinding => lists_bindings,
                BindingMethod::PutBoundProject | BindingMethod::PostBoundProject => true,
                BindingMethod::ImportRepository => false,
            },
            monorepo,
            ..server(method)
        })
}

pub(super) fn worlds() -> impl Strategy<Value = World> {
    let by_hands = prop::collection::vec((0..KEYS.len(), 0..5_usize, any::<bool>()), 0..4);
    (
        prop::collection::vec(members(), 1..4),
        by_hands,
        any::<bool>(),
        (servers(), any::<bool>()),
    )
        .prop_map(|(members, by_hands, creator_is_granted, server)| {
            let (capabilities, newer) = server;
            let mut world = World {
                server: ServerId::new("server"),
                capabilities,
                search_tells_ids: match capabilities.method {
                    BindingMethod::PutBoundProject => true,
                    BindingMethod::SetBinding => newer,
                    BindingMethod::PostBoundProject | BindingMethod::ImportRepository => false,
                },
                projects: Vec::new(),
                repositories: REPOSITORIES[..3]
                    .iter()
                    .zip([Some("trunk"), Some("main"), None])
                    .zip(1..)
                    .map(|((name, branch), id)| Place {
                        id,
                        path: path(name),
                        default_branch: branch.map(str::to_owned),
                    })
                    .collect(),
                members,
                creator_is_granted,
                faults: std::collections::BTreeMap::new(),
                steps: 0,
                writes: 0,
                made: 0,
                at_work: None,
                races: false,
            };
            for (index, member) in world.members.iter_mut().enumerate() {
                member.uid = Uid::new(format!("uid-{index}"));
            }
            for (name, choice, monorepo) in by_hands {
                by_hand(
                    &mut world,
                    KEYS[name],
                    link(choice, monorepo && choice == 0),
                );
            }
            world
        })
}

pub(super) fn faults() -> impl Strategy<Value = std::collections::BTreeMap<usize, Fault>> {
    let fault = prop_oneof![
        Just(Fault::CrashAfter),
        Just(Fault::CrashBefore),
        Just(Fault::AnswerLost),
        Just(Fault::Refused),
        Just(Fault::NeverSent)
    ];
    prop::collection::btree_map(0..16_usize, fault, 0..6)
}
