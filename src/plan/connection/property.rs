//! What holds for a connection in every SonarQube. The promises are asserted where SonarQube is written.

mod world;

use proptest::prelude::*;

use super::*;
use crate::identity::{ServerId, ServerUrl, SettingId, SettingKey, Uid};
use crate::plan::Management;
use crate::plan::capability::Support;
use world::{Memory, World};

const URLS: [&str; 3] = [
    "https://bitbucket.example.com",
    "https://other.example.com",
    "https://Bitbucket.example.com/",
];
const NAMES: [&str; 3] = ["bitbucket", "old", "renamed"];

fn name(which: usize) -> SettingKey {
    SettingKey::parse(NAMES[which]).unwrap()
}

fn worlds() -> impl Strategy<Value = World> {
    let platform = prop_oneof![
        4 => Just(Platform::Bitbucket),
        1 => Just(Platform::BitbucketCloud),
        1 => Just(Platform::Other),
    ];
    let adoption = prop_oneof![
        Just(Adoption::Never),
        Just(Adoption::IfMatching),
        Just(Adoption::Always)
    ];
    let management = prop_oneof![5 => Just(Management::Full), 1 => Just(Management::Observe)];
    let found = prop::collection::btree_map(0..3_usize, (platform, 0..3_usize), 0..3);
    let bound = prop::option::of(0..2_u64);
    (
        found,
        adoption,
        management,
        (bound, any::<bool>(), any::<bool>()),
        any::<bool>(),
    )
        .prop_map(
            |(found, adoption, management, (bound, several, reports_ids), declared)| World {
                settings: found
                    .into_iter()
                    .map(|(key, (platform, url))| Setting {
                        id: SettingId::new(format!("found-{key}")),
                        key: name(key),
                        platform,
                        url: URLS[url].to_owned(),
                    })
                    .collect(),
                read: Vec::new(),
                tokens: std::collections::BTreeMap::new(),
                several,
                bound,
                base_url: BaseUrl::Unset,
                secret: 1,
                version: 1,
                user: 0,
                reports_ids,
                validation: Validation::Due,
                memory: Memory::default(),
                stored: Memory::default(),
                desired: Desired {
                    uid: Uid::new("uid"),
                    name: name(0),
                    url: ServerUrl::parse(URLS[0]).unwrap(),
                    server_base_url: declared
                        .then(|| ServerUrl::parse("https://sonarqube.example.com").unwrap()),
                    policy: ConfigurationPolicy::Manage,
                    adoption,
                    management,
                    record: None,
                    intent: None,
                },
                due: None,
                crash: None,
                steps: 0,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn it_comes_to_rest_and_sends_no_token_astray(
        mut world in worlds(),
        changes in prop::collection::vec((0..13_u8, 0..3_usize), 0..10),
        crash in prop::option::of(0..6_usize),
    ) {
        for change in changes {
            world.crash = crash;
            world.reconcile();
            world.change(change);
        }
        world.crash = None;
        let plan = world.reconcile();
        let steps = world.steps;
        prop_assert_eq!(&world.reconcile(), &plan);
        prop_assert_eq!(world.steps, steps, "it never rests");
        if plan == Some(Plan::Settled) && world.desired.management == Management::Full {
            let (record, _) = world.memory.configuration.clone().unwrap();
            let wanted = world.desired.url.clone();
            let settings = world.settings.iter();
            let kept = settings.clone().find(|one| world.reported(one) == record.id).unwrap();
            prop_assert_eq!(&kept.key, &world.desired.name);
            prop_assert!(wanted.same(&kept.url));
            let secret = Some(world.secret);
            prop_assert_eq!(world.tokens[&kept.id], (secret, secret));
        }
    }
}
